/**
 * Which cells are heard, and how loud: the page's twin of `src/explain/listening.rs` and
 * `src/audio/evidence.rs`, here because a slider can't wait for an engine that is busy. The tests
 * hold what is played against what the core renders.
 */

/** @typedef {import("../types/engine.d.ts").Feature} Feature */

/** The stems in the paper's order, as the engine has them. */
export const STEMS = ["vocals", "drums", "bass", "other"];

/**
 * The features in the order of the joint ranking.
 * @param {Feature[]} features
 */
export const ranked = (features) => [...features].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));

/**
 * For each stem and each segment, whether it is among the sounds that speak for the label within
 * the strongest `k` features. Words count but have no sound.
 * @param {Feature[]} features
 * @param {number} k
 * @param {number} segments
 * @returns {boolean[][]}
 */
export function speakingFor(features, k, segments) {
  const on = STEMS.map(() => /** @type {boolean[]} */ (Array(segments).fill(false)));
  for (const feature of ranked(features).slice(0, k)) {
    if (feature.kind !== "audio" || feature.heard === false || feature.weight <= 0) continue;
    const row = on[STEMS.indexOf(feature.stem)];
    if (row && feature.segment < segments) row[feature.segment] = true;
  }
  return on;
}

/** @param {boolean[][]} on */
export const complement = (on) => on.map((row) => row.map((flag) => !flag));

/**
 * A single cell.
 * @param {string} stem
 * @param {number} segment
 * @param {number} segments
 */
export const single = (stem, segment, segments) =>
  STEMS.map((name) => Array.from({ length: segments }, (_, at) => name === stem && at === segment));

/**
 * The gain of one stem, sample by sample: raised cosines around every boundary where it switches,
 * and from and to silence at the two ends.
 * @param {number[]} edges Where segments start and the last one ends, in samples; the first is 0.
 * @param {boolean[]} on One flag a segment.
 * @param {number} longest Samples of a fade; shorter where segments are.
 * @returns {Float32Array<ArrayBuffer>}
 */
export function envelope(edges, on, longest) {
  const edge = (/** @type {number} */ at) => edges[at] ?? 0;
  const size = (/** @type {number} */ at) => edge(at + 1) - edge(at);
  const gain = new Float32Array(edge(edges.length - 1));
  on.forEach((flag, at) => gain.fill(flag ? 1 : 0, edge(at), edge(at + 1)));
  for (let at = 1; at < on.length; at++) {
    if (on[at - 1] === on[at]) continue;
    const fade = Math.min(longest, size(at - 1), size(at));
    const start = edge(at) - Math.floor(fade / 2);
    ramp(gain.subarray(start, start + fade), Boolean(on[at]));
  }
  const last = on.length - 1;
  const atEnd = (/** @type {number} */ at) => Math.min(longest, Math.floor(size(at) / 2));
  if (on[0]) ramp(gain.subarray(0, atEnd(0)), true);
  if (on[last]) ramp(gain.subarray(gain.length - atEnd(last)), false);
  return gain;
}

/**
 * @param {Float32Array} gain
 * @param {boolean} up
 */
function ramp(gain, up) {
  for (let i = 0; i < gain.length; i++) {
    const risen = 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / gain.length);
    gain[i] = up ? risen : 1 - risen;
  }
}

/**
 * Where all of a cell's sound is, its fades included, in samples.
 * @param {number[]} edges
 * @param {number} segment
 * @param {number} fade
 */
export function reach(edges, segment, fade) {
  const half = Math.ceil(fade / 2);
  return {
    start: Math.max((edges[segment] ?? 0) - half, 0),
    end: Math.min((edges[segment + 1] ?? 0) + half, edges.at(-1) ?? 0),
  };
}
