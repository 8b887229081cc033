// Text in numbered places: lines of a plain file, paragraphs of a document. Only those near the window are there.
import { element } from "../dom.mjs";
import { Viewer, selectedIn, selectionEnd, tool } from "./base.mjs";
import { Code } from "./code.mjs";
import { Strip } from "./strip.mjs";

const LINE = 24;
const LETTERS = 80;
const SIZES = [0.7, 0.85, 1, 1.2, 1.5, 1.8, 2.2];
const LINES = /^line=(\d+)(?:-(\d+))?$/;
const plain = (text) => text.toLowerCase();
/** `4` for `line=4`, `cell 2` for `cell=2`. */
const named = (anchor) => anchor.replace(/^line=/, "").replace("=", " ");

export class Text extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "text");
    this.segments = rendering.segments;
    this.places = new Map(this.segments.map(([anchor], index) => [anchor, index]));
    this.code = LINES.test(this.segments[0]?.[0] ?? "") ? new Code(this.file.name, this.segments.map(([, words]) => words)) : null;
    this.root.classList.toggle("v-coded", this.code?.known || this.places.has("byte=0"));
    this.at = 0;
    this.size = SIZES.indexOf(1);
    this.bar.append(tool("−", "Smaller", () => this.zoom(-1)), tool("+", "Larger", () => this.zoom(1)), tool("Search", "Search in the text", () => this.search()));
    this.strip = new Strip(this.body, {
      count: this.segments.length, height: (index) => this.#guess(index), draw: (index) => this.#draw(index), moved: (first) => this.#moved(first),
    });
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  anchor() {
    const text = selectedIn(this.body);
    const ends = ["anchorNode", "focusNode"].map((end) => selectionEnd(end, ".v-line")).filter(Boolean);
    if (text && ends.length) return { kind: "quote", anchor: this.#spanned(ends.map((node) => Number(node.dataset.index))), text };
    const [anchor, words] = this.segments[this.current ?? this.at] ?? [null, ""];
    return anchor === null ? null : { kind: "quote", anchor, text: words.slice(0, 300) };
  }

  go(anchor) {
    const range = LINES.exec(anchor);
    const from = this.places.get(range ? `line=${range[1]}` : anchor);
    if (from === undefined) return false;
    const to = range?.[2] ? this.places.get(`line=${range[2]}`) ?? from : from;
    this.marked = [from, to];
    this.#step(from);
    return true;
  }

  zoom(by) {
    this.size = by === 0 ? SIZES.indexOf(1) : Math.min(Math.max(this.size + by, 0), SIZES.length - 1);
    this.body.style.fontSize = `${SIZES[this.size]}rem`;
    this.strip.reset();
  }

  async find(text, by) {
    const wanted = plain(text);
    const count = this.segments.length;
    const from = this.current ?? this.at - (by > 0 ? 1 : 0);
    const hits = this.segments.reduce((sum, [, words]) => sum + (plain(words).includes(wanted) ? 1 : 0), 0);
    for (let step = 1; step <= count; step += 1) {
      const index = (from + by * step + count * 2) % count;
      if (plain(this.segments[index][1]).includes(wanted)) {
        this.marked = [index, index];
        this.#step(index);
        return `${this.segments[index][0]} (${hits} places)`;
      }
    }
    return "Not found";
  }

  found() {
    this.marked = null;
    this.strip.reset();
  }

  close() {
    this.strip.close();
    super.close();
  }

  #guess(index) {
    const words = this.segments[index][1];
    return LINE * SIZES[this.size] * Math.max(1, Math.ceil(words.length / LETTERS), words.split("\n", 50).length);
  }

  #draw(index) {
    const [anchor, words] = this.segments[index];
    const place = element("button", { type: "button", className: "v-anchor", textContent: named(anchor), tabIndex: -1, title: "Take this place as evidence" });
    place.addEventListener("click", () => {
      this.#step(index, false);
      this.take({ kind: "quote", anchor, text: words.slice(0, 300) });
    });
    const line = element("div", { className: "v-line", attributes: { role: "listitem", "aria-setsize": this.segments.length, "aria-posinset": index + 1 } }, [
      this.capture ? place : element("span", { className: "v-anchor", textContent: named(anchor) }), this.#words(index, words),
    ]);
    const [from, to] = this.marked ?? [-1, -1];
    line.classList.toggle("v-marked", index >= from && index <= to);
    line.classList.toggle("v-current", index === this.current);
    return line;
  }

  #words(index, words) {
    if (!this.code?.known) return element("span", { className: "v-words-of", textContent: words, dir: "auto" });
    const parts = this.code.parts(index).map(([kind, text]) => (kind ? element("span", { className: `v-code-${kind}`, textContent: text }) : text));
    return element("span", { className: "v-words-of" }, parts);
  }

  /** Make a line the current one and bring it into view. */
  #step(index, scroll = true) {
    const at = Math.min(Math.max(index, 0), this.segments.length - 1);
    this.current = at;
    if (scroll) this.strip.go(at, 0);
    for (const [each, node] of this.strip.drawn) {
      const [from, to] = this.marked ?? [-1, -1];
      node.classList.toggle("v-current", each === at);
      node.classList.toggle("v-marked", each >= from && each <= to);
    }
  }

  #moved(first) {
    this.at = first;
    this.onPlace({ text: this.segments.length ? `${this.segments[first][0].replace("=", " ")} of ${this.segments.length}` : "" });
  }

  #key(event) {
    if (event.target !== this.body) return;
    const now = this.current ?? this.at;
    const high = Math.max(1, Math.floor(this.body.clientHeight / LINE) - 2);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + high, PageUp: now - high, Home: 0, End: this.segments.length - 1 }[event.key];
    if (to !== undefined) this.#step(to);
    else if (event.key === "Enter" && this.capture) this.take(this.anchor());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #spanned(indices) {
    const [low, high] = [Math.min(...indices), Math.max(...indices)];
    const [first, last] = [this.segments[low][0], this.segments[high][0]];
    const end = LINES.exec(last);
    return low !== high && LINES.test(first) && end ? `${first}-${end[1]}` : first;
  }
}
