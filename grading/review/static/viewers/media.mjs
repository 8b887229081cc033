// Sound and video: played from the content origin, a second taken as evidence. Space, j, k and l work in the player.
import { element } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";

const SKIP = 5;
const two = (number) => String(number).padStart(2, "0");

/** `00:31`, `1:02:03`. */
export function timeText(seconds) {
  const all = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return `${hours ? `${hours}:` : ""}${two(minutes)}:${two(all % 60)}`;
}

export class Media extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "media");
    this.holdsFocus();
    const label = { "aria-label": options.file.name };
    const poster = rendering.kind === "video" ? { poster: rendering.pages?.[0]?.src ?? "" } : {};
    this.player = element(rendering.kind, { src: rendering.src, controls: true, preload: "metadata", ...poster, attributes: label });
    this.player.addEventListener("timeupdate", () => this.#place());
    this.player.addEventListener("loadedmetadata", () => this.#place());
    this.player.addEventListener("error", () => this.#again(options.fresh), { once: true });
    this.body.append(this.player);
    this.bar.append(tool("−5 s", "Five seconds back", () => this.page(-1)), tool("+5 s", "Five seconds on", () => this.page(1)));
    if (this.capture) this.bar.append(tool("Take time", "Take this second as evidence", () => this.take(this.anchor())));
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  anchor() {
    return { kind: "region", anchor: `t=${timeText(this.player.currentTime)}`, text: "" };
  }

  go(anchor) {
    const [, hours = "0", minutes, seconds] = /^t=(?:(\d+):)?(\d+):(\d+)/.exec(anchor) ?? [];
    if (seconds === undefined) return false;
    this.player.currentTime = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return true;
  }

  page(by) {
    this.player.currentTime = Math.max(0, this.player.currentTime + by * SKIP);
  }

  focus() {
    this.player.focus({ preventScroll: true });
  }

  close() {
    this.player.pause();
    this.player.removeAttribute("src");
    super.close();
  }

  #place() {
    const { currentTime, duration } = this.player;
    this.onPlace({ text: `${timeText(currentTime)} of ${Number.isFinite(duration) ? timeText(duration) : "?"}` });
  }

  async #again(fresh) {
    if (!this.root.isConnected) return;
    const at = this.player.currentTime;
    const { src } = await fresh().catch(() => ({ src: "" }));
    if (!src || src === this.player.src) return;
    this.player.src = src;
    this.player.currentTime = at;
  }

  #key(event) {
    if (event.target !== this.player || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { j: () => this.page(-1), l: () => this.page(1), k: () => this.#toggle(), " ": () => this.#toggle(), Enter: () => this.capture && this.take(this.anchor()) };
    if (!acts[event.key]) return;
    acts[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  #toggle() {
    if (this.player.paused) this.player.play().catch(() => {});
    else this.player.pause();
  }
}
