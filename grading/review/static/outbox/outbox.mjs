// Changes wait here until the server has them, whatever happens to the line, the page, the browser or the server.
// One row a key, the newest wish counts; rows lie in the browser's storage by person, review and key.
import { deliver } from "./deliver.mjs";
import { accepted, bodyOf, stopped, takeUp, wish } from "./rows.mjs";
import { session } from "./session.mjs";
import { Store } from "./store.mjs";
import { inTurn, uuid } from "./turn.mjs";

export { wording } from "./wording.mjs";

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
const SIGN_IN_MS = 15_000;
const START_MS = 1000;
const OLD_MS = 30 * 24 * 3600 * 1000;
const AWAY = new Set(["signed-out", "other-person"]);
const HALTS = new Set(["offline", "retrying", ...AWAY]);

export class Outbox extends EventTarget {
  /**
   * @param {object} of alias: the review; api: an `Api` of it; person: whose changes these are; revisions: key ->
   *   revision that the page was made from; activeMs: time looked at since it was last asked.
   */
  constructor({ alias, api, person = "", revisions = {}, activeMs = () => 0 }) {
    super();
    Object.assign(this, { alias, api, person, activeMs });
    this.revisions = new Map(Object.entries(revisions));
    this.store = new Store("changes");
    this.rows = new Map();
    this.writing = new Map();
    this.at = null;
    this.trouble = null;
    this.tries = 0;
    this.running = Promise.resolve();
    this.following = null;
    this.channel = new BroadcastChannel(`upbench.outbox.${person}`);
    this.channel.onmessage = (event) => this.#hear(event.data);
    this.wake = () => {
      if (document.visibilityState !== "visible" || !(this.count || this.trouble)) return;
      this.tries = 0; // the line is said to be back a moment before it is
      this.flush();
    };
    for (const sign of ["online", "focus", "visibilitychange"]) addEventListener(sign, this.wake);
  }

  /** Changes of this review that the server does not have. */
  get count() {
    return this.rows.size;
  }

  revision(key) {
    return this.rows.get(key)?.revision ?? this.revisions.get(key) ?? 0;
  }

  /** [[key, body], ...]: what the server does not have. */
  kept() {
    return [...this.rows.values()].map((row) => [row.key, bodyOf(row)]);
  }

