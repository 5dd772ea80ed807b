/** The first visit: a stored explanation, and songs to try, before any engine or model is loaded. */

import { readFileSync } from "node:fs";
import { App, expect, LYRICS, test } from "./app.mjs";

const songs = new URL("../../www/songs/", import.meta.url);
const read = (/** @type {string} */ file) => readFileSync(new URL(file, songs), "utf8");
/** @type {any[]} */
const LIST = JSON.parse(read("songs.json")).songs;
const STORED = LIST.find(({ explanation }) => explanation);
const DRAWING = JSON.parse(read(STORED.explanation));

/** What the first screen may weigh without any sound, uncompressed. */
const FIRST_SCREEN_BYTES = 300_000;

/** What only those need who have something explained. */
const HEAVY = /\.wasm$|\/models\/|\/engine-(cpu|webgpu)|\/worker\.js$/;

/** The addresses that the page asks for, as long as the test runs. @param {import("@playwright/test").Page} page */
function requested(page) {
  /** @type {string[]} */
  const addresses = [];
  page.context().on("request", (request) => addresses.push(request.url()));
  return addresses;
}

/** The words as they stand in the stored lyrics, in order. */
const writtenWords = () =>
  DRAWING.words
    .flatMap(({ spans }) => spans)
    .sort((/** @type {number[]} */ a, /** @type {number[]} */ b) => (a[0] ?? 0) - (b[0] ?? 0))
    .map(([start, end]) => DRAWING.lyrics.text.slice(start, end));

/** @param {import("./app.mjs").App} app */
async function expectStored(app) {
  await expect(app.region).toContainText(`stored explanation of the demo song “${STORED.title}”`);
}

test("a first visit shows a whole explanation without engine or model", async ({
  page,
  site,
  offences: _,
}) => {
  const addresses = requested(page);
  let bytes = 0;
  page.on("response", async (response) => {
    bytes += Number(response.headers()["content-length"] ?? 0);
  });
  await page.goto(site);
  const app = new App(page);
  await expectStored(app);
  await expect(page.getByRole("heading", { name: "What the model says" })).toBeVisible();

  const { features } = DRAWING.explanation.explanations[0];
  const [strongest] = [...features].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  const name = strongest.kind === "audio" ? `${strongest.stem} ${strongest.segment + 1}` : strongest.word;
  await expect(app.region.getByRole("table").first().getByRole("row").nth(1)).toContainText(name);
  const sounds = features.filter((/** @type {any} */ { kind }) => kind === "audio").length;
  await expect(app.region.getByRole("table").nth(1).getByRole("button")).toHaveCount(sounds);
  await expect(app.region.locator("mark")).toHaveText(writtenWords());
  // Something is drawn where the waveform is.
  const drawn = await app.region.locator("canvas").evaluate((/** @type {HTMLCanvasElement} */ canvas) => {
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    return pixels.some((value) => value > 0);
  });
  expect(drawn).toBe(true);
  await expect(app.label.locator("option")).toContainText(
    DRAWING.explanation.predictions.map((/** @type {any} */ { label }) => label),
  );
  expect(await app.download()).toEqual(DRAWING.explanation);

  await page.waitForLoadState("networkidle");
  expect(addresses.filter((address) => HEAVY.test(new URL(address).pathname))).toEqual([]);
  expect(page.workers()).toEqual([]);
  console.log(
    `the first screen takes ${(bytes / 1000).toFixed(0)} kB in ${addresses.length} files, uncompressed`,
  );
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(FIRST_SCREEN_BYTES);
});

test("the stored explanation's song plays with its lines, still without the engine", async ({
  app,
  page,
}) => {
  await expectStored(app);
  const addresses = requested(page);
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(page.getByRole("button", { name: "Pause", exact: true })).toBeVisible();
  // Into the second line, which would be over soon if it played on.
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  const [, second] = DRAWING.lyrics.lines;
  await page.getByLabel("Position").fill((second.start + 0.5).toFixed(1));
  await expect(app.region.locator("[aria-current]")).toHaveText(
    DRAWING.lyrics.text.slice(second.span[0], second.span[1]),
  );
  await expect(app.region.locator(".cursor")).toHaveCount(1);
  await page.getByRole("button", { name: "Stop" }).click();
  const paths = addresses.map((address) => new URL(address).pathname);
  expect(paths.filter((path) => path !== "/icon.svg")).toEqual([`/songs/${STORED.file}`]);
});

test("a cell of the stored explanation loads what it needs, and plays", async ({ app, page }) => {
  await expectStored(app);
  const cell = app.region.getByRole("table").nth(1).getByRole("button").nth(5);
  await cell.click();
  await expect(cell).toHaveAttribute("aria-pressed", "true", { timeout: 120_000 });
  await expect(app.alert).toBeHidden();
  // The song is now the form's, and what was read stays.
  await expectStored(app);
  expect(await app.song.evaluate((/** @type {HTMLInputElement} */ input) => input.files?.[0]?.name)).toBe(
    STORED.file,
  );
  await expect(app.lyrics).toHaveValue(read(STORED.lyrics).trimEnd());
});

