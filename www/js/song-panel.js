/** What is known of the song: its name, its waveform, and the part that is heard. */

import { cursor } from "./cursor.js";
import { byId } from "./dom.js";
import { clock } from "./format.js";
import { keepDrawn } from "./waveform.js";

/** @typedef {import("../types/engine.d.ts").SongInfo} SongInfo */
/** @typedef {import("../types/engine.d.ts").ModelInfo} ModelInfo */

/** Songs longer than the window by less than this (s) leave nothing worth moving. */
const SLACK = 0.05;

export class SongPanel {
  #facts = byId("song-facts");
  #name = byId("song-name");
  #canvas = byId("overview", HTMLCanvasElement);
  #slider = byId("window", HTMLInputElement);
  #caption = byId("window-text");
  #draw;
  /** @type {SongInfo | undefined} */
  #song;
  /** Length of what the model hears. */
  #hears = 0;
  #moved = false;
  /** @type {{offsetX: number, moved: boolean} | undefined} */
  #pressed;

  /** @param {import("./player.js").Player} player */
  constructor(player) {
    this.#draw = keepDrawn(this.#canvas, () => {
      const song = this.#song;
      return song && { wave: song, shown: { start: 0, end: song.seconds }, heard: this.#window() };
    });
    this.#slider.addEventListener("input", () => {
      this.#moved = true;
      this.#describe();
    });
    const shown = () => this.#song && { start: 0, end: this.#song.seconds };
    byId("overview-area").append(cursor(player, shown));
    this.#canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.#drag(event);
    });
    // A press that moves the window ends in a click as well, which then is not one.
    this.#canvas.addEventListener(
      "pointerdown",
      ({ offsetX }) => (this.#pressed = { offsetX, moved: false }),
    );
    this.#canvas.addEventListener("click", ({ offsetX }) => {
      if (this.#song && !this.#pressed?.moved) {
        player.seek((offsetX / this.#canvas.clientWidth) * this.#song.seconds);
      }
    });
  }

  /**
   * A song that is being read.
   * @param {File} file
   */
  expect(file) {
    this.#song = undefined;
    this.#moved = false;
    this.#name.textContent = file.name;
    this.#facts.hidden = false;
    this.#canvas.closest("figure")?.setAttribute("hidden", "");
  }

  /**
   * @param {SongInfo} song
   * @param {ModelInfo} model
   */
  show(song, model) {
    const first = this.#song?.sha256 !== song.sha256;
    this.#song = song;
    this.#hears = Math.min(model.seconds ?? Infinity, song.seconds);
    const movable = song.seconds > this.#hears + SLACK;
    this.#slider.hidden = !movable;
    this.#slider.max = String(Math.max(0, song.seconds - this.#hears));
    if (first || !this.#moved) this.#slider.value = String(song.window.start);
    const name = [song.artist, song.title].filter(Boolean).join(": ");
    this.#name.textContent = `${name || this.#name.textContent}, ${clock(song.seconds)}`;
    this.#canvas.closest("figure")?.removeAttribute("hidden");
    this.#describe();
  }

  /** @returns {import("../types/engine.d.ts").Settings} */
  settings() {
    return this.#moved ? { window_start: this.#slider.valueAsNumber } : {};
  }

  #window() {
    const start = this.#slider.hidden ? 0 : this.#slider.valueAsNumber;
    return { start, end: start + this.#hears };
  }

  #describe() {
    const { start, end } = this.#window();
    const range = `${clock(start, 1)} to ${clock(end, 1)}`;
    this.#caption.textContent = this.#slider.hidden
      ? "The model hears all of it. Click to go there."
      : `The model hears ${range}. Click to go there, drag to move that part.`;
    this.#slider.setAttribute("aria-valuetext", range);
    this.#canvas.setAttribute("aria-label", `Waveform; heard: ${range}`);
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (!this.#song || this.#slider.hidden || !this.#pressed) return;
    // A finger is never quite still.
    this.#pressed.moved ||= Math.abs(event.offsetX - this.#pressed.offsetX) > 4;
    if (!this.#pressed.moved) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const share = event.offsetX / this.#canvas.clientWidth;
    this.#slider.value = String(share * this.#song.seconds - this.#hears / 2);
    this.#moved = true;
    this.#describe();
  }
}
