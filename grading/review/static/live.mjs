// What is said to whoever listens to the page instead of looking at it.
import { byId } from "./dom.mjs";

let timer = null;

/** Say it once the page has been painted; the last of several within a moment counts. */
export function announce(text) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const region = byId("live");
    if (region) region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }, 50);
}
