/** The waveform, drawn on a canvas from peaks; colours come from the style sheet. */

/**
 * @typedef {object} Wave
 * @property {Float32Array} peaks Minimum and maximum of equal stretches, in turn.
 * @property {number} seconds Length of the song.
 */

/**
 * @typedef {object} Part A stretch of the song, in seconds.
 * @property {number} start
 * @property {number} end
 */

/**
 * Draws `shown` of the song, with all but `heard` faded, and again whenever the canvas changes
 * its size or the theme changes.
 * @param {HTMLCanvasElement} canvas
 * @param {() => {wave: Wave, shown: Part, heard: Part} | undefined} read
 * @returns {() => void} Draws it now.
 */
export function keepDrawn(canvas, read) {
  const draw = () => {
    const scene = read();
    if (scene && canvas.clientWidth > 0) paint(canvas, scene);
  };
  new ResizeObserver(draw).observe(canvas);
  const theme = matchMedia("(prefers-color-scheme: dark)");
  const themed = () => {
    // A canvas that has left the page must not be kept alive by the theme's listeners.
    if (canvas.isConnected) draw();
    else theme.removeEventListener("change", themed);
  };
  theme.addEventListener("change", themed);
  return draw;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{wave: Wave, shown: Part, heard: Part}} scene
 */
function paint(canvas, { wave, shown, heard }) {
  const scale = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const style = getComputedStyle(canvas);
  const ink = style.getPropertyValue("--wave").trim();
  const faded = style.getPropertyValue("--wave-faded").trim();
  const bins = wave.peaks.length / 2;
  const loudest = wave.peaks.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  for (let x = 0; x < width; x++) {
    const from = shown.start + ((shown.end - shown.start) * x) / width;
    const to = shown.start + ((shown.end - shown.start) * (x + 1)) / width;
    const first = Math.floor((from / wave.seconds) * bins);
    const last = Math.max(first + 1, Math.ceil((to / wave.seconds) * bins));
    let low = 0;
    let high = 0;
    for (let bin = Math.max(0, first); bin < Math.min(bins, last); bin++) {
      low = Math.min(low, wave.peaks[2 * bin] ?? 0);
      high = Math.max(high, wave.peaks[2 * bin + 1] ?? 0);
    }
    context.fillStyle = to > heard.start && from < heard.end ? ink : faded;
    const top = (0.5 - (0.48 * high) / loudest) * height;
    const bottom = (0.5 - (0.48 * low) / loudest) * height;
    context.fillRect(x, top, 1, Math.max(scale, bottom - top));
  }
}
