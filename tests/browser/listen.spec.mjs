/**
 * Listening: what reaches the audio graph's end is recorded sample by sample, and held against the
 * files that `musiclime explain --listen` writes for the same seed.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, LYRICS, test as base } from "./app.mjs";
import { explainOnCommandLine } from "./command-line.mjs";

const SAMPLES = 64;
const SEED = 7;

/** Gains and sums in 32 bits, once in Rust and once in the browser. */
const TOLERANCE = 1e-5;

/** Two ways of reading the same explanation: all sounds that speak for the label, and the strongest alone. */
const MANY = 20;
const FEW = 6;

/** Runs in the audio thread and passes on whatever arrives at the end of the graph. */
const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([input]) {
    this.port.postMessage({ frame: currentFrame, samples: input[0]?.slice() ?? new Float32Array(128) });
    return true;
  }
});`;

/** Puts the tap beside the destination of every AudioContext. */
function listenIn() {
  /** @type {any} */
  const page = globalThis;
  page.heard = { contexts: 0, starts: 0, first: undefined, chunks: [] };
  const taps = new WeakMap();
  const connect = AudioNode.prototype.connect;
  page.AudioContext = class extends AudioContext {
    /** @param {AudioContextOptions} options */
    constructor(options) {
      super(options);
      page.heard.contexts++;
      page.heard.rate = this.sampleRate;
      const tap = this.audioWorklet.addModule("tap.js").then(() => {
        const node = new AudioWorkletNode(this, "tap", { channelCount: 1, channelCountMode: "explicit" });
        node.port.onmessage = ({ data }) => {
          page.heard.first ??= data.frame;
          page.heard.chunks.push(data.samples);
        };
        return node;
      });
      taps.set(this.destination, tap);
    }
  };
  /** @param {any} target */
  AudioNode.prototype.connect = function (target, ...rest) {
    taps.get(target)?.then((/** @type {AudioNode} */ tap) => connect.call(this, tap));
    return connect.call(this, target, ...rest);
  };
}

/** @typedef {{frame: number, samples: Float32Array}} Recording */

class Ears {
  /** @param {import("@playwright/test").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** The frame that is heard now. */
  now() {
    return this.page.evaluate(() => {
      const { first, chunks } = /** @type {any} */ (globalThis).heard;
      return first === undefined ? 0 : first + 128 * chunks.length;
    });
  }

  /**
   * What is heard from now on, or from an earlier frame on.
   * @param {number} seconds
   * @param {number} [from]
   * @returns {Promise<Recording>}
   */
  async record(seconds, from) {
    const start = from ?? (await this.now());
    const text = await this.page.evaluate(
      async ([start, seconds]) => {
        const { heard } = /** @type {any} */ (globalThis);
        const rate = () => heard.rate ?? 1;
        const patience = performance.now() + 1000 * (seconds + 30);
        while (
          heard.first === undefined ||
          heard.first + 128 * heard.chunks.length < start + seconds * rate()
        ) {
          if (performance.now() > patience) throw new Error("nothing is heard");
          await new Promise((later) => setTimeout(later, 50));
        }
        const frame = Math.max(start, heard.first);
        const all = new Float32Array(128 * heard.chunks.length);
        heard.chunks.forEach((/** @type {Float32Array} */ chunk, /** @type {number} */ at) =>
          all.set(chunk, 128 * at),
        );
        const part = all.slice(frame - heard.first, frame - heard.first + Math.round(seconds * rate()));
        let binary = "";
        for (const byte of new Uint8Array(part.buffer)) binary += String.fromCharCode(byte);
        return `${frame} ${btoa(binary)}`;
      },
      [start, seconds],
    );
    const [frame, samples] = text.split(" ");
    const bytes = Uint8Array.from(Buffer.from(samples ?? "", "base64"));
    return { frame: Number(frame), samples: new Float32Array(bytes.buffer) };
  }
}

/**
 * The samples of a mono WAV file of 32-bit floats, as the command line writes it.
 * @param {string} path
 */
function readWav(path) {
  const bytes = Uint8Array.from(readFileSync(path));
  return new Float32Array(bytes.buffer.slice(58));
}

/**
 * Explains the song on the command line and reads what can be heard of that.
 * @param {number} k
 */
function commandLine(k) {
  const heard = (/** @type {string} */ folder) => join(folder, "heard");
  return explainOnCommandLine(
    { samples: SAMPLES, seed: SEED },
    (folder) => ["--listen", heard(folder), "--listen-top", `${k}`],
    (_, folder) => {
      const index = JSON.parse(readFileSync(join(heard(folder), "index.json"), "utf8"));
      const files = index.files.map((/** @type {any} */ entry) => ({
        ...entry,
        samples: readWav(join(heard(folder), entry.file)),
      }));
      return {
        index,
        file: (/** @type {RegExp} */ name) => files.find((/** @type {any} */ f) => name.test(f.file)),
      };
    },
  );
}

/**
 * How far the recording is from the reference, where the reference runs in a loop and its first
 * sample is heard at frame `began`.
 * @param {Recording} recording
 * @param {Float32Array} reference
 * @param {number} began
 */
function distance({ frame, samples }, reference, began) {
  let largest = 0;
  for (let i = 0; i < samples.length; i++) {
    const at = (((frame + i - began) % reference.length) + reference.length) % reference.length;
    largest = Math.max(largest, Math.abs((samples[i] ?? 0) - (reference[at] ?? 0)));
  }
  return largest;
}

/**
 * The frame at which the reference's first sample is heard: where its loudest moment fits.
 * @param {Recording} recording
 * @param {Float32Array} reference
 */
function beginning(recording, reference) {
  const { samples } = recording;
  const size = 64;
  // A moment around the loudest sample of the recording, looked for in the reference.
  let loudest = size;
  for (let i = size; i < samples.length - size; i++) {
    if (Math.abs(samples[i] ?? 0) > Math.abs(samples[loudest] ?? 0)) loudest = i;
  }
  let best = { at: 0, off: Infinity };
  for (let at = 0; at < reference.length; at++) {
    let off = 0;
    for (let i = -size; i < size && off < best.off; i++) {
      const expected = reference[(at + i + reference.length) % reference.length] ?? 0;
      off = Math.max(off, Math.abs((samples[loudest + i] ?? 0) - expected));
    }
    if (off < best.off) best = { at, off };
  }
  return recording.frame + loudest - best.at;
}

const loudness = (/** @type {Float32Array} */ samples) =>
  samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const test = base.extend({
  /** @type {any} */
  ears: async ({ page }, use) => {
    await page.addInitScript(listenIn);
    await use(new Ears(page));
  },
  app: async ({ ears: _, app, page }, use) => {
    // The page was opened before the ears were there.
    await page.reload();
    await use(app);
  },
});

// Routing does not see what an audio worklet loads, so the site itself has to have it.
test.use(/** @type {any} */ ({ scripts: { "/tap.js": TAP } }));

// Long enough for a slow machine, short enough to notice that nothing is heard.
test.describe.configure({ timeout: 180_000 });

/** @param {import("@playwright/test").Page} page */
const player = (page) => {
  const panel = page.getByRole("region", { name: "Listen" });
  return {
    panel,
    play: panel.getByRole("button", { name: "Play" }),
    pause: panel.getByRole("button", { name: "Pause" }),
    stop: panel.getByRole("button", { name: "Stop" }),
    hear: panel.getByLabel("Hear"),
    position: panel.getByLabel("Position"),
    strongest: panel.getByLabel("Strongest"),
    volume: panel.getByLabel("Volume"),
  };
};

/** @param {import("./app.mjs").App} app */
async function explained(app, lyrics = LYRICS) {
  await app.bringSong();
  await app.lyrics.fill(lyrics);
  await app.openSettings();
  await app.set({ Samples: SAMPLES, Seed: SEED });
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 180_000 });
}

test("plays the evidence that the command line writes, and changes it without a gap", async ({
  app,
  page,
  ears,
}) => {
  const [many, few] = [commandLine(MANY), commandLine(FEW)];
  await explained(app);
  const { play, pause, hear, strongest, volume } = player(page);
  await volume.fill("100");
  await hear.selectOption({ label: "Original" });
  await hear.selectOption("for");
  await strongest.fill(`${MANY}`);
  await play.click();
  await expect(pause).toBeVisible();
  const { length } = many.file(/-for\.wav$/).samples;
  const loop = length / many.index.rate;

  // One turn of the loop and a bit, so that its seam is heard as well.
  const first = await ears.record(loop + 0.5, (await ears.now()) + many.index.rate / 2);
  expect(loudness(first.samples)).toBeGreaterThan(0.01);
  const began = beginning(first, many.file(/-for\.wav$/).samples);
  const off = distance(first, many.file(/-for\.wav$/).samples, began);

  // The slider, while it plays: other cells, from the same moment of the song on.
  const before = await ears.now();
  await strongest.fill(`${FEW}`);
  const after = await ears.now();
  const settled = after + Math.round(0.25 * few.index.rate);
  const second = await ears.record(loop, settled);
  const offFew = distance(second, few.file(/-for\.wav$/).samples, began);

  await hear.selectOption("without");
  const third = await ears.record(loop, (await ears.now()) + Math.round(0.25 * few.index.rate));
  const offWithout = distance(third, few.file(/-without\.wav$/).samples, began);
  const figures = [off, offFew, offWithout].map((figure) => figure.toExponential(1)).join(", ");
  console.log(`largest difference to the command line's files: ${figures}`);
  expect(off).toBeLessThan(TOLERANCE);
  expect(offFew).toBeLessThan(TOLERANCE);
  expect(offWithout).toBeLessThan(TOLERANCE);

  // The two choices do differ, and what is muted is silent, not just quiet.
  expect(distance(second, many.file(/-for\.wav$/).samples, began)).toBeGreaterThan(0.01);
  const silent = few.file(/-for\.wav$/).samples.reduce((n, x) => n + (x === 0 ? 1 : 0), 0);
  expect(silent / length).toBeGreaterThan(0.3);
  let muted = 0;
  second.samples.forEach((sample, i) => {
    const at = (second.frame + i - began) % length;
    if (few.file(/-for\.wav$/).samples[at] === 0) muted = Math.max(muted, Math.abs(sample));
  });
  expect(muted).toBe(0);

  // In between, every sample is of the one choice or of the other or fades between them.
  const change = await ears.record((settled - before) / few.index.rate, before);
  let between = 0;
  for (let i = 0; i < change.samples.length; i++) {
    const at = (change.frame + i - began) % length;
    const [a, b] = [many.file(/-for\.wav$/).samples[at], few.file(/-for\.wav$/).samples[at]];
    const sample = change.samples[i] ?? 0;
    between = Math.max(between, Math.min(a, b) - sample, sample - Math.max(a, b));
  }
  expect(between).toBeLessThan(0.05);
  expect(await page.evaluate(() => /** @type {any} */ (globalThis).heard.contexts)).toBe(1);

  // A slider that is swept faster than anything can fade ends where it is let go, still in step.
  await strongest.evaluate(async (/** @type {HTMLInputElement} */ slider, few) => {
    for (const k of [...Array(40).keys(), few]) {
      slider.value = String(k);
      slider.dispatchEvent(new Event("input"));
      await new Promise((later) => setTimeout(later, 3));
    }
  }, FEW);
  const swept = await ears.record(loop, (await ears.now()) + Math.round(0.25 * few.index.rate));
  expect(distance(swept, few.file(/-without\.wav$/).samples, began)).toBeLessThan(TOLERANCE);

  await app.expectAccessible();
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }

  await pause.click();
  await expect(play).toBeVisible();
  const silence = await ears.record(0.3, (await ears.now()) + Math.round(0.2 * few.index.rate));
  expect(loudness(silence.samples)).toBe(0);
});

