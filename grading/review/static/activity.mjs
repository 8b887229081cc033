// Time worked, as the intervals in which a page was seen and something happened in it within the last minute.
// What somebody does in one tab ends the interval of every other: no minute is counted twice.
import { within } from "./outbox/deliver.mjs";
import { Store } from "./outbox/store.mjs";

const IDLE_MS = 60_000;
const SEND_MS = 20_000;
const BATCH = 200;
const ANSWER_MS = 20_000;
const TOLERATED_MS = 3000;
const CLOCK_MS = 20_000;
const NEVER = new Set([400, 404, 405, 409, 413, 422]);
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "input", "touchmove"];
const iso = (ms) => new Date(ms).toISOString();

export class Activity {
  /** @param {{api: import("./api.mjs").Api, person?: string, alias?: string}} of the review and who looks at it */
  constructor({ api, person = "", alias = api.alias }) {
    Object.assign(this, { api, person, alias });
    this.store = new Store("intervals");
    this.subject = {};
    this.open = null; // {begin, last, subject}: the interval that is going on
    this.skew = 0; // of the server's clock: a wrong clock here costs nobody their time
    this.sum = 0;
    this.asked = 0;
    this.counted = false; // whether the server takes intervals
    this.running = Promise.resolve();
    this.following = null;
    this.fresh = new Map(); // what ended in this page and the server may not have
    this.early = []; // what ended before the server's clock was known: of one page all intervals follow one clock
    this.clock = null;
    this.sign = () => this.#alive();
    this.hidden = () => { if (document.visibilityState === "hidden") this.#leave(); };
  }

  start() {
    if (this.timer !== undefined) return;
    this.channel = new BroadcastChannel(`upbench.activity.${this.person}`);
    this.channel.onmessage = () => this.#end(Date.now());
    for (const sign of SIGNS) addEventListener(sign, this.sign, { passive: true, capture: true });
    document.addEventListener("visibilitychange", this.hidden);
    addEventListener("pagehide", this.hidden);
    this.timer = setInterval(() => this.flush(), SEND_MS);
    this.clock ??= this.#synchronise().finally(() => {
      this.known = true;
      this.#settle();
    });
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const sign of SIGNS) removeEventListener(sign, this.sign, { capture: true });
    document.removeEventListener("visibilitychange", this.hidden);
    removeEventListener("pagehide", this.hidden);
    this.#end(Date.now());
    this.channel?.close();
  }

  /** What is looked at from now on: {criterion} or {file}. */
  on(subject) {
    const now = Date.now();
    if (JSON.stringify(subject) === JSON.stringify(this.subject)) return;
    const going = this.#end(now);
    this.subject = subject;
    if (going) this.open = { begin: now, last: going.last, subject };
  }

  /** Milliseconds worked in this page. */
  get total() {
    return this.sum + (this.open ? this.#until(Date.now()) - this.open.begin : 0);
  }

  /** Milliseconds worked since this was asked last; 0 where the server is told the intervals themselves. */
  since() {
    const all = this.total;
    const passed = all - this.asked;
    this.asked = all;
    return this.counted ? 0 : Math.max(0, Math.round(passed));
  }

  /** Send what has ended, and what is going on up to now, after whatever is being sent. */
  flush() {
    const going = this.#end(Date.now());
    if (going && document.visibilityState === "visible") {
      this.open = { begin: Date.now(), last: going.last, subject: this.subject };
    }
    this.following ??= this.running.then(() => {
      this.following = null;
      this.running = this.#send().catch(() => {}); // it stays kept
      return this.running;
    });
    return this.following;
  }

  async #synchronise() {
    const ask = { cache: "no-store", signal: AbortSignal.timeout(CLOCK_MS) };
    const response = await fetch("/healthz", ask).catch(() => null);
    const skew = Date.parse(response?.headers.get("date") ?? "") - Date.now();
    if (Math.abs(skew) > TOLERATED_MS) this.skew = skew;
  }

  #until(now) {
    return Math.max(this.open.begin, Math.min(now, this.open.last + IDLE_MS));
  }

  #alive() {
    if (document.visibilityState !== "visible") return;
    const now = Date.now();
    if (this.open && now - this.open.last > IDLE_MS) this.#end(now);
    if (this.open) {
      this.open.last = now;
      return;
    }
    this.open = { begin: now, last: now, subject: this.subject };
    this.channel?.postMessage("mine");
  }

  /** End the interval that is going on and keep it; returns it where it had not ended by itself. */
  #end(now) {
    const going = this.open;
    if (!going) return null;
    const end = this.#until(now);
    this.open = null;
    this.sum += end - going.begin;
    if (end > going.begin) {
      this.early.push({ begin: going.begin, end, subject: going.subject });
      if (this.known) this.#settle();
    }
    return now - going.last <= IDLE_MS ? going : null;
  }

  #settle() {
    for (const { begin, end, subject } of this.early.splice(0)) {
      const row = { person: this.person, review: this.alias, begin: iso(begin + this.skew), end: iso(end + this.skew), ...subject };
      this.fresh.set(row.begin, row);
      this.store.change([this.person, this.alias, row.begin], () => row);
    }
  }

  /** The page may be gone before the storage answers: what ended here is sent at once, and stays kept as well. */
  #leave() {
    this.#end(Date.now());
    this.#settle();
    if (this.fresh.size) this.#post(this.alias, [...this.fresh.values()].slice(-BATCH));
  }

  /** All that is kept, also of reviews whose pages were closed. */
  async #send() {
    await this.clock;
    const reviews = new Map();
    for (const row of await this.store.rows(this.person)) {
      if (!reviews.has(row.review)) reviews.set(row.review, []);
      reviews.get(row.review).push(row);
    }
    for (const [review, rows] of reviews) await this.#post(review, rows.slice(0, BATCH));
  }

  /** Intervals stay until the server says that it has them, or never will; it knows each by where it begins. */
  async #post(review, rows) {
    const intervals = rows.map(({ person: _person, review: _review, ...interval }) => interval);
    const api = review === this.alias ? this.api : this.api.at(review);
    const response = await within(ANSWER_MS, api.change("POST", "/activity", { intervals })).catch(() => null);
    if (response === null) return;
    if (response.ok) this.counted = true;
    if (!response.ok && !NEVER.has(response.status)) return;
    for (const row of rows) this.fresh.delete(row.begin);
    await Promise.all(rows.map((row) => this.store.change([row.person, row.review, row.begin], () => null)));
  }
}
