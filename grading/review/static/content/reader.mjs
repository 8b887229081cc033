// Shows a web page that was handed in, on the content origin. Its markup is read where nothing is fetched, then put
// into a frame in which nothing runs, without what would open a connection or lead elsewhere. What the page cannot do
// for its reader is done here: Escape leads out of it, what is selected is told, a text is found.
const QUOTE = 2000;
const HEAD = 1024;
const MOST = 2000;
// A connection may be opened for a link before anything is asked for, which no policy forbids; nor may frames hold more.
const AWAY = "link, base, meta[http-equiv], iframe, frame, object, embed, script, portal, fencedframe";
const ADDRESSES = ["href", "xlink:href", "ping", "action", "formaction"];
// `beside`: what the addresses of files of the same site begin with; "": there are none.
const { app, beside } = document.documentElement.dataset;
const source = location.href.replace("/read/", "/f/");
const frame = document.getElementById("page");
const policy = globalThis.trustedTypes?.createPolicy("reader", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
const tell = (message) => { if (parent !== window) parent.postMessage(message, app); };

/** A property of a document as the browser gives it, whatever elements of that name there are in it. */
const own = (name, of = frame.contentWindow.document) => Reflect.get(Document.prototype, name, of);

/** Text of bytes, by their mark, by what the page says, as UTF-8 or, failing that, as the oldest of all. */
function textOf(bytes) {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, HEAD));
  const mark = head.startsWith("\u00ff\u00fe") ? "utf-16le" : head.startsWith("\u00fe\u00ff") ? "utf-16be" : null;
  const said = /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1];
  try {
    return new TextDecoder(mark ?? said ?? "utf-8", { fatal: !mark && !said }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** Where a relative address of the page leads, where that is a file beside it; "": elsewhere. */
function besideOf(to) {
  try {
    const { href } = new URL(to, source);
    return beside && to && href.startsWith(beside) ? href : "";
  } catch {
    return "";
  }
}

/** For a link to a style sheet beside the page one of ours; for anything else nothing. */
function sheetsOf(node) {
  const sheet = node.localName === "link" && node.getAttribute("rel")?.trim().toLowerCase() === "stylesheet";
  const href = sheet ? besideOf(node.getAttribute("href")) : "";
  return href ? [Object.assign(document.createElement("link"), { rel: "stylesheet", href, media: node.getAttribute("media") ?? "" })] : [];
}

/** The page's elements, of which none asks for anything and none leads anywhere but into the page itself. */
function readable(text) {
  const parsed = new DOMParser().parseFromString(policy.createHTML(text), "text/html");
  const root = own("documentElement", parsed);
  for (const node of root.querySelectorAll(AWAY)) node.replaceWith(...sheetsOf(node));
  for (const node of root.querySelectorAll(ADDRESSES.map((name) => `[${name.replace(":", "\\:")}]`).join())) {
    const to = node.getAttribute("href") ?? node.getAttribute("xlink:href") ?? "";
    if (to.startsWith("#")) continue;
    const link = /^(?:a|area)$/i.test(node.localName);
    for (const name of ADDRESSES) if (link || !name.endsWith("href") || !(to.startsWith("data:") || besideOf(to))) node.removeAttribute(name);
    if (!link || !to) continue;
    node.setAttribute("href", "#"); // so that it still looks like a link
    node.setAttribute("title", to);
  }
  return { root, quirks: own("compatMode", parsed) === "BackCompat" };
}

async function show() {
  const response = await fetch(source);
  if (!response.ok) {
    tell({ ended: true });
    return;
  }
  const { root, quirks } = readable(textOf(new Uint8Array(await response.arrayBuffer())));
  if (!quirks) {
    const there = new Promise((resolve) => { frame.addEventListener("load", resolve, { once: true }); });
    frame.srcdoc = policy.createHTML("<!doctype html><title>A page</title>");
    await there;
  }
  const doc = frame.contentWindow.document;
  doc.adoptNode(root);
  if (beside) root.querySelector("head").prepend(Object.assign(document.createElement("base"), { href: source }));
  doc.replaceChild(root, doc.documentElement);
  listen(frame.contentWindow);
  tell({ ready: true });
}

function listen(inside) {
  inside.addEventListener("keydown", leave, true);
  inside.addEventListener("click", follow, true);
  inside.addEventListener("auxclick", (event) => event.preventDefault(), true);
  inside.addEventListener("selectionchange", () => tell({ selected: String(inside.getSelection()).trim().slice(0, QUOTE) }), true);
}

function leave(event) {
  if (event.key !== "Escape") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  tell({ leave: true });
}

/** A link to a place in the page. */
function follow(event) {
  const to = event.target.closest?.("a[href], area[href]")?.getAttribute("href");
  if (to === undefined) return;
  event.preventDefault();
  const name = to.slice(1);
  if (name) own("documentElement").querySelector(`#${CSS.escape(name)}, [name="${CSS.escape(name)}"]`)?.scrollIntoView();
}

/** Select the next place (by: 1 or -1; 0: the first) of a text; which of how many. */
function find(text, by) {
  const selection = frame.contentWindow.getSelection();
  const all = [...places(text)];
  if (all.length === 0) return { at: 0, count: 0 };
  const { anchorNode: node, anchorOffset: offset } = selection;
  const now = by === 0 || selection.isCollapsed ? -1 : all.findIndex((range) => range.startContainer === node && range.startOffset === offset);
  const at = now < 0 ? (by < 0 ? all.length - 1 : 0) : (now + by + all.length) % all.length;
  selection.removeAllRanges();
  selection.addRange(all[at]);
  all[at].startContainer.parentElement.scrollIntoView({ block: "center" });
  return { at: at + 1, count: all.length };
}

/** The page's text, each run of white space one space, and where its pieces stand: [place, node, place in the node]. */
function written() {
  const walker = Document.prototype.createTreeWalker.call(frame.contentWindow.document, own("body"), NodeFilter.SHOW_TEXT);
  const pieces = [];
  let whole = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.localName === "style") continue;
    for (const { 0: run, index } of node.data.matchAll(/\s+|\S+/g)) {
      const space = run.trim() === "";
      if (space && whole.endsWith(" ")) continue;
      pieces.push([whole.length, node, index]);
      whole += space ? " " : run.toLowerCase();
    }
  }
  return { whole, pieces };
}