test("plays a cell by keyboard alone, once", async ({ app, page, ears }) => {
  const { index, file } = commandLine(FEW);
  await explained(app);
  const wanted = file(/-top\d\d-/);
  await player(page).volume.fill("100");
  const cells = app.region.getByRole("table").nth(1).getByRole("button");
  // From the ranking on, one press of Tab reaches the map's first cell.
  await app.region.getByRole("button", { name: /Show all/ }).focus();
  await page.keyboard.press("Tab");
  await expect(cells.first()).toBeFocused();
  // Once on and off: the ears only hear from the moment on that the first sound has set them up.
  await page.keyboard.press("Enter");
  await expect(cells.first()).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => ears.now()).toBeGreaterThan(0);
  await page.keyboard.press("Enter");
  await expect(cells.first()).toHaveAttribute("aria-pressed", "false");
  // Its end fades out within this.
  const quiet = (await ears.now()) + Math.round(0.2 * index.rate);
  await expect.poll(() => ears.now()).toBeGreaterThan(quiet);
  const stems = ["vocals", "drums", "bass", "other"];
  for (let row = 0; row < stems.indexOf(wanted.stem); row++) await page.keyboard.press("ArrowDown");
  for (let column = 0; column < wanted.segment; column++) await page.keyboard.press("ArrowRight");
  const cell = cells.nth(10 * stems.indexOf(wanted.stem) + wanted.segment);
  await expect(cell).toBeFocused();
  await expect(cell).toHaveAccessibleName(new RegExp(`^Play ${wanted.stem} ${wanted.segment + 1}, `));
  const from = await ears.now();
  await page.keyboard.press("Enter");
  await expect(cell).toHaveAttribute("aria-pressed", "true");
  await expect(page.locator(".cursor:visible")).not.toHaveCount(0);
  await expect(cell).toHaveAttribute("aria-pressed", "false", { timeout: 10_000 });
  await expect(page.locator(".cursor:visible")).toHaveCount(0);

  const seconds = ((await ears.now()) - from) / index.rate;
  const all = await ears.record(seconds, from);
  const began = beginning(all, wanted.samples) - all.frame;
  expect(began).toBeGreaterThan(0);
  const heard = { frame: 0, samples: all.samples.slice(began, began + wanted.samples.length) };
  const off = distance(heard, wanted.samples, 0);
  console.log(`largest difference to the command line's ${wanted.file}: ${off.toExponential(1)}`);
  expect(off).toBeLessThan(TOLERANCE);
  // Before and after it there is nothing.
  expect(loudness(all.samples.slice(0, began))).toBe(0);
  expect(loudness(all.samples.slice(began + wanted.samples.length))).toBe(0);

  // The arrow keys stay in the map.
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowRight");
  await expect(cells.nth(10 * stems.indexOf(wanted.stem) + 9)).toBeFocused();

  // A second press while it plays stops it.
  const last = page.locator(":focus");
  await page.keyboard.press("Space");
  await expect(last).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("Space");
  await expect(last).toHaveAttribute("aria-pressed", "false", { timeout: 500 });

  // A cell has no other moments than its own: who goes to one hears the song there.
  const { hear, position, play, pause, stop } = player(page);
  await expect(hear).toHaveValue("cell");
  const wave = page.getByRole("img", { name: /Waveform; heard/ });
  const box = await wave.boundingBox();
  await wave.click({ position: { x: (box?.width ?? 0) * 0.5, y: 10 } });
  await expect(hear).toHaveValue("mix");
  expect(Math.abs(Number(await position.inputValue()) - 5.5)).toBeLessThan(0.5);
  await hear.selectOption("cell");
  await position.fill("3");
  await expect(hear).toHaveValue("mix");
  await play.click();
  await expect(pause).toBeVisible();
  expect(Number(await position.inputValue())).toBeGreaterThanOrEqual(3);
  await stop.click();
});

