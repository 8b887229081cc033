// Keys: one table, from which they are bound and the help is written. No action has a key of another.

const STORE = "upbench.keys";
const OFF = "#off";

/** Every action that has a key. `name`: what the page does; `keys`: unless somebody chose others. */
export const ACTIONS = [
  { name: "next", keys: ["j"], group: "Criteria", says: "next criterion" },
  { name: "previous", keys: ["k"], group: "Criteria", says: "previous criterion" },
  { name: "open", keys: ["n"], group: "Criteria", says: "next criterion without a verdict" },
  { name: "jump", keys: ["g"], group: "Criteria", says: "go to a criterion: its number follows" },
  { name: "pass", keys: ["1"], group: "Verdict", says: "pass" },
  { name: "fail", keys: ["2"], group: "Verdict", says: "fail, and write why" },
  { name: "cannot_judge", keys: ["3"], group: "Verdict", says: "cannot judge" },
  { name: "feedback", keys: ["c"], group: "Verdict", says: "write feedback" },
  { name: "snippets", keys: ["r"], group: "Verdict", says: "own comments, to use again" },
  { name: "evidence", keys: ["e"], group: "Verdict", says: "take the place you look at as evidence" },
  { name: "absence", keys: ["a"], group: "Verdict", says: "it is not there: note what you searched" },
  { name: "ticket", keys: ["t"], group: "Verdict", says: "tell the leads that the criterion itself is wrong" },
  { name: "undo", keys: ["u"], group: "Verdict", says: "undo the last change" },
  { name: "file", keys: ["f"], group: "Looking", says: "next file" },
  { name: "file_back", keys: ["F"], group: "Looking", says: "previous file" },
  { name: "page_back", keys: ["["], group: "Looking", says: "previous page or sheet" },
  { name: "page", keys: ["]"], group: "Looking", says: "next page or sheet" },
  { name: "brief", keys: ["b"], group: "Looking", says: "the brief, and back" },
  { name: "search", keys: ["/"], group: "Looking", says: "search in the file" },
  { name: "larger", keys: ["+"], group: "Looking", says: "larger" },
  { name: "smaller", keys: ["-"], group: "Looking", says: "smaller" },
  { name: "fit", keys: ["0"], group: "Looking", says: "fit the width" },
  { name: "split", keys: ["s"], group: "Looking", says: "two files side by side, and back" },
  { name: "other", keys: ["o"], group: "Looking", says: "the other side of the two" },
  { name: "compare", keys: ["v"], group: "Looking", says: "what changed since the previous submission" },
  { name: "submit", keys: ["Mod+Enter"], group: "Review", says: "submit the review: first a summary", typing: true },
  { name: "help", keys: ["?"], group: "Review", says: "these keys" },
  { name: "leave", keys: ["Escape"], group: "Review", says: "leave a field, close a window", typing: true, fixed: true },
];

/** The same of the queue's page. */
export const QUEUE = [{ name: "take", keys: ["n"], group: "Queue", says: "take the next submission" }];

