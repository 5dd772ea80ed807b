/** The command line, whose explanations the page's are held against. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LYRICS, SONG } from "./app.mjs";

const top = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Explains the example song on the CPU, and has the results looked at before they are removed.
 * @template T
 * @param {{samples: number, seed: number}} settings
 * @param {(folder: string) => string[]} further Further arguments, given a folder for what they write.
 * @param {(explanation: any, folder: string) => T} look
 * @returns {T}
 */
export function explainOnCommandLine({ samples, seed }, further, look) {
  const folder = mkdtempSync(join(tmpdir(), "musiclime-"));
  try {
    const lyrics = join(folder, "lyrics.txt");
    const out = join(folder, "explanation.json");
    writeFileSync(lyrics, LYRICS);
    const program = join(process.env.CARGO_TARGET_DIR ?? join(top, "target"), "release", "musiclime");
    const settings = ["--samples", `${samples}`, "--seed", `${seed}`, "--backend", "cpu"];
    const model = ["--lyrics", lyrics, "--model", join(top, "models/demo")];
    execFileSync(program, ["explain", SONG, ...model, ...settings, ...further(folder), "--out", out], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    return look(JSON.parse(readFileSync(out, "utf8")), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
