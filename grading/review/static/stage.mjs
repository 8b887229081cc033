// The stage: what is looked at while grading, on one side or on two.
import { byId, element, legible } from "./dom.mjs";
import { divide } from "./resize.mjs";
import { Pane } from "./pane.mjs";
import { toast } from "./toast.mjs";

const STORE = "upbench.split";
const AGAIN_MS = 3000;
const differs = (change) => change.change !== "same";

export class Stage extends EventTarget {
  /**
   * Events: "captured" {evidence} (a place was taken by pointer), "looking" {file} (a path; null: the brief),
   * "compared" {unchanged, nothing} (paths of files that are as they were in the previous submission; all are).
   *
   * @param {HTMLElement} root of the review. @param {object} start what the page starts from
   * @param {Api} api of this review. @param {() => string[]} cited paths of files that evidence names
   */
  constructor(root, start, api, cited) {
    super();
    Object.assign(this, { root, start, api, cited, files: start.files, changed: start.changed });
    this.changes = null;
    this.seen = new Set();
    this.node = root.querySelector("#stage");
    this.panes = [...this.node.querySelectorAll(".pane")].map((node) => new Pane(node, this));
    [this.active] = this.panes;
    this.divider = this.node.querySelector(".divider");
    divide(this.divider, (share) => this.node.style.setProperty("--left", `${share}fr`) ?? this.node.style.setProperty("--right", `${100 - share}fr`), (event) => {
      const box = this.node.getBoundingClientRect();
      return ((event.clientX - box.left) / box.width) * 100;
    });
    this.begin();
  }

  get split() {
    return !this.panes[1].node.hidden;
  }

  begin() {
    const first = this.files.deliverables.length || this.start.missing.length ? "deliverables" : "brief";
    this.activate(this.panes[0]);
    this.panes[0].show(first);
    let remembered = null;
    try {
      remembered = localStorage.getItem(STORE);
    } catch {
      // Then it begins with one side.
    }
    if (remembered === "yes") this.setSplit(true);
    if (this.changed) this.#readChanges();
  }

  activate(pane) {
    this.active = pane;
    for (const one of this.panes) one.node.classList.toggle("active", one === pane);
  }

  /** Two sides, or one: what is read beside what is graded. */
  setSplit(split) {
    if (split === this.split) return;
    const [left, right] = this.panes;
    right.node.hidden = this.divider.hidden = !split;
    this.node.classList.toggle("split", split);
    for (const button of this.node.querySelectorAll("[data-do=split]")) button.setAttribute("aria-pressed", String(split));
    if (split) right.show(left.tab === "brief" ? "deliverables" : "brief");
    else {
      right.close();
      right.opened = null;
      this.activate(left);
    }
    try {
      localStorage.setItem(STORE, split ? "yes" : "no");
    } catch {
      // Not remembered.
    }
  }

  other() {
    if (!this.split) this.setSplit(true);
    this.activate(this.panes.find((pane) => pane !== this.active));
    this.active.focus();
  }

  /** The brief, or what was shown before it. */
  brief() {
    const pane = this.active;
    if (pane.tab === "brief") pane.show(pane.before ?? "deliverables");
    else {
      pane.before = pane.tab;
      pane.show("brief");
    }
  }

  /** What changed since the previous submission: of the file shown, where it did; and back. */
  compare() {
    if (!this.changed) return false;
    const pane = this.active;
    if (pane.tab === "changes") {
      pane.show("deliverables");
      return true;
    }
    pane.show("changes", this.#changeFor(pane));
    return true;
  }

  /** Of the file that a side shows, where it has changed; else the first file that has. */
  #changeFor(pane) {
    const changes = this.changes ?? [];
    const path = this.files.deliverables[pane.index.deliverables]?.name;
    const own = changes.findIndex((change) => change.path === path);
    const first = changes.findIndex(differs);
    return own >= 0 && (differs(changes[own]) || first < 0) ? own : Math.max(first, 0);
  }

  /** Go to a piece of evidence, on the side where its file is, else on the active one. */
  async go(evidence) {
    const there = this.panes.find((pane) => !pane.node.hidden && pane.shown?.kind === "deliverables" && pane.shown.file.name === evidence.file);
    const pane = there ?? this.active;
    this.activate(pane);
    return pane.go(evidence);
  }

