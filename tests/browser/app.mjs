/**
 * The page as its tests use it: by the names that people see, never by its insides. Every test
 * fails if the page asks another server for anything, breaks its own policy or logs an error.
 */

import { test as base, expect } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { serve } from "./serve.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export { expect };

/** 10.9 s of "Slow Motion Dream"; its credits stand in tests/data/README.md. */
export const SONG = fileURLToPath(new URL("../data/audio_example.mp3", import.meta.url));
export const LYRICS = "It always seems like time stands still when I'm with you.";

export class App {
  /** @param {import("@playwright/test").Page} page */
  constructor(page) {
    this.page = page;
    this.song = page.getByLabel("Song", { exact: true });
    this.lyrics = page.getByLabel("Lyrics", { exact: true });
    this.label = page.getByLabel("Label", { exact: true });
    this.explain = page.getByRole("button", { name: "Explain", exact: true });
    this.cancel = page.getByRole("button", { name: "Cancel" });
    this.progress = page.getByRole("progressbar");
    this.alert = page.getByRole("alert");
    this.region = page.getByRole("region", { name: "Explanation" });
  }

  /** @param {string} name */
  async openSettings(name = "Settings") {
    await this.page.getByText(name, { exact: true }).click();
  }

  /** Chooses where to compute, and waits until the engine says that it runs there. */
  async computeOn(/** @type {"Auto" | "WebGPU" | "CPU"} */ backend) {
    await this.page.getByRole("radio", { name: backend }).check();
    await expect(this.page.getByText(`Runs on ${backend === "Auto" ? "" : backend}`)).toBeVisible({
      timeout: 120_000,
    });
  }

  /** @param {Record<string, string | number>} values by the settings' names */
  async set(values) {
    for (const [name, value] of Object.entries(values)) await this.page.getByLabel(name).fill(String(value));
  }

  async bringSong(file = SONG) {
    await this.song.setInputFiles(file);
    await expect(this.page.getByText("The model hears")).toBeVisible({ timeout: 120_000 });
  }

  /** The worker of the engine that runs, which a song has started. */
  async worker() {
    await this.bringSong();
    const [worker] = this.page.workers();
    if (!worker) throw new Error("the page has no worker");
    return worker;
  }

  /** The explanation as one gets it by Download. */
  async download() {
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.page.getByRole("button", { name: "Download" }).click(),
    ]);
    return JSON.parse(await readFile(await download.path(), "utf8"));
  }

  /** Lets axe-core look at the page as it stands. */
  async expectAccessible() {
    // Evaluated by the debugger, which the page's policy does not bind.
    await this.page.evaluate(await readFile(AXE, "utf8"));
    const found = await this.page.evaluate(async () => {
      const { violations } = await /** @type {any} */ (globalThis).axe.run(document);
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`);
    });
    expect(found).toEqual([]);
  }
}

export const test = base.extend({
  /** The site's headers, where they are to differ from those of trunk.toml. */
  headers: [undefined, { option: true, scope: "worker" }],

  /** Scripts of a test's own that the site has, by their paths. */
  scripts: [undefined, { option: true, scope: "worker" }],

  site: [
    async ({ headers, scripts }, use) => {
      const site = await serve({ headers, scripts });
      await use(site.url);
      site.close();
    },
    { scope: "worker" },
  ],

  /** What went wrong that no assertion of a test would see. */
  offences: async ({ context, site }, use) => {
    /** @type {string[]} */
    const offences = [];
    const origin = new URL(site).origin;
    // Routing sees the requests of workers as well; foreign ones are stopped, so that a test can plant some.
    await context.route("**", (route) => {
      const request = route.request();
      const { protocol, origin: asked, search } = new URL(request.url());
      const own = protocol === "blob:" || protocol === "data:" || asked === origin;
      if (own && request.method() === "GET" && search === "") return route.continue();
      offences.push(`request: ${request.method()} ${request.url()}`);
      return route.abort();
    });
    context.on("console", (message) => {
      if (message.type() === "error") offences.push(`console: ${message.text()}`);
    });
    context.on("weberror", (error) => offences.push(`error: ${error.error()}`));
    await use(offences);
    expect(offences).toEqual([]);
  },

  app: async ({ page, site, offences: _ }, use) => {
    await page.goto(site);
    await use(new App(page));
  },
});
