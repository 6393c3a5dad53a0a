// What the tests share: the folders that `cargo xtask web` writes, a server of files, characters to write.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

export const OUT = new URL("../../../target/web/", import.meta.url);
export const PACKAGE = new URL("package/", OUT);

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Serves the page on a port of its own; the answer's `close` stops it at once. */
export async function serve() {
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url, "http://localhost").pathname.slice(1) || "index.html";
    try {
      const bytes = await readFile(new URL(path, new URL("page/", OUT)));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, close };
}

/** Strokes on 300 x 300. */
export const INKS = {
  十: [[[40, 130], [260, 126]], [[150, 40], [149, 265]]],
  大: [[[45, 118], [255, 112]], [[150, 40], [146, 130], [108, 200], [48, 258]], [[152, 118], [190, 188], [256, 252]]],
  口: [[[80, 90], [86, 235]], [[82, 92], [222, 88], [214, 232]], [[86, 225], [214, 222]]],
  三: [[[75, 70], [225, 66]], [[90, 150], [212, 147]], [[45, 242], [258, 238]]],
};

/** Pixels of a black cross on white. */
export function cross(side = 120) {
  const data = new Uint8ClampedArray(4 * side * side).fill(255);
  const isInk = (x, y) => (Math.abs(x - side / 2) < 5 || Math.abs(y - side / 2) < 5) && Math.min(x, y, side - x, side - y) > 15;
  for (let i = 0; i < side * side; i++) if (isInk(i % side, Math.floor(i / side))) data.fill(0, 4 * i, 4 * i + 3);
  return { data, width: side, height: side };
}

export const characters = (candidates) => candidates.map(({ character }) => character).join("");