  /** What is left of earlier tabs and sessions, as `kept`; it is on its way already. Takes a second at most. */
  async start() {
    const found = this.#find();
    const late = new Promise((resolve) => { setTimeout(resolve, START_MS, "late"); });
    if (await Promise.race([found, late]) === "late") {
      found.then(() => { for (const [key, body] of this.kept()) this.#emit("elsewhere", { key, body, revision: this.revision(key) }); });
    }
    setTimeout(() => this.#remind());
    this.flush();
    return this.kept();
  }

  /** The newest wish for a key: kept at once, sent after `delay` ms. */
  put(key, body, delay = 400) {
    const next = { uuid: uuid(), body, at: Date.now() };
    // What was on its way may have arrived by the time this is kept: the revision is that of then.
    const fresh = () => ({ person: this.person, review: this.alias, key, at: next.at, revision: this.revisions.get(key) ?? 0, next: null, sent: null, stop: null });
    this.#write(key, (row) => wish(row ?? fresh(), next));
    this.#post("put", { key, body, revision: this.revision(key) });
    this.#soon(delay);
    this.#tell();
  }

  /** After a conflict: `body` on top of `revision`. */
  settle(key, body, revision) {
    const next = { uuid: uuid(), body, at: Date.now() };
    const row = { person: this.person, review: this.alias, key, at: next.at, revision, next, sent: null, stop: null };
    this.#write(key, () => row);
    this.#post("put", { key, body, revision });
    this.flush();
  }

  /** After a conflict or a refusal: what the server has stays. */
  drop(key, revision = this.revision(key)) {
    const there = this.rows.get(key)?.stop?.there;
    this.revisions.set(key, revision);
    this.#write(key, () => null);
    this.#post("dropped", { key, body: there, revision });
    this.#tell();
  }

  /** The lease is this reviewer's again: go on sending. */
  async resume() {
    const lost = [...this.rows.values()].filter((row) => row.stop?.why === "lost");
    await Promise.all(lost.map((row) => this.#write(row.key, (there) => there && { ...there, stop: null })));
    return this.flush();
  }

  /** The review is locked: nothing of it is left to send. */
  async finish() {
    await Promise.all([...this.rows.keys()].map((key) => this.#write(key, () => null)));
    this.#post("finished");
    this.#tell();
  }

  /** The review is given back: other tabs of it leave it, too, or would take it again. */
  released() {
    this.#post("released");
  }

  /** Send everything, after whatever is being sent; resolves to whether the server now has it all. */
  flush() {
    if (this.closed) return Promise.resolve(false);
    clearTimeout(this.timer);
    this.following ??= this.running.then(() => {
      this.following = null;
      // Nothing may end the sending for good: what went wrong here is tried again like what went wrong there.
      this.running = this.#pass().catch(() => { this.trouble = "retrying"; this.#again(); });
      return this.running;
    }).then(() => this.count === 0);
    this.#tell();
    return this.following;
  }

  close() {
    clearTimeout(this.timer);
    for (const sign of ["online", "focus", "visibilitychange"]) removeEventListener(sign, this.wake);
    this.channel.close();
    this.closed = true;
  }

  // --- what is kept ------------------------------------------------------------------------------------------------

  async #find() {
    const rows = await this.store.rows(this.person);
    const old = Date.now() - OLD_MS;
    for (const row of rows) {
      if (row.stop && row.at < old) this.store.change([row.person, row.review, row.key], () => null);
      else if (row.review === this.alias && !this.rows.has(row.key)) this.rows.set(row.key, row);
    }
    await Promise.all([...this.rows.values()].filter((row) => row.stop?.why === "lost")
      .map((row) => this.#write(row.key, (there) => there && { ...there, stop: null })));
  }

  /** Change a row here at once, and in the storage; tabs of the same review may write between the two. */
  async #write(key, decide) {
    this.#set(key, decide(this.rows.get(key) ?? null));
    this.writing.set(key, (this.writing.get(key) ?? 0) + 1);
    const row = await this.store.change([this.person, this.alias, key], decide);
    const left = this.writing.get(key) - 1;
    if (left) this.writing.set(key, left);
    else {
      this.writing.delete(key);
      this.#set(key, row);
    }
    return row;
  }

  #set(key, row) {
    if (row === null) this.rows.delete(key);
    else if (row !== undefined) this.rows.set(key, row);
  }

  async #refresh() {
    const rows = await this.store.rows(this.person, this.alias);
    const there = new Map(rows.map((row) => [row.key, row]));
    for (const key of new Set([...this.rows.keys(), ...there.keys()])) {
      if (!this.writing.has(key)) this.#set(key, there.get(key) ?? null);
    }
    this.#tell();
  }

  // --- sending -----------------------------------------------------------------------------------------------------

  async #pass() {
    const outcome = await inTurn(`upbench.outbox.${this.person}`, () => this.#sendAll());
    if (this.closed) return;
    if (outcome !== "accepted" && outcome !== null) this.trouble = outcome;
    else this.trouble = null;
    await this.#refresh();
    if (this.trouble) this.#again();
    else this.tries = 0;
  }

  async #sendAll() {
    if (AWAY.has(this.trouble)) {
      const now = await session(this.api.constructor, this.person);
      if (now !== "same") return now;
    }
    const waiting = (await this.store.rows(this.person)).filter((row) => !row.stop);
    const own = (row) => (row.review === this.alias ? 0 : 1);
    waiting.sort((a, b) => own(a) - own(b) || a.at - b.at);
    for (const { review, key } of waiting) {
      let outcome = "accepted";
      while (outcome === "accepted") outcome = await this.#send(review, key);
      if (HALTS.has(outcome)) return outcome;
    }
    return null;
  }

  /** Send one key once; null when it has nothing to send. */
  async #send(review, key) {
    const id = [this.person, review, key];
    const mine = review === this.alias;
    const row = await this.store.change(id, (there) => takeUp(there, mine ? this.activeMs : () => 0));
    if (!row?.sent || row.stop) return null;
    if (mine && !this.writing.has(key)) this.rows.set(key, row);
    const api = mine ? this.api : this.api.at(review);
    let said = await deliver(api, row);
    if (said.kind === "forbidden") {
      const now = await session(this.api.constructor, this.person);
      said = now === "same" ? await deliver(api, row) : { kind: now };
      if (said.kind === "forbidden") said.kind = "refused";
    }
    if (HALTS.has(said.kind)) return said.kind;
    if (said.kind === "accepted") await this.#accept(id, row, said);
    else await this.#stop(id, row, said);
    return said.kind;
  }

  async #accept(id, row, { revision, left }) {
    const [, review, key] = id;
    this.trouble = null;
    this.tries = 0;
    if (review === this.alias) this.revisions.set(key, revision);
    const next = await this.store.change(id, (there) => accepted(there, row.sent.uuid, revision));
    const detail = { key, revision, left };
    if (review === this.alias) {
      if (!this.writing.has(key)) this.#set(key, next);
      this.#accepted(detail);
    }
    this.channel.postMessage({ review, type: "accepted", ...detail });
  }

  async #stop(id, row, said) {
    const { kind, ...more } = said;
    const [, review, key] = id;
    const next = await this.store.change(id, (there) => stopped(there, row.sent.uuid, { why: kind, ...more }));
    if (review === this.alias) {
      if (!this.writing.has(key)) this.#set(key, next);
      if (next) this.#complain(next);
    }
    this.channel.postMessage({ review, type: "stopped", key });
  }

  #again() {
    const away = AWAY.has(this.trouble);
    const wait = away ? SIGN_IN_MS : Math.min(FIRST_RETRY_MS * 2 ** this.tries, LAST_RETRY_MS);
    this.tries += 1;
    this.#soon(wait * (0.75 + Math.random() / 2));
  }

