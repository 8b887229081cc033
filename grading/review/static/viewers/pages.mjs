// Pages of a document as pictures under their own text: only those near the window are there, the next are fetched ahead.
import { element } from "../dom.mjs";
import { Viewer, selectedIn, selectionEnd, tool } from "./base.mjs";
import { Region, boxNode, boxOf, boxText } from "./region.mjs";
import { Strip } from "./strip.mjs";
import { Words } from "./words.mjs";

const GAP = 14;
const ZOOMS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4];
const AHEAD = 2;
const ANCHOR = /^(?:page|slide)=(\d+)(?:#(.+))?$/;

export class Pages extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "pages");
    Object.assign(this, { pages: rendering.pages, fresh: options.fresh });
    this.scale = 1;
    this.at = 0;
    this.mark = null;
    this.words = new Words(options.address);
    this.region = new Region({ taken: (surface, box) => this.#taken(surface, box) });
    this.#tools();
    this.strip = new Strip(this.body, {
      count: this.pages.length, measure: false, height: (index) => this.#height(index),
      draw: (index) => this.#draw(index), moved: (first, last) => this.#moved(first, last),
    });
    this.width = new ResizeObserver(() => this.#fit());
    this.width.observe(this.body);
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  anchor() {
    const text = selectedIn(this.body);
    const page = text ? selectionEnd("anchorNode", ".v-page") : null;
    if (page) return { kind: "quote", anchor: this.#quoted(page), text };
    if (this.region.box) return this.#evidence(this.region.surface, this.region.box);
    const found = this.#found();
    if (found) return this.#evidence(found.parentNode, this.mark.box);
    return { kind: "region", anchor: this.#name(this.at), text: "" };
  }

  go(anchor) {
    const [, number, where] = ANCHOR.exec(anchor) ?? [];
    const index = this.pages.findIndex((page) => page.number === Number(number));
    if (index < 0) return false;
    const box = where === undefined ? null : boxOf(where);
    this.mark = box ? { index, box } : null;
    this.strip.go(index, box ? box.y : null);
    this.#drawMark();
    return true;
  }

  page(by) {
    this.strip.go(Math.min(Math.max(this.at + by, 0), this.pages.length - 1));
  }

  zoom(by) {
    const now = ZOOMS.findIndex((one) => one >= this.scale);
    this.scale = by === 0 ? 1 : ZOOMS[Math.min(Math.max(now + by, 0), ZOOMS.length - 1)];
    this.strip.reset();
  }

  /** The next page and place with a text, around the end; the pages' own words are searched. */
  async find(text, by) {
    const count = this.pages.length;
    const from = this.hit?.text === text ? this.hit : { text, index: this.at, place: by > 0 ? -1 : Infinity };
    for (let step = 0; step <= count; step += 1) {
      const index = (from.index + by * step + count * 2) % count;
      const boxes = await this.words.places(this.pages[index].number, text);
      const next = by > 0 ? (step ? 0 : from.place + 1) : (step ? boxes.length : Math.min(from.place, boxes.length)) - 1;
      if (boxes[next]) {
        this.hit = { text, index, place: next };
        this.go(`page=${this.pages[index].number}#${boxText(boxes[next])}`);
        this.sought = this.mark;
        return `${this.pages[index].label}: ${next + 1} of ${boxes.length}`;
      }
    }
    return "Not found";
  }

  close() {
    this.strip.close();
    this.width.disconnect();
    super.close();
  }

  #tools() {
    const number = element("input", { type: "number", className: "v-number", min: 1, max: this.pages.length, value: 1, attributes: { "aria-label": "Page" } });
    number.addEventListener("change", () => this.strip.go(Math.min(Math.max(Number(number.value) - 1 || 0, 0), this.pages.length - 1)));
    this.number = number;
    this.bar.append(
      tool("‹", "Previous page", () => this.page(-1)), number, element("span", { className: "soft", textContent: `of ${this.pages.length}` }),
      tool("›", "Next page", () => this.page(1)), tool("−", "Smaller", () => this.zoom(-1)), tool("+", "Larger", () => this.zoom(1)),
      tool("Fit", "Fit the width", () => this.zoom(0)), tool("Search", "Search in the pages", () => this.search()),
    );
    if (!this.capture) return;
    this.pen = tool("Frame", "Frame a place on the page", () => this.#frame());
    this.pen.setAttribute("aria-pressed", "false");
    this.bar.append(this.pen);
  }

  /** Begin a frame on the page in view; the pointer then draws wherever it is pressed. */
  #frame() {
    const on = this.pen.getAttribute("aria-pressed") === "false";
    this.pen.setAttribute("aria-pressed", String(on));
    this.root.classList.toggle("v-framing", on);
    const page = this.strip.node(this.at);
    if (!on || !page) this.region.clear();
    else {
      this.region.begin(page.firstChild);
      this.focus();
    }
  }

  #height(index) {
    const { width, height } = this.pages[index];
    return Math.round((this.#across() * height) / width) + GAP;
  }

  #across() {
    return Math.max(200, (this.body.clientWidth - 24) * this.scale);
  }

  #fit() {
    if (this.fitted === this.body.clientWidth) return;
    this.fitted = this.body.clientWidth;
    this.strip.reset();
  }

  #draw(index) {
    const { number, label, src, small, width, height } = this.pages[index];
    const image = element("img", { src, width, height, alt: `${label}, as a picture; its text follows`, decoding: "async", draggable: false });
    image.addEventListener("error", () => this.#again(image, index), { once: true });
    const across = this.#across();
    const surface = element("div", { className: "v-surface" }, [image, this.words.layer(number, across)]);
    surface.style.width = `${across}px`;
    surface.style.height = `${this.#height(index) - GAP}px`;
    if (small) surface.style.backgroundImage = `url("${encodeURI(small)}")`; // there long before the large one
    if (this.capture) this.region.listen(surface, (event) => this.root.classList.contains("v-framing") || !event.target.closest(".v-word"));
    const page = element("div", { className: "v-page", dataset: { page: number }, attributes: { role: "listitem", "aria-label": `${label} of ${this.pages.length}` } }, [surface]);
    if (this.mark?.index === index) surface.append(boxNode(this.mark.box, "v-mark"));
    return page;
  }

  /** Addresses of pictures end after ten minutes: all are asked for anew, once for all. */
  async #again(image, index) {
    this.asking ??= this.fresh().then(({ pages }) => { this.pages = pages; }, () => {}).finally(() => { setTimeout(() => { this.asking = null; }, 5000); });
    await this.asking;
    const { src } = this.pages[index];
    if (image.src !== src) image.src = src;
  }

  #moved(first, last) {
    const high = this.body.clientHeight / 3;
    this.at = this.strip?.at(this.body.scrollTop + high) ?? first;
    for (let index = last + 1; index <= Math.min(last + AHEAD, this.pages.length - 1); index += 1) new Image().src = this.pages[index].src;
    if (document.activeElement !== this.number) this.number.value = this.pages[this.at].number;
    this.onPlace({ text: `${this.pages[this.at].label} of ${this.pages.length}` });
  }

  /** What the last search has found, as long as it is in sight. */
  #found() {
    const mark = this.sought && this.sought === this.mark ? this.body.querySelector(".v-mark") : null;
    if (!mark) return null;
    const [seen, at] = [this.body.getBoundingClientRect(), mark.getBoundingClientRect()];
    return at.bottom > seen.top && at.top < seen.bottom ? mark : null;
  }

  #drawMark() {
    for (const old of this.body.querySelectorAll(".v-mark")) old.remove();
    if (this.mark) this.strip.node(this.mark.index)?.firstChild.append(boxNode(this.mark.box, "v-mark"));
  }

  #key(event) {
    if (event.target.closest("input")) return;
    const moves = { PageDown: 1, PageUp: -1, Home: -this.pages.length, End: this.pages.length };
    if (this.region.key(event)) {
      if (!this.region.box) this.#penUp();
    } else if (event.target === this.body && moves[event.key]) this.page(moves[event.key]);
    else if (event.target === this.body && (event.key === "ArrowDown" || event.key === "ArrowUp")) this.body.scrollBy({ top: event.key === "ArrowDown" ? 60 : -60 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #penUp() {
    this.pen?.setAttribute("aria-pressed", "false");
    this.root.classList.remove("v-framing");
  }

  #name(index) {
    const { number, label } = this.pages[index];
    return `${/^slide/i.test(label) ? "slide" : "page"}=${number}`;
  }

  #evidence(surface, box) {
    const index = Number(surface.parentNode.dataset.index);
    const whole = box.w > 0.999 && box.h > 0.999;
    return { kind: "region", anchor: whole ? this.#name(index) : `${this.#name(index)}#${boxText(box)}`, text: this.words.within(this.pages[index].number, box) };
  }

  #taken(surface, box) {
    this.take(this.#evidence(surface, box));
    this.mark = { index: Number(surface.parentNode.dataset.index), box };
    this.region.clear();
    this.#penUp();
    this.#drawMark();
  }

  /** The place of a selection, as far as it lies on the page where it begins. */
  #quoted(page) {
    const index = Number(page.dataset.index);
    const selection = getSelection();
    const words = [...page.querySelectorAll(".v-word")].filter((word) => selection.containsNode(word, true));
    if (words.length === 0) return this.#name(index);
    const parts = words.map(({ style }) => [style.left, style.top, style.width, style.height].map((part) => parseFloat(part) / 100));
    const [x, y] = [0, 1].map((at) => Math.min(...parts.map((part) => part[at])));
    const [right, bottom] = [0, 1].map((at) => Math.max(...parts.map((part) => part[at] + part[at + 2])));
    return `${this.#name(index)}#${boxText({ x, y, w: right - x, h: bottom - y })}`;
  }
}
