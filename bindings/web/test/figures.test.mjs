// What the page costs: printed, as `# ...` lines; only the bytes are held.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { INKS, OUT } from "./common.mjs";
import { withPage } from "./chromium.mjs";

test("code and both models are below 1.2 MB to download", async (t) => {
  const files = ["hccr.js", "glue.js", "hccr-simd128.wasm", "hccr-plain.wasm", "models/offline-3755.hccr", "models/online-3755.hccr"];
  let total = 0;
  for (const file of files) {
    const bytes = await readFile(new URL(`page/hccr/${file}`, OUT));
    const brotli = brotliCompressSync(bytes).length;
    t.diagnostic(`${file}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzip, ${brotli} brotli`);
    if (file !== "hccr-plain.wasm") total += Math.min(bytes.length, brotli); // an engine takes one build
  }
  t.diagnostic(`together: ${total} bytes`);
  assert.ok(total < 1.2e6);
});

test("the first answer, and each while one writes", withPage({}, async (page, { t }) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload(); // now the files come from the cache
  await page.getByText("3755 characters").waitFor();
  const [firsts, updates] = await page.evaluate(async (strokes) => {
    const timed = async (work) => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    const answered = (worker, strokes) =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }) => data.candidates && resolve();
        worker.postMessage({ id: 0, strokes });
      });
    const firsts = [];
    let worker;
    for (let i = 0; i < 7; i++) {
      worker?.terminate();
      firsts.push(await timed(async () => {
        worker = new Worker("worker.js", { type: "module" });
        await answered(worker, strokes);
      }));
    }
    const updates = [];
    const soFar = [];
    for (const stroke of strokes) {
      soFar.push([]);
      for (const point of stroke) {
        soFar.at(-1).push(point);
        updates.push(await timed(() => answered(worker, soFar)));
      }
    }
    return [firsts, updates];
  }, dense(INKS.大));
  t.diagnostic(`the first answer, from the start of the worker on, files cached: ${spread(firsts)}`);
  t.diagnostic(`an update while one writes, both networks, 3755 characters: ${spread(updates)}`);
  assert.ok(updates.length > 50);
}));

/** Points as close as a pen's. */
const dense = (strokes) =>
  strokes.map((stroke) =>
    stroke.slice(1).flatMap(([x1, y1], i) => {
      const [x0, y0] = stroke[i];
      return Array.from({ length: 12 }, (_, k) => [x0 + ((x1 - x0) * k) / 11, y0 + ((y1 - y0) * k) / 11]);
    }));

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((i) => sorted[i].toFixed(1));
  return `least ${least} ms, median ${median} ms, most ${most} ms`;
}
