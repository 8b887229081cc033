// One side of the stage: tabs, the list of files, the file shown.
import { byId, bytes, element, legible } from "./dom.mjs";
import { openChanges, openViewer, renderingOf } from "./looking.mjs";

const TITLES = { brief: "Brief", inputs: "Inputs", deliverables: "Deliverables", changes: "Changes" };
const CHANGED = { same: "unchanged", changed: "changed", added: "new", removed: "removed" };

export class Pane {
  /** @param {HTMLElement} node to fill. @param {Stage} stage it stands on */
  constructor(node, stage) {
    this.node = node;
    this.stage = stage;
    this.side = node.dataset.pane;
    node.replaceChildren(byId("pane").content.cloneNode(true));
    this.body = this.#part("body");
    this.body.id = `pane-body-${this.side}`;
    this.tab = null;
    this.index = { inputs: 0, deliverables: 0, changes: 0 };
    this.viewer = null;
    this.opening = 0;
    this.#drawTabs();
    if (this.side === "b") node.querySelector("[data-do=split]").firstChild.textContent = "Close ";
    node.addEventListener("pointerdown", () => stage.activate(this), true);
    node.addEventListener("focusin", () => stage.activate(this));
  }

  /** The file shown: {kind, index, file}; null: the brief. */
  get shown() {
    const file = this.files[this.index[this.tab]];
    return file === undefined ? null : { kind: this.tab, index: this.index[this.tab], file };
  }

  get files() {
    if (this.tab === "changes") return this.stage.changes ?? [];
    return this.stage.files[this.tab] ?? [];
  }

  /** Show a tab, and a file of it; resolves when it is there. */
  async show(tab, index = this.index[tab]) {
    if (this.tab === tab && index === this.index[tab] && this.opened) return this.opened;
    this.tab = tab;
    this.index[tab] = index;
    this.opened = this.#open();
    return this.opened;
  }

  /** The next file of this tab, or the one before. */
  step(by) {
    if (this.tab === "brief") return this.show("deliverables");
    const count = this.files.length;
    const at = (steps) => (this.index[this.tab] + steps * by + steps * count) % count;
    let steps = 1; // Among changes, on to the next file that has some.
    const same = () => this.files[at(steps)].change === "same";
    while (this.tab === "changes" && steps < count && same()) steps += 1;
    if (steps === count && same()) steps = 1;
    return count ? this.show(this.tab, at(steps)) : null;
  }

  /** Go to a piece of evidence; says whether the place is there. */
  async go(evidence) {
    const at = this.stage.files.deliverables.findIndex((file) => file.name === evidence.file);
    if (at < 0) return false;
    await this.show("deliverables", at);
    if (this.shown?.file.name !== evidence.file) return true; // somebody went on meanwhile
    return evidence.anchor ? Boolean(this.viewer?.go(evidence.anchor)) : true;
  }

  /** What one is looking at, as evidence; null: nothing that could be. */
  capture() {
    const shown = this.shown;
    if (shown === null || shown.kind !== "deliverables") return null;
    const place = this.viewer?.anchor() ?? { kind: "region", anchor: null, text: "" };
    return { ...place, file: shown.file.name };
  }

  focus() {
    if (this.viewer) this.viewer.focus();
    else this.body.focus();
  }

  close() {
    this.opening += 1;
    this.viewer?.close();
    this.viewer = null;
  }

