// The keys as a table, written from the one that binds them, and where they are changed.
import { byId, element } from "./dom.mjs";
import { ACTIONS, keyOf, shownKey } from "./keys.mjs";

export class Help {
  /** @param {Keyboard} keyboard whose keys are shown and changed */
  constructor(keyboard) {
    this.keyboard = keyboard;
    this.dialog = byId("keys");
    byId("keys-reset").addEventListener("click", () => keyboard.reset());
    byId("keys-off").addEventListener("change", (event) => { keyboard.off = event.target.checked; });
    keyboard.addEventListener("changed", () => { this.draw(); showKeys(keyboard); });
  }

  open() {
    this.draw();
    this.dialog.showModal();
  }

  draw() {
    byId("keys-off").checked = this.keyboard.off;
    const focused = document.activeElement?.dataset?.action;
    const groups = [...new Set(ACTIONS.map((action) => action.group))];
    byId("keys-table").replaceChildren(...groups.map((group) => this.#group(group)));
    if (focused) byId("keys-table").querySelector(`[data-action=${focused}]`)?.focus();
  }

  #group(group) {
    const rows = ACTIONS.filter((action) => action.group === group).map((action) => this.#row(action));
    return element("section", {}, [element("h3", { textContent: group }), element("dl", {}, rows)]);
  }

  #row(action) {
    const shown = this.keyboard.keysOf(action.name).map(shownKey).join(" ") || "none";
    const key = element(action.fixed ? "kbd" : "button", { textContent: shown, className: "key" });
    if (!action.fixed) {
      Object.assign(key, { type: "button" });
      Object.assign(key.dataset, { action: action.name });
      key.setAttribute("aria-label", `${action.says}: ${shown}. Choose another key`);
      key.addEventListener("click", () => this.#listen(action, key));
    }
    return element("div", {}, [element("dt", {}, [key]), element("dd", { textContent: action.says })]);
  }

  #listen(action, button) {
    button.textContent = "press a key";
    byId("keys-problem").textContent = "";
    const hear = (event) => {
      if (["Shift", "Control", "Meta", "Alt"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      done();
      const problem = event.key === "Escape" ? null : this.keyboard.choose(action.name, keyOf(event));
      if (event.key === "Escape") this.draw();
      byId("keys-problem").textContent = problem ?? "";
      if (problem) this.draw();
    };
    const done = () => {
      button.removeEventListener("keydown", hear);
      button.removeEventListener("blur", left);
    };
    const left = () => { done(); button.textContent = this.keyboard.keysOf(action.name).map(shownKey).join(" ") || "none"; };
    button.addEventListener("keydown", hear);
    button.addEventListener("blur", left);
  }
}

/** The keys on all buttons, as they are bound now. */
export function showKeys(keyboard, root = document) {
  for (const node of root.querySelectorAll("kbd[data-key]")) {
    const keys = keyboard.off ? [] : keyboard.keysOf(node.dataset.key);
    node.textContent = keys.map(shownKey).join(" ");
    node.hidden = keys.length === 0;
  }
}
