// The next submission, fetched while this one is being submitted.
import { Api, send } from "./api.mjs";
import { prefetch } from "./looking.mjs";

const FIRST_FILES = 2;
const FRESH_MS = 300_000; // What was had longer ago may be somebody else's by now, or have been changed in another tab.

export class Ahead {
  /** @param {string} alias of the review on the page. @param {string|null} following: the next one, as the page knew */
  constructor(alias, following) {
    Object.assign(this, { alias, following });
    this.found = null;
    this.taken = new Set(); // became ours by asking: given back unless begun
    this.leave = () => this.giveBack();
    addEventListener("pagehide", this.leave);
  }

  /** {alias, root} or null where there is none; asked for again where there was none before, or long ago. */
  async fetch() {
    const fresh = () => this.found && Date.now() - this.found.at < FRESH_MS;
    for (let time = 0; time < 2 && !fresh(); time += 1) {
      this.asking ??= this.#find(Date.now()).finally(() => { this.asking = null; });
      const found = await this.asking;
      if (found === null) break;
      this.found = found;
    }
    return this.found;
  }

  /** It was not begun: somebody else may have it. */
  giveBack() {
    removeEventListener("pagehide", this.leave);
    for (const alias of this.taken) new Api(alias).change("POST", "/release").catch(() => {});
    this.taken.clear();
    this.found = null;
  }

  /** It is begun now; another that was had before is not. */
  begun() {
    this.taken.delete(this.found?.alias);
    this.giveBack();
  }

  async #find(at) {
    const [alias, taken] = await this.#next();
    if (!alias || alias === this.alias) return null;
    if (taken) this.taken.add(alias);
    const page = await readPage(`/review/${alias}`);
    const root = page?.getElementById("review");
    if (!root?.dataset.start) return null;
    const start = JSON.parse(root.dataset.start);
    for (const kind of ["deliverables", "inputs"]) {
      start.files[kind].slice(0, FIRST_FILES).forEach((file, at) => prefetch(`/api/reviews/${alias}/${kind}/${at}`, file));
    }
    return { alias, root, title: page.title, at };
  }

  async #next() {
    try {
      const response = await send("POST", `/api/queue/next?after=${encodeURIComponent(this.alias)}`);
      if (response.status === 200) {
        const { alias, taken } = await response.json();
        return [alias, taken];
      }
      if (response.status === 404 || response.status === 405) return [this.following, false];
    } catch {
      // No connection: asked for again when it is needed.
    }
    return [null, false];
  }
}

/** A page of ours as a document whose scripts do not run; null: it could not be had. */
function readPage(address) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = () => resolve(null);
    request.send();
  });
}
