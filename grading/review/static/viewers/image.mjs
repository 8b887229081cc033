// A picture: zoomed, moved by scrolling, framed by pointer or keys.
import { element } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";
import { Region, boxNode, boxOf, boxText } from "./region.mjs";

const ZOOMS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8];

export class Picture extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "image");
    this.scale = 1;
    this.image = element("img", { src: rendering.src, alt: options.file.name, draggable: false });
    this.image.addEventListener("load", () => this.#place());
    this.image.addEventListener("error", () => this.#again(options.fresh), { once: true });
    this.surface = element("div", { className: "v-surface" }, [this.image]);
    this.body.append(this.surface);
    this.region = new Region({ taken: (_, box) => this.#taken(box) });
    this.bar.append(tool("−", "Smaller", () => this.zoom(-1)), tool("+", "Larger", () => this.zoom(1)), tool("Fit", "Fit the window", () => this.zoom(0)));
    if (this.capture) {
      this.bar.append(tool("Frame", "Frame a place on the picture", () => { this.region.begin(this.surface); this.focus(); }));
      this.region.listen(this.surface, () => true);
    }
    this.room = new ResizeObserver(() => this.#place());
    this.room.observe(this.body);
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  anchor() {
    const box = this.region.box ?? this.marked ?? null;
    return { kind: "region", anchor: box ? boxText(box) : null, text: "" };
  }

  go(anchor) {
    const box = boxOf(anchor);
    if (!box) return false;
    this.#mark(box);
    this.surface.querySelector(".v-mark").scrollIntoView({ block: "center", inline: "center" });
    return true;
  }

  zoom(by) {
    const now = ZOOMS.findIndex((one) => one >= this.scale);
    this.scale = by === 0 ? 1 : ZOOMS[Math.min(Math.max(now + by, 0), ZOOMS.length - 1)];
    this.#place();
  }

  close() {
    this.room.disconnect();
    super.close();
  }

  /** At scale 1 the whole picture is in the window. */
  #place() {
    const { naturalWidth: wide, naturalHeight: high } = this.image;
    if (!wide) return;
    const fit = Math.min(1, (this.body.clientWidth - 4) / wide, (this.body.clientHeight - 4) / high);
    this.surface.style.width = `${Math.max(1, wide * fit * this.scale)}px`;
    this.surface.style.height = `${Math.max(1, high * fit * this.scale)}px`;
    this.onPlace({ text: `${wide} × ${high} pixels, shown at ${Math.round(fit * this.scale * 100)} %` });
  }

  async #again(fresh) {
    const { src } = await fresh().catch(() => ({ src: "" }));
    if (src && src !== this.image.src) this.image.src = src;
  }

  #taken(box) {
    this.region.clear();
    this.#mark(box);
    this.take({ kind: "region", anchor: boxText(box), text: "" });
  }

  #mark(box) {
    this.marked = box;
    for (const old of this.surface.querySelectorAll(".v-mark")) old.remove();
    this.surface.append(boxNode(box, "v-mark"));
  }

  #key(event) {
    if (event.target !== this.body) return;
    const pan = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] }[event.key];
    if (!this.region.key(event)) {
      if (!pan) return;
      this.body.scrollBy(...pan);
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
