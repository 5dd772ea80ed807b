/** The explanation: summary, ranking, sounds and words of one label, and what it was made with. */

import { h } from "./dom.js";
import { ranked } from "./evidence.js";
import { percent, signed, clock } from "./format.js";
import { heatmapView } from "./heatmap.js";
import { lyricsView } from "./lyrics.js";
import { rankingView } from "./ranking.js";

/** @typedef {import("../types/engine.d.ts").Explanation} Explanation */
/** @typedef {import("../types/engine.d.ts").LabelExplanation} LabelExplanation */
/** @typedef {import("../types/engine.d.ts").Word} Word */
/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./waveform.js").Wave} Wave */

/**
 * Below this share of explained variation the surrogate misses more than it tells, and the
 * reader should know before reading on.
 */
const LOW_SCORE = 0.5;

/**
 * @typedef {object} Shown
 * @property {Explanation} explanation
 * @property {string} json The explanation as the engine wrote it, for the download.
 * @property {import("../types/engine.d.ts").TimedLyrics} lyrics
 * @property {string} modality As it was asked for; without lyrics, the engine only explains audio.
 * @property {Word[]} words
 * @property {Wave | undefined} wave
 * @property {number | undefined} seconds How long it took, where that is known.
 * @property {string} [origin] Where it comes from, if it was not made just now.
 */

/**
 * Fills the region.
 * @param {HTMLElement} region
 * @param {Shown} shown
 * @param {Player} player
 */
export function showExplanation(region, shown, player) {
  const { explanation, json } = shown;
  const { segments, window } = explanation.settings;
  const views = h("div", { class: "views" });
  const show = (/** @type {LabelExplanation} */ one) => {
    views.replaceChildren(...labelViews(one, shown, player));
    player.explained({ json, one, segments, ...window });
  };
  const save = h("button", { type: "button" }, "Download");
  save.addEventListener("click", () => download(shown));
  region.replaceChildren(
    h("div", { class: "title-row" }, h("h2", { tabindex: "-1" }, "Explanation"), save),
    ...notes(shown),
    choice(explanation.explanations, show) ?? "",
    views,
    madeWith(shown),
  );
  // After the views' place is in the page: what follows the player is dropped where it is not.
  const first = explanation.explanations[0];
  if (first) show(first);
  region.hidden = false;
}

/** @param {Shown} shown */
function notes({ explanation, lyrics, modality, origin }) {
  const { run, settings } = explanation;
  const notes = origin ? [origin] : [];
  if (run.stopped === "cancelled") {
    notes.push(
      `Stopped early: this rests on ${run.rows} of ${settings.samples} samples, so it is less certain than a whole run.`,
    );
  }
  if (lyrics.text.trim() === "" && modality !== "audio")
    notes.push("Without lyrics, only the audio is explained.");
  return notes.map((note) => h("p", { class: "note" }, note));
}

/**
 * Which label to look at, where there are several.
 * @param {LabelExplanation[]} explanations
 * @param {(one: LabelExplanation) => void} show
 */
function choice(explanations, show) {
  if (explanations.length < 2) return undefined;
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, "Explained"),
    ...explanations.map((one, at) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "explained", checked: at === 0, change: () => show(one) }),
        ` ${one.label}`,
      ),
    ),
  );
}

/**
 * @param {LabelExplanation} one
 * @param {Shown} shown
 * @param {Player} player
 */
function labelViews(one, { explanation, lyrics, words, wave }, player) {
  const probability = explanation.predictions.find(({ label }) => label === one.label)?.probability;
  const { rows } = explanation.run;
  return [
    h(
      "p",
      { class: "lead" },
      h("strong", {}, one.label),
      probability === undefined ? null : ` (${percent(probability)})`,
      ": these weights reproduce ",
      h("strong", {}, percent(Math.max(0, one.score))),
      ` of how the model’s answer varied over ${rows} versions of the song (local R² ${one.score.toFixed(3)}).`,
    ),
    ...warnings(one, rows),
    rankingView(one.features, one.label),
    heatmapView(one.features, wave, explanation.settings.window, player) ?? "",
    stemsNote(explanation, one.label) ?? "",
    lyrics.text.trim() === "" || explanation.settings.modality === "audio"
      ? ""
      : lyricsView(lyrics, words, one.features, player),
    h(
      "p",
      { class: "hint" },
      `The surrogate itself gives ${one.local_prediction.toFixed(3)} for the whole song, from an intercept of ${signed(one.intercept)}.`,
    ),
  ];
}

