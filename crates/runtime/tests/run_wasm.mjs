// Runs a test binary of wasm32-unknown-unknown, which has no output: a failing test is named by the stack of its trap.
import { readFile } from "node:fs/promises";

Error.stackTraceLimit = 50;
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
process.exitCode = instance.exports.main(0, 0);
