// The viewer of a file: what fits its kind, and beside it what else there is of it (its text, its printed pages).
import { element } from "../dom.mjs";
import { Archive } from "./archive.mjs";
import { Frame } from "./frame.mjs";
import { Picture } from "./image.mjs";
import { Media } from "./media.mjs";
import { Pages } from "./pages.mjs";
import { renderingOf } from "./rendering.mjs";
import { Sheet } from "./sheet.mjs";
import { Text } from "./text.mjs";

const KINDS = { pages: Pages, sheet: Sheet, text: Text, image: Picture, audio: Media, video: Media, html: Frame, archive: Archive };
const TITLES = { pages: "Pages", sheet: "Table", text: "Text", image: "Picture", audio: "Sound", video: "Video", html: "Page", archive: "Entries" };
const NEEDS = { pages: "pages", sheet: "sheets", text: "segments", archive: "segments" };

/** Ways of looking at a file, the best first. */
function modesOf(rendering) {
  const has = (mode) => (NEEDS[mode] ? rendering[NEEDS[mode]]?.length > 0 : Boolean(rendering.src));
  const kinds = rendering.kind === "none" ? [] : [rendering.kind];
  return [...new Set([...kinds, "pages", "text"])].filter((mode) => mode in KINDS && has(mode));
}

function notes({ problem, flags, facts }) {
  const made = [];
  if (problem) made.push(element("p", { className: "note", textContent: problem }));
  for (const flag of flags ?? []) made.push(element("p", { className: "note", textContent: String(flag) }));
  if (facts?.length) made.push(element("ul", { className: "v-facts soft" }, facts.map((fact) => element("li", { textContent: String(fact) }))));
  return made;
}

class Opened {
  constructor(host, rendering, options) {
    Object.assign(this, { rendering, options });
    this.modes = modesOf(rendering);
    this.box = element("div", { className: "v-box" });
    this.root = element("div", { className: "v-open" }, [...notes(rendering), ...this.#choice(), this.box]);
    host.append(this.root);
    if (this.modes.length) this.#switch(this.modes[0]);
    else this.#nothing();
  }

  anchor() { return this.viewer ? this.viewer.anchor() : { kind: "region", anchor: null, text: "" }; }

  /** A place that this way of looking does not know may be known to another. */
  go(anchor) {
    if (!this.viewer || !anchor) return false;
    const before = this.mode;
    if (this.viewer.go(anchor)) return true;
    for (const mode of this.modes.filter((one) => one !== before)) {
      this.#switch(mode);
      if (this.viewer.go(anchor)) return true;
    }
    if (this.mode !== before) this.#switch(before);
    return false;
  }

  page(by) { this.viewer?.page(by); }

  zoom(by) { this.viewer?.zoom(by); }

  search() { return this.viewer?.search() ?? false; }

  focus() {
    if (this.viewer) this.viewer.focus();
    else this.root.querySelector("[tabindex]")?.focus();
  }

  close() {
    this.viewer?.close();
    this.root.remove();
  }

  #choice() {
    if (this.modes.length < 2) return [];
    this.buttons = this.modes.map((mode) => {
      const button = element("button", { type: "button", className: "small v-tool", textContent: TITLES[mode], attributes: { "aria-pressed": "false" } });
      button.addEventListener("click", () => this.#switch(mode));
      return button;
    });
    return [element("div", { className: "v-modes", attributes: { role: "group", "aria-label": "How it is shown" } }, this.buttons)];
  }

  #switch(mode) {
    this.viewer?.close();
    this.mode = mode;
    this.viewer = new KINDS[mode](this.box, this.rendering, this.options);
    this.buttons?.forEach((button, at) => button.setAttribute("aria-pressed", String(this.modes[at] === mode)));
  }

  #nothing() {
    const words = "There is no preview of this file here. Download it to look at it.";
    this.box.append(element("p", { className: "empty", tabIndex: 0, textContent: words, attributes: { role: "region", "aria-label": this.options.file.name } }));
  }
}

/**
 * Show a file in `host`.
 *
 * @param {HTMLElement} host an empty box of any size
 * @param {object} rendering of `renderingOf`
 * @param {object} options address, file: {name, ...}, capture, onCapture(evidence), onPlace({text})
 */
export async function openViewer(host, rendering, options) {
  const fresh = () => renderingOf(options.address, options.file, { fresh: true });
  return new Opened(host, rendering, { onPlace: () => {}, onCapture: () => {}, ...options, fresh, openViewer });
}
