/** The lyrics' field: what a person wrote, or a demo song's lyrics in its place while that is tried. */

import { byId } from "./dom.js";

const field = byId("lyrics", HTMLTextAreaElement);

/** @type {string | undefined} A demo song's lyrics, which are that song's only as long as nobody changes them. */
let lent;

/** What a person wrote, where a demo song's lyrics are now. */
let written = "";

export const lyricsText = () => field.value;

/** @param {string} text A person's own. */
export function takeOver(text) {
  field.value = text;
  lent = undefined;
  written = "";
}

/**
 * Puts a demo song's lyrics in.
 * @param {string} text
 * @returns {boolean} Whether a person's own were there, which are kept.
 */
export function lend(text) {
  if (field.value !== lent) written = field.value;
  field.value = text;
  // As the field has it, which may have other line ends.
  lent = field.value;
  return written.trim() !== "";
}

/** Takes a demo song's lyrics away again, for a song that they are not of. */
export function giveBack() {
  if (field.value === lent) field.value = written;
  lent = undefined;
  written = "";
}