test("every demo song is credited and plays at once, one at a time", async ({ app, page }) => {
  await expectStored(app);
  const addresses = requested(page);
  const cards = page.getByRole("region", { name: "Try a song" }).getByRole("listitem");
  await expect(cards).toHaveCount(LIST.length);
  for (const [at, { title, artist, credit, licences }] of LIST.entries()) {
    const card = cards.nth(at);
    for (const text of [title, artist, credit]) await expect(card).toContainText(text);
    for (const { name, url } of licences) {
      const link = card.getByRole("link", { name });
      await expect(link).toHaveAttribute("href", url);
      // Whoever follows it must not lose the song that they brought.
      await expect(link).toHaveAttribute("target", "_blank");
    }
    await card.locator("audio").evaluate((/** @type {HTMLAudioElement} */ audio) => audio.play());
    await expect
      .poll(() =>
        card.locator("audio").evaluate((/** @type {HTMLAudioElement} */ audio) => audio.currentTime),
      )
      .toBeGreaterThan(0.1);
    const playing = await cards.evaluateAll((all) => all.map((one) => !one.querySelector("audio")?.paused));
    expect(playing).toEqual(LIST.map((_, other) => other === at));
  }
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(page.getByRole("button", { name: "Pause", exact: true })).toBeVisible();
  const sounding = () =>
    cards.evaluateAll((all) => all.filter((one) => !one.querySelector("audio")?.paused).length);
  expect(await sounding()).toBe(0);
  // And back: the card's own player takes over, and is not silenced by the one that it stopped.
  await cards
    .first()
    .locator("audio")
    .evaluate((/** @type {HTMLAudioElement} */ audio) => audio.play());
  await expect(page.getByRole("button", { name: "Play", exact: true })).toBeVisible();
  expect(await sounding()).toBe(1);
  expect(addresses.filter((address) => HEAVY.test(new URL(address).pathname))).toEqual([]);
});

test("a demo song is explained by one key, in place of the stored explanation", async ({ app, page }) => {
  await expectStored(app);
  await app.openSettings();
  await app.set({ Samples: 32 });
  const { title, file, lyrics } = LIST.find((song) => song !== STORED && song.lyrics);
  const button = page.getByRole("button", { name: `Explain it: ${title}` });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(app.lyrics).toHaveValue(read(lyrics).trimEnd());
  expect(await app.song.evaluate((/** @type {HTMLInputElement} */ input) => input.files?.[0]?.name)).toBe(
    file,
  );
  await expect(app.region).toBeVisible({ timeout: 180_000 });
  await expect(app.region).not.toContainText("stored explanation");
  await expect(app.region.getByRole("heading", { name: "Explanation" })).toBeFocused();
  const explanation = await app.download();
  expect(explanation.run.rows).toBe(32);
  expect(explanation.explanations[0].features.some(({ kind }) => kind === "word")).toBe(true);

  // One without words, while nothing stands in the way of it.
  const instrumental = LIST.find((song) => !song.lyrics);
  await page.getByRole("button", { name: `Explain it: ${instrumental.title}` }).click();
  await expect(app.region).toContainText("only the audio is explained", { timeout: 180_000 });
  await expect(app.lyrics).toHaveValue("");
});

test("lyrics of one's own make room for a demo song's, and come back", async ({ app, page }) => {
  await expectStored(app);
  await app.lyrics.fill(LYRICS);
  const instrumental = LIST.find((song) => !song.lyrics);
  await page.getByRole("button", { name: `Explain it: ${instrumental.title}` }).click();
  await expect(app.lyrics).toHaveValue("");
  await expect(app.alert).toContainText("Yours come back with a song of your own");
  await app.bringSong();
  await expect(app.lyrics).toHaveValue(LYRICS);
});

test("Explain is about the song whose stored explanation is shown", async ({ app }) => {
  await expectStored(app);
  await app.openSettings();
  await app.set({ Samples: 8 });
  await app.explain.click();
  await expect(app.lyrics).toHaveValue(read(STORED.lyrics).trimEnd());
  await expect(app.region).not.toContainText("stored explanation", { timeout: 180_000 });
  await expect(app.region).toBeVisible({ timeout: 180_000 });
  const explanation = await app.download();
  expect(explanation.song.sha256).toBe(DRAWING.explanation.song.sha256);
  expect(explanation.run.rows).toBe(8);
  // Its lyrics are not those of another song.
  await app.bringSong();
  await expect(app.lyrics).toHaveValue("");
});

test("Explain without a song asks for one where the lyrics are of another", async ({ app }) => {
  await expectStored(app);
  await app.lyrics.fill(LYRICS);
  await app.explain.click();
  await expect(app.alert).toContainText("There is no song yet");
});

/**
 * Has the demo song hang on its way.
 * @param {import("@playwright/test").Page} page
 * @param {string} file
 */
async function hang(page, file) {
  await page.route(`**/songs/${file}`, () => new Promise(() => {}));
}

