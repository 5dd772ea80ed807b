/** A browser that offers no WebGPU device. */

import { expect, test } from "./app.mjs";
import { launchOptions } from "./chromium.mjs";

test.use({ launchOptions: launchOptions({ webgpu: false }) });

test("runs on the CPU, and offers it when WebGPU is asked for in vain", async ({ app, page }) => {
  await app.bringSong();
  await expect(page.getByText("Runs on CPU")).toBeVisible({ timeout: 120_000 });
  await app.openSettings();
  await app.set({ Samples: 16 });
  await page.getByRole("radio", { name: "WebGPU" }).check();
  await expect(app.alert).toContainText("WebGPU", { timeout: 120_000 });
  await app.expectAccessible();
  await page.getByRole("button", { name: "Continue on the CPU" }).click();
  await expect(page.getByText("Runs on CPU")).toBeVisible({ timeout: 120_000 });
  await expect(app.alert).toBeHidden();
});
