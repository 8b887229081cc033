// Who is signed in at this moment, which may have changed in another tab.

/**
 * Ask the server. Resolves to "same" (and `Api.csrf` is fresh), "other-person", "signed-out" or "offline".
 *
 * @param {typeof import("../api.mjs").Api} Api whose token is renewed
 * @param {string} person whose entries are to be sent
 */
export async function session(Api, person) {
  try {
    const response = await fetch("/api/session", { headers: { accept: "application/json" }, cache: "no-store" });
    if (response.status === 401 || response.status === 403) return "signed-out";
    if (!response.ok) return "offline";
    const now = await response.json();
    if (now.person !== person) return "other-person";
    Api.csrf = now.csrf;
    return "same";
  } catch {
    return "offline";
  }
}
