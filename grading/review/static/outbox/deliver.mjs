// One change to the server, and what its answer means.

const ANSWER_MS = 30_000;
const AGAIN = new Set([408, 425, 429]);

/** What a promise comes to; rejects where that takes longer, as a line that is gone may never say so. */
export function within(ms, promise) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new TypeError("no answer")), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

function meaning(response, answer) {
  const status = response.status;
  if (response.ok) {
    if (!Number.isInteger(answer.revision)) return { kind: "retrying" };
    return { kind: "accepted", revision: answer.revision, left: answer.left };
  }
  if (status === 401) return { kind: "signed-out" };
  if (status === 403) return { kind: "forbidden", status, error: answer.error ?? "" };
  if (status === 409 && answer.locked) return { kind: "locked" };
  if (status === 404 || (status === 409 && answer.lost)) return { kind: "lost" };
  if (status === 409 && Number.isInteger(answer.revision)) {
    return { kind: "conflict", there: answer.there ?? {}, revision: answer.revision };
  }
  if (status >= 500 || AGAIN.has(status)) return { kind: "retrying" };
  return { kind: "refused", status, error: answer.error ?? "" };
}

/**
 * Send what a row has under `sent`. The same uuid goes with every repetition, so a change whose answer was lost is
 * never made twice. Resolves to {kind: "accepted" | "conflict" | "locked" | "lost" | "refused" | "forbidden" |
 * "signed-out" | "retrying" | "offline", ...}.
 */
export async function deliver(api, row) {
  const { uuid, body, active_ms } = row.sent;
  const path = row.key === "" ? "/judgement" : `/criteria/${encodeURIComponent(row.key)}`;
  const full = { ...body, revision: row.revision, active_ms, uuid };
  try {
    const request = api.change("PUT", path, full, { "if-match": `"${row.revision}"` });
    const response = await within(ANSWER_MS, request);
    const answer = await within(ANSWER_MS, response.json()).catch(() => ({}));
    return meaning(response, answer ?? {});
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return { kind: "offline" };
    throw error;
  }
}