/** What waits for the stored explanation's song. @type {[string, (app: App) => Promise<void>][]} */
const WAITING = [
  ["a cell", (app) => app.region.getByRole("table").nth(1).getByRole("button").nth(5).click()],
  ["the player", (app) => app.page.getByRole("button", { name: "Play", exact: true }).click()],
  ["a card", (app) => app.page.getByRole("button", { name: `Explain it: ${STORED.title}` }).click()],
  ["Explain", (app) => app.explain.click()],
];

for (const [name, ask] of WAITING) {
  test(`Cancel stops ${name} that waits for a demo song`, async ({ app, page }) => {
    await expectStored(app);
    await hang(page, STORED.file);
    await ask(app);
    await expect(page.getByText(`Getting “${STORED.title}” …`)).toBeVisible();
    await app.cancel.click();
    await expect(app.progress).toBeHidden();
    await expect(app.cancel).toBeDisabled();
    await expect(app.alert).toContainText("Stopped.");
    await expectStored(app);
    expect(page.workers()).toEqual([]);
  });

  test(`${name} that waits for a demo song gives way to a song of one's own`, async ({ app, page }) => {
    await expectStored(app);
    await hang(page, STORED.file);
    await ask(app);
    await expect(page.getByText(`Getting “${STORED.title}” …`)).toBeVisible();
    await app.bringSong();
    await expect(app.progress).toBeHidden();
    await expect(app.cancel).toBeDisabled();
    await expect(app.alert).toBeHidden();
    await expect(app.region).toBeHidden();
    await expect(page.getByRole("heading", { name: "What you will see" })).toBeVisible();
  });
}

test("an explanation that is cancelled before its first answer leaves no blank", async ({ app, page }) => {
  await expectStored(app);
  // The engine hangs, so that nothing comes before Cancel.
  await page.route("**/*.wasm", () => new Promise(() => {}));
  await app.explain.click();
  await expect(page.getByRole("heading", { name: "What you will see" })).toBeVisible();
  await expect(app.region).toBeHidden();
  await expect(app.progress).toBeVisible();
  await app.cancel.click();
  await expect(app.progress).toBeHidden();
  await expect(page.getByRole("heading", { name: "What you will see" })).toBeVisible();
});

/**
 * Has the server know nothing of a file, and takes the browser's own word of it from what is held against the page.
 * @param {import("@playwright/test").Page} page
 * @param {string[]} offences
 * @param {string} file
 */
async function lose(page, offences, file) {
  await page.route(`**/songs/${file}`, (route) => route.fulfill({ status: 404 }));
  return async () => {
    await expect.poll(() => offences.length).toBeGreaterThan(0);
    expect(offences.splice(0).filter((offence) => !offence.includes("404"))).toEqual([]);
  };
}

for (const file of ["songs.json", STORED.explanation]) {
  test(`without ${file} the page is there for a song of one's own`, async ({ page, site, offences }) => {
    const lost = await lose(page, offences, file);
    await page.goto(site);
    await expect(page.getByRole("heading", { name: "What you will see" })).toBeVisible();
    await lost();
    const app = new App(page);
    await expect(app.region).toBeHidden();
    await expect(app.alert).toBeHidden();
    await app.explain.click();
    await expect(app.alert).toContainText("There is no song yet");
  });
}

test("a demo song that is not there is told of, wherever it is asked for", async ({
  app,
  page,
  offences,
}) => {
  await expectStored(app);
  for (const [name, ask] of WAITING) {
    const lost = await lose(page, offences, STORED.file);
    await ask(app);
    await expect(app.alert, name).toContainText("the server answers 404");
    await expect(app.progress).toBeHidden();
    await lost();
  }
  const lost = await lose(page, offences, STORED.file);
  await page
    .getByLabel(`Listen to ${STORED.title}`)
    .evaluate((/** @type {HTMLAudioElement} */ audio) => audio.play().catch(() => {}));
  await expect(app.alert).toContainText(`“${STORED.title}” could not be played`);
  await lost();
  expect(page.workers()).toEqual([]);
});

test("a demo song that is no song is told of", async ({ app, page }) => {
  await expectStored(app);
  await page.route(`**/songs/${STORED.file}`, (route) => route.fulfill({ body: "no song" }));
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(app.alert).toContainText("can’t decode the demo song");
  await expect(page.getByRole("button", { name: "Play", exact: true })).toBeVisible();
});

test("on a phone, what was asked for comes into view", async ({ app, page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await expectStored(app);
  await expect(app.region.getByRole("heading", { name: "Explanation" })).toBeInViewport();

  // From the song's card, and from the form, which is a few screens below.
  await hang(page, STORED.file);
  for (const ask of [WAITING[2], WAITING[3]]) {
    await ask?.[1](app);
    await expect(page.getByText(`Getting “${STORED.title}” …`)).toBeInViewport();
    await expect(app.cancel).toBeInViewport();
    await app.cancel.click();
    await expect(app.progress).toBeHidden();
  }
});

test("the first screen fits, in both themes and on a phone", async ({ app, page }) => {
  await expectStored(app);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.emulateMedia({ colorScheme });
      await app.expectAccessible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  }
});

test("a song of one's own takes the stored explanation away", async ({ app }) => {
  await expectStored(app);
  await app.bringSong();
  await expect(app.region).toBeHidden();
});
