// Reads handwritten Chinese characters. See hccr.d.ts for what each function takes, gives and throws.
import init, { Networks } from "./glue.js";

/** A function that makes a vector: it is valid only where simd128 is known. */
const VECTOR = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
);

let started;

export async function load({ offline, online, wasm } = {}) {
  started ??= start(wasm);
  const [offlineBytes, onlineBytes] = await Promise.all([bytes(offline), bytes(online), started]);
  return new Recognizer(new Networks(offlineBytes, onlineBytes));
}

async function start(wasm) {
  wasm ??= WebAssembly.validate(VECTOR)
    ? new URL("./hccr-simd128.wasm", import.meta.url)
    : new URL("./hccr-plain.wasm", import.meta.url);
  try {
    await init({ module_or_path: isAddress(wasm) ? get(wasm) : wasm });
  } catch (error) {
    started = undefined; // the next call may have more luck
    throw error;
  }
}

const isAddress = (source) => typeof source === "string" || source instanceof URL;

async function get(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`cannot load ${address}: ${response.status} ${response.statusText}`);
  return response;
}

/** The bytes of a model, which may be missing. */
async function bytes(source) {
  if (source === undefined || source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (isAddress(source)) return new Uint8Array(await (await get(source)).arrayBuffer());
  throw new TypeError("a model is a URL, an ArrayBuffer or a Uint8Array");
}

class Recognizer {
  #networks;

  constructor(networks) {
    this.#networks = networks;
  }

  get characters() {
    return this.#networks.labels();
  }

  read({ data, width, height }, { top = 10 } = {}) {
    if (!(data instanceof Uint8ClampedArray || data instanceof Uint8Array)) {
      throw new TypeError("the data of an image are a Uint8ClampedArray or a Uint8Array");
    }
    return candidates(this.#networks.read_image(data, width, height, count(top)));
  }

  readInk(strokes, { top = 10 } = {}) {
    if (strokes.some((stroke) => stroke.some((point) => point.length !== 2))) {
      throw new TypeError("a point is a pair of numbers");
    }
    const coordinates = Float32Array.from(strokes.flat(2));
    const lengths = Uint32Array.from(strokes, (stroke) => stroke.length);
    return candidates(this.#networks.read_ink(coordinates, lengths, count(top)));
  }

  ink() {
    return new Ink(this);
  }

  restricted(characters) {
    return new Recognizer(this.#networks.restricted(characters));
  }
}

class Ink {
  #recognizer;
  #strokes = [];

  constructor(recognizer) {
    this.#recognizer = recognizer;
  }

  get strokes() {
    return this.#strokes;
  }

  addStroke(points = []) {
    this.#strokes.push([...points]);
  }

  addPoint(x, y) {
    if (this.#strokes.length === 0) this.addStroke();
    this.#strokes.at(-1).push([x, y]);
  }

  undo() {
    return this.#strokes.pop();
  }

  clear() {
    this.#strokes.length = 0;
  }

  candidates(options) {
    return this.#recognizer.readInk(this.#strokes, options);
  }
}

function count(top) {
  if (Number.isInteger(top) && top > 0) return top;
  throw new RangeError("top must be a positive integer");
}

function candidates(found) {
  const { probabilities } = found;
  const list = Array.from(found.characters, (character, rank) => ({ character, probability: probabilities[rank] }));
  found.free();
  return list;
}
