// The criteria: one card each, with its verdict, feedback and evidence. A card knows nothing of the server.
import { counted, element, legible } from "./dom.mjs";

export const WORDS = { pass: "pass", fail: "fail", cannot_judge: "cannot judge" };

/** A place as one speaks of it: where exactly a frame stands is seen on the file. */
export const placeOf = (anchor) => (anchor ?? "").replace(/#[\d.,]+$/, ", framed").replace(/^\d[\d.]*(?:,\d[\d.]*){3}$/, "framed");

/** Evidence as one line: `leads.csv · line=3: “the text”`. */
export function wordsOf(evidence) {
  const where = legible([evidence.file, placeOf(evidence.anchor)].filter(Boolean).join(" · "));
  const text = evidence.kind === "quote" && evidence.text ? `“${evidence.text}”` : (evidence.text ?? "");
  const absent = evidence.kind === "absence" ? "not there" : "";
  return [absent, where, text].filter(Boolean).join(": ");
}

export class Card {
  /** @param {HTMLElement} node of the page. @param {object|undefined} draft what is saved of it */
  constructor(node, draft) {
    this.node = node;
    this.key = node.dataset.criterion;
    this.number = Number(node.dataset.number);
    this.importance = node.dataset.importance;
    this.needed = node.dataset.needed === "yes";
    this.voided = node.querySelector(".card-head .voided") !== null;
    this.radios = [...node.querySelectorAll(".radios input")];
    this.field = node.querySelector(".feedback");
    this.hint = node.querySelector(".hint");
    this.chips = node.querySelector(".chips");
    this.evidence = [...(draft?.evidence ?? [])];
    this.#drawChips();
    this.mark();
  }

  get verdict() {
    return this.node.dataset.verdict || null;
  }

  get feedback() {
    return this.field?.value ?? "";
  }

  get overall() {
    return this.key === "";
  }

  /** Needs a verdict and has none. */
  get lacks() {
    return this.needed && this.verdict === null;
  }

  get lacksFeedback() {
    return !this.overall && !this.voided && this.verdict === "fail" && this.feedback.trim() === "";
  }

  get lacksEvidence() {
    return !this.overall && !this.voided && this.verdict === "fail" && this.evidence.length === 0;
  }

  /** How it is spoken of: `criterion 4 of 12`, `overall judgement`. */
  name(count) {
    return this.overall ? "overall judgement" : `criterion ${this.number} of ${count}`;
  }

  allows(verdict) {
    return this.radios.some((radio) => radio.value === verdict);
  }

  /** As it goes to the server. */
  body() {
    if (this.overall) return { judgement: this.verdict };
    return { verdict: this.verdict, feedback: this.feedback, evidence: this.evidence.map((one) => ({ ...one })) };
  }

  /** Show what `body` says. */
  show(body) {
    this.setVerdict(body.verdict ?? body.judgement ?? null);
    if (!this.overall) {
      if (this.field.value !== (body.feedback ?? "")) this.field.value = body.feedback ?? "";
      this.evidence = [...(body.evidence ?? [])];
      this.#drawChips();
    }
    this.mark();
  }

  setVerdict(verdict) {
    for (const radio of this.radios) radio.checked = radio.value === verdict;
    this.node.dataset.verdict = verdict ?? "";
    this.mark();
  }

  addEvidence(evidence) {
    this.evidence.push(evidence);
    this.#drawChips();
    this.mark();
  }

  changeEvidence(at, evidence) {
    if (evidence === null) this.evidence.splice(at, 1);
    else this.evidence[at] = evidence;
    this.#drawChips();
    this.mark();
  }

  /** Say at once what is lacking. */
  mark() {
    if (!this.hint) return;
    const bare = this.lacksFeedback;
    const text = bare
      ? "A fail needs feedback: say what is wrong, and where."
      : this.lacksEvidence
        ? "No evidence yet: take the place that shows it."
        : "";
    if (this.hint.textContent !== text) this.hint.textContent = text;
    if (this.node.dataset.hint !== (bare ? "need" : "")) this.node.dataset.hint = bare ? "need" : "";
    if (bare) this.field.setAttribute("aria-invalid", "true");
    else this.field.removeAttribute("aria-invalid");
  }

  /** Where all files, or those that the own earlier verdict rests on, are as they were, say so; it is not filled in for that. */
  compare(earlier, { unchanged, nothing }) {
    const cited = (earlier?.evidence ?? []).map((one) => one.file).filter(Boolean);
    const place = this.node.querySelector(".earlier summary");
    const same = cited.length > 0 && cited.every((path) => unchanged.has(path));
    if (!place || !(nothing || same)) return;
    place.append(element("span", { className: "soft", textContent: nothing ? " · no file has changed since" : " · what you cited is unchanged" }));
  }

  /** A lead has taken the criterion out: no verdict on it is needed. */
  void() {
    if (this.overall || this.voided) return;
    this.voided = true;
    this.needed = false;
    this.node.dataset.needed = "no";
    this.mark();
    if (this.node.querySelector(".voided")) return;
    const words = "counts for nobody any more; no verdict is needed";
    this.node.querySelector(".card-head .state").before(element("span", { className: "soft voided", textContent: words }), " ");
  }

  complain(text) {
    this.node.querySelector(":scope > .error").textContent = text;
    this.node.dataset.wrong = text === "" ? "" : "yes";
  }

  #drawChips() {
    if (!this.chips) return;
    this.chips.replaceChildren(...this.evidence.map((one, at) => chip(one, at)));
    this.chips.setAttribute("aria-label", `Evidence: ${counted(this.evidence.length, "piece")}`);
  }
}

