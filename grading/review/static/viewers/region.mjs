// A rectangle on a picture, drawn with the pointer or with keys: arrows move it, with Shift they size it, Enter takes
// it, Escape lets it go. Places are parts of the picture's width and height.
import { announce } from "../live.mjs";

const STEP = 0.02;
const LEAST = 0.005;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const within = (value, low, high) => Math.min(Math.max(value, low), high);
const written = (value) => String(Math.round(value * 10_000) / 10_000);

/** `x,y,w,h`, four digits. */
export const boxText = ({ x, y, w, h }) => [x, y, w, h].map(written).join(",");

/** The box of `x,y,w,h`; null: it is none. */
export function boxOf(text) {
  const numbers = text.split(",").map(Number);
  if (numbers.length !== 4 || numbers.some((n) => !(n >= 0 && n <= 1))) return null;
  const [x, y, w, h] = numbers;
  return { x, y, w, h };
}

/** Lay a box over a picture. */
export function boxNode(box, className) {
  const node = document.createElement("div");
  node.className = className;
  place(node, box);
  return node;
}

function place(node, { x, y, w, h }) {
  Object.assign(node.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` });
}

export class Region {
  /** @param {object} of taken(surface, box): the person has finished one */
  constructor({ taken }) {
    this.taken = taken;
    this.box = null;
    this.surface = null;
  }

  /** Begin on a surface with all of it, to be made smaller by keys. */
  begin(surface) {
    this.#show(surface, { x: 0, y: 0, w: 1, h: 1 });
    announce("The whole picture is marked. Arrows move the frame, Shift and arrows size it, Enter takes it, Escape ends.");
  }

  /** Let the pointer draw on a surface; `may(event)` says whether a press begins one. */
  listen(surface, may) {
    surface.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !may(event)) return;
      event.preventDefault();
      surface.setPointerCapture(event.pointerId);
      const from = this.#at(surface, event);
      const draw = (moved) => this.#show(surface, spanned(from, this.#at(surface, moved)));
      const up = () => {
        surface.removeEventListener("pointermove", draw);
        surface.removeEventListener("pointercancel", up);
        if (this.surface === surface && this.box.w > LEAST && this.box.h > LEAST) this.taken(surface, this.box);
        else this.clear();
      };
      surface.addEventListener("pointermove", draw);
      surface.addEventListener("pointerup", up, { once: true });
      surface.addEventListener("pointercancel", up, { once: true });
    });
  }

  /** Whether a key was for the frame. */
  key(event) {
    if (!this.box) return false;
    const move = MOVES[event.key];
    if (event.key === "Escape") this.clear();
    else if (event.key === "Enter") this.taken(this.surface, this.box);
    else if (move) this.#show(this.surface, event.shiftKey ? sized(this.box, move) : moved(this.box, move));
    else return false;
    return true;
  }

  clear() {
    this.node?.remove();
    Object.assign(this, { node: null, box: null, surface: null });
  }

  #at(surface, event) {
    const { left, top, width, height } = surface.getBoundingClientRect();
    return [within((event.clientX - left) / width, 0, 1), within((event.clientY - top) / height, 0, 1)];
  }

  #show(surface, box) {
    this.node ??= boxNode(box, "v-region");
    if (this.node.parentNode !== surface) surface.append(this.node);
    place(this.node, box);
    Object.assign(this, { box, surface });
  }
}

function spanned([ax, ay], [bx, by]) {
  return { x: Math.min(ax, bx), y: Math.min(ay, by), w: Math.abs(ax - bx), h: Math.abs(ay - by) };
}

function moved({ x, y, w, h }, [dx, dy]) {
  return { x: within(x + dx * STEP, 0, 1 - w), y: within(y + dy * STEP, 0, 1 - h), w, h };
}

function sized({ x, y, w, h }, [dx, dy]) {
  return { x, y, w: within(w + dx * STEP, STEP, 1 - x), h: within(h + dy * STEP, STEP, 1 - y) };
}