function* places(text) {
  const wanted = text.replace(/\s+/g, " ").trim().toLowerCase();
  const { whole, pieces } = written();
  const at = (place) => {
    let [low, high] = [0, pieces.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pieces[middle][0] <= place) low = middle;
      else high = middle - 1;
    }
    const [from, node, offset] = pieces[low];
    return [node, Math.min(offset + place - from, node.data.length)];
  };
  let left = MOST;
  for (let place = whole.indexOf(wanted); wanted && place >= 0 && left > 0; place = whole.indexOf(wanted, place + wanted.length)) {
    const range = Document.prototype.createRange.call(frame.contentWindow.document);
    const [node, offset] = at(place + wanted.length - 1);
    left -= 1;
    range.setStart(...at(place));
    range.setEnd(node, offset + 1);
    yield range;
  }
}

const DO = {
  focus: () => frame.contentWindow.focus(),
  page: ({ by }) => frame.contentWindow.scrollBy({ top: by * frame.clientHeight * 0.9 }),
  zoom: ({ scale }) => { own("documentElement").style.zoom = Number(scale); },
  find: ({ text, by }) => tell({ found: find(String(text), by) }),
};

addEventListener("message", (event) => {
  if (event.source === parent && event.origin === app && Object.hasOwn(DO, event.data?.do)) DO[event.data.do](event.data);
});
document.addEventListener("keydown", leave, true);
show();