/**
 * What the reader should know before believing the ranking.
 * @param {LabelExplanation} one
 * @param {number} rows
 */
function warnings(one, rows) {
  const heard = one.features.filter((feature) => feature.heard !== false).length;
  const warnings = [];
  if (one.score < LOW_SCORE) warnings.push("That is little: read the ranking with care.");
  if (rows <= heard) {
    // As many weights as answers reproduce any answers, whatever they mean.
    warnings.push(`${rows} samples are too few for ${heard} features: choose more under Settings.`);
  }
  return warnings.map((warning) => h("p", { class: "note warning" }, warning));
}

/** What took the mix apart, by its name in the settings. @type {Record<string, string>} */
const SEPARATORS = {
  dsp: "signal processing, without a trained separator",
  openunmix: "Open-Unmix",
  files: "your own files",
  none: "nobody: the sound was kept whole",
};

/**
 * What the stems are worth: who made them, what they leave of the mix, and what that costs.
 * @param {Explanation} explanation
 * @param {string} label
 */
function stemsNote({ composed, predictions, separation, settings }, label) {
  if (!separation) return undefined;
  const of = (/** @type {typeof composed} */ all) => all?.find((one) => one.label === label)?.probability;
  const [mix, stems] = [of(predictions), of(composed)];
  const cost =
    mix === undefined || stems === undefined
      ? ""
      : ` For “${label}” the model gives ${percent(stems)} to the stems put together, ${percent(mix)} to the mix.`;
  const residual = separation.residual < 0.001 ? "less than 0.1 %" : percent(separation.residual);
  return h(
    "p",
    { class: "hint" },
    `The stems are by ${SEPARATORS[settings.separator] ?? settings.separator}; together they differ from the mix by ${residual} of its energy.${cost}`,
  );
}

/** @param {Shown} shown */
function madeWith({ explanation: { settings, run, model }, seconds }) {
  /** @type {[string, string][]} */
  const facts = [
    ["Model", model.id],
    ["Preset", settings.preset],
    ["Samples", run.rows === settings.samples ? `${run.rows}` : `${run.rows} of ${settings.samples}`],
    ["Passes", `${run.audio_passes} audio, ${run.text_passes} text`],
    ["Segments", `${settings.segments}`],
    ["Window", `${clock(settings.window.start, 1)}–${clock(settings.window.end, 1)}`],
    ...(settings.dropped_seconds
      ? [/** @type {[string, string]} */ (["Dropped at its end", `${settings.dropped_seconds.toFixed(4)} s`])]
      : []),
    ["Seed", `${settings.seed}`],
    ["Modality", settings.modality],
    ["Stems by", SEPARATORS[settings.separator] ?? settings.separator],
    ["Backend", settings.backend],
    ...(seconds === undefined ? [] : [/** @type {[string, string]} */ (["Time", `${seconds.toFixed(1)} s`])]),
  ];
  return h(
    "details",
    { class: "facts" },
    h("summary", {}, "Made with"),
    h("dl", {}, ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}

/** @param {Shown} shown */
function download({ json, explanation }) {
  const address = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  const title = explanation.song.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "song";
  h("a", { href: address, download: `${title}.musiclime.json` }).click();
  // The browser needs the address until it has begun to read, which it says to nobody.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * One sentence for those who listen to the page.
 * @param {Explanation} explanation
 */
export function spokenSummary({ explanations }) {
  const one = explanations[0];
  if (!one) return "The explanation is empty";
  const top = ranked(one.features)[0];
  const most = top
    ? `; the strongest is ${top.kind === "audio" ? `${top.stem} ${top.segment + 1}` : `the word ${top.word}`}, ${signed(top.weight)}`
    : "";
  return `Explanation of ${one.label} is ready${most}`;
}
