// The page for those who use keys, a screen reader, a small screen or the dark.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage, write } from "./chromium.mjs";
import { INKS } from "./common.mjs";

const PHONE = { viewport: { width: 320, height: 640 } };

test("what is for use has a name, and Chinese is marked as such", withPage({}, async (page) => {
  await write(page, INKS.十);
  await page.locator("#candidates button").nth(9).waitFor();
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const used = nodes.filter(({ role, ignored }) => !ignored && ["button", "textbox", "image", "img"].includes(role?.value));
  assert.ok(used.length >= 16, `${used.length} of them`);
  for (const { role, name } of used) assert.ok(name?.value, `a ${role.value} without a name`);
  const names = used.map(({ name }) => name.value);
  assert.ok(names.some((name) => /^十, \d+ percent$/.test(name)), names.join("; "));
  for (const id of ["text", "candidates"]) assert.equal(await page.locator(`#${id}`).getAttribute("lang"), "zh-Hans");
  assert.equal(await page.getAttribute("html", "lang"), "en");
  assert.equal(await page.locator("h1").count(), 1);
}));

test("keys reach everything in order, and one sees where they are", withPage({}, async (page) => {
  await write(page, INKS.十);
  await page.locator("#candidates button").nth(9).waitFor();
  const reached = [];
  await page.locator("#text").focus();
  await page.keyboard.press("Shift+Tab");
  for (let i = 0; i < 16; i++) {
    await page.keyboard.press("Tab");
    const [name, outline] = await page.evaluate(() => {
      const element = document.activeElement;
      const shown = element.closest("label") ?? element;
      return [element.id || element.parentElement.localName, getComputedStyle(shown).outlineStyle];
    });
    assert.notEqual(outline, "none", name);
    reached.push(name);
  }
  assert.deepEqual(reached, ["text", "erase", "copy", "undo", "clear", "picture", ...Array(10).fill("li")]);
}));

test("a number takes a candidate, but not while one types", withPage({}, async (page) => {
  await write(page, INKS.十);
  await page.locator("#candidates button", { hasText: "十" }).waitFor();
  const second = await page.locator("#candidates .character").nth(1).textContent();
  await page.keyboard.press("2");
  assert.equal(await page.inputValue("#text"), second);
  await page.locator("#said", { hasText: `${second} taken` }).waitFor({ state: "attached" });
  await write(page, INKS.十);
  await page.locator("#candidates button").first().waitFor();
  await page.locator("#text").press("End");
  await page.keyboard.type("12");
  assert.equal(await page.inputValue("#text"), `${second}12`);
}));

for (const colorScheme of ["light", "dark"]) {
  test(`text stands out from its ground: ${colorScheme}`, withPage({ colorScheme }, async (page) => {
    await write(page, INKS.十);
    await page.locator("#candidates button").nth(9).waitFor();
    const ratios = await page.evaluate(() => {
      const numbers = (color) => color.match(/[\d.]+/g).map(Number);
      const light = (color) => {
        const [r, g, b] = numbers(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        return numbers(backgroundColor)[3] === 0 ? ground(element.parentElement) : backgroundColor;
      };
      return ["h1", "h2", "header p", "#text", "#copy", "#undo", ".character", ".share", "#hint", "#problem", "footer"].map((selector) => {
        const element = document.querySelector(selector);
        const [dark, bright] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => a - b);
        return [selector, (bright + 0.05) / (dark + 0.05)];
      });
    });
    for (const [selector, ratio] of ratios) assert.ok(ratio >= 4.5, `${selector}: ${ratio.toFixed(1)}`);
  }));
}

test("the smallest phone needs no scrolling sideways", withPage(PHONE, async (page) => {
  await write(page, INKS.十);
  await page.locator("#candidates button").nth(9).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const sizes = await page.$$eval("button, label.button", (all) => all.map((one) => one.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)));
  assert.ok(sizes.every((size) => size >= 40), `${sizes}`);
}));
