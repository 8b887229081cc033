// Whose review it is: a lease on the server that lasts as long as somebody looks at the page, or it has something to save.

import { within } from "./outbox/deliver.mjs";
import { session } from "./outbox/session.mjs";

const BEAT_MS = 30_000;
const ANSWER_MS = 20_000;
const AGAIN_MS = 5000;
const ENDING_MS = 120_000;

export class Lease extends EventTarget {
  /**
   * Events: "renewed" {expires, voided} (criteria that count for nobody any more), "ending" {expires}, "lost",
   * "gone" (given back in another window and taken by somebody, or withdrawn), "locked", "signed-out" {why} (in words), "other-person"; none once it is stopped.
   *
   * @param {{api: import("./api.mjs").Api, person?: string, pending?: () => number}} of the review; whose it is;
   *   changes that wait to be sent
   */
  constructor({ api, person = "", pending = () => 0 }) {
    super();
    Object.assign(this, { api, person, pending });
    this.expires = null;
    this.lost = false;
    this.beating = null;
    this.stopped = false;
    this.seen = () => { if (document.visibilityState === "visible") this.#beat(); };
  }

  start() {
    if (this.timer !== undefined) return;
    this.stopped = false;
    document.addEventListener("visibilitychange", this.seen);
    addEventListener("online", this.seen);
    this.timer = setInterval(() => {
      this.#warn();
      if (document.visibilityState === "visible" || this.pending()) this.#beat();
    }, BEAT_MS);
    this.#beat();
  }

  stop() {
    clearInterval(this.timer);
    clearTimeout(this.again);
    this.timer = undefined;
    this.stopped = true;
    document.removeEventListener("visibilitychange", this.seen);
    removeEventListener("online", this.seen);
  }

  /** Ask for it again, also when it was lost; resolves to whether it is this person's now. */
  async take() {
    this.lost = false;
    await this.#beat();
    return !this.lost;
  }

  /** Give the review back; its drafts stay. */
  async release() {
    this.stop();
    this.expires = null;
    await this.beating; // one that arrives after the release would take it again
    return this.api.change("POST", "/release").then((response) => response.ok, () => false);
  }

  #beat() {
    if (this.lost || this.stopped) return null;
    this.beating ??= within(ANSWER_MS, this.#ask()).catch(() => {}).finally(() => { this.beating = null; });
    return this.beating;
  }

  async #ask() {
    let response;
    try {
      response = await this.api.change("POST", "/lease");
      if (response.status === 403 && await this.#same()) response = await this.api.change("POST", "/lease");
    } catch {
      // No connection: the lease lasts until it ends, and `#warn` says so before it does.
      clearTimeout(this.again);
      this.again = setTimeout(() => this.#beat(), AGAIN_MS);
      return;
    }
    const answer = await response.json().catch(() => ({}));
    if (this.stopped) return;
    if (response.ok) this.#renewed(response, answer);
    else if (response.status === 401) this.#emit("signed-out", { why: answer.error });
    else if (response.status === 409) this.#gone(answer);
    else if (response.status === 404) this.#gone({ gone: true });
  }

  /** After somebody signed in anew: whether it is the same person, whose changes are proved by another token now. */
  async #same() {
    const now = await session(this.api.constructor, this.person);
    if (now === "signed-out" || now === "other-person") this.#emit(now, {});
    return now === "same";
  }

  /** The end by this machine's clock, whatever it shows. */
  #renewed(response, answer) {
    const theirs = Date.parse(response.headers.get("date") ?? "");
    const skew = Number.isNaN(theirs) ? 0 : Date.now() - theirs;
    const ends = Date.parse(answer.expires);
    this.expires = Number.isNaN(ends) ? null : new Date(ends + skew);
    this.#emit("renewed", { expires: this.expires, voided: answer.voided ?? [] });
  }

  #gone(answer) {
    this.lost = true;
    this.expires = null;
    this.#emit(answer.locked ? "locked" : answer.gone ? "gone" : "lost", {});
  }

  #warn() {
    if (this.expires && this.expires - Date.now() < ENDING_MS) this.#emit("ending", { expires: this.expires });
  }

  #emit(type, detail) {
    if (!this.stopped) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
