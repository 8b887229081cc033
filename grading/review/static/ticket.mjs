// A ticket: the criterion itself is wrong, whatever was handed in. Leads answer it; the review goes on meanwhile.
import { byId } from "./dom.mjs";
import { toast } from "./toast.mjs";

let asked = null; // {review, card}
let sending = false; // and the button stays enabled: one that is disabled loses the focus

/** Ask what is wrong with the active criterion, and tell the leads. */
export function askTicket(review) {
  const card = review.cards.active;
  if (card.overall) {
    toast("A ticket is about a criterion: choose one.");
    return;
  }
  asked = { review, card };
  byId("ticket-about").textContent = `Criterion ${card.number}: ${card.node.querySelector(".text").textContent}`;
  byId("ticket-error").textContent = "";
  byId("ticket-text").value = "";
  byId("ticket").showModal();
  byId("ticket-text").focus();
}

/** What is written stays there until the server has it. */
async function send(event) {
  event.preventDefault();
  const error = byId("ticket-error");
  const { review, card } = asked;
  const text = byId("ticket-text").value.trim();
  if (text === "" || sending) return;
  error.textContent = "";
  sending = true;
  const response = await review.api.change("POST", "/tickets", { criterion: card.key, text }).catch(() => null);
  sending = false;
  if (response?.ok) {
    byId("ticket").close();
    review.cards.activate(card);
    toast(`Told to the leads: ${card.name(review.cards.count)} is to be looked at. Grade it as it stands.`);
    return;
  }
  const answer = await response?.json().catch(() => ({}));
  error.textContent = answer?.problems?.[0]?.what ?? answer?.error ?? "The server cannot be reached; nothing is sent. Try again.";
}

export function wireTicket() {
  byId("ticket-form").addEventListener("submit", send);
}