  #soon(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), delay);
  }

  // --- telling -----------------------------------------------------------------------------------------------------

  #state() {
    if (this.count === 0) return AWAY.has(this.trouble) ? this.trouble : "saved";
    if (this.trouble) return this.trouble;
    const rows = [...this.rows.values()];
    for (const why of ["locked", "lost", "conflict", "refused"]) {
      if (rows.some((row) => row.stop?.why === why)) return why;
    }
    return "saving";
  }

  #tell() {
    this.#emit("state", { state: this.#state(), count: this.count, at: this.at, durable: this.store.durable });
  }

  #accepted(detail) {
    this.revisions.set(detail.key, detail.revision);
    this.at = new Date();
    this.#emit("accepted", detail);
    this.#tell();
  }

  #complain(row) {
    const { why, status, error, there, revision } = row.stop;
    if (why === "locked") this.#emit("locked", {});
    else if (why === "refused") this.#emit("refused", { key: row.key, status, error });
    else if (why === "conflict") this.#emit("conflict", { key: row.key, mine: bodyOf(row), there, revision });
    this.#tell();
  }

  /** What stopped in an earlier tab is said again. */
  #remind() {
    for (const row of this.rows.values()) {
      if (row.stop) this.#complain(row);
    }
  }

  #emit(type, detail) {
    if (!this.closed) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #post(type, more = {}) {
    this.channel.postMessage({ review: this.alias, type, ...more });
  }

  /** Another tab of this person did something. */
  async #hear({ review, type, ...more }) {
    if (review !== this.alias) return;
    if (type === "dropped") this.revisions.set(more.key, more.revision);
    if ((type === "put" || type === "dropped") && more.body) this.#emit("elsewhere", more);
    if (type === "finished") this.#emit("locked", {});
    if (type === "released") this.#emit("released", {});
    await this.#refresh();
    if (type === "accepted") this.#accepted(more);
    const row = type === "stopped" ? this.rows.get(more.key) : null;
    if (row?.stop) this.#complain(row);
  }
}
