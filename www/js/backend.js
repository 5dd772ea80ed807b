/**
 * Which engine computes. Small models run faster on the CPU, whose engine is also a fifth of the
 * size to download, so "auto" measures the CPU first and tries the GPU only where that could pay.
 */

import { EngineClient } from "./engine-client.js";

/** @typedef {import("../types/engine.d.ts").Backend} Backend */
/** @typedef {import("../types/engine.d.ts").EngineError} EngineError */
/** @typedef {import("../types/engine.d.ts").ModelInfo} ModelInfo */
/** @typedef {import("./engine-client.js").OnProgress} OnProgress */
/** @typedef {"auto" | Backend} Wish */
/**
 * @typedef {object} Ready An engine with a model in it.
 * @property {EngineClient} client
 * @property {ModelInfo} model
 * @property {number} passMs One pass of both encoders.
 */

/** Passes of each encoder that a whole explanation with default settings takes, about. */
const PASSES = 1000;

/**
 * A default explanation that the CPU is estimated to finish within this time is left to it:
 * nobody would notice what a GPU saves, and everybody would notice its download.
 */
export const PATIENCE_S = 60;

/** @param {number} passMs */
export const estimateSeconds = (passMs) => (passMs * PASSES) / 1000;

/**
 * @param {Wish} wish
 * @param {string} folder The bundle's address.
 * @param {{started: (client: EngineClient) => void, note: (text: string) => void, progress: OnProgress}} watch
 *   `started` gets every client as soon as it exists, so that Cancel has someone to talk to.
 * @returns {Promise<{ready: Ready, why: string}>}
 */
export async function chooseEngine(wish, folder, watch) {
  if (wish === "webgpu" && !(await hasAdapter())) {
    throw {
      kind: "device",
      message: "This browser offers no WebGPU device",
      hint: "A recent Chrome, Edge, Safari or Firefox may, where the graphics driver is supported",
    };
  }
  if (wish !== "auto") {
    const ready = await startEngine(wish, folder, watch);
    return { ready, why: `as chosen; ${pass(ready)}` };
  }
  const cpu = await startEngine("cpu", folder, watch);
  const seconds = estimateSeconds(cpu.passMs);
  if (seconds <= PATIENCE_S) {
    return { ready: cpu, why: `${pass(cpu)}, so an explanation takes about ${Math.ceil(seconds)} s` };
  }
  if (!(await hasAdapter())) {
    return { ready: cpu, why: `${pass(cpu)}; this browser offers no WebGPU device` };
  }
  let gpu;
  try {
    gpu = await startEngine("webgpu", folder, watch);
  } catch (thrown) {
    const error = /** @type {EngineError} */ (thrown);
    if (error.kind === "cancelled") {
      cpu.client.end();
      throw thrown;
    }
    return { ready: cpu, why: `${pass(cpu)}; WebGPU failed: ${error.message}` };
  }
  const [faster, slower] = gpu.passMs < cpu.passMs ? [gpu, cpu] : [cpu, gpu];
  slower.client.end();
  return { ready: faster, why: `the faster of both: ${pass(gpu)}, ${pass(cpu)}` };
}

/**
 * @param {Backend} backend
 * @param {string} folder
 * @param {Parameters<typeof chooseEngine>[2]} watch
 * @returns {Promise<Ready>}
 */
async function startEngine(backend, folder, { started, note, progress }) {
  const client = new EngineClient(backend);
  started(client);
  try {
    note(`Starting the ${NAMES[backend]} engine`);
    await client.call("start", []);
    note("Loading the model");
    const model = await client.call("loadModel", [folder], progress);
    note(`Measuring the ${NAMES[backend]} engine`);
    const passMs = await client.call("warmUp", []);
    return { client, model, passMs };
  } catch (thrown) {
    client.end();
    throw thrown;
  }
}

/** @type {Record<Backend, string>} */
export const NAMES = { cpu: "CPU", webgpu: "WebGPU" };

/** @param {Ready} ready */
function pass({ client, passMs }) {
  return `${NAMES[client.backend]} ${passMs < 10 ? passMs.toFixed(1) : Math.round(passMs)} ms a pass`;
}

async function hasAdapter() {
  if (!("gpu" in navigator)) return false;
  return Boolean(await navigator.gpu.requestAdapter().catch(() => null));
}