test("what is asked for while the song is taken apart waits for that", async ({ app, page, ears: _ }) => {
  await app.bringSong();
  const { play, pause, hear } = player(page);
  await app.openSettings();
  await app.set({ Samples: 32 });
  await hear.selectOption("Drums");
  await play.click();
  await play.or(pause).click();
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 120_000 });
  await expect(app.alert).toBeHidden();
  // Two cells one right after the other: the second one is what is heard.
  const cells = app.region.getByRole("table").nth(1).getByRole("button");
  await cells.evaluateAll((all) => all.slice(0, 2).forEach((cell) => cell.click()));
  await expect(cells.nth(1)).toHaveAttribute("aria-pressed", "true");
  await expect(cells.nth(0)).toHaveAttribute("aria-pressed", "false");
  await expect(app.alert).toBeHidden();
});

test("stems of the whole song can be heard before anything is explained", async ({ app, page, ears }) => {
  const { index, file } = commandLine(FEW);
  await app.bringSong();
  const { play, pause, stop, hear, position, volume } = player(page);
  await expect(hear.locator("option")).toHaveText(["Original", "Vocals", "Drums", "Bass", "Other"]);
  await volume.fill("100");
  // What is still being waited for can be withdrawn, and exchanged for something else.
  await hear.selectOption("Bass");
  await play.click();
  await stop.click();
  await expect(stop).toBeDisabled();
  await hear.selectOption("Vocals");
  await position.fill("2");
  await play.click();
  await hear.selectOption("Drums");
  await expect(pause).toBeVisible({ timeout: 120_000 });
  await expect(app.alert).toBeHidden();
  const heard = await ears.record(2, (await ears.now()) + Math.round(0.5 * index.rate));
  const reference = file(/^drums/).samples;
  const began = beginning(heard, reference);
  const off = distance(heard, reference, began);
  console.log(`largest difference to the command line's drums: ${off.toExponential(1)}`);
  expect(off).toBeLessThan(TOLERANCE);

  // The waveform is for going elsewhere; what plays goes on from there.
  const wave = page.getByRole("img", { name: /Waveform; heard/ });
  const box = await wave.boundingBox();
  await wave.click({ position: { x: (box?.width ?? 0) * 0.8, y: 10 } });
  await expect(pause).toBeVisible();
  await expect.poll(async () => Number(await position.inputValue())).toBeGreaterThan(8.5);
  // It ends by itself, and can be played again from the start.
  await expect(play).toBeVisible({ timeout: 10_000 });
  await play.click();
  await expect(pause).toBeVisible();
  expect(Number(await position.inputValue())).toBeLessThan(2);
  await stop.click();
  await expect(play).toBeVisible();
});

