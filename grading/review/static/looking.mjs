// How files are shown: texts, tables, pictures and frames, each with places that can be taken as evidence.
import { element } from "./dom.mjs";

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];

export async function renderingOf(address, file) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(String(response.status));
  const shown = await response.json();
  const src = `${address.replace("/api/reviews/", "/review/")}/show`;
  if (shown.kind) return shown;
  if (IMAGES.includes(file.media_type)) return { kind: "image", src };
  if (file.media_type === "text/html") return { kind: "html", src };
  return { kind: "text", ...shown };
}

export async function prefetch() {}

export async function openChanges(host) {
  host.append(element("p", { className: "empty", textContent: "Nothing to show." }));
  return { anchor: () => null, go: () => false, page() {}, zoom() {}, search: () => false, focus() {}, close() {} };
}

export async function openViewer(host, rendering, { file, onCapture }) {
  const root = element("div", { className: "plain", tabIndex: 0, attributes: { role: "region", "aria-label": file.name } });
  if (rendering.problem) root.append(element("p", { className: "note", textContent: rendering.problem }));
  if (rendering.kind === "image") root.append(element("img", { className: "shown", alt: file.name, src: rendering.src }));
  if (rendering.kind === "html") root.append(element("iframe", { className: "shown", title: file.name, src: rendering.src, attributes: { sandbox: "" } }));
  if (rendering.rows?.length) root.append(table(rendering.rows));
  if (rendering.segments?.length) root.append(lines(rendering.segments, onCapture));
  host.append(root);
  let at = null;
  root.addEventListener("focusin", (event) => { at = event.target.closest("li")?.dataset.anchor ?? at; });
  return {
    anchor: () => {
      const text = getSelection().toString().trim();
      const inside = text && root.contains(getSelection().anchorNode);
      const place = inside ? (getSelection().anchorNode.parentElement.closest("li")?.dataset.anchor ?? null) : at;
      return { kind: inside ? "quote" : "region", anchor: place, text: inside ? text.slice(0, 2000) : "" };
    },
    go: (anchor) => {
      const line = [...root.querySelectorAll("li")].find((one) => one.dataset.anchor === anchor);
      line?.scrollIntoView({ block: "center" });
      line?.querySelector("button").focus();
      return Boolean(line);
    },
    page: (by) => root.scrollBy(0, by * root.clientHeight * 0.9),
    zoom() {},
    search: () => false,
    focus: () => root.focus(),
    close() {},
  };
}

function table(rows) {
  const [head = [], ...body] = rows;
  const line = (cells, name) => element("tr", {}, cells.map((cell) => element(name, { textContent: cell })));
  return element("table", { className: "sheet" }, [
    element("thead", {}, [line(head, "th")]),
    element("tbody", {}, body.map((row) => line(row, "td"))),
  ]);
}

function lines(segments, take) {
  return element("ol", { className: "segments" }, segments.map(([anchor, text]) => {
    const place = element("button", { type: "button", className: "anchor", textContent: anchor, title: "Take this place as evidence" });
    place.addEventListener("click", () => take({ kind: "quote", anchor, text: text.slice(0, 300) }));
    return element("li", { dataset: { anchor } }, [place, element("span", { className: "segment", textContent: text })]);
  }));
}
