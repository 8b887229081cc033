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
import { Ways } from "./ways.mjs";

const KINDS = { pages: Pages, sheet: Sheet, text: Text, image: Picture, audio: Media, video: Media, html: Frame, archive: Archive };
const TITLES = { pages: "Pages", sheet: "Table", text: "Text", image: "Picture", audio: "Sound", video: "Video", html: "Page", archive: "Entries" };
const NEEDS = { pages: "pages", sheet: "sheets", text: "segments", archive: "segments" };

/** Ways of looking at a file, the best first. */
function modesOf(rendering) {
  const has = (mode) => (NEEDS[mode] ? rendering[NEEDS[mode]]?.length > 0 : Boolean(rendering.src));
  const kinds = rendering.kind === "none" ? [] : [rendering.kind];
  return [...new Set([...kinds, "pages", "text"])].filter((mode) => mode in KINDS && has(mode));
}

/** Pages of a film or of a web page are pictures of it. */
const titleOf = (mode, kind) => (mode === "pages" && ["video", "html"].includes(kind) ? "Pictures" : TITLES[mode]);
const capital = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;
const item = (text, className) => element("li", { textContent: capital(String(text)), className });

/** What is to be known of a file before it is looked at: what is wrong with it, and a line of flags and facts. */
function about({ problem, flags, facts }) {
  const made = problem ? [element("p", { className: "note", textContent: problem })] : [];
  const items = [...(flags ?? []).map((flag) => item(flag, "v-flag")), ...(facts ?? []).map((fact) => item(fact, "soft"))];
  return items.length ? [...made, element("ul", { className: "v-facts" }, items)] : made;
}

class Opened {
  constructor(host, rendering, options) {
    this.options = options;
    this.box = element("div", { className: "v-box" });
    this.root = element("div", { className: "v-open" }, [...about(rendering), this.box]);
    host.append(this.root);
    const titles = modesOf(rendering).map((mode) => [mode, titleOf(mode, rendering.kind)]);
    this.ways = new Ways("How it is shown", titles, (mode) => new KINDS[mode](this.box, rendering, options));
    if (!titles.length) this.#nothing();
  }

  get viewer() { return this.ways.viewer; }

  anchor() { return this.viewer ? this.viewer.anchor() : { kind: "region", anchor: null, text: "" }; }

  /** A place that this way of looking does not know may be known to another. */
  go(anchor) {
    if (!this.viewer || !anchor) return false;
    const before = this.ways.shown;
    if (this.viewer.go(anchor)) return true;
    for (const mode of this.ways.all.filter((one) => one !== before)) {
      this.ways.show(mode);
      if (this.viewer.go(anchor)) return true;
    }
    if (this.ways.shown !== before) this.ways.show(before);
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
    this.ways.close();
    this.root.remove();
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
