/** The lyrics as they were given, each word shaded by its weight; the line that is sung lights up. */

import { h } from "./dom.js";
import { signed } from "./format.js";

/** @typedef {import("../types/engine.d.ts").Word} Word */
/** @typedef {import("../types/engine.d.ts").Feature} Feature */
/** @typedef {import("../types/engine.d.ts").TimedLyrics} TimedLyrics */
/** @typedef {import("./player.js").Player} Player */

/**
 * @param {TimedLyrics} lyrics
 * @param {Word[]} words
 * @param {Feature[]} features
 * @param {Player} player
 */
export function lyricsView(lyrics, words, features, player) {
  const occurrences = words
    .flatMap(({ word, spans, heard }) => spans.map(([start, end]) => ({ word, start, end, heard })))
    .sort((a, b) => a.start - b.start);
  const text = lyricsText(lyrics, occurrences, features);
  if (lyrics.lines.length > 0) followSong(text, lyrics, player);

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
      lyrics.lines.length > 0
        ? null
        : " Drop the lyrics with times (an .lrc file) to see which line is sung while you listen.",
    ),
    text,
  );
}

/** @typedef {{word: string, start: number, end: number, heard: boolean}} Occurrence */

/**
 * The text, in lines of their own where they are timed.
 * @param {TimedLyrics} lyrics
 * @param {Occurrence[]} occurrences
 * @param {Feature[]} features
 */
function lyricsText({ text, lines }, occurrences, features) {
  /** @type {Map<string, number>} */
  const weights = new Map();
  for (const feature of features) if (feature.kind === "word") weights.set(feature.word, feature.weight);
  const largest = Math.max(...[...weights.values()].map(Math.abs), 1e-12);
  let next = 0;
  const fill = (/** @type {HTMLElement} */ box, /** @type {number} */ from, /** @type {number} */ to) => {
    let at = from;
    for (; ; next++) {
      const found = occurrences[next];
      if (!found || found.end > to) break;
      if (found.start < at) continue;
      const written = text.slice(found.start, found.end);
      // The paper's preset tells upper case from lower, so a word may stand there as it is written.
      const weight = weights.get(written) ?? weights.get(found.word);
      box.append(text.slice(at, found.start), mark(found, written, weight, largest));
      at = found.end;
    }
    box.append(text.slice(at, to));
  };
  // Long lyrics scroll, and whoever has no mouse scrolls what has the focus.
  const box = h("div", {
    class: "lyrics-text",
    role: "group",
    "aria-label": "Lyrics by weight",
    tabindex: 0,
  });
  if (lines.length === 0) {
    fill(box, 0, text.length);
    return box;
  }
  let start = 0;
  for (const line of text.split("\n")) {
    const element = h("span", { class: "line", "data-start": start });
    fill(element, start, start + line.length);
    box.append(element, "\n");
    start += line.length + 1;
  }
  return box;
}

/**
 * @param {Occurrence} occurrence
 * @param {string} written
 * @param {number | undefined} weight
 * @param {number} largest
 */
function mark({ word, heard }, written, weight, largest) {
  return h(
    "mark",
    {
      class: heard ? "word" : "word unheard",
      "data-sign": weight === undefined ? null : weight < 0 ? "minus" : "plus",
      "--strength": weight === undefined ? 0 : (Math.abs(weight) / largest).toFixed(3),
      title: heard
        ? `${word}: ${weight === undefined ? "weight not among those chosen" : signed(weight)}`
        : `${word}: past what the model reads`,
    },
    written,
  );
}

/**
 * Marks the line that is sung, and keeps it in view.
 * @param {HTMLElement} box
 * @param {TimedLyrics} lyrics
 * @param {Player} player
 */
function followSong(box, { lines }, player) {
  const elements = new Map(
    [...box.querySelectorAll(".line")].map((element) => [
      Number(element.getAttribute("data-start")),
      element,
    ]),
  );
  /** @type {Element | undefined} */
  let current;
  player.watch(({ seconds }) => {
    const line = seconds === undefined ? undefined : lines.findLast(({ start }) => start <= seconds);
    const sung = line && elements.get(line.span[0]);
    if (sung === current) return;
    current?.removeAttribute("aria-current");
    current = sung;
    if (!(sung instanceof HTMLElement)) return;
    sung.setAttribute("aria-current", "true");
    // Only the box scrolls: the page stays where the reader has put it.
    box.scrollTop = sung.offsetTop - box.offsetTop - (box.clientHeight - sung.offsetHeight) / 2;
  }, box);
}
