/**
 * Stem by segment under the waveform. It is a real table: a cell's sign stands in it, its strength
 * is its shade, and what speaks against is striped.
 */

import { h, spoken } from "./dom.js";
import { clock, signed } from "./format.js";
import { keepDrawn } from "./waveform.js";

/** @typedef {import("../types/engine.d.ts").AudioFeature} AudioFeature */
/** @typedef {import("../types/engine.d.ts").Feature} Feature */
/** @typedef {import("./waveform.js").Wave} Wave */

/** The paper's order from top to bottom; a stem of another name comes last. */
const ORDER = ["vocals", "drums", "bass", "other"];

/**
 * @param {Feature[]} features
 * @param {Wave | undefined} wave
 * @param {{start: number, end: number}} heard
 */
export function heatmapView(features, wave, heard) {
  const sounds = /** @type {AudioFeature[]} */ (features.filter(({ kind }) => kind === "audio"));
  if (sounds.length === 0) return undefined;
  const found = new Set(sounds.map(({ stem }) => stem));
  const stems = [
    ...ORDER.filter((stem) => found.has(stem)),
    ...[...found].filter((stem) => !ORDER.includes(stem)),
  ];
  const segments = [...new Map(sounds.map((sound) => [sound.segment, sound])).values()].sort(
    (a, b) => a.segment - b.segment,
  );
  const cells = new Map(sounds.map((sound) => [`${sound.stem} ${sound.segment}`, sound]));
  const largest = Math.max(...sounds.map(({ weight }) => Math.abs(weight)), 1e-12);

  const head = segments.map(({ segment, start, end }) =>
    h(
      "th",
      { scope: "col" },
      spoken(`segment ${segment + 1}, ${clock(start, 1)} to ${clock(end, 1)}`),
      h("span", { "aria-hidden": "true" }, clock(start, 1)),
    ),
  );
  const rows = stems.map((stem) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, stem),
      ...segments.map(({ segment }) => cell(stem, cells.get(`${stem} ${segment}`), largest)),
    ),
  );
  const table = h(
    "table",
    { class: "heat" },
    h("caption", { class: "visually-hidden" }, "Weight of each stem in each segment"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, spoken("Stem")), ...head)),
    h("tbody", {}, ...rows),
  );
  const view = h(
    "section",
    {},
    h("h3", {}, "The sounds"),
    h(
      "p",
      { class: "hint" },
      "Stems by moments: the stronger the colour, the heavier; striped cells, with a minus, speak against.",
    ),
  );
  if (wave) {
    const shown = { start: segments[0]?.start ?? 0, end: segments.at(-1)?.end ?? wave.seconds };
    const canvas = h("canvas", {
      role: "img",
      "aria-label": `Waveform from ${clock(shown.start, 1)} to ${clock(shown.end, 1)}`,
    });
    keepDrawn(canvas, () => ({ wave, shown, heard }));
    view.append(h("div", { class: "heat-wave" }, canvas));
  }
  view.append(table);
  return view;
}

/**
 * @param {string} stem
 * @param {AudioFeature | undefined} sound
 * @param {number} largest
 */
function cell(stem, sound, largest) {
  if (!sound) return h("td", {}, spoken("not chosen"));
  const { weight, segment, heard } = sound;
  const said = `${signed(weight)}${heard === false ? ", not heard by the model" : ""}`;
  return h(
    "td",
    {
      class: heard === false ? "unheard" : null,
      "data-sign": weight < 0 ? "minus" : "plus",
      "--strength": (Math.abs(weight) / largest).toFixed(3),
      title: `${stem} ${segment + 1}: ${said}`,
    },
    h("span", { "aria-hidden": "true" }, weight < 0 ? "−" : "+"),
    spoken(said),
  );
}
