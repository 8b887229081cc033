// What differs between a file and the one of the previous submission: lines, cells, pages.
import { element } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";
import { Flips } from "./flips.mjs";
import { Strip } from "./strip.mjs";
import { Ways } from "./ways.mjs";

const LINE = 24;
const SIGNS = { same: " ", added: "+", removed: "−" };
const SPOKEN = { same: "", added: "added: ", removed: "removed: " };
const TITLES = { text: "Text", cells: "Cells", pages: "Pages" };
const WHOLE = { added: "This file is new.", removed: "This file is no longer there.", same: "Nothing in this file has changed.", renamed: "The same file under another name." };
const LOOK_MS = 1500;
const RENDERED_MS = 8 * 60_000;

/** Lines or cells with what happened to each. */
class Listed extends Viewer {
  constructor(host, items, options, draw) {
    super(host, options, "changes");
    this.items = items;
    this.at = 0;
    this.bar.append(tool("↑ Change", "Previous change", () => this.page(-1)), tool("↓ Change", "Next change", () => this.page(1)));
    this.strip = new Strip(this.body, {
      count: items.length, height: (index) => LINE * Math.max(1, Math.ceil(String(items[index].at(-1)).length / 80)), draw: (index) => draw(items[index]),
      moved: (first) => { this.at = first; },
    });
    this.root.addEventListener("keydown", (event) => this.#key(event));
    const count = items.filter(([state]) => state !== "same").length;
    this.onPlace({ text: `${count} change${count === 1 ? "" : "s"}` });
  }

  /** The next run of changes. */
  page(by) {
    const changed = (index) => this.items[index]?.[0] !== "same";
    let at = (this.jumped ?? this.at - (by > 0 ? 1 : 0)) + by;
    const begins = (index) => changed(index) && (this.items[index][0] === "changed" || index === 0 || !changed(index - 1));
    while (at >= 0 && at < this.items.length && !begins(at)) at += by;
    if (at < 0 || at >= this.items.length) return;
    this.jumped = at;
    this.strip.go(at, 0);
  }

  go(anchor) {
    const at = this.items.findIndex(([state, place]) => place === anchor && state !== "removed");
    if (at >= 0) this.strip.go(at, 0);
    return at >= 0;
  }

  close() {
    this.strip.close();
    super.close();
  }

  #key(event) {
    if (event.target !== this.body) return;
    const high = this.body.clientHeight * 0.9;
    const by = { ArrowDown: 40, ArrowUp: -40, PageDown: high, PageUp: -high }[event.key];
    if (by === undefined) return;
    this.body.scrollBy({ top: by });
    event.preventDefault();
    event.stopPropagation();
  }
}

function line([state, anchor, text]) {
  const name = { added: "ins", removed: "del" }[state] ?? "span";
  return element("div", { className: `v-line v-${anchor ? state : "gap"}`, attributes: { role: "listitem" } }, [
    element("span", { className: "v-anchor", textContent: anchor }), element("span", { className: "v-sign", textContent: SIGNS[state], attributes: { "aria-hidden": "true" } }),
    element("span", { className: "hidden", textContent: SPOKEN[state] }), element(name, { className: "v-words-of", textContent: text, dir: "auto" }),
  ]);
}

function cellLine([, anchor, before, after]) {
  return element("div", { className: "v-line v-cells", attributes: { role: "listitem" } }, [
    element("span", { className: "v-anchor", textContent: anchor }), element("span", { className: "hidden", textContent: "before: " }), element("del", { textContent: before || "(empty)", dir: "auto" }),
    element("span", { textContent: " → ", attributes: { "aria-hidden": "true" } }), element("span", { className: "hidden", textContent: " now: " }), element("ins", { textContent: after || "(empty)", dir: "auto" }),
  ]);
}

const shown = (value) => (value === null || value === undefined ? "" : String(value));
const cellItem = ({ sheet, cell, before, after }) => ["changed", `${sheet ? `${sheet}!` : ""}${cell}`, shown(before), shown(after)];

const MAKE = {
  text: (host, said, options) => new Listed(host, said.text, options, line),
  cells: (host, said, options) => new Listed(host, said.cells.map(cellItem), options, cellLine),
  pages: (host, said, options) => new Flips(host, said.pages, options),
};

class Changes {
  constructor(host, said, options) {
    const modes = Object.keys(MAKE).filter((mode) => said[mode]?.length > 0);
    this.box = element("div", { className: "v-box" });
    const note = said.problem ?? (modes.length ? null : WHOLE[options.change.change] ?? "What changed in it cannot be shown; both versions can be downloaded.");
    this.root = element("div", { className: "v-open" }, [...(note ? [element("p", { className: "note", textContent: note, tabIndex: -1 })] : []), this.box]);
    host.append(this.root);
    this.ways = new Ways("What is compared", modes.map((mode) => [mode, TITLES[mode]]), (mode) => MAKE[mode](this.box, said, options));
  }

  get viewer() { return this.ways.viewer; }

  anchor() { return null; }

  go(anchor) { return this.viewer?.go(anchor) ?? false; }

  page(by) { this.viewer?.page(by); }

  zoom(by) { this.viewer?.zoom(by); }

  search() { return false; }

  focus() { (this.viewer ?? this.root.querySelector(".note"))?.focus(); }

  close() {
    this.ways.close();
    this.root.remove();
  }
}

/** What changed, once both versions have been rendered; after some minutes, or once left, what there is is enough. */
async function fetched(api, index, left) {
  for (let waited = 0; ; waited += LOOK_MS) {
    const response = await api.get(`/changes/${index}`);
    if (!response.ok) throw new Error(String(response.status));
    const said = await response.json();
    if (!said.pending || waited > RENDERED_MS || left()) return said;
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
}

/**
 * Show what changed in one file. Rejects when the server does not answer.
 *
 * @param {HTMLElement} host a box, emptied once both versions are there
 * @param {object} options api, change: an entry of `GET /changes`, index of it, file, onPlace, left: whether nobody
 *   waits for it any more
 */
export async function openChanges(host, { api, change, index, file, onPlace = () => {}, left = () => false }) {
  const named = { name: file?.name ?? change.path };
  const fresh = () => fetched(api, index, left);
  const said = await fresh();
  host.replaceChildren();
  return new Changes(host, said, { change, file: named, onPlace, fresh });
}
