// Several ways of looking at one thing, one at a time; the choice stands among the tools of each.
import { element } from "../dom.mjs";

export class Ways {
  /**
   * @param {string} label of the choice
   * @param {[string, string][]} titles [way, its title], the best first; none: there is nothing to look at
   * @param {(way: string) => Viewer} make the viewer of a way, in its place
   */
  constructor(label, titles, make) {
    this.all = titles.map(([way]) => way);
    this.make = make;
    this.buttons = titles.map(([way, title]) => {
      const button = element("button", { type: "button", className: "small v-tool", textContent: title, attributes: { "aria-pressed": "false" } });
      button.addEventListener("click", () => this.show(way));
      return button;
    });
    this.node = titles.length > 1 ? element("div", { className: "v-modes", attributes: { role: "group", "aria-label": label } }, this.buttons) : null;
    this.viewer = null;
    if (titles.length) this.show(this.all[0]);
  }

  show(way) {
    const chosen = this.node?.contains(document.activeElement);
    this.viewer?.close();
    this.shown = way;
    this.viewer = this.make(way);
    if (this.node) this.viewer.bar.prepend(this.node);
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(this.all[at] === way)));
    if (chosen) this.buttons[this.all.indexOf(way)].focus();
  }

  close() {
    this.viewer?.close();
  }
}
