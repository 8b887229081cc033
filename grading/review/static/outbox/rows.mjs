// What becomes of one row of the outbox. A row is one key of one review of one person:
//   next: the newest wish, {uuid, body, at}; null when it is being sent or there is none newer
//   sent: what was sent and has no answer yet; it is sent again, unchanged, before anything newer
//   revision: what the server had when `sent` (or else `next`) was made
//   stop: null, or why nothing is sent: {why: "conflict" | "refused" | "lost" | "locked", ...}

const LASTING = new Set(["conflict", "lost", "locked"]);

/** The newest body of a row. */
export const bodyOf = (row) => (row.next ?? row.sent).body;

/** A new wish for the key of a row. */
export function wish(row, next) {
  return { ...row, next, at: next.at, stop: LASTING.has(row.stop?.why) ? row.stop : null };
}

/** Take the newest wish to be sent, unless an earlier one still has no answer. */
export function takeUp(row, activeMs) {
  if (!row || row.stop || (!row.sent && !row.next)) return undefined;
  return row.sent ? undefined : { ...row, sent: { ...row.next, active_ms: activeMs() }, next: null };
}

/** The server has `uuid` as `revision`; null when nothing newer is wished. */
export function accepted(row, uuid, revision) {
  if (row?.sent?.uuid !== uuid) return undefined;
  return row.next ? { ...row, sent: null, revision } : null;
}

/** The server did not take `uuid`; what was wished stays, and says why it waits. */
export function stopped(row, uuid, stop) {
  if (row?.sent?.uuid !== uuid) return undefined;
  return { ...row, sent: null, next: row.next ?? row.sent, stop };
}
