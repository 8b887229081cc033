// Changes wait here until the server has them: in memory, and in this browser's storage, so that neither a lost
// connection nor a closed tab loses any. One change a key; the last one counts.

const RETRY_MS = 3000;

export class Outbox {
  /**
   * @param {string} name of the review; @param {(key: string, body: object) => Promise<Response>} send
   * @param {(key: string, answer: object) => void} accepted called when the server has a change
   * @param {(key: string, answer: object) => void} refused called on a conflict or a wrong change
   * @param {(state: string, count: number) => void} tell called with "saving", "saved" or "offline"
   */
  constructor(name, send, accepted, refused, tell) {
    this.store = `upbench.review.${name}`;
    Object.assign(this, { send, accepted, refused, tell });
    this.pending = new Map();
    this.busy = false;
    this.timer = null;
    addEventListener("online", () => this.flush());
  }

  /** What an earlier tab could not send. */
  recover() {
    try {
      return Object.entries(JSON.parse(localStorage.getItem(this.store) ?? "{}"));
    } catch {
      return [];
    }
  }

  put(key, body, delay = 400) {
    this.pending.set(key, body);
    this.keep();
    this.tell("saving", this.pending.size);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), delay);
  }

  keep() {
    try {
      if (this.pending.size) localStorage.setItem(this.store, JSON.stringify(Object.fromEntries(this.pending)));
      else localStorage.removeItem(this.store);
    } catch {
      // Storage may be full or switched off; what is pending is still in memory.
    }
  }

  /** Send everything; resolves when nothing is pending or the server cannot be reached. */
  async flush() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    try {
      for (const [key, body] of this.pending) {
        const response = await this.send(key, body);
        const answer = await response.json().catch(() => ({}));
        if (this.pending.get(key) === body) this.pending.delete(key);
        if (response.ok) this.accepted(key, answer);
        else this.refused(key, { status: response.status, ...answer });
      }
      this.tell("saved", 0);
    } catch {
      this.tell("offline", this.pending.size);
      this.timer = setTimeout(() => this.flush(), RETRY_MS);
    } finally {
      this.keep();
      this.busy = false;
    }
  }
}
