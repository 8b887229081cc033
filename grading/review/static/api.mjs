// The JSON interface of one review.

// A browser refuses to keep a larger request alive when its page goes.
const KEPT_ALIVE = 60_000;

export class Api {
  /** What proves that a change comes from our own page; another session brings another. */
  static csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

  /** @param {string} alias of a review; of something else with its place before it: `adjudications/ab12` */
  constructor(alias) {
    this.alias = alias;
    this.base = `/api/${alias.includes("/") ? alias : `reviews/${alias}`}`;
    this.page = `/${alias.includes("/") ? alias : `review/${alias}`}`;
  }

  /** The same for another review. */
  at(alias) {
    return new Api(alias);
  }

  get(path = "") {
    return fetch(this.base + path, { headers: { accept: "application/json" } });
  }

  change(method, path, body = {}, headers = {}) {
    return send(method, this.base + path, body, headers);
  }
}

/** Any change; rejects only when the server cannot be reached. */
export function send(method, address, body = {}, headers = {}) {
  const text = JSON.stringify(body);
  return fetch(address, {
    method,
    headers: { "content-type": "application/json", "x-csrf-token": Api.csrf, ...headers },
    body: text,
    keepalive: text.length < KEPT_ALIVE,
  });
}
