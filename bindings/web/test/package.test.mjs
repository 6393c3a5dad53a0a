// The package without a browser: what it answers, and what it throws.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { characters, cross, INKS, PACKAGE, serve } from "./common.mjs";

const { load } = await import(new URL("hccr.js", PACKAGE));
const file = (name) => readFile(new URL(name, PACKAGE));
const wasm = await file("hccr-simd128.wasm");
const [offline, online] = await Promise.all([file("models/offline-3755.hccr"), file("models/online-3755.hccr")]);
const both = await load({ offline, online, wasm });

test("an image is read", () => {
  const candidates = both.read(cross(), { top: 5 });
  assert.equal(candidates.length, 5);
  assert.equal(candidates[0].character, "十");
  assert.ok(candidates[0].probability > candidates[1].probability);
});

test("an ink is read while it is written, taken back and cleared", () => {
  const ink = both.ink();
  assert.throws(() => ink.candidates(), /the ink has no points/);
  ink.addStroke(INKS.十[0]);
  assert.ok(characters(ink.candidates()).includes("一"));
  ink.addStroke();
  for (const [x, y] of INKS.十[1]) ink.addPoint(x, y);
  assert.deepEqual(ink.strokes, INKS.十);
  assert.deepEqual(ink.candidates(), both.readInk(INKS.十));
  assert.equal(ink.candidates()[0].character, "十");
  assert.deepEqual(ink.undo(), INKS.十[1]);
  assert.ok(characters(ink.candidates()).includes("一"));
  ink.clear();
  assert.equal(ink.undo(), undefined);
});

test("with both networks neither the order nor the joints of strokes matter", () => {
  for (const [character, strokes] of Object.entries(INKS)) {
    assert.ok(characters(both.readInk(strokes)).includes(character), character);
    assert.ok(characters(both.readInk(strokes.toReversed())).includes(character), `${character} reversed`);
  }
  assert.ok(characters(both.readInk([INKS.十.flat()])).includes("十"), "joined");
});

test("a restricted recognizer answers with its characters alone", () => {
  const few = both.restricted("口十");
  assert.equal([...few.characters].sort().join(""), ["口", "十"].sort().join(""));
  const candidates = few.read(cross());
  assert.equal(characters(candidates), "十口");
  assert.ok(Math.abs(candidates[0].probability + candidates[1].probability - 1) < 1e-5);
  assert.equal(characters(few.readInk(INKS.口)), "口十");
  assert.equal(both.characters.length, 3755);
  assert.throws(() => both.restricted("十A"), /does not know the character 'A'/);
  assert.throws(() => both.restricted(""), /no characters/);
});

test("either network serves alone", async () => {
  const images = await load({ offline });
  assert.equal(images.read(cross())[0].character, "十");
  assert.throws(() => images.readInk(INKS.十), /load the online model/);
  const inks = await load({ online: online.buffer.slice(online.byteOffset, online.byteOffset + online.length) });
  assert.ok(characters(inks.readInk(INKS.十)).includes("十"));
  assert.throws(() => inks.read(cross()), /load the offline model/);
});

test("what is wrong is thrown, and the recognizer lives on", async () => {
  const { data, width } = cross();
  assert.throws(() => both.read({ data, width, height: 7 }), /bytes are no 120x7 pixels/);
  assert.throws(() => both.read({ data, width: -1, height: NaN }), /bytes are no/);
  assert.throws(() => both.read({ data: [...data], width, height: width }), TypeError);
  assert.throws(() => both.read({ data: data.fill(255), width, height: width }), /no ink/);
  assert.throws(() => both.read(cross(), { top: 0 }), RangeError);
  assert.throws(() => both.readInk([[[0, 0], [NaN, 1]]]), /point 1 of stroke 0 is NaN or infinite/);
  assert.throws(() => both.readInk([[[0, 0], [undefined, 1]]]), /point 1 of stroke 0/);
  assert.throws(() => both.readInk([[[0, 0, 5], [1]]]), /a point is a pair/);
  await assert.rejects(load({ offline: new Uint8Array(100) }), /the bytes are no model file: /);
  await assert.rejects(load({ offline: online }), /the model is not one of this recognizer/);
  await assert.rejects(load({ offline: offline.subarray(0, 1000) }), /no model file/);
  await assert.rejects(load({ offline: 5 }), TypeError);
  assert.equal(both.read(cross())[0].character, "十");
});

test("a file that is not there is named", async () => {
  const server = await serve();
  const address = `${server.address}none.hccr`;
  await assert.rejects(load({ offline: address }), new RegExp(`cannot load ${address}: 404`));
  await server.close();
});

test("many readings need no more memory than few", async () => {
  const { default: init } = await import(new URL("glue.js", PACKAGE));
  const { memory } = await init(); // the one that runs
  const read = () => {
    both.read(cross(), { top: 3755 });
    both.readInk(INKS.大);
  };
  for (let i = 0; i < 5; i++) read();
  const before = memory.buffer.byteLength;
  for (let i = 0; i < 100; i++) read();
  assert.equal(memory.buffer.byteLength, before);
});