function chip(evidence, at) {
  const words = wordsOf(evidence);
  const button = (name, label, text) =>
    element("button", { type: "button", className: `chip-${name}`, textContent: text, dataset: { chip: name, at }, attributes: { "aria-label": label } });
  const place = button("go", evidence.kind === "absence" ? `Evidence, ${words}` : `Go to ${words}`, words);
  return element("li", { className: `chip ${evidence.kind}` }, [
    place,
    button("edit", `Change evidence: ${words}`, "✎"),
    button("drop", `Remove evidence: ${words}`, "×"),
  ]);
}

/** All cards, and which is the active one. Events: "moved" {card}. */
export class Cards extends EventTarget {
  constructor(root, start) {
    super();
    this.start = start;
    this.all = [...root.querySelectorAll(".card")].map((node) => {
      const key = node.dataset.criterion;
      return new Card(node, key === "" ? start.whole : start.drafts[key]);
    });
    this.byNode = new Map(this.all.map((card) => [card.node, card]));
    this.byKey = new Map(this.all.map((card) => [card.key, card]));
    this.active = null;
    root.addEventListener("focusin", (event) => this.#follow(event));
    root.addEventListener("pointerdown", (event) => this.#follow(event));
  }

  /** Of criteria, without the overall judgement. */
  get count() {
    return this.all.length - 1;
  }

  get overall() {
    return this.all[this.all.length - 1];
  }

  of(target) {
    return this.byNode.get(target.closest?.(".card")) ?? null;
  }

  activate(card, { focus = true } = {}) {
    if (this.active !== card) {
      this.active?.node.removeAttribute("aria-current");
      this.active = card;
      card.node.setAttribute("aria-current", "true");
      this.dispatchEvent(new CustomEvent("moved", { detail: { card } }));
    }
    if (!focus) return;
    card.node.focus({ preventScroll: true });
    card.node.scrollIntoView({ block: "nearest" });
  }

  step(by) {
    const at = this.all.indexOf(this.active) + by;
    this.activate(this.all[Math.min(Math.max(at, 0), this.all.length - 1)]);
  }

  /** The next one, from the active one on, that needs a verdict or feedback; null: none does. */
  nextOpen() {
    const at = this.all.indexOf(this.active);
    const order = [...this.all.slice(at + 1), ...this.all.slice(0, at + 1)];
    return order.find((card) => card.lacks || card.lacksFeedback) ?? null;
  }

  tally() {
    const criteria = this.all.slice(0, -1);
    const of = (verdict) => criteria.filter((card) => card.verdict === verdict).length;
    const judged = criteria.filter((card) => card.verdict !== null).length;
    return { pass: of("pass"), fail: of("fail"), cannot_judge: of("cannot_judge"), judged, count: criteria.length };
  }

  #follow(event) {
    const card = this.of(event.target);
    if (card) this.activate(card, { focus: false });
  }
}
