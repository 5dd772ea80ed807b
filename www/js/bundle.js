/**
 * Fetches a model bundle: `bundle.json`, `tokenizer.json` and the weights' shards, which stream
 * through so that the bundle is never held twice. Shards are kept in the browser's cache under
 * their own hash, so that a restarted engine, or a second visit, need not download them again.
 */

const CACHE = "musiclime-weights";

/**
 * @typedef {object} FileEntry
 * @property {string} file
 * @property {number} bytes
 * @property {string} sha256
 */

/**
 * @typedef {object} Weights
 * @property {FileEntry[]} [shards]
 */

/**
 * @param {string} folder Address of the bundle's folder, ending in a slash.
 * @param {AbortSignal} signal
 */
export async function fetchBundle(folder, signal) {
  const json = await (await get(new URL("bundle.json", folder), signal)).text();
  /** @type {{tokenizer?: FileEntry, weights?: Weights, separator?: {openunmix?: {weights?: Weights}}}} */
  const manifest = JSON.parse(json);
  const tokenizer = manifest.tokenizer && (await get(within(folder, manifest.tokenizer), signal));
  return {
    json,
    tokenizer: tokenizer && new Uint8Array(await tokenizer.arrayBuffer()),
    async *weights() {
      // The engine takes the classifier's shards first, then the separator's, if it has weights.
      for (const stream of [manifest.weights, manifest.separator?.openunmix?.weights]) {
        for (const shard of stream?.shards ?? []) yield* fetchShard(folder, shard, signal);
      }
    },
  };
}

/** Drops what is kept, for when the engine finds that a shard's bytes are not the manifest's. */
export async function forgetBundles() {
  if ("caches" in self) await caches.delete(CACHE);
}

/**
 * @param {string} folder
 * @param {FileEntry} shard
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Uint8Array>}
 */
async function* fetchShard(folder, shard, signal) {
  const address = within(folder, shard);
  // Outside of secure contexts there is no cache; the bundle then loads all the same.
  const cache = "caches" in self ? await caches.open(CACHE) : undefined;
  const key = new URL(`?sha256=${shard.sha256}`, address);
  let response = await cache?.match(key);
  let kept;
  if (!response) {
    response = await get(address, signal);
    // A full disk must not stop anyone from using the model.
    kept = cache?.put(key, response.clone()).catch(() => {});
  }
  if (!response.body) throw failure(address, "the answer is empty");
  const reader = response.body.getReader();
  for (;;) {
    signal.throwIfAborted();
    const { done, value } = await reader.read();
    if (done) break;
    yield value;
  }
  await kept;
}

/**
 * The address of a bundle's file, which lies in the bundle's own folder.
 * @param {string} folder
 * @param {FileEntry} entry
 */
function within(folder, { file }) {
  const address = new URL(file, folder);
  if (address.href !== folder + file) throw failure(new URL(folder), `“${file}” is no plain file name`);
  return address;
}

/**
 * @param {URL} address
 * @param {AbortSignal} signal
 */
async function get(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (reason) {
    if (signal.aborted) throw reason;
    throw failure(address, "the server does not answer");
  }
  if (!response.ok) throw failure(address, `the server answers ${response.status}`);
  return response;
}

/**
 * @param {URL} address
 * @param {string} why
 */
function failure(address, why) {
  return {
    kind: "bundle",
    message: `The model could not be loaded: ${why} (${address.pathname})`,
    hint: "Check the connection, then choose Explain to try again",
  };
}
