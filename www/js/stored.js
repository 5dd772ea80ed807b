/**
 * What is to be seen before anything was loaded: the stored explanation of one of the demo songs.
 * It is shown by the same views as any other; what they need and an engine would tell (waveform,
 * places of the words, times of the lines) is stored with it, and the browser decodes the song.
 */

import { fetchText } from "./songs.js";

/** @typedef {import("../types/engine.d.ts").Drawing} Drawing */
/** @typedef {import("../types/engine.d.ts").Track} Track */
/** @typedef {import("./explanation.js").Shown} Shown */
/** @typedef {import("./songs.js").DemoSong} DemoSong */
/**
 * @typedef {object} Stored
 * @property {DemoSong} song
 * @property {Shown} shown
 * @property {number} rate At which the model hears the song.
 * @property {File} [file] The song's own file, once somebody needed it.
 */

/**
 * The explanation that is stored with one of these songs, if there is one.
 * @param {DemoSong[]} songs
 * @returns {Promise<Stored | undefined>}
 */
export async function fetchStored(songs) {
  const song = songs.find(({ explanation }) => explanation);
  if (!song?.explanation) return undefined;
  /** @type {Drawing} */
  const drawing = JSON.parse(await fetchText(song.explanation));
  return { song, shown: toShown(drawing, origin(song)), rate: drawing.rate };
}

/**
 * @param {Drawing} drawing
 * @param {string} origin
 * @returns {Shown}
 */
function toShown({ explanation, wave, lyrics, words }, origin) {
  return {
    explanation,
    json: `${JSON.stringify(explanation, null, 2)}\n`,
    lyrics,
    modality: explanation.settings.modality,
    words,
    wave: { seconds: wave.seconds, peaks: Float32Array.from(wave.peaks) },
    seconds: undefined,
    origin,
  };
}

/** @param {DemoSong} song */
const origin = ({ title }) =>
  `This is the stored explanation of the demo song “${title}”. A small model’s answer may be wrong; here is what it rests on. ` +
  "The song plays at once; for single stems and cells the model is loaded first (some 10 MB). Your own explanation takes its place.";

/**
 * The song as the browser decodes it, at the rate of the model's stems, with which it is compared.
 * @param {File} file
 * @param {number} rate
 * @returns {Promise<Track>}
 */
export async function decodeSound(file, rate) {
  const bytes = await file.arrayBuffer();
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  } catch {
    throw {
      kind: "input",
      message: `This browser can’t decode the demo song (songs/${file.name})`,
      hint: "Explain it: the engine brings a decoder of its own; or bring a song of your own",
    };
  }
  const samples = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) {
      samples[i] = (samples[i] ?? 0) + (data[i] ?? 0) / buffer.numberOfChannels;
    }
  }
  return { rate, samples };
}
