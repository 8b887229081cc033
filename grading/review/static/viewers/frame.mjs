// A web page as it was handed in: on the content origin, without its scripts and without the network. With them only
// when somebody asks for it, and then in a frame of no origin, which is told nothing and can reach nothing.
import { element } from "../dom.mjs";
import { announce } from "../live.mjs";
import { Viewer, tool } from "./base.mjs";

const SCALES = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2];
const STILL = "Shown without its scripts and without anything from the network. Esc leads out of it.";
const RUNNING = "Its scripts run. Keys that you press in it are its own; a click outside leads out.";
const ASKED = "A stranger's program will run in a frame that can read nothing of yours, keep nothing and ask for nothing. By a bare connection it could still tell its author that somebody looks, and from which network.";
const STOLEN = "The page took the keyboard while somebody wrote elsewhere: its scripts were ended.";
const ANSWER_MS = 3000;
const QUOTED = 300;
const spaced = (text) => text.replace(/\s+/g, " ").trim();
const TYPING_MS = 1000;

export class Frame extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "frame");
    this.holdsFocus();
    Object.assign(this, { rendering, fresh: options.fresh, running: false, size: SCALES.indexOf(1), selected: "" });
    this.said = element("span", { className: "soft v-frame-says" });
    this.seek = tool("Search", "Search in the page", () => this.search());
    this.bar.append(this.said, this.seek);
    if (rendering.run) this.#offer();
    this.onMessage = (event) => this.#hear(event);
    this.onBlur = () => this.#left();
    this.onFocus = ({ target }) => { if (target !== this.frame) this.before = target; };
    this.onKey = ({ key }) => Object.assign(this, { wanted: key === "Tab", typed: performance.now() });
    addEventListener("message", this.onMessage);
    document.addEventListener("keydown", this.onKey, true);
    addEventListener("blur", this.onBlur);
    document.addEventListener("focusin", this.onFocus);
    this.#show();
  }

  /** What is selected, in the piece of the text (`text=7`) in which it stands. */
  anchor() {
    if (!this.selected) return { kind: "region", anchor: null, text: "" };
    const first = spaced(this.selected.split("\n", 1)[0]);
    const [anchor] = this.rendering.segments.find(([, text]) => spaced(text).includes(first)) ?? [null];
    return { kind: "quote", anchor, text: this.selected };
  }

  go(anchor) {
    const [, text] = this.rendering.segments.find(([each]) => each === anchor) ?? [];
    if (text === undefined || this.running) return false;
    this.#ask({ do: "find", text: spaced(text).slice(0, QUOTED), by: 0 });
    return true;
  }

  page(by) { this.#ask({ do: "page", by }); }

  zoom(by) {
    this.size = by === 0 ? SCALES.indexOf(1) : Math.min(Math.max(this.size + by, 0), SCALES.length - 1);
    this.#ask({ do: "zoom", scale: SCALES[this.size] });
  }

  search() {
    return this.running ? false : super.search();
  }

  /** The page itself is searched; what is found is selected in it. */
  async find(text, by) {
    const found = new Promise((resolve) => { this.finding = resolve; setTimeout(resolve, ANSWER_MS, { count: 0 }); });
    this.#ask({ do: "find", text, by });
    const { at, count } = await found;
    return count ? `${at} of ${count}` : "Not found";
  }

  focus() {
    this.wanted = true;
    this.frame.focus();
    this.#ask({ do: "focus" });
  }

  close() {
    removeEventListener("message", this.onMessage);
    removeEventListener("blur", this.onBlur);
    document.removeEventListener("keydown", this.onKey, true);
    document.removeEventListener("focusin", this.onFocus);
    super.close();
  }

  /** Scripts run when somebody has read what that means and asks for it again. */
  #offer() {
    this.runs = tool("Run its scripts", "Run its scripts", () => (this.running ? this.#end(STILL) : this.#question(this.asked.hidden)));
    this.runs.setAttribute("aria-expanded", "false");
    const yes = tool("Run them", "Run them", () => this.#run());
    this.asked = element("div", { className: "note v-asked", hidden: true, attributes: { role: "group", "aria-label": "Run its scripts" } }, [
      element("p", { textContent: ASKED }), yes, tool("Not now", "Not now", () => this.#question(false)),
    ]);
    this.bar.append(this.runs);
    this.bar.after(this.asked);
  }

  #question(open) {
    this.asked.hidden = !open;
    this.runs.setAttribute("aria-expanded", String(open));
    (open ? this.asked.querySelector("button") : this.runs).focus();
  }

  #show() {
    const { src, run } = this.rendering;
    const title = this.running ? `${this.file.name}, with its scripts` : `${this.file.name}, without its scripts`;
    const sandbox = this.running ? "allow-scripts" : "allow-scripts allow-same-origin";
    Object.assign(this, { selected: "", over: false, ready: false, waiting: [] });
    this.frame = element("iframe", { title, attributes: { sandbox, referrerpolicy: "no-referrer", src: this.running ? run : src } });
    this.frame.addEventListener("pointerenter", () => { this.over = true; });
    this.frame.addEventListener("pointerleave", () => { this.over = false; });
    this.body.replaceChildren(this.frame);
    this.said.textContent = this.running ? RUNNING : STILL;
    this.root.classList.toggle("v-running", this.running);
    this.seek.hidden = this.running;
    if (this.running && this.finder) this.finder.hidden = true;
    if (this.runs) this.runs.textContent = this.running ? "End its scripts" : "Run its scripts";
  }

  /** An address may have ended since the page was opened: it is asked for anew. */
  async #run() {
    this.rendering = await this.fresh().catch(() => this.rendering);
    this.running = true;
    this.#question(false);
    this.#show();
    announce(RUNNING);
  }

  #end(why) {
    this.frame.blur();
    window.focus();
    this.running = false;
    this.#show();
    this.said.textContent = why;
    announce(why);
  }

  async #again() {
    this.tried = true;
    this.rendering = await this.fresh().catch(() => this.rendering);
    if (!this.running) this.#show();
  }

  /** Of the reader; what is asked for before the page is there waits for it. */
  #ask(message) {
    if (this.running) return;
    if (this.ready) this.frame.contentWindow?.postMessage(message, new URL(this.rendering.src).origin);
    else this.waiting.push(message);
  }

  #begun() {
    this.ready = true;
    if (SCALES[this.size] !== 1) this.#ask({ do: "zoom", scale: SCALES[this.size] });
    for (const message of this.waiting.splice(0)) this.#ask(message);
  }

  /** Only the reader is listened to, and it runs nothing of the file. */
  #hear(event) {
    if (this.running || event.source !== this.frame.contentWindow || event.origin !== new URL(this.rendering.src).origin) return;
    const { leave, selected, found, ready, ended } = event.data ?? {};
    if (typeof selected === "string") this.selected = selected.slice(0, 2000);
    if (found) this.finding?.({ at: Number(found.at), count: Number(found.count) });
    if (ready) this.#begun();
    if (leave) this.#back();
    if (ended && !this.tried) this.#again();
  }

  #back() {
    this.frame.blur();
    window.focus();
    (this.runs ?? this.bar.querySelector("button")).focus();
  }

  /** A page whose scripts run may take the focus by itself, and with it what is typed: then they end. */
  #left() {
    const writes = performance.now() - (this.typed ?? -TYPING_MS) < TYPING_MS;
    const taken = this.running && document.activeElement === this.frame && !this.wanted && (writes || !this.over);
    this.wanted = false;
    if (!taken) return;
    const { before } = this;
    this.#end(STOLEN);
    if (before?.isConnected) before.focus();
  }
}
