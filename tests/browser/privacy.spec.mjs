/**
 * Every test fails on a request that is not for the page's own files. These tests plant such
 * requests, to show that the policy stops them and that the other tests would notice.
 */

import { expect, test } from "./app.mjs";

const ELSEWHERE = "https://elsewhere.invalid/";

/** @type {Record<string, (address: string) => unknown>} */
const PLANTED = {
  "a fetch": (address) =>
    fetch(address).then(
      () => "sent",
      () => "stopped",
    ),
  "an image": (address) =>
    new Promise((settled) => {
      const image = new Image();
      image.onload = () => settled("sent");
      image.onerror = () => settled("stopped");
      image.src = address;
    }),
  "a beacon": (address) => {
    navigator.sendBeacon(address, "song");
    return "stopped";
  },
  "a socket": (address) =>
    new Promise((settled) => {
      const socket = new WebSocket(address.replace("https", "wss"));
      socket.onopen = () => settled("sent");
      socket.onerror = () => settled("stopped");
    }),
};

for (const [name, plant] of Object.entries(PLANTED)) {
  test(`${name} from the page is stopped and noticed`, async ({ app: _, page, offences }) => {
    expect(await page.evaluate(plant, ELSEWHERE)).toBe("stopped");
    await expect.poll(() => offences.splice(0).join("\n")).toContain("elsewhere.invalid");
  });
}

test("a fetch from the worker is stopped by the worker's own policy", async ({ app }) => {
  const worker = await app.worker();
  const blocked = await worker.evaluate(async (address) => {
    const violation = new Promise((resolve) => self.addEventListener("securitypolicyviolation", resolve));
    await fetch(address).catch(() => {});
    return (await violation).blockedURI;
  }, ELSEWHERE);
  expect(blocked).toBe(ELSEWHERE);
});
