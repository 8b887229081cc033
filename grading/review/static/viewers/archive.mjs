// The entries of an archive as a tree. One of them opens beside it, in the viewer of its kind: the server takes it out
// of the archive where it is asked for. An archive within an archive is listed, and not opened further.
import { bytes, element, legible } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";
import { renderingOf } from "./rendering.mjs";

const ENTRY = "entry=";
const LINE = /^(entry=.*),line=\d+$/s;
const LISTED = / \((\d+) bytes\)$/;

/** What is listed ({anchor, text, number}: the server's name of it), and the lines of those entries that are text. */
function parted(segments) {
  const listed = [];
  const known = new Set();
  const texts = new Map();
  let whole = true;
  for (const [anchor, text] of segments) {
    const of = LINE.exec(anchor)?.[1];
    // The list comes first: before any text, a name that looks like a line of another is still a name.
    const name = texts.size === 0 && LISTED.test(text) && text.startsWith(anchor.slice(ENTRY.length));
    if (of !== undefined && known.has(of) && !name) {
      if (!texts.has(of)) texts.set(of, []);
      texts.get(of).push([anchor.slice(of.length + 1), text]);
    } else if (anchor.startsWith(ENTRY)) {
      known.add(anchor);
      listed.push({ anchor, text, number: whole ? listed.length : null });
    } else whole = false; // what follows a gap in the list cannot be counted
  }
  return { listed, texts };
}

function planted(listed) {
  const root = new Map();
  for (const { anchor, text, number } of listed) {
    const name = anchor.slice(ENTRY.length);
    let here = root;
    for (const part of name.split(/[\\/]/).slice(0, -1)) {
      if (!(here.get(part) instanceof Map)) here.set(part, new Map());
      here = here.get(part);
    }
    const last = name.split(/[\\/]/).at(-1);
    here.set(`${last}\u0000${anchor}${number}`, { anchor, number, last, size: bytes(Number(LISTED.exec(text)?.[1] ?? 0)) });
  }
  return root;
}

export class Archive extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "archive");
    this.holdsFocus();
    this.items = [];
    this.options = options;
    this.turn = 0;
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
    if (this.opened) return this.#within(this.opened.anchor());
    return { kind: "region", anchor: this.at?.dataset.anchor ?? null, text: "" };
  }

  /** A place in an entry is known when the entry is there. */
  go(anchor) {
    const of = (item) => anchor === item.dataset.anchor || anchor.startsWith(`${item.dataset.anchor},`);
    const [item] = this.items.filter((one) => one.dataset.anchor && of(one)).sort((one, other) => other.dataset.anchor.length - one.dataset.anchor.length);
    if (!item) return false;
    for (let up = item.parentElement.closest("[role=treeitem]"); up; up = up.parentElement.closest("[role=treeitem]")) up.setAttribute("aria-expanded", "true");
    const inside = anchor.slice(item.dataset.anchor.length + 1);
    this.#focus(item);
    if (inside && this.shown === item && this.opened) return this.opened.go(inside);
    if (inside) this.#open(item, (opened) => opened.go(inside));
    return true;
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
    this.away = tool("Close the entry", "Close the entry", () => this.#shut());
    this.load = element("a", { className: "button small v-tool", textContent: "Download the entry", hidden: true, attributes: { rel: "noreferrer" } });
    this.away.hidden = true;
    this.bar.append(element("span", { className: "soft", textContent: "Enter opens an entry." }), this.away, this.load);
  }

  #counted() {
    this.onPlace({ text: `${this.items.filter((one) => one.dataset.anchor).length} entries` });
  }

  #take() {
    if (this.at?.dataset.anchor) this.take({ kind: "region", anchor: this.at.dataset.anchor, text: "" });
  }

  /** A place in the entry that is open, as a place in the archive. */
  #within(evidence) {
    const { anchor } = this.shown.dataset;
    if (!evidence?.anchor) return { kind: "region", text: "", ...evidence, anchor };
    return { ...evidence, anchor: `${anchor},${evidence.anchor}` };
  }

  async #open(item, then = (opened) => opened.focus()) {
    if (!item.dataset.anchor || this.options.nested) return;
    if (this.shown === item && this.opened) {
      then(this.opened);
      return;
    }
    this.#shut(false);
    const turn = this.turn;
    this.shown = item;
    this.entry.hidden = this.away.hidden = false;
    item.setAttribute("aria-current", "true");
    this.entry.replaceChildren(element("p", { className: "empty soft", textContent: "Reading …", attributes: { role: "status" } }));
    const name = `${this.file.name}, ${item.dataset.anchor.slice(ENTRY.length)}`;
    const address = `${this.options.address}/entries/${item.dataset.number}`;
    const rendering = await this.#rendering(item, address);
    if (turn !== this.turn) return;
    this.entry.replaceChildren();
    const onCapture = (evidence) => this.take(this.#within(evidence));
    const opened = await this.options.openViewer(this.entry, rendering, { ...this.options, address, nested: true, onCapture, file: { ...this.file, name } });
    if (turn !== this.turn) {
      opened.close();
      return;
    }
    this.opened = opened;
    this.load.hidden = !rendering.download;
    if (rendering.download) this.load.href = rendering.download;
    then(opened);
  }

  /** What the server shows of an entry; where it shows nothing, its lines as far as they came with the archive. */
  async #rendering(item, address) {
    const text = this.texts.get(item.dataset.anchor);
    const plain = { kind: text ? "text" : "none", pages: [], sheets: [], segments: text ?? [], facts: [], flags: [], problem: null, src: null };
    if (!item.dataset.number) return plain;
    const found = await renderingOf(address, this.file).catch(() => null);
    if (found === null) return { ...plain, problem: text ? null : "This entry could not be shown: the server cannot be reached, or does not answer as it should." };
    return found.kind === "none" && text ? { ...plain, problem: found.problem, download: found.download } : found;
  }

  #shut(back = true) {
    this.turn += 1;
    this.opened?.close();
    this.entry.replaceChildren();
    Object.assign(this, { opened: null, shown: null });
    this.entry.hidden = this.away.hidden = this.load.hidden = true;
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
      const item = element("li", { tabIndex: -1, attributes: { role: "treeitem", "aria-level": level }, dataset: leaf ? { anchor: inside.anchor, number: inside.number ?? "" } : {} }, [
        element("span", { className: "path", textContent: legible(leaf ? inside.last : `${name}/`), dir: "auto" }),
      ]);
      this.items.push(item);
      if (leaf) item.append(" ", element("span", { className: "soft", textContent: inside.size }));
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
    this.#open(item, () => {});
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
    else if (event.key === "Enter" && item?.dataset.anchor && !this.options.nested) this.#open(item);
    else if (event.key === "Enter" && item?.dataset.anchor && this.capture) this.#take();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