  async #open() {
    this.close();
    const turn = this.opening;
    this.#draw();
    const shown = this.shown;
    const host = element("div", { className: "host" });
    this.body.replaceChildren(host);
    if (this.tab === "brief") this.#brief(host);
    else if (shown === null) host.append(element("p", { className: "empty", textContent: this.stage.nothing(this.tab) }));
    else await this.#file(shown, host, turn);
    if (turn === this.opening) this.stage.saw(this);
  }

  #brief(host) {
    host.classList.add("reading");
    Object.assign(host, { tabIndex: 0 });
    host.setAttribute("role", "region");
    host.setAttribute("aria-label", "Brief");
    host.append(byId("brief").content.cloneNode(true));
  }

  async #file(shown, host, turn) {
    host.append(element("p", { className: "empty soft", textContent: "Reading …" }));
    host.setAttribute("aria-busy", "true");
    try {
      const viewer = await this.#viewer(shown, host, turn);
      if (turn !== this.opening) viewer?.close();
      else this.viewer = viewer;
    } catch {
      if (turn === this.opening) this.#failed(host);
    }
    host.removeAttribute("aria-busy");
  }

  async #viewer(shown, host, turn) {
    const { api } = this.stage;
    const onPlace = (place) => { if (turn === this.opening) this.#part("place").textContent = place.text; };
    if (shown.kind === "changes") {
      return openChanges(host, { api, change: shown.file, index: shown.file.index ?? shown.index, file: shown.file, onPlace, left: () => turn !== this.opening });
    }
    const file = shown.file;
    const address = `${api.base}/${shown.kind}/${shown.index}`;
    const rendering = await renderingOf(address, file);
    if (turn !== this.opening) return null;
    host.replaceChildren();
    this.#part("place").textContent = "";
    return openViewer(host, rendering, {
      address,
      file,
      capture: shown.kind === "deliverables",
      onCapture: (evidence) => this.stage.captured({ ...evidence, file: file.name }),
      onPlace,
    });
  }

  #failed(host) {
    const again = element("button", { type: "button", className: "small", textContent: "Try again" });
    again.addEventListener("click", () => { this.opened = this.#open(); });
    const words = "This file could not be shown: the server cannot be reached, or does not answer as it should.";
    host.replaceChildren(element("div", { className: "empty" }, [element("p", { textContent: words }), again]));
  }

  // --- what stands around the file ---------------------------------------------------------------------------------

  #part(name) {
    return this.node.querySelector(`.pane-${name}`);
  }

  #drawTabs() {
    const { files, changed } = this.stage;
    const tabs = ["brief", "inputs", "deliverables", ...(changed ? ["changes"] : [])];
    const made = tabs.map((tab) => {
      const count = files[tab]?.length;
      const text = count === undefined ? TITLES[tab] : `${TITLES[tab]} ${count}`;
      const node = element("button", { type: "button", textContent: text, id: `tab-${this.side}-${tab}`, dataset: { tab }, attributes: { role: "tab", "aria-selected": "false", "aria-controls": this.body.id } });
      node.addEventListener("click", () => this.show(tab));
      return node;
    });
    const list = this.#part("head").querySelector("[role=tablist]");
    list.replaceChildren(...made);
    list.addEventListener("keydown", (event) => this.#alongTabs(event, made));
  }

  #alongTabs(event, tabs) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length];
    next.focus();
    this.show(next.dataset.tab);
  }

  #draw() {
    for (const tab of this.node.querySelectorAll("[role=tab]")) {
      const here = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
    }
    this.body.setAttribute("aria-labelledby", `tab-${this.side}-${this.tab}`);
    this.drawFiles();
    this.#showRow();
    this.#drawTools();
  }

  #drawTools() {
    const shown = this.shown;
    const tools = this.#part("tools");
    tools.hidden = shown === null;
    this.#part("place").textContent = "";
    if (shown === null) return;
    this.#part("name").textContent = legible(shown.file.name ?? shown.file.path);
    const load = tools.querySelector(".download");
    load.hidden = shown.kind === "changes";
    load.href = `${this.stage.api.page}/${shown.kind}/${shown.index}/download`;
    tools.querySelector("[data-do=evidence]").hidden = shown.kind !== "deliverables" || this.stage.start.locked === true;
    tools.querySelector("[data-do=file]").hidden = this.files.length < 2;
  }

  /** What is lacking, then the list of files, with what is known of each; who is in it stays where they are. */
  drawFiles() {
    const host = this.#part("files");
    const held = [...host.querySelectorAll(".file-row")].indexOf(document.activeElement);
    const files = this.files;
    const notes = this.stage.notes(this.tab);
    host.hidden = files.length < 2 && notes.length === 0;
    const items = files.map((file, at) => this.#row(file, at));
    const list = files.length > 1 ? [element("ul", { className: "file-list" }, items)] : [];
    host.replaceChildren(...notes, ...list);
    host.querySelectorAll(".file-row")[held]?.focus({ preventScroll: true });
  }

  /** The file shown stands in the part of the list that is seen, which scrolls by itself. */
  #showRow() {
    const host = this.#part("files");
    const row = host.querySelector("[aria-current]");
    if (!row) return;
    const [seen, at] = [host.getBoundingClientRect(), row.getBoundingClientRect()];
    if (at.top < seen.top) host.scrollTop -= seen.top - at.top;
    else if (at.bottom > seen.bottom) host.scrollTop += at.bottom - seen.bottom;
  }

  #row(file, at) {
    const name = legible(file.name ?? file.path);
    const states = this.tab === "changes" ? [file.was ? `renamed from ${legible(file.was)}` : CHANGED[file.change]] : this.stage.states(this.tab, file);
    const parts = [element("span", { className: "path", textContent: name })];
    if (file.size !== undefined) parts.push(element("span", { className: "soft", textContent: bytes(file.size) }));
    parts.push(...states.map((state) => element("span", { className: "file-state", textContent: state })));
    const row = element("button", { type: "button", className: "file-row" }, parts);
    if (at === this.index[this.tab]) row.setAttribute("aria-current", "true");
    row.addEventListener("click", () => this.show(this.tab, at));
    return element("li", {}, [row]);
  }
}
