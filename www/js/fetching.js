/** The fetching of a demo song's files, which Cancel stops, and another wish as well. */

import { cancelled } from "./engine-client.js";
import { working } from "./status.js";

let fetching = new AbortController();

/** @param {"cancelled" | "superseded"} why Of what is superseded, nobody needs to be told. */
export function stopFetching(why) {
  fetching.abort(why);
  fetching = new AbortController();
}

/**
 * @template T
 * @param {string} title
 * @param {(signal: AbortSignal) => Promise<T>} get
 * @returns {Promise<T | undefined>} Undefined if it was superseded.
 */
export async function fetched(title, get) {
  const { signal } = fetching;
  working(`Getting “${title}”`);
  try {
    const found = await get(signal);
    if (signal.aborted) throw cancelled();
    return found;
  } catch (thrown) {
    if (signal.reason === "superseded") return undefined;
    throw thrown;
  }
}
