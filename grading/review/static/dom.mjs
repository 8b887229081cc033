// Nodes made by hand: whatever a text holds stays text.

/**
 * @param {string} name of the element
 * @param {object} properties of the node; `dataset` and `attributes` may hold several
 * @param {(Node|string)[]} children
 */
export function element(name, properties = {}, children = []) {
  const { dataset = {}, attributes = {}, ...plain } = properties;
  const made = Object.assign(document.createElement(name), plain);
  Object.assign(made.dataset, dataset);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What turns text round, breaks its line or cannot be seen; but for the joiners, by which some scripts are written.
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

/** A name of a file as it is, whatever characters are in it: `invoice\u202efdp.exe` does not look like a PDF. */
export const legible = (name) => name.replace(UNSEEN, "\ufffd");

export const byId = (id) => document.getElementById(id);

/** `3 criteria`, `1 criterion`. */
export const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** Milliseconds for people: `4 min`, `1 h 12 min`. */
export function minutes(ms) {
  const all = Math.round(ms / 60_000);
  return all < 60 ? `${all} min` : `${Math.floor(all / 60)} h ${all % 60} min`;
}

/** Bytes for people: `812 B`, `34 kB`, `1.2 MB`. */
export function bytes(number) {
  if (number < 1000) return `${number} B`;
  return number < 1_000_000 ? `${Math.round(number / 1000)} kB` : `${(number / 1_000_000).toFixed(1)} MB`;
}
