/**
 * Prints what a visitor downloads and how long they wait, from dist/ as it was built last:
 * `node tests/browser/measure.mjs [SONG]`. Times are of this machine, with nothing else running if they
 * are to mean anything.
 */

import { chromium } from "@playwright/test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { App, LYRICS, SONG } from "./app.mjs";
import { launchOptions } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));

const files = (await readdir(dist, { recursive: true, withFileTypes: true })).filter((entry) =>
  entry.isFile(),
);
/** @type {Map<string, {raw: number, brotli: number}>} */
const groups = new Map();
for (const file of files) {
  const path = join(file.parentPath, file.name);
  const bytes = await readFile(path);
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  const relative = path.slice(dist.length + 1);
  const group = relative.startsWith("models/")
    ? relative.split("/").slice(0, 2).join("/")
    : relative.endsWith(".mp3")
      ? "demo songs"
      : (/^engine-[a-z]+/.exec(relative)?.[0] ?? "page");
  const sum = groups.get(group) ?? { raw: 0, brotli: 0 };
  groups.set(group, { raw: sum.raw + bytes.length, brotli: sum.brotli + brotli.length });
}
const kilobytes = (/** @type {number} */ bytes) => `${(bytes / 1000).toFixed(0)} kB`.padStart(10);
console.log(`${"".padEnd(16)}       raw  brotli -9`);
for (const [group, { raw, brotli }] of groups) {
  console.log(`${group.padEnd(16)}${kilobytes(raw)} ${kilobytes(brotli)}`);
}

const site = await serve();
const browser = await chromium.launch(launchOptions());
for (const backend of /** @type {const} */ (["Auto", "CPU"])) {
  const page = await browser.newPage();
  const app = new App(page);
  // From opening the page, by a visitor who does not read: the CPU is chosen at once, then the song is brought.
  const began = performance.now();
  const passed = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  await page.goto(site.url);
  if (backend !== "Auto") {
    await app.openSettings();
    await app.computeOn(backend);
  }
  // A song is what has the engine and the model loaded, unless a backend was chosen before.
  await app.bringSong(process.argv[2] ?? SONG);
  console.log(`\n${backend}: ${await page.getByText("Runs on").innerText()}`);
  console.log(`engine, model and song   ${passed()}`);
  // To hear a stem the song has to be taken apart first.
  const player = page.getByRole("region", { name: "Listen" });
  await player.getByLabel("Hear").selectOption({ label: "Vocals" });
  const asked = performance.now();
  await page.getByRole("button", { name: "Play" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor({ timeout: 3_600_000 });
  console.log(
    `song taken apart         ${passed()}, in ${((performance.now() - asked) / 1000).toFixed(1)} s`,
  );
  await page.getByRole("button", { name: "Stop" }).click();
  await app.lyrics.fill(LYRICS);
  await app.explain.click();
  await page.getByRole("heading", { name: "What the model says" }).waitFor({ timeout: 600_000 });
  console.log(`predictions              ${passed()}`);
  await app.region.waitFor({ timeout: 3_600_000 });
  console.log(`explanation (default)    ${passed()}`);
  await page.close();
}
await browser.close();
site.close();
