// A word in passing, also to whoever listens.
import { byId } from "./dom.mjs";
import { announce } from "./live.mjs";

const SHOWN_MS = 4000;
let timer = null;

export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.hidden = false;
  announce(text);
  clearTimeout(timer);
  timer = setTimeout(() => { node.hidden = true; }, SHOWN_MS);
}
