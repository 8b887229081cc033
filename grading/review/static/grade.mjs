// The grading page: puts its parts together, and goes from one submission to the next without leaving it.
import { Ahead } from "./ahead.mjs";
import { byId } from "./dom.mjs";
import { askJump, wireDialogs } from "./forms.mjs";
import { Help, showKeys } from "./help.mjs";
import { Keyboard } from "./keys.mjs";
import { announce } from "./live.mjs";
import { Review } from "./review.mjs";
import { Snippets } from "./snippets.mjs";
import { lookingKeys } from "./stage.mjs";
import { Submit } from "./submit.mjs";
import { askTicket, wireTicket } from "./ticket.mjs";
import { toast } from "./toast.mjs";

const person = document.querySelector("meta[name=person]").content;
let review = null;

function begin() {
  review = new Review(byId("review"), person);
  review.ahead = new Ahead(review.alias, review.start.following);
  review.root.addEventListener("click", clicked);
}

/** On to a submission that was fetched ahead; to the queue where there is none. */
function goOn(next) {
  if (next === null) {
    location.assign("/");
    return;
  }
  review.ahead.begun();
  review.close();
  byId("sheet").close();
  byId("banner").hidden = true;
  const root = document.adoptNode(next.root);
  byId("review").replaceWith(root);
  document.title = next.title;
  history.pushState({}, "", `/review/${next.alias}`);
  begin();
  showKeys(keyboard, root);
  byId("main").focus();
  announce(`Submitted. Next: ${next.title}`);
}

const verdict = (value) => () => review.choose(value);

const DO = {
  next: () => review.cards.step(1),
  previous: () => review.cards.step(-1),
  open() {
    const card = review.cards.nextOpen();
    if (card) review.cards.activate(card);
    else toast("Every criterion has its verdict.");
  },
  jump: () => askJump(review.cards),
  pass: verdict("pass"),
  fail: verdict("fail"),
  cannot_judge: verdict("cannot_judge"),
  feedback: () => review.feedback(),
  snippets: () => { if (!review.cards.active.overall) snippets.open(); },
  evidence: () => review.take(),
  absence: () => review.absence(),
  ticket: () => askTicket(review),
  undo: () => review.takeBack(),
  ...lookingKeys(() => review.stage),
  submit: () => submit.open(),
  help: () => help.open(),
  leave: () => review.cards.activate(review.cards.active),
  release: () => review.release(),
};

/** Whatever has a key is also a button. */
function clicked(event) {
  const chip = event.target.closest("[data-chip]");
  const card = review.cards.of(event.target);
  if (chip) review.chip(card, chip.dataset.chip, Number(chip.dataset.at));
  const button = event.target.closest("[data-do]");
  if (button) DO[button.dataset.do](event);
}

const keyboard = new Keyboard(person, DO);
const help = new Help(keyboard);
const snippets = new Snippets(() => review.cards.active.feedback, (text) => review.feedback(text));
const submit = new Submit(() => review, goOn);

wireDialogs();
wireTicket();
begin();
showKeys(keyboard);
addEventListener("popstate", () => location.reload());
addEventListener("beforeunload", (event) => {
  if (!review.leaving && review.outbox.count) event.preventDefault();
});
