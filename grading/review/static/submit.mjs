// Submitting: a summary of what is open and what is odd, the lock, and on to the next.
import { byId, counted, element, minutes } from "./dom.mjs";

const GRAVE = ["critical", "important"];
const list = (numbers) => (numbers.length > 12 ? `${numbers.slice(0, 12).join(", ")} …` : numbers.join(", "));

/** What keeps it from being submitted, and what is odd: [text, where] each, `where` cards, or paths of files. */
export function findings(review) {
  const { cards, stage, start } = review;
  const criteria = cards.all.slice(0, -1);
  const judgement = cards.overall.verdict;
  const pick = (test) => criteria.filter(test);
  const lacking = [
    ["without a verdict", pick((card) => card.lacks)],
    ["fail without feedback", pick((card) => card.lacksFeedback)],
    ["the overall judgement is lacking", judgement === null ? [cards.overall] : []],
  ];
  const fails = pick((card) => card.verdict === "fail");
  const grave = fails.filter((card) => GRAVE.includes(card.importance));
  const unsure = pick((card) => card.verdict === "cannot_judge" && GRAVE.includes(card.importance));
  const unopened = start.files.deliverables.filter((file) => !stage.seen.has(`deliverables/${file.name}`));
  const odd = [
    ["fail without evidence", pick((card) => card.lacksEvidence)],
    ["you accept the work although a critical or important criterion fails", judgement === "pass" ? grave : []],
    ["you do not accept the work although no criterion fails", judgement === "fail" && !fails.length ? [cards.overall] : []],
    ["cannot be judged, without a word why", pick((card) => card.verdict === "cannot_judge" && card.feedback.trim() === "")],
    ["critical or important, and cannot be judged: somebody else will look", unsure],
    [`${counted(unopened.length, "deliverable was", "deliverables were")} not opened here`, unopened.map((file) => file.name)],
  ];
  const there = ([, found]) => found.length > 0;
  return { lacking: lacking.filter(there), odd: odd.filter(there) };
}

export class Submit {
  /** @param {() => object} current the review on the page. @param {(next: object|null) => void} on what follows */
  constructor(current, on) {
    Object.assign(this, { current, on });
    this.dialog = byId("sheet");
    byId("sheet-submit").addEventListener("click", () => this.#lock(true));
    byId("sheet-stay").addEventListener("click", () => this.#lock(false));
  }

  open() {
    const review = this.current();
    const clean = this.#draw(review);
    byId("sheet-error").textContent = "";
    this.dialog.showModal();
    if (clean) byId("sheet-submit").focus(); // else what is open or odd comes first
    review.ahead.fetch();
    review.outbox.flush().then((all) => { if (!all) this.#waits(); });
  }

  /** Says whether there is nothing to look at once more. */
  #draw(review) {
    const { lacking, odd } = findings(review);
    const { pass, fail, cannot_judge: unsure } = review.cards.tally();
    const judgement = { pass: "accepted", fail: "not accepted" }[review.cards.overall.verdict] ?? "not judged yet";
    const time = review.activity.total < 60_000 ? "Less than a minute" : minutes(review.activity.total);
    const counts = `${pass} pass, ${fail} fail, ${unsure} cannot be judged; the work as a whole: ${judgement}.`;
    const facts = element("p", { textContent: `${counts} ${time} at work here.` });
    const parts = [facts];
    if (lacking.length) parts.push(this.#section("Still open", lacking), element("p", { textContent: "The review can be submitted when these are done." }));
    if (odd.length) parts.push(this.#section("Look once more", odd));
    byId("sheet-summary").replaceChildren(...parts);
    for (const id of ["sheet-submit", "sheet-stay"]) byId(id).disabled = lacking.length > 0;
    return lacking.length + odd.length === 0;
  }

  #section(title, rows) {
    const items = rows.map(([text, where]) => {
      const files = typeof where[0] === "string";
      const named = files ? where : where.filter((card) => !card.overall).map((card) => card.number);
      const words = named.length ? `${text}: ${list(named)}` : text;
      const go = element("button", { type: "button", className: "small", textContent: "Go there", attributes: { "aria-label": `Go there: ${words}` } });
      go.addEventListener("click", () => {
        this.dialog.close();
        if (files) this.current().stage.go({ file: where[0], anchor: null });
        else this.current().cards.activate(where[0]);
      });
      return element("li", {}, [`${words[0].toUpperCase()}${words.slice(1)} `, go]);
    });
    return element("section", { className: "note" }, [element("h3", { textContent: title }), element("ul", {}, items)]);
  }

  #waits() {
    const { count } = this.current().outbox;
    if (this.dialog.open) byId("sheet-error").textContent = `${counted(count, "change is", "changes are")} not saved yet. Wait for the connection, then submit.`;
  }

  async #lock(goOn) {
    const review = this.current();
    if (review.submitting || review.leaving) return;
    review.submitting = true; // once, and whatever else says meanwhile that it is locked
    byId("sheet-error").textContent = "";
    try {
      await this.#send(review, goOn);
    } finally {
      review.submitting = false;
    }
  }

  async #send(review, goOn) {
    if (!await review.outbox.flush()) {
      this.#waits();
      return;
    }
    await review.activity.flush();
    const response = await review.api.change("POST", "/lock").catch(() => null);
    if (response === null) byId("sheet-error").textContent = "The server cannot be reached. Nothing is submitted; your changes are kept.";
    else await this.#answered(review, response, goOn);
  }

  async #answered(review, response, goOn) {
    const answer = await response.json().catch(() => ({}));
    if (response.ok || answer.locked) {
      review.leaving = true;
      await review.outbox.finish();
      if (goOn) this.on(await review.ahead.fetch());
      else if (answer.alias && answer.alias !== review.alias) location.assign(`/review/${answer.alias}`);
      else location.reload();
      return;
    }
    if (!answer.problems?.length) {
      const gone = response.status === 404 ? "This review is not yours any more; what you wrote is kept in this browser." : answer.error;
      byId("sheet-error").textContent = gone ?? "The server refused it; nothing is submitted.";
      return;
    }
    this.dialog.close();
    const wrong = answer.problems.map((problem) => [review.cards.byKey.get(problem.criterion), problem.what]);
    for (const [card, what] of wrong) card?.complain(`${what[0].toUpperCase()}${what.slice(1)}.`);
    if (wrong[0][0]) review.cards.activate(wrong[0][0]);
  }
}
