// The page in Chromium, as people use it: pen, keys, pictures, no network.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage, write } from "./chromium.mjs";
import { cross, INKS } from "./common.mjs";

const candidates = (page) => page.locator("#candidates button");

/** Waits until the character is among the candidates, and gives its button. */
async function candidate(page, character) {
  const button = candidates(page).filter({ hasText: character }).first();
  await button.waitFor({ timeout: 10_000 });
  return button;
}

const picture = (page) =>
  page.evaluate(async ({ data, width, height }) => {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(data), width, height), 0, 0);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, { ...cross(), data: [...cross().data] });

test("characters are written, read and taken", withPage({}, async (page) => {
  for (const [character, strokes] of Object.entries(INKS)) {
    await write(page, strokes);
    await (await candidate(page, character)).click();
    await page.waitForFunction(() => document.querySelectorAll("#candidates button").length === 0);
  }
  assert.equal(await page.inputValue("#text"), Object.keys(INKS).join(""));
  await page.getByLabel("Erase the last character").click();
  assert.equal(await page.inputValue("#text"), Object.keys(INKS).slice(0, -1).join(""));
}));

test("candidates come while a stroke is under way, and a stroke is taken back", withPage({}, async (page) => {
  await write(page, [INKS.十[0]]);
  await page.locator("#said", { hasText: "一" }).waitFor({ state: "attached" });
  const said = await page.locator("#said").textContent();
  const { x, y, width } = await page.locator("#paper").boundingBox();
  await page.mouse.move(x + width / 2, y + width / 8);
  await page.mouse.down();
  await page.mouse.move(x + width / 2, y + 0.9 * width, { steps: 10 });
  await candidate(page, "十"); // the pen is still down
  assert.equal(await page.locator("#said").textContent(), said, "nothing is said while one writes");
  await page.mouse.up();
  await page.locator("#said", { hasText: /^十/ }).waitFor({ state: "attached" });
  assert.equal(await page.locator("#paper").getAttribute("aria-label"), "Paper, 2 strokes");
  await page.mouse.down();
  await page.keyboard.press("Control+z"); // the pen is down: its stroke goes
  await page.mouse.move(x, y, { steps: 3 });
  await page.mouse.up();
  assert.equal(await page.locator("#paper").getAttribute("aria-label"), "Paper, 2 strokes");
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => document.querySelector("#candidates button").textContent.startsWith("一"));
  await page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await candidates(page).count(), 0);
  assert.ok(await page.getByRole("button", { name: "Undo" }).isDisabled());
}));

test("the order and the joints of strokes do not matter", withPage({}, async (page) => {
  await write(page, INKS.大.toReversed());
  await candidate(page, "大");
  await page.keyboard.press("Escape");
  await write(page, [INKS.十.flat()]);
  await candidate(page, "十");
}));

test("a finger writes, and a palm beside it does not", withPage({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } }, async (page) => {
  const session = await page.context().newCDPSession(page);
  const { x, y, width } = await page.locator("#paper").boundingBox();
  const touch = (type, ...touchPoints) => session.send("Input.dispatchTouchEvent", { type, touchPoints });
  const at = ([px, py], id = 0) => ({ x: x + (px * width) / 300, y: y + (py * width) / 300, id });
  for (const [from, to] of INKS.十) {
    const palm = at([280, 285], 1);
    await touch("touchStart", at(from));
    await touch("touchStart", at(from), palm);
    await touch("touchMove", at(to), palm);
    await touch("touchEnd");
  }
  await candidate(page, "十");
  assert.equal(await page.locator("#paper").getAttribute("aria-label"), "Paper, 2 strokes");
}));

test("a picture is chosen, pasted and dropped", withPage({}, async (page) => {
  const bytes = await picture(page);
  const file = { name: "cross.png", mimeType: "image/png", buffer: Buffer.from(bytes) };
  await page.setInputFiles("#picture", file);
  await (await candidate(page, "十")).click();
  for (const [event, carrier, member] of [["paste", "ClipboardEvent", "clipboardData"], ["drop", "DragEvent", "dataTransfer"]]) {
    await page.evaluate(([bytes, event, carrier, member]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(bytes)], "cross.png", { type: "image/png" }));
      document.body.dispatchEvent(new globalThis[carrier](event, { [member]: transfer, bubbles: true, cancelable: true }));
    }, [bytes, event, carrier, member]);
    await (await candidate(page, "十")).click();
  }
  assert.equal(await page.inputValue("#text"), "十十十");
  await page.setInputFiles("#picture", { ...file, buffer: Buffer.from("no picture") });
  await page.getByRole("alert").filter({ hasText: "no picture that the browser can open" }).waitFor();
  await write(page, INKS.十);
  await candidate(page, "十");
  assert.equal(await page.locator("#problem").textContent(), "");
}));

test("it opens and reads without a network", withPage({}, async (page, { server }) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await server.close();
  await page.reload();
  await page.getByText("3755 characters").waitFor();
  await write(page, INKS.十);
  await candidate(page, "十");
}));

test("the main thread reads too, with the plain build where there is no SIMD", withPage({}, async (page) => {
  const [character, builds] = await page.evaluate(async (strokes) => {
    WebAssembly.validate = () => false;
    const { load } = await import("./hccr/hccr.js");
    const recognizer = await load({ offline: "hccr/models/offline-3755.hccr", online: "hccr/models/online-3755.hccr" });
    const builds = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".wasm"));
    return [recognizer.readInk(strokes)[0].character, builds.map((name) => name.split("/").pop())];
  }, INKS.十);
  assert.equal(character, "十");
  assert.deepEqual(builds, ["hccr-plain.wasm"]);
}));
