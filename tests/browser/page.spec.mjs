/** The page with the real engines, the embedded model and a real song. */

import { readFileSync } from "node:fs";
import { expect, LYRICS, SONG, test } from "./app.mjs";
import { explainOnCommandLine } from "./command-line.mjs";

/** Rows on each backend: the software adapter is some hundred times slower than the CPU. */
const ROWS = { CPU: 64, WebGPU: 8 };
const SEED = 7;

/** Two ways of computing the same in 32 bits may differ by this much in a coefficient. */
const TOLERANCE = 1e-3;

/** What the command line says about the same song, by the same settings. @param {number} samples */
const commandLine = (samples) =>
  explainOnCommandLine(
    { samples, seed: SEED },
    () => [],
    (explanation) => explanation,
  );

/** @param {any} feature */
const name = (feature) => (feature.kind === "audio" ? `${feature.stem} ${feature.segment}` : feature.word);

for (const backend of /** @type {const} */ (["CPU", "WebGPU"])) {
  test(`explains a song on ${backend} as the command line does`, async ({ app, page }) => {
    const samples = ROWS[backend];
    await app.openSettings();
    await app.computeOn(backend);
    await app.bringSong();
    await app.lyrics.fill(LYRICS);
    await app.set({ Samples: samples, Seed: SEED });
    await app.explain.click();
    await expect(app.progress).toBeVisible();
    await expect(page.getByRole("heading", { name: "What the model says" })).toBeVisible({
      timeout: 300_000,
    });
    await expect(app.region).toBeVisible({ timeout: 300_000 });
    await expect(app.progress).toBeHidden();
    await app.expectAccessible();

    const here = await app.download();
    const there = commandLine(samples);
    expect(here.settings.backend).toBe(backend === "CPU" ? "cpu" : "wgpu");
    expect(here.song.sha256).toBe(there.song.sha256);
    expect(here.settings.window).toEqual(there.settings.window);
    expect(here.run.rows).toBe(samples);
    expect(here.explanations.map(({ label }) => label)).toEqual(there.explanations.map(({ label }) => label));
    let largest = 0;
    for (const [at, one] of here.explanations.entries()) {
      const other = there.explanations[at];
      const expected = new Map(other.features.map((feature) => [name(feature), feature.weight]));
      expect(one.features.map(name).sort()).toEqual([...expected.keys()].sort());
      const differences = one.features.map((feature) =>
        Math.abs(feature.weight - expected.get(name(feature))),
      );
      largest = Math.max(largest, ...differences, Math.abs(one.intercept - other.intercept));
    }
    console.log(
      `largest difference to the command line on ${backend}, ${samples} rows: ${largest.toExponential(2)}`,
    );
    expect(largest).toBeLessThanOrEqual(TOLERANCE);

    // What is shown is what was downloaded.
    const strongest = [...here.explanations[0].features].sort(
      (a, b) => Math.abs(b.weight) - Math.abs(a.weight),
    )[0];
    const shown = strongest.kind === "audio" ? `${strongest.stem} ${strongest.segment + 1}` : strongest.word;
    await expect(app.region.getByRole("row").nth(1)).toContainText(shown);
    await expect(app.region.getByRole("table")).toHaveCount(2);
    await expect(app.region.locator("mark")).toHaveText(LYRICS.match(/\w+/g) ?? []);
  });
}

test("chooses a backend by measuring, and says what it measured", async ({ app, page }) => {
  await app.bringSong();
  await expect(page.getByText(/Runs on (CPU|WebGPU).*\d ms a pass/)).toBeVisible({ timeout: 120_000 });
});

test("cancel gives what is there so far, and the page stays responsive", async ({ app, page }) => {
  await app.bringSong();
  await app.lyrics.fill(LYRICS);
  await app.openSettings();
  await app.set({ Samples: 100_000 });
  await app.explain.click();
  await expect(app.progress).toHaveAttribute("value", /0\.00/, { timeout: 60_000 });
  // A page that computed in its own thread would not draw frames now.
  const slowest = await page.evaluate(async () => {
    let longest = 0;
    for (let last = performance.now(), frames = 0; frames < 60; frames++) {
      await new Promise(requestAnimationFrame);
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }
    return longest;
  });
  expect(slowest).toBeLessThan(1000);
  const began = Date.now();
  await app.cancel.click();
  await expect(app.region).toBeVisible({ timeout: 15_000 });
  console.log(
    `a partial explanation ${Date.now() - began} ms after Cancel; longest frame ${slowest.toFixed(0)} ms`,
  );
  await expect(app.region).toContainText("Stopped early");
  const explanation = await app.download();
  expect(explanation.run.stopped).toBe("cancelled");
  expect(explanation.run.rows).toBeLessThan(100_000);
  expect(explanation.run.rows).toBeGreaterThan(1);
  // The engine is as good as before.
  await app.set({ Samples: 8 });
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 60_000 });
  await expect(app.region).not.toContainText("Stopped early");
});

test("a song that is brought while another one is explained takes its place", async ({ app, page }) => {
  await app.bringSong();
  await app.openSettings();
  await app.set({ Samples: 100_000 });
  await app.explain.click();
  await expect(app.progress).toHaveAttribute("value", /0\.00/, { timeout: 60_000 });
  const song = readFileSync(SONG);
  const half = song.subarray(0, song.length / 2);
  await app.song.setInputFiles({ name: "half.mp3", mimeType: "audio/mpeg", buffer: half });
  await expect(app.alert).toContainText("not explained any more", { timeout: 15_000 });
  await expect(page.getByText("The model hears")).toBeVisible({ timeout: 60_000 });
  await expect(app.region).toBeHidden();
  await app.set({ Samples: 8 });
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 60_000 });
  expect((await app.download()).song.seconds).toBeLessThan(8);
});

