// How saving goes, and what stands in its way.
import { byId, element } from "./dom.mjs";
import { wording } from "./outbox/outbox.mjs";

const HELD = new Set(["lost", "gone", "ending"]);
const AWAY = new Set(["signed-out", "other-person"]);
const CALM = new Set(["saved", "saving"]);

/** The line in the header; a banner only where the person has something to do or to know. */
export function showState(detail) {
  const node = byId("status");
  const words = wording(detail);
  if (node.textContent !== words) node.textContent = words;
  node.classList.toggle("trouble", !CALM.has(detail.state));
  // That there is no line is in the header; that the review may be lost for it weighs more.
  if (detail.state === "offline" && !HELD.has(byId("banner").dataset.why)) banner("offline", `${words}. Go on; it is sent when the line is back.`);
  else if (detail.state === "signed-out") banner("signed-out", `${words}.`, [link("Sign in in another tab", "/")]);
  else if (detail.state === "other-person") banner("other-person", `${words}.`);
  else if (CALM.has(detail.state)) banner(null);
}

/** What becomes of the lease. */
export function watchTroubles(review) {
  const { lease, outbox } = review;
  const again = () => {
    const button = element("button", { type: "button", className: "small", textContent: "Take it again" });
    button.addEventListener("click", async () => { if (await lease.take()) await outbox.resume(); });
    return button;
  };
  const lost = () => banner("lost", "This review was left for too long, and somebody else has it now. Nothing is lost: what you go on to write is kept, and counts as a further review.", [again(), link("To the queue", "/", false)]);
  const gone = () => banner("gone", "This review is not yours any more: it was given back in another window, or withdrawn. What you wrote is kept in this browser.", [link("To the queue", "/", false)]);
  lease.addEventListener("lost", lost);
  lease.addEventListener("gone", gone);
  lease.addEventListener("ending", () => banner("ending", "No contact with the server for a while: this review may be given to somebody else soon. Your changes are kept."));
  lease.addEventListener("renewed", () => {
    const { why } = byId("banner").dataset;
    if (HELD.has(why) || AWAY.has(why)) banner(null, "", [], true);
  });
  // The outbox says it in its own words, with what is kept; then it is not said twice.
  const away = (why, text, more) => { if (byId("banner").dataset.why !== why) banner(why, text, more); };
  lease.addEventListener("signed-out", ({ detail }) => away("signed-out", `${detail.why ?? "You are signed out."} Changes are kept in this browser until you sign in again.`, [link("Sign in in another tab", "/")]));
  lease.addEventListener("other-person", () => away("other-person", "Somebody else is signed in here. Your changes are kept in this browser, and not sent.", [link("Sign in in another tab", "/")]));
}

function link(text, href, apart = true) {
  return element("a", { className: "button small", textContent: text, href, ...(apart ? { target: "_blank", rel: "noopener" } : {}) });
}

function banner(why, text = "", more = [], force = false) {
  const node = byId("banner");
  if (why === null && HELD.has(node.dataset.why) && !force) return;
  if (why !== null && node.dataset.why === why && node.dataset.text === text) return;
  node.hidden = why === null;
  Object.assign(node.dataset, { why: why ?? "", text });
  node.replaceChildren(text, " ", ...more);
}
