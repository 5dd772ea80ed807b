/**
 * The page's side of one engine: calls become promises, Cancel becomes a message and, where the
 * worker does not hear it, the worker's end. Calls wait for each other, since an engine that works
 * on its song can't lend it to anybody else.
 */

/** @typedef {import("../types/engine.d.ts").Backend} Backend */
/** @typedef {import("../types/engine.d.ts").EngineError} EngineError */
/** @typedef {import("../types/engine.d.ts").Progress} Progress */
/** @typedef {import("../types/protocol.d.ts").Calls} Calls */
/** @typedef {import("../types/protocol.d.ts").Reply} Reply */
/** @typedef {(event: Progress) => void} OnProgress */
/**
 * @template {keyof Calls} K
 * @typedef {Parameters<Calls[K]> extends [any, ...infer Rest] ? Rest : never} Arguments
 */

/**
 * How long a worker may take to say that it heard "cancel". The engines go back to their event
 * loop every few tens of milliseconds; who is silent for this long sits in one long pass.
 */
const HEARS_WITHIN_MS = 1000;

/** How long it may then take to hand over what it has: a batch on a slow device, and the fit. */
const STOPS_WITHIN_MS = 10_000;

/**
 * @typedef {object} Asked A call that waits or runs.
 * @property {import("../types/protocol.d.ts").Request & {id: number}} request
 * @property {(value: any) => void} resolve
 * @property {(error: EngineError) => void} reject
 * @property {OnProgress} [onProgress]
 */

export class EngineClient {
  /** @type {Asked | undefined} */
  #running;
  /** @type {Asked[]} */
  #waiting = [];
  #lastId = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #deadline;
  #worker;

  /** False once the worker is gone; a client does not come back, a new one is made. */
  alive = true;

  /** @param {Backend} backend */
  constructor(backend) {
    this.backend = backend;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: backend });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => this.#crash(event.message || "its program could not be loaded");
  }

  /**
   * @template {keyof Calls} K
   * @param {K} call
   * @param {Arguments<K>} args
   * @param {OnProgress} [onProgress]
   * @returns {ReturnType<Calls[K]>}
   */
  call(call, args, onProgress) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => {
      if (!this.alive) return reject(gone());
      this.#waiting.push({ request: { id, call, args }, resolve, reject, onProgress });
      this.#next();
    });
    return /** @type {ReturnType<Calls[K]>} */ (answer);
  }

  /** Has the worker do the next call, once it is done with the one before. */
  #next() {
    if (this.#running) return;
    this.#running = this.#waiting.shift();
    if (this.#running) this.#worker.postMessage(this.#running.request);
  }

  /** Asks the running call to stop, and ends the worker if it does not; what waits is not begun. */
  cancel() {
    for (const { reject } of this.#waiting.splice(0)) reject(cancelled());
    if (!this.alive || !this.#running || this.#deadline !== undefined) return;
    this.#worker.postMessage({ cancel: true });
    this.#deadline = setTimeout(() => this.end(stuck()), HEARS_WITHIN_MS);
  }

  /**
   * Ends the worker; whoever still waits hears why.
   * @param {EngineError} [reason]
   */
  end(reason = gone()) {
    if (!this.alive) return;
    this.alive = false;
    clearTimeout(this.#deadline);
    this.#worker.terminate();
    this.#running?.reject(reason);
    this.#running = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  /** @param {Reply} reply */
  #receive(reply) {
    if ("crashed" in reply) return this.#crash(reply.crashed);
    if ("cancelling" in reply) {
      if (this.#deadline === undefined) return;
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => this.end(stuck()), STOPS_WITHIN_MS);
      return;
    }
    const running = this.#running;
    if (running?.request.id !== reply.id) return;
    if ("progress" in reply) return running.onProgress?.(reply.progress);
    this.#running = undefined;
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    if ("error" in reply) running.reject(reply.error);
    else running.resolve(reply.value);
    this.#next();
  }

  /** @param {string} why */
  #crash(why) {
    this.end({
      kind: "internal",
      message: `The engine stopped unexpectedly: ${why}`,
      hint: "Choose Explain to start it again; if it happens again, try the other backend",
    });
  }
}

/** @returns {EngineError} */
export function cancelled() {
  return { kind: "cancelled", message: "cancelled", hint: null };
}

/** @returns {EngineError} */
function gone() {
  return { kind: "cancelled", message: "The engine was stopped", hint: null };
}

/** @returns {EngineError} */
function stuck() {
  return {
    kind: "cancelled",
    message: "The engine was busy and did not answer, so it was restarted",
    hint: "What it had computed so far is lost",
  };
}
