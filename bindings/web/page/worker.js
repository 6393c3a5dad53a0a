// Loads both networks, and reads what the page sends. Its other end is reader.js.
import { load } from "./hccr/hccr.js";

const start = performance.now();
const loading = load({
  offline: new URL("hccr/models/offline-3755.hccr", import.meta.url),
  online: new URL("hccr/models/online-3755.hccr", import.meta.url),
});

onmessage = async ({ data: { id, strokes, image } }) => {
  try {
    const recognizer = await loading;
    const start = performance.now();
    const candidates = strokes ? recognizer.readInk(strokes) : recognizer.read(image);
    postMessage({ id, candidates, milliseconds: performance.now() - start });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};

const CROSS = [[[0, 1], [2, 1]], [[1, 0], [1, 2]]];

try {
  const recognizer = await loading;
  const milliseconds = performance.now() - start;
  recognizer.readInk(CROSS); // the first reading is the slowest: have it done before the pen lands
  const bytes = performance.getEntriesByType("resource").reduce((sum, entry) => sum + entry.encodedBodySize, 0);
  postMessage({ ready: { milliseconds, bytes, characters: recognizer.characters.length } });
} catch (error) {
  postMessage({ ready: { error: error.message } });
}