test("a worker that does not hear Cancel is ended and started again", async ({ app, page }) => {
  await app.bringSong();
  // Stands in for one very long pass: the worker's messages are held back, so that it seems deaf.
  await page.evaluate(() => {
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (!message.cancel) post.call(this, message, ...rest);
    };
  });
  await app.openSettings();
  await app.set({ Samples: 100_000 });
  await app.explain.click();
  await expect(app.progress).toHaveAttribute("value", /0\.00/, { timeout: 60_000 });
  await app.cancel.click();
  await expect(app.alert).toContainText("restarted", { timeout: 5000 });
  await expect(app.region).toBeHidden();
  await app.set({ Samples: 8 });
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 120_000 });
});

test("files that are no songs are refused clearly, and the next song works", async ({ app }) => {
  const song = readFileSync(SONG);
  const bad = {
    "noise.mp3": Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251)),
    "empty.wav": Buffer.alloc(0),
    "header-only.mp3": song.subarray(0, 200),
  };
  for (const [file, buffer] of Object.entries(bad)) {
    await app.song.setInputFiles({ name: file, mimeType: "audio/mpeg", buffer });
    await expect(app.alert).toContainText(file, { timeout: 60_000 });
    await expect(app.alert).toBeFocused();
    await app.expectAccessible();
  }
  await app.bringSong();
  await expect(app.alert).toBeHidden();
});

test("without lyrics only the audio is explained, and the page says so", async ({ app }) => {
  await app.bringSong();
  await app.openSettings();
  await app.set({ Samples: 32 });
  await app.explain.click();
  await expect(app.region).toContainText("only the audio is explained", { timeout: 60_000 });
  const explanation = await app.download();
  expect(explanation.explanations[0].features.every(({ kind }) => kind === "audio")).toBe(true);
});

test("songs and lyrics can be dropped anywhere", async ({ app, page }) => {
  const files = await page.evaluateHandle(
    ([song, words]) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(song), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], "dropped.mp3", { type: "audio/mpeg" }));
      transfer.items.add(new File([words], "dropped.txt", { type: "text/plain" }));
      return transfer;
    },
    [readFileSync(SONG).toString("base64"), LYRICS],
  );
  await page.dispatchEvent("footer", "dragover", { dataTransfer: files });
  await expect(page.getByText("Drop the song or its lyrics")).toBeVisible();
  await page.dispatchEvent("footer", "drop", { dataTransfer: files });
  await expect(app.lyrics).toHaveValue(LYRICS);
  await expect(page.getByText("The model hears")).toBeVisible({ timeout: 60_000 });
  expect(await app.song.evaluate((/** @type {HTMLInputElement} */ input) => input.files?.[0]?.name)).toBe(
    "dropped.mp3",
  );
});

test("explains any label, and several", async ({ app, page }) => {
  await app.bringSong();
  await app.openSettings();
  await app.set({ Samples: 16 });
  const labels = await app.label.locator("option").allTextContents();
  await app.label.selectOption(labels.at(-1) ?? "");
  await app.explain.click();
  await expect(app.region).toContainText(labels.at(-1) ?? "", { timeout: 60_000 });
  await app.label.selectOption("Top three");
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 60_000 });
  const choices = app.region.getByRole("radio");
  const count = await choices.count();
  expect(count).toBeGreaterThan(1);
  const second = choices.nth(1);
  await second.focus();
  await page.keyboard.press("Space");
  await expect(app.region.getByRole("table").first()).toContainText(
    `speak for “${(await second.locator("..").innerText()).trim()}”`,
  );
});

test("words that look like markup stay words", async ({ app, page }) => {
  const hostile = "<img src=x onerror=alert(1)> <b>love</b> &amp; javascript:alert(1)";
  await app.bringSong();
  await app.lyrics.fill(hostile);
  await app.openSettings();
  await app.set({ Samples: 16 });
  await app.explain.click();
  await expect(app.region).toContainText(hostile, { timeout: 60_000 });
  await expect(page.locator("main img, main b")).toHaveCount(0);
});

test("fits a phone, in both themes", async ({ app, page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await app.bringSong();
  await app.lyrics.fill(LYRICS);
  await app.openSettings();
  await app.set({ Samples: 32 });
  await app.explain.click();
  await expect(app.region).toBeVisible({ timeout: 60_000 });
  await app.openSettings("Made with");
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    await app.expectAccessible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  }
});

test("can be used with the keyboard alone", async ({ app, page }) => {
  await app.bringSong();
  await app.song.focus();
  const reach = async (/** @type {import("@playwright/test").Locator} */ target) => {
    for (let step = 0; step < 30; step++) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error("not reached by Tab");
  };
  await reach(app.lyrics);
  await page.keyboard.type(LYRICS);
  await reach(page.getByText("Settings", { exact: true }));
  await page.keyboard.press("Enter");
  await reach(page.getByLabel("Samples"));
  await page.keyboard.type("16");
  await page.keyboard.press("Enter");
  await expect(app.region).toBeVisible({ timeout: 60_000 });
  await reach(page.getByRole("button", { name: "Download" }));
});
