// The entries of an archive as a tree; one that is text opens beside it, in the viewer of texts.
import { element } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";
import { Text } from "./text.mjs";

const ENTRY = "entry=";
const LINE = /^(entry=.*),line=\d+$/s;

/** What is listed, and the lines of those entries that are text. */
function parted(segments) {
  const listed = new Map();
  const texts = new Map();
  for (const [anchor, text] of segments) {
    const of = LINE.exec(anchor)?.[1];
    if (of !== undefined && listed.has(of)) {
      if (!texts.has(of)) texts.set(of, []);
      texts.get(of).push([anchor, text]);
    } else if (anchor.startsWith(ENTRY)) listed.set(anchor, text);
  }
  return { listed, texts };
}

function planted(listed) {
  const root = new Map();
  for (const [anchor, text] of listed) {
    const name = anchor.slice(ENTRY.length);
    let here = root;
    for (const part of name.split(/[\\/]/).slice(0, -1)) {
      if (!(here.get(part) instanceof Map)) here.set(part, new Map());
      here = here.get(part);
    }
    const last = name.split(/[\\/]/).at(-1);
    here.set(`${last}\u0000${anchor}`, { anchor, last, text: text.startsWith(name) ? text.slice(name.length).trim() : text });
  }
  return root;
}

export class Archive extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "archive");
    this.holdsFocus();
    this.items = [];
    this.options = options;
    const { listed, texts } = parted(rendering.segments);
    this.texts = texts;
    this.tree = element("ul", { className: "v-tree", attributes: { role: "tree", "aria-label": `Entries of ${options.file.name}` } });
    this.tree.append(...this.#branch(planted(listed), 1));
    this.entry = element("div", { className: "v-entry", hidden: true });
    this.body.append(this.tree, this.entry);
    this.items[0]?.setAttribute("tabindex", "0");
    this.tree.addEventListener("keydown", (event) => this.#key(event));
    this.tree.addEventListener("click", (event) => this.#press(event));
    this.entry.addEventListener("keydown", (event) => this.#leave(event));
    this.#tools();
    this.#counted();
  }

  anchor() {
    if (this.opened) return this.opened.anchor();
    return { kind: "region", anchor: this.at?.dataset.anchor ?? null, text: "" };
  }

  go(anchor) {
    const name = anchor.replace(/,line=\d+(-\d+)?$/, "");
    const item = this.items.find((one) => one.dataset.anchor === anchor) ?? this.items.find((one) => one.dataset.anchor === name);
    if (!item) return false;
    for (let up = item.parentElement.closest("[role=treeitem]"); up; up = up.parentElement.closest("[role=treeitem]")) up.setAttribute("aria-expanded", "true");
    this.#focus(item);
    if (item.dataset.anchor === anchor) return true;
    this.#open(item);
    return this.opened?.go(anchor) ?? false;
  }

  page(by) { if (this.opened) this.opened.page(by); else super.page(by); }

  zoom(by) { this.opened?.zoom(by); }

  search() { return this.opened?.search() ?? false; }

  focus() {
    if (this.opened) this.opened.focus();
    else (this.at ?? this.items[0])?.focus();
  }

  close() {
    this.opened?.close();
    super.close();
  }

  #tools() {
    if (this.capture) this.bar.append(tool("Take entry", "Take the chosen entry as evidence", () => this.#take()));
    this.away = tool("Close the text", "Close the text", () => this.#shut());
    this.away.hidden = true;
    this.bar.append(element("span", { className: "soft", textContent: this.texts.size ? "Enter opens what is text." : "" }), this.away);
  }

  #counted() {
    this.onPlace({ text: `${this.items.filter((one) => one.dataset.anchor).length} entries` });
  }

  #take() {
    if (this.at?.dataset.anchor) this.take({ kind: "region", anchor: this.at.dataset.anchor, text: "" });
  }

  #open(item) {
    const { anchor } = item.dataset;
    if (this.shown === anchor || !this.texts.has(anchor)) return;
    this.#shut(false);
    Object.assign(this, { shown: anchor, unit: "line" });
    this.entry.hidden = this.away.hidden = false;
    item.setAttribute("aria-current", "true");
    const name = `${this.file.name}, ${anchor.slice(ENTRY.length)}`;
    this.opened = new Text(this.entry, { segments: this.texts.get(anchor) }, { ...this.options, file: { ...this.file, name } });
  }

  #shut(back = true) {
    this.opened?.close();
    Object.assign(this, { opened: null, shown: null, unit: "" });
    this.entry.hidden = this.away.hidden = true;
    this.tree.querySelector("[aria-current]")?.removeAttribute("aria-current");
    if (!back) return;
    this.focus();
    this.#counted();
  }

  #leave(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.#shut();
  }

  #branch(folder, level) {
    return [...folder].map(([name, inside]) => {
      const leaf = !(inside instanceof Map);
      const item = element("li", { tabIndex: -1, attributes: { role: "treeitem", "aria-level": level }, dataset: leaf ? { anchor: inside.anchor } : {} }, [
        element("span", { className: "path", textContent: leaf ? inside.last : `${name}/`, dir: "auto" }),
      ]);
      this.items.push(item);
      if (leaf) item.append(" ", element("span", { className: "soft", textContent: `${inside.text}${this.texts.has(inside.anchor) ? ", text" : ""}` }));
      else {
        item.setAttribute("aria-expanded", "true");
        item.append(element("ul", { attributes: { role: "group" } }, this.#branch(inside, level + 1)));
      }
      return item;
    });
  }

  #focus(item) {
    for (const one of this.items) one.tabIndex = -1;
    item.tabIndex = 0;
    this.at = item;
    item.focus();
  }

  #press(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    this.#focus(item);
    this.#open(item);
    if (item.hasAttribute("aria-expanded")) item.setAttribute("aria-expanded", String(item.getAttribute("aria-expanded") === "false"));
  }

  #key(event) {
    const item = event.target.closest("[role=treeitem]");
    const seen = this.items.filter((one) => one.offsetParent !== null);
    const now = seen.indexOf(item);
    const step = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: seen.length - 1 }[event.key];
    const open = item?.getAttribute("aria-expanded");
    if (step !== undefined) this.#focus(seen[Math.min(Math.max(step, 0), seen.length - 1)]);
    else if (event.key === "ArrowRight" && open === "false") item.setAttribute("aria-expanded", "true");
    else if (event.key === "ArrowLeft" && open === "true") item.setAttribute("aria-expanded", "false");
    else if (event.key === "ArrowLeft") { const up = item?.parentElement.closest("[role=treeitem]"); if (up) this.#focus(up); }
    else if (event.key === "Enter" && this.texts.has(item?.dataset.anchor)) {
      this.#open(item);
      this.opened.focus();
    } else if (event.key === "Enter" && this.capture) this.#take();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
