// What can be undone: the cards as they were before each change.

const MOST = 200;
// Letters typed one after the other are one change.
const TOGETHER_MS = 1500;

export class Undo {
  constructor() {
    this.past = [];
  }

  /** Remember a card's body before a change; `text`: of its feedback only. */
  note(key, before, text = false) {
    const last = this.past.at(-1);
    const now = Date.now();
    if (text && last?.key === key && last.text && now - last.at < TOGETHER_MS) {
      last.at = now;
      return;
    }
    this.past.push({ key, before, text, at: now });
    if (this.past.length > MOST) this.past.shift();
  }

  /** {key, before} of the last change, which is forgotten; undefined: there is none. */
  take() {
    return this.past.pop();
  }
}