  close() {
    clearTimeout(this.again);
    for (const pane of this.panes) pane.close();
  }

  // --- told by its panes -------------------------------------------------------------------------------------------

  captured(evidence) {
    this.dispatchEvent(new CustomEvent("captured", { detail: { evidence } }));
  }

  saw(pane) {
    const shown = pane.shown;
    if (shown && shown.kind !== "changes") this.seen.add(`${shown.kind}/${shown.file.name}`);
    this.redraw();
    this.dispatchEvent(new CustomEvent("looking", { detail: { file: shown ? (shown.file.name ?? shown.file.path) : null } }));
  }

  /** Files' states may have changed. */
  redraw() {
    for (const pane of this.panes) if (!pane.node.hidden && pane.tab) pane.drawFiles();
  }

  /** What is said of a file in the list. */
  states(kind, file) {
    const states = [];
    const change = kind === "deliverables" && this.changes?.find((one) => one.path === file.name);
    if (change && change.change !== "same") states.push({ added: "new", renamed: "renamed" }[change.change] ?? "changed");
    if (kind === "deliverables") {
      const cited = this.cited().filter((path) => path === file.name).length;
      if (cited) states.push(`evidence ${cited}`);
    }
    if (!this.start.locked && !this.seen.has(`${kind}/${file.name}`)) states.push("not opened yet");
    return states;
  }

  /** Of the deliverables: what is lacking, and what was left out; of the changes: that there are none. */
  notes(tab) {
    if (tab === "changes" && this.same) return [element("p", { className: "note", textContent: "Nothing differs from the submission before." })];
    if (tab !== "deliverables") return [];
    const missing = this.start.missing.map((glob) => ["Asked for and not handed in: ", glob, ""]);
    const left = (this.start.left_out ?? []).map((one) => ["Not collected: ", one.name, `, ${one.why}`]);
    return [...missing, ...left].map(([before, name, after]) =>
      element("p", { className: "note" }, [before, element("code", { textContent: legible(name) }), after]),
    );
  }

  nothing(tab) {
    if (tab === "changes") return this.changes === null ? "Reading what changed …" : "No file was handed in, now or before.";
    return tab === "inputs" ? "The client gave no files." : "Nothing was handed in.";
  }

  /** Paths, in the previous submission, of files that are as they were. */
  #unchanged() {
    return new Set(this.changes.filter((one) => ["same", "renamed"].includes(one.change)).map((one) => one.was ?? one.path));
  }

  /** Read until it can be: there may be no line at this moment, or no session. */
  async #readChanges() {
    const response = await this.api.get("/changes").catch(() => null);
    const said = response?.ok ? await response.json().catch(() => null) : null;
    if (said === null) {
      if (response?.status !== 404) this.again = setTimeout(() => this.#readChanges(), AGAIN_MS);
      return;
    }
    Object.assign(this, { changes: said.files, same: said.nothing });
    this.redraw();
    this.dispatchEvent(new CustomEvent("compared", { detail: { unchanged: this.#unchanged(), nothing: this.same } }));
    for (const pane of this.panes) {
      if (pane.tab === "changes") {
        pane.opened = null;
        pane.show("changes", this.#changeFor(pane));
      }
    }
  }
}

/**
 * What the keys for looking do, on whatever page has a stage.
 *
 * @param {() => Stage} stage the one of now
 * @returns {Record<string, () => void>} by the names of the group "Looking"
 */
export function lookingKeys(stage) {
  const pane = () => stage().active;
  const viewer = (does) => () => { if (pane().viewer) does(pane().viewer); };
  return {
    file: () => pane().step(1),
    file_back: () => pane().step(-1),
    page: viewer((shown) => shown.page(1)),
    page_back: viewer((shown) => shown.page(-1)),
    larger: viewer((shown) => shown.zoom(1)),
    smaller: viewer((shown) => shown.zoom(-1)),
    fit: viewer((shown) => shown.zoom(0)),
    search: viewer((shown) => { if (shown.search() === false) toast("This kind of file has no search."); }),
    brief: () => stage().brief(),
    split: () => stage().setSplit(!stage().split),
    other: () => stage().other(),
    compare: () => { if (!stage().compare()) toast("There is no previous submission to compare with."); },
  };
}
