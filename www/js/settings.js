/** Reads the settings off the form. */

import { byId } from "./dom.js";

/** @typedef {import("../types/engine.d.ts").Settings} Settings */

const label = byId("label", HTMLSelectElement);
const modality = byId("modality", HTMLSelectElement);
const preset = byId("preset", HTMLSelectElement);
const numbers = {
  samples: byId("samples", HTMLInputElement),
  segments: byId("segments", HTMLInputElement),
  seed: byId("seed", HTMLInputElement),
};

/**
 * The settings, or the input that can't be used.
 * @returns {{settings: Settings} | {invalid: HTMLInputElement}}
 */
export function readSettings() {
  /** @type {Settings} */
  const settings = {
    preset: /** @type {Settings["preset"]} */ (preset.value),
    modality: /** @type {Settings["modality"]} */ (modality.value),
  };
  const [kind, rest] = [
    label.value.slice(0, label.value.indexOf(":")),
    label.value.slice(label.value.indexOf(":") + 1),
  ];
  if (kind === "top") settings.top_labels = Number(rest);
  else settings.labels = [rest];
  for (const [name, input] of Object.entries(numbers)) {
    if (!input.validity.valid) return { invalid: input };
    if (input.value !== "") settings[/** @type {keyof typeof numbers} */ (name)] = input.valueAsNumber;
  }
  return { settings };
}

/**
 * Offers the model's labels, keeping the choice where the new model has it too.
 * @param {string[]} labels
 */
export function offerLabels(labels) {
  const chosen = label.value;
  for (const option of [...label.options]) if (option.value.startsWith("name:")) option.remove();
  label.append(...labels.map((name) => new Option(name, `name:${name}`)));
  label.value = chosen;
  if (label.selectedIndex < 0) label.selectedIndex = 0;
}

/** @returns {import("./backend.js").Wish} */
export function wishedBackend() {
  const chosen = document.querySelector('input[name="backend"]:checked');
  return /** @type {import("./backend.js").Wish} */ (
    chosen instanceof HTMLInputElement ? chosen.value : "auto"
  );
}
