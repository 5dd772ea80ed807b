/** Telling how things stand: progress, errors with their next step, and words for screen readers. */

import { byId, h } from "./dom.js";
import { about } from "./format.js";

/** @typedef {import("../types/engine.d.ts").Progress} Progress */
/** @typedef {import("../types/engine.d.ts").EngineError} EngineError */

/** @type {Record<import("../types/engine.d.ts").Stage, string>} */
const STAGES = {
  "load-model": "Loading the model",
  decode: "Decoding the song",
  separate: "Splitting the song into stems",
  score: "Asking the model about the song with parts missing",
  fit: "Fitting the surrogate",
};

const panel = byId("working");
const caption = byId("working-text");
const bar = byId("progress", HTMLProgressElement);
const errorBox = byId("error");
const announcer = byId("announcer");

let stage = "";
let began = 0;

/**
 * Shows that work begins, and where that is told: the button that was pressed may be a screen away.
 * Nothing is spoken yet, since what is begun tells that itself.
 */
export function begin() {
  if (panel.hidden) {
    caption.textContent = "Getting ready …";
    bar.removeAttribute("value");
    panel.hidden = false;
  }
  panel.scrollIntoView({ block: "nearest" });
}

/**
 * Work without a measure.
 * @param {string} text
 */
export function working(text) {
  panel.hidden = false;
  stage = text;
  caption.textContent = `${text} …`;
  bar.removeAttribute("value");
  announce(text);
}

/** @param {Progress} event */
export function progress({ stage: name, done, total }) {
  const text = STAGES[name];
  if (text !== stage) {
    working(text);
    began = performance.now();
  }
  const share = done / total;
  bar.value = share;
  // An estimate from the first moments is worse than none.
  const passed = (performance.now() - began) / 1000;
  const left =
    passed > 2 && share > 0.03 && share < 1 ? `, ${about((passed * (1 - share)) / share)} left` : "";
  caption.textContent = `${text}: ${Math.floor(100 * share)} %${left}`;
}

export function idle() {
  panel.hidden = true;
  stage = "";
}

/** @param {string} text Spoken once, politely. */
export function announce(text) {
  announcer.textContent = text;
}

/**
 * Shows what went wrong and what helps, and moves the focus there: whoever asked for something
 * should not have to look for why it did not come.
 * @param {{message: string, hint?: string | null}} error
 * @param {{label: string, run: () => void}} [way] A button that does the next step.
 */
export function showError({ message, hint }, way) {
  const button = way ? h("button", { type: "button", click: way.run }, way.label) : null;
  errorBox.replaceChildren(
    h("p", {}, h("strong", {}, sentence(message))),
    hint ? h("p", {}, sentence(hint)) : "",
    button ?? "",
  );
  errorBox.classList.remove("calm");
  errorBox.hidden = false;
  errorBox.focus();
}

/**
 * Something to know that is not an error; the focus stays where it is.
 * @param {string} message
 * @param {string | null} hint
 */
export function showNote(message, hint) {
  errorBox.replaceChildren(
    h(
      "p",
      {},
      [message, hint]
        .filter(Boolean)
        .map((text) => sentence(text ?? ""))
        .join(" "),
    ),
  );
  errorBox.classList.add("calm");
  errorBox.hidden = false;
}

export function clearError() {
  errorBox.hidden = true;
  errorBox.replaceChildren();
}

/** @param {string} text */
function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
