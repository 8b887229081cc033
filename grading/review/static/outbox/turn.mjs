// One tab at a time. Web Locks where there are any (https, localhost), else a row in the shared storage that expires.
import { Store } from "./store.mjs";

const HOLD_MS = 45_000;
const LOOK_MS = 500;
const turns = new Store("turns");

/** A random id, also where the page has no secure context. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const holder = uuid();

async function taken(name) {
  const now = Date.now();
  const row = await turns.change([name], (there) => (
    there && there.holder !== holder && there.until > now ? undefined : { name, holder, until: now + HOLD_MS }
  ));
  return row.holder === holder;
}

/** Run `work` while no other tab runs what goes by the same name; waits for its turn. */
export async function inTurn(name, work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  while (!(await taken(name))) await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  const renewal = setInterval(() => taken(name), HOLD_MS / 3);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    await turns.change([name], (there) => (there?.holder === holder ? null : undefined));
  }
}
