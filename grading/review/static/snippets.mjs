// Own comments, to be used again: searched and chosen by keyboard.
import { send } from "./api.mjs";
import { byId, element } from "./dom.mjs";

const ADDRESS = "/api/snippets";

/** Those that hold every word, where each has been begun. */
export function matching(snippets, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return snippets.filter(({ text }) => wanted.every((word) => text.toLowerCase().includes(word)));
}

export class Snippets {
  /** @param {() => string} feedback there is now. @param {(text: string) => void} use puts a comment into it */
  constructor(feedback, use) {
    Object.assign(this, { feedback, use });
    this.all = null;
    this.reading = null;
    this.at = 0;
    this.dialog = byId("snippets");
    this.field = byId("snippets-search");
    this.field.addEventListener("input", () => this.draw(0));
    this.field.addEventListener("keydown", (event) => this.#hear(event));
    byId("snippets-list").addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) this.#take(Number(row.dataset.at));
    });
    byId("snippets-add").addEventListener("click", () => this.#add());
    byId("snippets-drop").addEventListener("click", () => this.#drop());
  }

  async open() {
    this.field.value = "";
    byId("snippets-error").textContent = "";
    byId("snippets-add").disabled = this.feedback().trim() === "";
    this.draw(0);
    this.dialog.showModal();
    this.field.focus();
    if (this.all === null) await this.#read();
  }

  get found() {
    return matching(this.all ?? [], this.field.value);
  }

  draw(at = this.at) {
    const { found } = this;
    this.at = Math.min(Math.max(at, 0), Math.max(found.length - 1, 0));
    const rows = found.map(({ text }, row) => element("li", { id: `snippet-${row}`, textContent: text, dataset: { at: row }, attributes: { role: "option", "aria-selected": String(row === this.at) } }));
    byId("snippets-list").replaceChildren(...rows);
    byId("snippets-list").hidden = !found.length;
    this.field.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length) this.field.setAttribute("aria-activedescendant", `snippet-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
    rows[this.at]?.scrollIntoView({ block: "nearest" });
    byId("snippets-drop").disabled = !found.length;
    byId("snippets-note").textContent = this.#note(found.length);
  }

  #note(count) {
    if (this.all === null) return "Reading …";
    if (!this.all.length) return "None yet. Write feedback, then keep it here as a comment.";
    return count ? "Enter puts the chosen one into the feedback. Arrow keys choose." : "None holds these words.";
  }

  #hear(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) this.draw(this.at + by);
    else if (event.key === "Enter") this.#take(this.at);
    else return;
    event.preventDefault();
  }

  #take(at) {
    const chosen = this.found[at];
    if (!chosen) return;
    this.dialog.close();
    this.use(chosen.text);
  }

  /** Resolves to whether they could be read. */
  #read() {
    this.reading ??= this.#fetch().finally(() => { this.reading = null; });
    return this.reading;
  }

  async #fetch() {
    let all = null;
    try {
      const response = await fetch(ADDRESS, { cache: "no-store" });
      if (response.ok) all = await response.json();
    } catch { /* said below */ }
    if (all === null) byId("snippets-error").textContent = "Your comments cannot be read now.";
    else this.all = all;
    this.draw();
    return all !== null;
  }

  // What is kept replaces the whole list: it is read before, so that no comment of another tab is lost.

  async #add() {
    const text = this.feedback().trim();
    if (!(await this.#read())) return;
    const others = this.all.filter((one) => one.text !== text);
    await this.#keep([{ id: crypto.randomUUID?.() ?? String(Date.now()), text }, ...others], 0);
  }

  async #drop() {
    const chosen = this.found[this.at];
    if (!chosen || !(await this.#read())) return;
    await this.#keep(this.all.filter(({ id }) => id !== chosen.id), this.at);
  }

  async #keep(all, at) {
    const error = byId("snippets-error");
    error.textContent = "";
    try {
      const response = await send("PUT", ADDRESS, all);
      if (response.ok) this.all = all;
      else error.textContent = (await response.json().catch(() => ({}))).error ?? "The server refused it.";
    } catch {
      error.textContent = "The server cannot be reached; nothing is changed.";
    }
    this.draw(at);
    this.field.focus();
  }
}
