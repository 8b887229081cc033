// The same criterion was saved elsewhere in between: the person decides which of the two stays.
import { WORDS, wordsOf } from "./cards.mjs";
import { byId, element } from "./dom.mjs";

const waiting = [];

/** Ask about one conflict after the other. */
export function openConflict(review, detail) {
  const at = waiting.findIndex((one) => one.detail.key === detail.key);
  if (at >= 0) waiting[at] = { review, detail };
  else waiting.push({ review, detail });
  if (waiting.length === 1) show();
}

function show() {
  const dialog = byId("conflict");
  if (!waiting.length) return;
  const { review, detail } = waiting[0];
  const card = review.cards.byKey.get(detail.key);
  byId("conflict-about").textContent = card.overall ? "Your overall judgement" : `Criterion ${card.number}: ${card.node.querySelector(".text").textContent}`;
  byId("conflict-mine").replaceChildren(...lines(detail.mine));
  byId("conflict-there").replaceChildren(...lines(detail.there ?? {}));
  const done = () => {
    waiting.shift();
    dialog.close();
    review.cards.activate(card);
    show();
  };
  byId("conflict-keep").onclick = () => {
    review.outbox.settle(detail.key, detail.mine, detail.revision);
    done();
  };
  byId("conflict-take").onclick = () => {
    card.show(detail.there ?? {});
    review.last.set(detail.key, card.body());
    review.outbox.drop(detail.key, detail.revision);
    done();
  };
  // It must be decided: Esc would leave it open without saying so, and a browser lets nobody hold a window twice.
  dialog.oncancel = (event) => event.preventDefault();
  dialog.onclose = show;
  if (!dialog.open) dialog.showModal();
}

function lines(body) {
  const verdict = body.verdict ?? body.judgement;
  const parts = [element("p", {}, [element("b", { textContent: verdict ? WORDS[verdict] : "no verdict" })])];
  if (body.feedback) parts.push(element("p", { className: "feedback-text", textContent: body.feedback }));
  for (const one of body.evidence ?? []) parts.push(element("p", { className: "evidence-text", textContent: wordsOf(one) }));
  return parts;
}
