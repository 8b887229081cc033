// The entries of an archive as a tree; what is text in them can be read below.
import { element } from "../dom.mjs";
import { Viewer } from "./base.mjs";

const ENTRY = "entry=";

function planted(segments) {
  const root = new Map();
  for (const [anchor, text] of segments) {
    if (!anchor.startsWith(ENTRY)) continue;
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
    this.tree = element("ul", { className: "v-tree", attributes: { role: "tree", "aria-label": `Entries of ${options.file.name}` } });
    this.tree.append(...this.#branch(planted(rendering.segments), 1));
    this.body.append(this.tree);
    this.items[0]?.setAttribute("tabindex", "0");
    this.tree.addEventListener("keydown", (event) => this.#key(event));
    this.tree.addEventListener("click", (event) => this.#press(event));
    this.onPlace({ text: `${this.items.filter((one) => one.dataset.anchor).length} entries` });
  }

  anchor() {
    return this.at?.dataset.anchor ? { kind: "region", anchor: this.at.dataset.anchor, text: "" } : { kind: "region", anchor: null, text: "" };
  }

  go(anchor) {
    const item = this.items.find((one) => one.dataset.anchor === anchor);
    if (!item) return false;
    for (let up = item.parentElement.closest("[role=treeitem]"); up; up = up.parentElement.closest("[role=treeitem]")) up.setAttribute("aria-expanded", "true");
    this.#focus(item);
    return true;
  }

  focus() {
    (this.at ?? this.items[0])?.focus();
  }

  #branch(folder, level) {
    return [...folder].map(([name, inside]) => {
      const leaf = !(inside instanceof Map);
      const item = element("li", { tabIndex: -1, attributes: { role: "treeitem", "aria-level": level }, dataset: leaf ? { anchor: inside.anchor } : {} }, [
        element("span", { className: "path", textContent: leaf ? inside.last : `${name}/`, dir: "auto" }),
      ]);
      this.items.push(item);
      if (leaf) item.append(" ", element("span", { className: "soft", textContent: inside.text }));
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
    else if (event.key === "Enter" && this.capture && item?.dataset.anchor) this.take({ kind: "region", anchor: item.dataset.anchor, text: "" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
