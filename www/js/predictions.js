/** What the model says, the most probable first. */

import { h } from "./dom.js";
import { percent } from "./format.js";

/** Classes shown; a longer list only hides the point. */
const SHOWN = 5;

/**
 * @param {import("../types/engine.d.ts").Prediction[]} predictions
 * @returns {HTMLLIElement[]}
 */
export function predictionItems(predictions) {
  return predictions
    .slice(0, SHOWN)
    .map(({ label, probability }) =>
      h(
        "li",
        { "--share": `${(100 * probability).toFixed(1)}%` },
        h("span", { class: "name" }, label),
        h("span", { class: "track", "aria-hidden": "true" }, h("span")),
        h("span", { class: "value" }, percent(probability)),
      ),
    );
}
