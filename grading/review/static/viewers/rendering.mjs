// What there is to show of a file, as the server gives it; kept while its signed addresses are good.

const GOOD_MS = 9 * 60_000;
const LOOK_MS = 1500;
const RENDERED_MS = 8 * 60_000;
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"]);
const EMPTY = { pages: [], sheets: [], segments: [], facts: [], flags: [], problem: null, src: null };
const kept = new Map();

/** An earlier server tells no kind: text and rows alone, and pictures and pages under an address of their own. */
function completed(said, address, file) {
  if (said.kind) return { ...EMPTY, ...said };
  const shown = address.replace("/api/reviews/", "/review/");
  const full = { ...EMPTY, ...said, src: `${shown}/show`, download: `${shown}/download` };
  if (IMAGES.has(file.media_type)) return { ...full, kind: "image", problem: null };
  if (file.media_type === "text/html") return { ...full, kind: "html" };
  if (said.rows?.length) return { ...full, kind: "sheet", sheets: [sizeOf(said.rows)] };
  return { ...full, kind: said.segments?.length ? "text" : "none" };
}

const sizeOf = (rows) => ({ name: "", rows: rows.length, columns: Math.max(...rows.map((row) => row.length)), hidden: false });

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A file that is being rendered is asked for until it is; after some minutes what there is of it is enough. */
async function fetched(address, file) {
  for (let waited = 0; ; waited += LOOK_MS) {
    const response = await fetch(address, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`${address}: ${response.status}`);
    const said = await response.json();
    if (!said.pending || waited > RENDERED_MS) return completed(said, address, file);
    await pause(LOOK_MS);
  }
}

/** The rendering of a file; `fresh`: its signed addresses anew. Rejects when the server does not answer. */
export function renderingOf(address, file, { fresh = false } = {}) {
  const there = kept.get(address);
  if (there && !fresh && Date.now() - there.at < GOOD_MS) return there.rendering;
  const entry = { at: Infinity, rendering: null };
  const rendering = fetched(address, file).then((found) => { entry.at = Date.now(); return found; });
  entry.rendering = rendering;
  kept.set(address, entry);
  rendering.catch(() => kept.delete(address));
  return rendering;
}

/** Have it, and its first pictures, before it is asked for. */
export async function prefetch(address, file) {
  try {
    const { kind, pages, src } = await renderingOf(address, file);
    const first = kind === "image" ? [src] : pages.slice(0, 2).map((page) => page.src);
    for (const each of first) new Image().src = each;
  } catch {
    // It is asked for again when it is opened, and what is wrong is shown there.
  }
}
