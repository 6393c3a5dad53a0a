/** Where a file is, or its bytes. */
export type Source = string | URL | ArrayBuffer | Uint8Array;

export interface Files {
  /** The model that reads images. */
  offline?: Source;
  /** The model that reads pen strokes. Where both are given, ink is read by both. */
  online?: Source;
  /**
   * The WebAssembly, where it does not lie beside `hccr.js`. The first call decides; by default it takes the build with
   * SIMD where the engine has it.
   */
  wasm?: Source | Response | WebAssembly.Module;
}

/**
 * Loads models, and the WebAssembly once.
 *
 * Throws where a file cannot be loaded, is no model or not of the kind, and where both do not know the same characters.
 */
export function load(files: Files): Promise<Recognizer>;

export interface Candidate {
  character: string;
  /** From 0 to 1; those of all characters add up to 1. */
  probability: number;
}

export interface Options {
  /** The most candidates wanted; 10 by default. */
  top?: number;
}

/** x and y, in any unit; y grows downwards. */
export type Point = readonly [x: number, y: number];

/** Reads one character at a time. */
export interface Recognizer {
  /** All characters that can be answered. */
  readonly characters: string;
  /**
   * The likeliest characters for an image of any size, as a canvas gives it; the likeliest first.
   *
   * Throws where nothing in the image could be ink, and where no offline model was loaded.
   */
  read(image: Pick<ImageData, "width" | "height"> & { data: Uint8ClampedArray | Uint8Array }, options?: Options): Candidate[];
  /**
   * The likeliest characters for finished strokes; the likeliest first.
   *
   * Throws where there is no point, or one that is not finite, and where no online model was loaded.
   */
  readInk(strokes: readonly (readonly Point[])[], options?: Options): Candidate[];
  /** An empty ink, to be read while it is written. */
  ink(): Ink;
  /** The same recognizer, which answers as if there were no other characters. Throws for one that it does not know. */
  restricted(characters: string): Recognizer;
}

/** An ink that grows. */
export interface Ink {
  readonly strokes: readonly (readonly Point[])[];
  /** Begins a stroke. */
  addStroke(points?: readonly Point[]): void;
  /** Goes on with the last stroke, or begins the first. */
  addPoint(x: number, y: number): void;
  /** Takes the last stroke back, and returns it. */
  undo(): Point[] | undefined;
  /** Takes all strokes back. */
  clear(): void;
  /** As `readInk`, for the strokes so far. */
  candidates(options?: Options): Candidate[];
}
