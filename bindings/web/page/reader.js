/** Reads in a worker, so that reading never holds up the pen. */
export class Reader {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #id = 0;

  /** Resolves to what loading took: milliseconds, bytes, characters. */
  ready = new Promise((resolve, reject) => {
    this.#worker.onerror = (event) => reject(new Error(event.message ?? "the worker does not start"));
    this.#worker.onmessage = ({ data }) => {
      if (data.ready) {
        settle(data.ready, { resolve, reject });
      } else {
        settle(data, this.#waiting.get(data.id));
        this.#waiting.delete(data.id);
      }
    };
  });

  /** The candidates for `{ strokes }` or for `{ image }`, and the milliseconds that they took. */
  read(what) {
    const id = this.#id++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...what });
    });
  }
}

function settle(answer, { resolve, reject }) {
  if (answer.error === undefined) resolve(answer);
  else reject(new Error(answer.error));
}
