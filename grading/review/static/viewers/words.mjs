// The words of a document's pages: a layer that can be selected and read aloud, places of a text, the text in a box.
import { element } from "../dom.mjs";

const plain = (text) => text.normalize("NFKC").toLowerCase();

export class Words {
  constructor(address) {
    this.address = address;
    this.pages = new Map();
    this.read = new Map();
  }

  /** [[x, y, w, h, word], ...] of a page; none where the server does not say. */
  of(number) {
    if (!this.pages.has(number)) {
      const asked = this.#fetch(number).then((words) => { this.read.set(number, words); return words; });
      asked.catch(() => this.pages.delete(number));
      this.pages.set(number, asked);
    }
    return this.pages.get(number);
  }

  /** An element that fills itself with a page's words, each over its own place. */
  layer(number, across) {
    const layer = element("div", { className: "v-words" });
    this.of(number).then((words) => layer.append(...words.map((word) => wordNode(word, across))), () => {});
    return layer;
  }

  /** Boxes of the places where a text stands on a page; it may run over several words. */
  async places(number, text) {
    const wanted = plain(text).split(/\s+/).filter(Boolean);
    const words = await this.of(number).catch(() => []);
    const found = [];
    for (let at = 0; at + wanted.length <= words.length; at += 1) {
      const fits = wanted.every((one, next) => holds(plain(words[at + next][4]), one, next, wanted.length));
      if (fits) found.push(around(words.slice(at, at + wanted.length)));
    }
    return found;
  }

  /** The words whose middle lies in a box, as far as the page has been read. */
  within(number, { x, y, w, h }) {
    const inside = ([left, top, wide, high]) => {
      const [across, down] = [left + wide / 2, top + high / 2];
      return across >= x && across <= x + w && down >= y && down <= y + h;
    };
    return (this.read.get(number) ?? []).filter(inside).map((word) => word[4]).join(" ").slice(0, 300);
  }

  async #fetch(number) {
    const response = await fetch(`${this.address}/text?page=${number}`, { headers: { accept: "application/json" } });
    if (response.status === 404 || response.status === 422) return [];
    if (!response.ok) throw new Error(String(response.status));
    return (await response.json()).words ?? [];
  }
}

/** Of several words the first may begin before, and the last end after. */
function holds(word, wanted, at, count) {
  if (count === 1) return word.includes(wanted);
  if (at === 0) return word.endsWith(wanted);
  return at === count - 1 ? word.startsWith(wanted) : word === wanted;
}

function around(words) {
  const x = Math.min(...words.map((one) => one[0]));
  const y = Math.min(...words.map((one) => one[1]));
  const right = Math.max(...words.map((one) => one[0] + one[2]));
  const bottom = Math.max(...words.map((one) => one[1] + one[3]));
  return { x, y, w: right - x, h: bottom - y };
}

function wordNode([x, y, w, h, text], across) {
  const node = element("span", { className: "v-word", textContent: `${text} ` });
  Object.assign(node.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` });
  node.style.fontSize = `${Math.max(4, Math.min(80, (w * across) / Math.max(1, text.length) / 0.55))}px`;
  return node;
}