/** Keys that belong to the browser or to fields and can be given to nothing. */
const TAKEN = new Set(["Tab", "Enter", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Backspace", "Delete"]);
const NAMES = { Escape: "Esc", "Mod+Enter": "Ctrl Enter" };

/** How a key is shown. */
export const shownKey = (key) => NAMES[key] ?? key;

/** Whether somebody is typing there. */
export function typing(target) {
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, select, [contenteditable]:not([contenteditable=false])")) return true;
  return target.matches("input") && !["radio", "checkbox", "button", "range"].includes(target.type);
}

/** `j`, `?`, `Mod+Enter`; null: a key that is somebody else's (of the browser, of a screen reader). */
export function keyOf(event) {
  if (event.isComposing || ["Control", "Meta", "Shift", "Alt", "AltGraph"].includes(event.key)) return null;
  if (event.getModifierState("AltGraph")) return event.key; // Some layouts have brackets there, some browsers call it Ctrl and Alt.
  if (event.altKey) return null;
  if (event.ctrlKey || event.metaKey) return event.key === "Enter" ? "Mod+Enter" : null;
  return event.key;
}

/**
 * What stands at the same place of a Latin keyboard: digits that need Shift (French), letters of another script; null:
 * nothing else is meant. Asked for only where nobody has given the key itself to anything.
 */
export function latinOf(event) {
  const [, kind, name] = /^(Digit|Key)(.)$/.exec(event.code) ?? [];
  if (kind === "Digit") return event.shiftKey ? null : name;
  if (kind !== "Key" || event.key.charCodeAt(0) < 128) return null;
  return event.shiftKey ? name : name.toLowerCase();
}

/** Why a key cannot be given to an action; null: it can. */
export function problemOf(key, name, bindings, table = ACTIONS) {
  if (key === null || TAKEN.has(key)) return "This key belongs to the browser.";
  const other = table.find((action) => action.name !== name && bindings[action.name].includes(key));
  return other ? `${shownKey(key)} is taken: ${other.says}.` : null;
}

/** Who has which key: the table's, changed by what was chosen here, never one key for two. */
export function bindingsFrom(chosen, table = ACTIONS) {
  const bindings = Object.fromEntries(table.map((action) => [action.name, [...action.keys]]));
  const wanted = table.filter((action) => !action.fixed && typeof chosen?.[action.name] === "string");
  for (const { name } of wanted) bindings[name] = [];
  for (const { name, keys } of wanted) {
    const first = [chosen[name], ...keys].find((key) => problemOf(key, name, bindings, table) === null);
    bindings[name] = first === undefined ? [] : [first];
  }
  return bindings;
}

export class Keyboard extends EventTarget {
  /** @param {string} person whose choice of keys it is. @param {Record<string, () => void>} actions by name */
  constructor(person, actions, table = ACTIONS) {
    super();
    this.table = table;
    this.store = `${STORE}.${person}`;
    this.actions = actions;
    this.chosen = this.#read();
    this.#bind();
    this.listener = (event) => this.#hear(event);
    document.addEventListener("keydown", this.listener);
  }

  close() {
    document.removeEventListener("keydown", this.listener);
  }

  keysOf(name) {
    return this.bindings[name];
  }

  /** Give an action another key; returns why not, or null. */
  choose(name, key) {
    const problem = problemOf(key, name, this.bindings, this.table);
    if (problem === null) this.#keep({ ...this.chosen, [name]: key });
    return problem;
  }

  /** All keys as they were. */
  reset() {
    this.#keep({});
  }

  run(name) {
    this.actions[name]?.();
  }

  /** Single letters do nothing (a program that types what is spoken would set them off). */
  get off() {
    return this.chosen[OFF] === true;
  }

  set off(off) {
    this.#keep({ ...this.chosen, [OFF]: off });
  }

  #hear(event) {
    const key = keyOf(event);
    if (key === null || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const action = this.byKey.get(key) ?? this.byKey.get(latinOf(event));
    if (action === undefined || ((this.off || typing(event.target)) && !action.typing)) return;
    if (this.actions[action.name] === undefined) return;
    event.preventDefault();
    this.actions[action.name](event);
  }

  #bind() {
    this.bindings = bindingsFrom(this.chosen, this.table);
    this.byKey = new Map(this.table.flatMap((action) => this.bindings[action.name].map((key) => [key, action])));
  }

  #keep(chosen) {
    this.chosen = chosen;
    this.#bind();
    try {
      localStorage.setItem(this.store, JSON.stringify(chosen));
    } catch {
      // Storage may be full or switched off: the choice holds until the page goes.
    }
    this.dispatchEvent(new CustomEvent("changed"));
  }

  #read() {
    try {
      const chosen = JSON.parse(localStorage.getItem(this.store) ?? "{}");
      return typeof chosen === "object" && chosen !== null ? chosen : {};
    } catch {
      return {};
    }
  }
}
