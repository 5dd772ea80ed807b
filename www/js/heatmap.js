/**
 * Stem by segment under the waveform. It is a real table: a cell's sign stands in it, its strength
 * is its shade, and what speaks against is striped. Every cell is a button that plays it.
 */

import { cursor } from "./cursor.js";
import { h, spoken } from "./dom.js";
import { STEMS } from "./evidence.js";
import { clock, signed } from "./format.js";
import { keepDrawn } from "./waveform.js";

/** @typedef {import("../types/engine.d.ts").AudioFeature} AudioFeature */
/** @typedef {import("../types/engine.d.ts").Feature} Feature */
/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("./waveform.js").Wave} Wave */

/**
 * @param {Feature[]} features
 * @param {Wave | undefined} wave
 * @param {{start: number, end: number}} heard
 * @param {Player} player
 */
export function heatmapView(features, wave, heard, player) {
  const sounds = /** @type {AudioFeature[]} */ (features.filter(({ kind }) => kind === "audio"));
  if (sounds.length === 0) return undefined;
  const found = new Set(sounds.map(({ stem }) => stem));
  // From top to bottom; a stem of another name comes last.
  const stems = [
    ...STEMS.filter((stem) => found.has(stem)),
    ...[...found].filter((stem) => !STEMS.includes(stem)),
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
      ...segments.map(({ segment }) => cell(stem, cells.get(`${stem} ${segment}`), largest, player)),
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
      "Stems by moments: the stronger the colour, the heavier; striped cells, with a minus, speak against. Choose a cell to hear it; arrow keys go from cell to cell. A cell with a line under it is among what is heard, once “Only what speaks for …” or “Everything but that” is chosen.",
    ),
  );
  const shown = { start: segments[0]?.start ?? 0, end: segments.at(-1)?.end ?? heard.end };
  const area = h("div", { class: "heat-area" });
  if (wave) {
    const canvas = h("canvas", {
      role: "img",
      "aria-label": `Waveform from ${clock(shown.start, 1)} to ${clock(shown.end, 1)}`,
    });
    keepDrawn(canvas, () => ({ wave, shown, heard }));
    area.append(h("div", { class: "heat-wave" }, canvas));
  }
  walkable(table);
  followCells(table, player);
  area.append(
    table,
    h(
      "div",
      { class: "over-cells" },
      cursor(player, () => shown),
    ),
  );
  view.append(area);
  return view;
}

/**
 * One stop for the Tab key, and arrow keys from there: forty stops would be a long way round.
 * @param {HTMLTableElement} table
 */
function walkable(table) {
  const buttons = [...table.querySelectorAll("button")];
  const enter = (/** @type {HTMLButtonElement | undefined} */ one) => {
    for (const button of buttons) button.tabIndex = button === one ? 0 : -1;
  };
  enter(buttons[0]);
  table.addEventListener("focusin", ({ target }) => {
    const at = buttons.findIndex((button) => button === target);
    if (at >= 0) enter(buttons[at]);
  });
  table.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const cell = target instanceof Element ? target.closest("td") : null;
    const row = cell?.closest("tr");
    if (!cell || !row || event.ctrlKey || event.altKey || event.metaKey) return;
    const inRow = [...row.cells];
    const inColumn = [...(table.tBodies[0]?.rows ?? [])].map(({ cells }) => cells[cell.cellIndex]);
    /** @type {Record<string, (HTMLTableCellElement | undefined)[]>} Where to look for the next button, nearest first. */
    const ways = {
      ArrowLeft: inRow.slice(0, cell.cellIndex).reverse(),
      ArrowRight: inRow.slice(cell.cellIndex + 1),
      ArrowUp: inColumn.slice(0, inColumn.indexOf(cell)).reverse(),
      ArrowDown: inColumn.slice(inColumn.indexOf(cell) + 1),
      Home: inRow,
      End: [...inRow].reverse(),
    };
    const way = ways[key];
    if (!way) return;
    event.preventDefault();
    way
      .map((one) => one?.querySelector("button"))
      .find(Boolean)
      ?.focus();
  });
}

/**
 * Shows which cell plays, and which are chosen.
 * @param {HTMLTableElement} table
 * @param {Player} player
 */
function followCells(table, player) {
  const buttons = [...table.querySelectorAll("button")];
  /** @type {string | undefined} */
  let playing;
  /** @type {boolean[][] | undefined} */
  let chosen;
  player.watch(({ cell, on }) => {
    const plays = cell && `${cell.stem} ${cell.segment}`;
    // This runs with every frame, and mostly nothing has changed.
    if (plays === playing && on === chosen) return;
    [playing, chosen] = [plays, on];
    for (const button of buttons) {
      const { stem = "", segment = "" } = button.dataset;
      button.setAttribute("aria-pressed", String(plays === `${stem} ${segment}`));
      const heard = on?.[STEMS.indexOf(stem)]?.[Number(segment)] ?? false;
      button.toggleAttribute("data-on", heard);
      const state = button.querySelector(".state");
      if (state) state.textContent = heard ? ", among what is heard" : "";
    }
  }, table);
}

/**
 * @param {string} stem
 * @param {AudioFeature | undefined} sound
 * @param {number} largest
 * @param {Player} player
 */
function cell(stem, sound, largest, player) {
  if (!sound) return h("td", {}, spoken("not chosen"));
  const { weight, segment, heard } = sound;
  const said = `${signed(weight)}${heard === false ? ", not heard by the model" : ""}`;
  return h(
    "td",
    {
      class: heard === false ? "unheard" : null,
      "data-sign": weight < 0 ? "minus" : "plus",
      "--strength": (Math.abs(weight) / largest).toFixed(3),
    },
    h(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        "data-stem": stem,
        "data-segment": segment,
        title: `${stem} ${segment + 1}: ${said}`,
        click: () => player.toggleCell(stem, segment),
      },
      h("span", { "aria-hidden": "true" }, weight < 0 ? "−" : "+"),
      spoken(`Play ${stem} ${segment + 1}, ${said}`),
      h("span", { class: "visually-hidden state" }),
    ),
  );
}
