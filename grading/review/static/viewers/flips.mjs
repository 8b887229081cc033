// Pages before and now: side by side, or one over the other, turned by hand or by themselves. Nothing moves by itself
// for those who have asked for less motion.
import { element } from "../dom.mjs";
import { announce } from "../live.mjs";
import { Viewer, tool } from "./base.mjs";
import { Strip } from "./strip.mjs";

const BLINK_MS = 800;
const TALL = 1.35;

export class Flips extends Viewer {
  constructor(host, pages, options) {
    super(host, options, "flips");
    this.all = pages;
    this.fresh = options.fresh;
    this.pages = this.#chosen(false);
    this.at = 0;
    this.over = false;
    this.later = true;
    this.#tools();
    this.strip = new Strip(this.body, {
      count: this.pages.length, height: () => this.body.clientWidth * (this.over ? TALL : TALL / 2), draw: (index) => this.#draw(index), moved: (first) => this.#moved(first),
    });
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  page(by) {
    this.strip.go(Math.min(Math.max(this.at + by, 0), this.pages.length - 1));
  }

  go(anchor) {
    const number = Number(/^(?:page|slide)=(\d+)/.exec(anchor)?.[1]);
    const at = this.pages.findIndex((page) => page.number === number);
    if (at >= 0) this.strip.go(at);
    return at >= 0;
  }

  close() {
    clearInterval(this.timer);
    this.strip.close();
    super.close();
  }

  #tools() {
    this.layer = this.#toggle("One over the other", "One version over the other, instead of side by side", (on) => { this.over = on; if (!on) this.#blink(false); this.strip.reset(); });
    this.flip = tool("Flip", "Show the other version", () => this.#flip());
    this.blinks = this.#toggle("Blink", "Turn from one version to the other by itself", (on) => this.#blink(on));
    this.blinks.hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.every = this.#toggle("All pages", "Also the pages that are the same", (on) => {
      this.pages = this.#chosen(on);
      this.strip.reset(this.pages.length);
    });
    this.said = element("span", { className: "soft v-which" });
    this.bar.append(tool("‹", "Previous changed page", () => this.page(-1)), tool("›", "Next changed page", () => this.page(1)), this.layer, this.flip, this.blinks, this.every, this.said);
  }

  #toggle(text, says, act) {
    const made = tool(text, says, () => {
      const on = made.getAttribute("aria-pressed") === "false";
      made.setAttribute("aria-pressed", String(on));
      act(on);
    });
    made.setAttribute("aria-pressed", "false");
    return made;
  }

  #flip(spoken = true) {
    if (!this.over) this.layer.click();
    this.later = !this.later;
    this.root.classList.toggle("v-earlier", !this.later);
    this.said.textContent = this.later ? "Now" : "Before";
    if (spoken) announce(this.later ? "The version now" : "The version before");
  }

  #blink(on) {
    clearInterval(this.timer);
    this.blinks.setAttribute("aria-pressed", String(on));
    if (on) this.timer = setInterval(() => this.#flip(false), BLINK_MS);
  }

  #draw(index) {
    const { number, before, after, differs } = this.pages[index];
    const picture = (src, name) => {
      const image = element("img", { src, alt: `${name}, page ${number}`, decoding: "async" });
      image.addEventListener("error", () => this.#again(), { once: true });
      return image;
    };
    const side = (src, name, className) => element("figure", { className }, [
      element("figcaption", { className: "soft", textContent: `${name}, page ${number}` }),
      src ? picture(src, name) : element("p", { className: "empty soft", textContent: "No such page." }),
    ]);
    return element("div", { className: `v-pair${this.over ? " v-over" : ""}`, attributes: { role: "listitem", "aria-label": `Page ${number}, ${differs ? "changed" : "the same"}` } }, [
      side(before, "Before", "v-before"), side(after, "Now", "v-after"),
    ]);
  }

  /** What differs, or everything. */
  #chosen(all) {
    const some = this.all.filter((page) => all || page.differs);
    return some.length ? some : this.all;
  }

  /** Addresses of pictures end after ten minutes. */
  async #again() {
    if (this.asking) return;
    this.asking = setTimeout(() => { this.asking = null; }, 5000);
    const { pages } = await this.fresh().catch(() => ({ pages: this.all }));
    if (!this.body.isConnected) return;
    this.all = pages;
    this.pages = this.#chosen(this.every.getAttribute("aria-pressed") === "true");
    this.strip.reset(this.pages.length);
  }

  #moved(first) {
    this.at = first;
    this.onPlace({ text: `page ${this.pages[first].number}, ${this.pages.length} shown` });
  }

  #key(event) {
    if (event.target !== this.body) return;
    const by = { PageDown: 1, PageUp: -1 }[event.key];
    if (by) this.page(by);
    else if (event.key === " " || event.key === "Enter") this.#flip();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.body.scrollBy({ top: event.key === "ArrowDown" ? 60 : -60 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
