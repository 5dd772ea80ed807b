/** The line that moves with the sound, over whatever shows a stretch of the song. */

import { h } from "./dom.js";

/**
 * @param {import("./player.js").Player} player
 * @param {() => import("./waveform.js").Part | undefined} read The stretch that is shown.
 */
export function cursor(player, read) {
  const line = h("div", { class: "cursor", "aria-hidden": "true", hidden: true });
  player.watch(({ seconds }) => {
    const part = read();
    const at = seconds === undefined || !part ? -1 : (seconds - part.start) / (part.end - part.start);
    line.hidden = !(at >= 0 && at <= 1);
    if (!line.hidden) line.style.setProperty("--at", at.toFixed(4));
  }, line);
  return line;
}
