/**
 * The worker: it owns one wasm instance, so that decoding, the model and LIME never block the page.
 * Which of the two engines it is comes in the worker's name. A worker that is terminated takes
 * everything with it (memory, GPU device, half-done work), which is what makes a hard stop safe.
 */

import { fetchBundle, forgetBundles } from "./bundle.js";

/** @typedef {import("../types/engine.d.ts").Engine} Engine */
/** @typedef {import("../types/engine.d.ts").EngineModule} EngineModule */
/** @typedef {import("../types/engine.d.ts").Progress} Progress */
/** @typedef {(event: Progress) => void} Report */
/** @typedef {import("../types/protocol.d.ts").Calls} Calls */
/** @typedef {import("../types/protocol.d.ts").Request} Request */
/** @typedef {import("../types/protocol.d.ts").Reply} Reply */

// A worker's global scope posts messages as a port does; the DOM's types only know a window here.
const page = /** @type {MessagePort} */ (/** @type {unknown} */ (self));

/** @type {Engine | undefined} */
let engine;
/** Stops downloads, which the engine knows nothing of. */
let download = new AbortController();

/** @returns {Engine} */
function running() {
  if (!engine) throw { kind: "internal", message: "the engine has not been started", hint: null };
  return engine;
}

/** @type {Calls} */
const calls = {
  async start(_report) {
    const backend = self.name;
    /** @type {EngineModule} */
    const module = await import(`../engine-${backend}.js`);
    await module.default();
    engine = await module.Engine.create();
    return engine.backend();
  },

  async loadModel(report, folder) {
    const target = running();
    download = new AbortController();
    const bundle = await fetchBundle(folder, download.signal);
    try {
      target.begin_model(bundle.json, bundle.tokenizer);
      for await (const chunk of bundle.weights()) {
        report({ stage: "load-model", done: target.push_weights(chunk), total: 1 });
      }
      return await target.finish_model();
    } catch (thrown) {
      // Bytes that fail their hash must not be served from the cache again.
      if (asEngineError(thrown).kind === "bundle") await forgetBundles();
      throw thrown;
    }
  },

  async warmUp(_report) {
    return running().warm_up();
  },

  async loadSong(report, bytes, name) {
    return running().load_song(new Uint8Array(bytes), name, report);
  },

  async separate(report) {
    return running().separate(report);
  },

  async track(_report, name) {
    return running().track(name);
  },

  async windowTracks(_report, explanation) {
    return running().window_tracks(explanation);
  },

  async timed(_report, lyrics) {
    return running().timed(lyrics);
  },

  async words(_report, lyrics) {
    return running().words(lyrics);
  },

  async predict(_report, lyrics, settings) {
    return (await running().predict(lyrics, settings)).predictions;
  },

  async explain(report, lyrics, settings) {
    return running().explain(lyrics, settings, report);
  },
};

/**
 * @param {Reply} reply
 * @param {Transferable[]} [handedOver]
 */
function post(reply, handedOver = []) {
  page.postMessage(reply, handedOver);
}

/**
 * The memory of a result's samples, which is handed over and not copied.
 * @param {unknown} value
 * @returns {Transferable[]}
 */
function samplesOf(value) {
  if (value instanceof Float32Array) return [value.buffer];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(samplesOf);
}

/**
 * Engines throw plain objects; the browser's own errors (a failed download, a missing file) don't.
 * @param {any} thrown
 * @returns {import("../types/engine.d.ts").EngineError}
 */
function asEngineError(thrown) {
  if (thrown && typeof thrown.kind === "string" && typeof thrown.message === "string") {
    return { kind: thrown.kind, message: thrown.message, hint: thrown.hint ?? null };
  }
  if (thrown instanceof DOMException && thrown.name === "AbortError") {
    return { kind: "cancelled", message: "cancelled", hint: null };
  }
  return { kind: "internal", message: String(thrown?.message ?? thrown), hint: null };
}

/** @param {MessageEvent<Request>} event */
page.onmessage = async ({ data }) => {
  if ("cancel" in data) {
    // The page waits for this word: a worker that can't say it is stuck and gets terminated.
    post({ cancelling: true });
    download.abort();
    engine?.cancel();
    return;
  }
  const { id, call, args } = data;
  // Progress is for eyes: more than some twenty messages a second only cost time.
  let last = 0;
  /** @type {Report} */
  const report = (progress) => {
    const now = performance.now();
    if (now - last < 50 && progress.done < progress.total) return;
    last = now;
    post({ id, progress });
  };
  try {
    // Every call takes the report first and the page's arguments after it.
    const run = /** @type {(report: Report, ...args: unknown[]) => Promise<unknown>} */ (calls[call]);
    const value = await run(report, ...args);
    post({ id, value }, samplesOf(value));
  } catch (thrown) {
    post({ id, error: asEngineError(thrown) });
  }
};

// A panic in wasm leaves the awaited promise unsettled for ever; it only shows up here.
/** @param {unknown} reason */
const crashed = (reason) => post({ crashed: String(/** @type {any} */ (reason)?.message ?? reason) });
self.addEventListener("error", (event) => crashed(event.error ?? event.message));
self.addEventListener("unhandledrejection", (event) => crashed(event.reason));
