/**
 * Cargo's runner for wasm tests. `wasm-bindgen-test-runner` serves a page that runs them; the
 * Chromium of the page's own tests opens it. So no chromedriver is needed, and WebGPU is there.
 */

import { chromium } from "@playwright/test";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { launchOptions } from "./chromium.mjs";

/** Software WebGPU is some hundred times slower than the CPU; still, no single test takes this long. */
const SILENCE_MS = 10 * 60_000;

const server = spawn("wasm-bindgen-test-runner", process.argv.slice(2), {
  env: { ...process.env, NO_HEADLESS: "1", WASM_BINDGEN_TEST_ADDRESS: "127.0.0.1:0" },
  stdio: ["ignore", "pipe", "inherit"],
});
const stopped = new Promise((resolve) => server.on("exit", (code) => resolve(code ?? 1)));
process.exitCode = await Promise.race([run(), stopped]);
server.kill();

async function run() {
  const address = await servedAt();
  // Without an address there is nothing to run, which the server has said itself.
  if (!address) return stopped;
  const browser = await chromium.launch(launchOptions());
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(`${error}`));
    // The browser asks for an icon, which the server has not; all else is worth showing.
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    page.on("console", (message) => message.type() === "error" && console.error(message.text()));
    await page.goto(address);
    return await follow(page);
  } finally {
    await browser.close();
  }
}

async function servedAt() {
  for await (const line of createInterface({ input: server.stdout })) {
    const address = /available at (http:\S+)/.exec(line)?.[1];
    if (address) return address;
    console.log(line);
  }
}

/** Prints what the page prints until it says how the tests ended. */
async function follow(page) {
  let printed = "";
  for (let last = Date.now(); Date.now() - last < SILENCE_MS; await page.waitForTimeout(200)) {
    const output = await page.locator("#output").innerText();
    if (output !== printed) {
      process.stdout.write(output.startsWith(printed) ? output.slice(printed.length) : `\n${output}`);
      printed = output;
      last = Date.now();
    }
    const result = /^test result: (\w+)/m.exec(output)?.[1];
    if (result) {
      process.stdout.write("\n");
      return result === "ok" ? 0 : 1;
    }
  }
  console.error("\nThe tests have been silent for too long");
  return 1;
}
