// The page: paper, candidates, the line of text. Reading is in reader.js, drawing in paper.js.
import { Paper } from "./paper.js";
import { Reader } from "./reader.js";

/** The longest side of a picture that is read; larger ones are scaled down. */
const LONGEST = 1600;

const $ = (id) => document.getElementById(id);
const reader = new Reader();
const paper = new Paper($("paper"), changed);
let figures = "";
/** Whether a reading is under way, and whether the ink has changed since it began. */
let reading = false;
let stale = false;
let underWay = false;

// What is read

function changed(isUnderWay) {
  underWay = isUnderWay;
  $("undo").disabled = $("clear").disabled = paper.isEmpty;
  $("paper").ariaLabel = describe();
  if (paper.picture) return;
  $("problem").textContent = "";
  if (paper.strokes.length === 0) show([]);
  stale = true;
  requestAnimationFrame(readInk);
}

/** Reads the newest ink, one reading at a time. */
async function readInk() {
  if (reading || !stale) return;
  reading = true;
  while (stale && paper.strokes.length > 0) {
    stale = false;
    const { strokes } = paper;
    await read({ strokes }, () => paper.strokes === strokes && strokes.length > 0);
  }
  reading = stale = false;
}

async function readPicture(blob) {
  try {
    const picture = await createImageBitmap(blob).catch(() => {
      throw new Error("this file is no picture that the browser can open");
    });
    paper.show(picture);
    await read({ image: pixels(picture) }, () => paper.picture === picture);
  } catch (error) {
    fail(error);
  }
}

function pixels(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Shows the answer, if it is still wanted when it comes. */
async function read(what, isWanted) {
  try {
    const { candidates, milliseconds } = await reader.read(what);
    if (!isWanted()) return;
    show(candidates);
    $("figures").textContent = `Read in ${milliseconds.toFixed(1)} ms. ${figures}`;
  } catch (error) {
    if (isWanted()) fail(error);
  }
}

function fail(error) {
  show([]);
  $("problem").textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
}

function describe() {
  const strokes = paper.strokes.length;
  if (paper.picture) return "Paper, with a picture";
  return strokes === 0 ? "Paper, empty" : `Paper, ${strokes} stroke${strokes === 1 ? "" : "s"}`;
}

// Candidates

function show(candidates) {
  const buttons = $("candidates").querySelectorAll("button");
  if (buttons.length !== candidates.length) {
    $("candidates").replaceChildren(...candidates.map(item));
  }
  $("candidates").querySelectorAll("button").forEach((button, rank) => {
    const { character, probability } = candidates[rank];
    const percent = Math.round(100 * probability);
    button.querySelector(".character").textContent = character;
    button.querySelector(".share").textContent = percent < 1 ? "< 1 %" : `${percent} %`;
    button.ariaLabel = `${character}, ${percent} percent`;
  });
  if (!underWay) $("said").textContent = candidates.slice(0, 3).map(({ character }) => character).join(", ");
}

function item() {
  const [item, button, character, share] = ["li", "button", "span", "span"].map((tag) => document.createElement(tag));
  button.type = "button";
  character.className = "character";
  share.className = "share";
  share.lang = "en";
  button.append(character, share);
  button.addEventListener("click", () => take(character.textContent));
  item.append(button);
  return item;
}

function take(character) {
  $("text").value += character;
  paper.clear();
  $("paper").focus(); // the button is gone
  $("said").textContent = `${character} taken`;
}

// Buttons, keys, pictures

$("undo").addEventListener("click", () => paper.undo());
$("clear").addEventListener("click", () => paper.clear());
$("erase").addEventListener("click", () => {
  $("text").value = [...$("text").value].slice(0, -1).join("");
});
$("copy").addEventListener("click", async () => {
  $("text").select();
  await navigator.clipboard.writeText($("text").value);
  $("said").textContent = "Copied";
});
$("picture").addEventListener("change", ({ target }) => {
  if (target.files[0]) readPicture(target.files[0]);
  target.value = ""; // the same file may be chosen again
});

addEventListener("keydown", (event) => {
  if (event.target === $("text") || event.altKey) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "z") paper.undo();
  else if (command) return;
  else if (event.key === "Escape") paper.clear();
  else if (/^\d$/.test(event.key)) $("candidates").querySelectorAll("button")[(Number(event.key) + 9) % 10]?.click();
  else return;
  event.preventDefault();
});

addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files[0]) readPicture(clipboardData.files[0]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("paper").classList.add("target");
});
addEventListener("dragleave", () => $("paper").classList.remove("target"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("paper").classList.remove("target");
  if (event.dataTransfer.files[0]) readPicture(event.dataTransfer.files[0]);
});

// Loading

try {
  const { milliseconds, bytes, characters } = await reader.ready;
  figures = `${characters} characters; ${(bytes / 1000).toFixed(0)} kB loaded in ${milliseconds.toFixed(0)} ms.`;
  $("figures").textContent = figures;
} catch (error) {
  fail(error);
  $("figures").textContent = "Not loaded.";
}
navigator.serviceWorker?.register("service-worker.js");
