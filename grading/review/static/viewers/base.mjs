// What all viewers share: a region that takes the focus, tools above it, a field for searching, a text selection.
import { element } from "../dom.mjs";

const QUOTE = 2000;

/** A button among a viewer's tools. */
export function tool(text, says, act) {
  const made = element("button", { type: "button", className: "small v-tool", textContent: text, title: says });
  if (text !== says) made.setAttribute("aria-label", says);
  made.addEventListener("click", act);
  return made;
}

/** What is selected inside a node, or "". */
export function selectedIn(node) {
  const selection = getSelection();
  if (selection.isCollapsed || !node.contains(selection.anchorNode)) return "";
  return selection.toString().trim().slice(0, QUOTE);
}

/** The nearest element around one end of the selection that matches. */
export function selectionEnd(end, selector) {
  const node = getSelection()[end];
  return (node instanceof Element ? node : node?.parentElement)?.closest(selector) ?? null;
}

export class Viewer {
  /**
   * @param {HTMLElement} host an empty box of any size
   * @param {object} of file: {name}, capture: whether evidence is taken here, onCapture(evidence), onPlace({text})
   */
  constructor(host, { file, capture = false, onCapture = () => {}, onPlace = () => {} }, kind) {
    Object.assign(this, { host, file, capture, onPlace });
    this.take = (evidence) => { if (capture) onCapture(evidence); };
    this.bar = element("div", { className: "v-bar", attributes: { role: "toolbar", "aria-label": `Tools for ${file.name}` } });
    this.body = element("div", { className: "v-body", tabIndex: 0, attributes: { role: "group", "aria-label": `What ${file.name} holds` } });
    this.root = element("div", { className: `viewer v-${kind}`, attributes: { role: "region", "aria-label": file.name } }, [this.bar, this.body]);
    host.append(this.root);
    this.bar.addEventListener("keydown", (event) => this.#alongBar(event));
  }

  anchor() { return null; }

  go() { return false; }

  page(by) {
    this.body.scrollBy({ top: by * this.body.clientHeight * 0.9 });
  }

  zoom() {}

  /** Open the field for searching; false: this viewer has none. */
  search() {
    if (!this.find) return false;
    this.field ??= this.#finder();
    this.finder.hidden = false;
    this.field.focus();
    this.field.select();
    return true;
  }

  focus() {
    this.body.focus({ preventScroll: true });
  }

  close() {
    this.root.remove();
  }

  /** `find(text, by)` of a viewer goes to the next place (by: 1 or -1) and resolves to what is said of it. */
  #finder() {
    const field = element("input", { type: "search", className: "v-search", placeholder: "Search in this file", attributes: { "aria-label": `Search in ${this.file.name}` } });
    const said = element("span", { className: "soft v-found", attributes: { role: "status" } });
    const look = async (by) => {
      const text = field.value.trim();
      said.textContent = text ? "…" : "";
      said.textContent = text ? await this.find(text, by) : "";
    };
    const away = () => { this.finder.hidden = true; this.found?.(); this.focus(); };
    this.finder = element("span", { className: "v-finder" }, [
      field, tool("↑", "Previous place", () => look(-1)), tool("↓", "Next place", () => look(1)), said, tool("×", "Close the search", away),
    ]);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Enter") look(event.shiftKey ? -1 : 1);
      else away();
    });
    this.bar.append(this.finder);
    return field;
  }

  /** Something in the body takes the focus itself. */
  holdsFocus() {
    for (const name of ["tabindex", "role", "aria-label"]) this.body.removeAttribute(name);
  }

  #alongBar(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined || event.target.matches("input, select")) return;
    const all = [...this.bar.querySelectorAll("button, select, input")].filter((one) => one.offsetParent !== null);
    all[(all.indexOf(event.target) + by + all.length) % all.length]?.focus();
    event.preventDefault();
  }
}
