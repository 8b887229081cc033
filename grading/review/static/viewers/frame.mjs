// A web page as it was handed in: on the content origin, without its scripts, without the network.
import { element } from "../dom.mjs";
import { Viewer } from "./base.mjs";

export class Frame extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "frame");
    const title = `${options.file.name}, without its scripts`;
    this.frame = element("iframe", { title, attributes: { sandbox: "", referrerpolicy: "no-referrer", src: rendering.src } });
    this.bar.append(element("span", { className: "soft", textContent: "Shown without its scripts and without anything from the network." }));
    this.body.append(this.frame);
  }

  anchor() {
    return { kind: "region", anchor: null, text: "" };
  }
}
