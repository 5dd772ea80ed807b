/** The lyrics as they were given, each word shaded by its weight. */

import { h } from "./dom.js";
import { signed } from "./format.js";

/** @typedef {import("../types/engine.d.ts").Word} Word */
/** @typedef {import("../types/engine.d.ts").Feature} Feature */

/**
 * @param {string} lyrics
 * @param {Word[]} words
 * @param {Feature[]} features
 */
export function lyricsView(lyrics, words, features) {
  /** @type {Map<string, number>} */
  const weights = new Map();
  for (const feature of features) if (feature.kind === "word") weights.set(feature.word, feature.weight);
  const largest = Math.max(...[...weights.values()].map(Math.abs), 1e-12);

  const occurrences = words
    .flatMap(({ word, spans, heard }) => spans.map(([start, end]) => ({ word, start, end, heard })))
    .sort((a, b) => a.start - b.start);
  const text = h("div", { class: "lyrics-text" });
  let at = 0;
  for (const { word, start, end, heard } of occurrences) {
    if (start < at) continue;
    // The paper's preset tells upper case from lower, so a word may stand there as it is written.
    const weight = weights.get(lyrics.slice(start, end)) ?? weights.get(word);
    text.append(lyrics.slice(at, start));
    text.append(
      h(
        "mark",
        {
          class: heard ? "word" : "word unheard",
          "data-sign": weight === undefined ? null : weight < 0 ? "minus" : "plus",
          "--strength": weight === undefined ? 0 : (Math.abs(weight) / largest).toFixed(3),
          title: heard
            ? `${word}: ${weight === undefined ? "weight not among those chosen" : signed(weight)}`
            : `${word}: past what the model reads`,
        },
        lyrics.slice(start, end),
      ),
    );
    at = end;
  }
  text.append(lyrics.slice(at));

  const unheard = occurrences.some(({ heard }) => !heard);
  return h(
    "section",
    {},
    h("h3", {}, "The words"),
    h(
      "p",
      { class: "hint" },
      "The stronger the colour, the heavier; striped words speak against.",
      unheard ? " Dotted, grey words lie past what the model reads." : null,
    ),
    text,
  );
}