test("the song can be heard while it is explained, and what is not ready yet says so", async ({
  app,
  page,
  ears,
}) => {
  await app.bringSong();
  const { play, pause, hear } = player(page);
  await app.openSettings();
  await app.set({ Samples: 100_000 });
  await app.explain.click();
  await expect(app.progress).toHaveAttribute("value", /0\.00/, { timeout: 60_000 });
  await play.click();
  await expect(pause).toBeVisible();
  const heard = await ears.record(0.5, (await ears.now()) + 4000);
  expect(loudness(heard.samples)).toBeGreaterThan(0.01);
  await hear.selectOption("Vocals");
  await expect(app.alert).toContainText("as soon as that is done");
  await app.cancel.click();
  await expect(app.region).toBeVisible({ timeout: 30_000 });
  await play.click();
  await expect(pause).toBeVisible();
});

test("the line that is sung lights up, and times are not explained as words", async ({
  app,
  page,
  ears: _,
}) => {
  const lines = ["It always seems like", "time stands still", "when I'm with you."];
  await explained(app, `[ar:CSoul]\n[00:00.00]${lines[0]}\n[00:03.00]${lines[1]}\n[00:06.00]${lines[2]}\n`);
  await expect(app.region.locator("mark")).toHaveText(lines.join(" ").match(/\w+/g) ?? []);
  expect((await app.download()).lyrics.trim()).toBe(lines.join("\n"));
  const { play, hear, position } = player(page);
  const current = app.region.locator("[aria-current]");
  await expect(current).toHaveCount(0);
  await hear.selectOption("Original");
  await position.fill("4");
  await play.click();
  await expect(current).toHaveText(lines[1] ?? "");
  await expect(current).toHaveText(lines[2] ?? "", { timeout: 10_000 });
});

test("without Web Audio the page says so, and explains all the same", async ({ app: _, page }) => {
  await page.addInitScript(() => {
    // @ts-expect-error It is not meant to be deleted.
    delete globalThis.AudioContext;
    // @ts-expect-error Neither is this.
    delete globalThis.AudioBuffer;
  });
  await page.reload();
  const { App } = await import("./app.mjs");
  const app = new App(page);
  await explained(app);
  await app.region.getByRole("button", { name: /^Play vocals 1,/ }).click();
  await expect(app.alert).toContainText("can’t play sound");
  await expect(app.alert).toContainText("--listen");
});
