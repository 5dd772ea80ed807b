/** Served without the policy's header, the worker has none: then the tests' own watch is all there is. */

import { expect, test } from "./app.mjs";

test.use({ headers: {} });

test("a fetch from a worker without a policy is noticed", async ({ app, offences }) => {
  const worker = await app.worker();
  const fetched = await worker.evaluate(() => fetch("https://elsewhere.invalid/").catch(() => "stopped"));
  expect(fetched).toBe("stopped");
  await expect.poll(() => offences.splice(0).join("\n")).toContain("elsewhere.invalid");
});
