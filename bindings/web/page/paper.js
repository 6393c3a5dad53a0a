/** Side of the paper, in the unit of the strokes' points. */
const SIDE = 300;
const PEN_WIDTH = 9;

/** The canvas: what is written on it, or the picture that lies on it. */
export class Paper {
  strokes = [];
  picture;
  #canvas;
  #context;
  #pointer;
  #changed;

  /** `changed(underWay)` is called after every change; `underWay` while a stroke is being written. */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#land(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#lift(event));
    canvas.addEventListener("pointercancel", (event) => event.pointerId === this.#pointer && this.undo());
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  get isEmpty() {
    return this.strokes.length === 0 && !this.picture;
  }

  undo() {
    if (this.picture) this.picture = undefined;
    else this.strokes.pop();
    this.#pointer = undefined;
    this.#update();
  }

  clear() {
    this.strokes = [];
    this.picture = undefined;
    this.#pointer = undefined;
    this.#update();
  }

  /** Lays a picture (an ImageBitmap) on the paper, in place of what is there. */
  show(picture) {
    this.strokes = [];
    this.picture = picture;
    this.#pointer = undefined;
    this.#update();
  }

  #land(event) {
    if (this.#pointer !== undefined || event.button !== 0) return; // a palm, a second finger
    event.preventDefault();
    document.activeElement?.blur(); // the line of text gives the keys back, and a phone its keyboard
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.picture = undefined;
    this.strokes.push([this.#point(event)]);
    this.#update(true);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.strokes.at(-1).push(...(events.length > 0 ? events : [event]).map((each) => this.#point(each)));
    this.#update(true);
  }

  #lift(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = undefined;
    this.#changed(false);
  }

  #point(event) {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const scale = SIDE / width;
    return [(event.clientX - left) * scale, (event.clientY - top) * scale];
  }

  #update(underWay = false) {
    this.#draw();
    this.#changed(underWay);
  }

  #draw() {
    const canvas = this.#canvas;
    const pixels = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const context = this.#context;
    context.setTransform(pixels / SIDE, 0, 0, pixels / SIDE, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    if (this.picture) {
      const { width, height } = this.picture;
      const scale = SIDE / Math.max(width, height);
      const [x, y] = [width, height].map((side) => (SIDE - side * scale) / 2);
      context.drawImage(this.picture, x, y, width * scale, height * scale);
    }
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = PEN_WIDTH;
    context.lineCap = context.lineJoin = "round";
    for (const [[x, y], ...rest] of this.strokes) {
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x, y); // a dot, where there is no more
      for (const [x, y] of rest) context.lineTo(x, y);
      context.stroke();
    }
  }
}
