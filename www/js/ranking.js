/**
 * The joint ranking: sounds and words in one table, the strongest first. The sign shows by the
 * side that a bar grows to, by its pattern and by the number, so no colour is needed to read it.
 */

import { h, spoken } from "./dom.js";
import { ranked } from "./evidence.js";
import { clock, signed } from "./format.js";

/** @typedef {import("../types/engine.d.ts").Feature} Feature */

/** Rows shown before one asks for all of them. */
const FIRST = 15;

/**
 * @param {Feature[]} features
 * @param {string} label
 */
export function rankingView(features, label) {
  const strongest = ranked(features);
  const largest = Math.max(
    ...strongest.map((f) => Math.max(Math.abs(f.weight), Math.abs(f.low ?? 0), Math.abs(f.high ?? 0))),
    1e-12,
  );
  const intervals = strongest.some(({ low }) => low !== undefined);
  const rows = strongest.map((feature, at) => row(feature, at + 1, largest));
  const body = h("tbody", {}, ...rows.slice(0, FIRST));
  const table = h(
    "table",
    { class: "ranking" },
    h(
      "caption",
      {},
      `Sounds and words, the strongest first. Bars to the right speak for “${label}”, bars to the left against it.${intervals ? " Thin lines are 90 % confidence intervals." : ""}`,
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "#"),
        h("th", { scope: "col" }, "Feature"),
        h("th", { scope: "col", class: "number" }, "Weight"),
        h("th", { scope: "col", class: "bar-column" }, spoken("Bar")),
      ),
    ),
    body,
  );
  const view = h("div", {}, table);
  if (rows.length > FIRST) {
    const more = h("button", { type: "button" }, `Show all ${rows.length}`);
    more.addEventListener("click", () => {
      body.append(...rows.slice(FIRST));
      // The button goes away, so focus moves on to what it revealed.
      const next = rows[FIRST];
      next?.setAttribute("tabindex", "-1");
      next?.focus({ preventScroll: true });
      more.remove();
    });
    view.append(more);
  }
  return view;
}

/**
 * @param {Feature} feature
 * @param {number} rank
 * @param {number} largest
 */
function row(feature, rank, largest) {
  const { weight, low, high } = feature;
  const share = (/** @type {number} */ value) => `${50 + (50 * value) / largest}%`;
  const bar = h(
    "div",
    { class: "bar" },
    h("span", { class: "mark", "--from": share(Math.min(0, weight)), "--to": share(Math.max(0, weight)) }),
  );
  const interval = low !== undefined && high !== undefined;
  if (interval) bar.append(h("span", { class: "whisker", "--from": share(low), "--to": share(high) }));
  return h(
    "tr",
    { class: feature.kind, "data-sign": weight < 0 ? "minus" : "plus" },
    h("td", {}, String(rank)),
    h("th", { scope: "row" }, ...name(feature)),
    h(
      "td",
      { class: "number" },
      signed(weight),
      interval ? h("small", {}, ` ${signed(low)} … ${signed(high)}`) : null,
    ),
    h("td", { class: "bar-column" }, bar),
  );
}

/** @param {Feature} feature */
function name(feature) {
  const unheard = feature.heard === false ? "not heard" : "";
  if (feature.kind === "audio") {
    const span = `${clock(feature.start, 1)}–${clock(feature.end, 1)}`;
    return [
      h("span", { class: "kind", "aria-hidden": "true" }, "♪"),
      h("span", {}, `${feature.stem} ${feature.segment + 1}`),
      h("small", {}, ` ${[span, unheard].filter(Boolean).join(", ")}`),
    ];
  }
  const notes = [feature.count > 1 ? `×${feature.count}` : "", unheard].filter(Boolean).join(", ");
  return [
    h("span", { class: "kind", "aria-hidden": "true" }, "“"),
    spoken("word "),
    h("bdi", {}, feature.word),
    notes ? h("small", {}, ` ${notes}`) : null,
  ];
}
