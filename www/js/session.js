/**
 * What is loaded: an engine with its model, and in it a song. Everything here can be asked for
 * again at any time; what is there already is not loaded twice, and what went away (a worker that
 * was ended, a device that was lost) comes back by asking.
 */

import { chooseEngine } from "./backend.js";
import { cancelled } from "./engine-client.js";

/** @typedef {import("./backend.js").Ready} Ready */
/** @typedef {import("./backend.js").Wish} Wish */
/** @typedef {import("../types/engine.d.ts").SongInfo} SongInfo */
/** @typedef {import("./engine-client.js").EngineClient} EngineClient */

export class Session {
  /** @type {{key: string, result: ReturnType<typeof chooseEngine>} | undefined} */
  #engine;
  /** @type {{file: File, client: EngineClient, result: Promise<SongInfo>} | undefined} */
  #song;
  /** @type {Set<EngineClient>} */
  #clients = new Set();
  #watch;

  /** @param {{note: (text: string) => void, progress: import("./engine-client.js").OnProgress}} watch */
  constructor(watch) {
    this.#watch = watch;
  }

  /**
   * @param {Wish} wish
   * @param {string} folder
   * @returns {ReturnType<typeof chooseEngine>}
   */
  async engine(wish, folder) {
    const key = `${wish} ${folder}`;
    if (this.#engine?.key !== key) {
      this.drop();
      const started = (/** @type {EngineClient} */ client) => void this.#clients.add(client);
      this.#engine = { key, result: chooseEngine(wish, folder, { ...this.#watch, started }) };
    }
    const asked = this.#engine;
    try {
      const engine = await asked.result;
      if (engine.ready.client.alive) return engine;
    } catch (thrown) {
      if (this.#engine === asked) this.drop();
      throw thrown;
    }
    if (this.#engine === asked) this.drop();
    return this.engine(wish, folder);
  }

  /**
   * Puts the song into the engine.
   * @param {Ready} ready
   * @param {File} file
   */
  song({ client }, file) {
    if (this.#song?.file !== file || this.#song.client !== client) {
      const result = this.#load(client, file);
      this.#song = { file, client, result };
      // A song that could not be loaded, or was cancelled, is tried afresh next time.
      result.catch(() => {
        if (this.#song?.result === result) this.#song = undefined;
      });
    }
    return this.#song.result;
  }

  /**
   * @param {EngineClient} client
   * @param {File} file
   */
  async #load(client, file) {
    let bytes;
    try {
      bytes = await file.arrayBuffer();
    } catch {
      throw {
        kind: "input",
        message: `“${file.name}” can’t be read`,
        hint: "It may have been moved: choose it again",
      };
    }
    // Files take their time to be read: the one that was asked for last is the one that is loaded.
    if (this.#song?.file !== file || this.#song.client !== client) throw cancelled();
    try {
      return await client.call("loadSong", [bytes, file.name], this.#watch.progress);
    } catch (thrown) {
      const error = /** @type {import("../types/engine.d.ts").EngineError} */ (thrown);
      // The engine knows the bytes; the page knows which of the user's files they are.
      throw error.kind === "input" ? { ...error, message: `“${file.name}”: ${error.message}` } : error;
    }
  }

  /** Stops what is done with the song, but not an engine that is being loaded. */
  cancelSong() {
    this.#song?.client.cancel();
  }

  cancel() {
    for (const client of this.#clients) client.cancel();
  }

  /** Ends the engine; the next call for one starts it anew. */
  drop() {
    for (const client of this.#clients) client.end();
    this.#clients.clear();
    this.#engine = undefined;
    this.#song = undefined;
  }
}
