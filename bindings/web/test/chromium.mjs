// A browser for each file of tests, and a page for each test.
import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { serve } from "./common.mjs";

let browser;
after(() => browser?.close());

/**
 * A test of the loaded page, in a profile of its own, from a server of its own. What goes wrong in the page, unasked, fails the
 * test.
 */
export function withPage(settings, body) {
  return async (t) => {
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    browser ??= await chromium.launch({ executablePath, args: ["--no-sandbox"] }); // root has no sandbox
    const server = await serve();
    const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...settings });
    try {
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(error.message));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      await page.goto(server.address);
      await page.getByText("3755 characters").waitFor();
      await body(page, { server, t });
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
      await server.close();
    }
  };
}

/** Writes strokes with the mouse. */
export async function write(page, strokes) {
  const { x, y, width } = await page.locator("#paper").boundingBox();
  const place = ([px, py]) => [x + (px * width) / 300, y + (py * width) / 300];
  for (const [first, ...rest] of strokes) {
    await page.mouse.move(...place(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...place(point), { steps: 8 });
    await page.mouse.up();
  }
}
