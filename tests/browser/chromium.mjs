/** How Chromium is started, for the tests of the page and of the engines alike. */

import { execFileSync } from "node:child_process";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * Playwright's launch options for the Chromium that is installed.
 * @param {{webgpu?: boolean}} [wish]
 */
export function launchOptions({ webgpu = true } = {}) {
  return {
    executablePath: process.env.CHROMIUM ?? found(),
    args: [
      // Without a GPU, Chromium only hands out its software adapter when told to.
      ...(webgpu ? ["--enable-unsafe-webgpu"] : []),
      // Containers often forbid the sandbox's system calls; only our own page is opened.
      "--no-sandbox",
      // Chromium's own business with the network has no place in a test of what the page does.
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}

function found() {
  for (const name of NAMES) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // Not this one.
    }
  }
  throw new Error(
    "The browser tests need Chromium: install it, or say where it is with CHROMIUM=/path/to/chromium",
  );
}
