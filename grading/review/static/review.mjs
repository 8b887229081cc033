// One review on the page: its cards, its stage, and what keeps both with the server.
import { Activity } from "./activity.mjs";
import { Api } from "./api.mjs";
import { Cards, WORDS, placeOf } from "./cards.mjs";
import { openConflict } from "./conflict.mjs";
import { byId, minutes } from "./dom.mjs";
import { askAbsence, askPlace } from "./forms.mjs";
import { Lease } from "./lease.mjs";
import { announce } from "./live.mjs";
import { showState, watchTroubles } from "./notices.mjs";
import { Outbox } from "./outbox/outbox.mjs";
import { divideDesk } from "./resize.mjs";
import { Stage } from "./stage.mjs";
import { toast } from "./toast.mjs";
import { Undo } from "./undo.mjs";

const CLOCK_MS = 10_000;
const MOST_EVIDENCE = 20; // The server takes no more of one criterion.

export class Review {
  /** @param {HTMLElement} root of the review on the page. @param {string} person who grades */
  constructor(root, person) {
    this.root = root;
    this.start = JSON.parse(root.dataset.start);
    this.alias = this.start.alias;
    this.api = new Api(this.alias);
    this.cards = new Cards(root, this.start);
    this.undo = new Undo();
    this.stage = new Stage(root, this.start, this.api, () => this.#cited());
    this.activity = new Activity({ api: this.api, person, alias: this.alias });
    this.outbox = new Outbox({
      alias: this.alias, api: this.api, person, revisions: this.#revisions(), activeMs: () => this.activity.since(),
    });
    this.lease = new Lease({ api: this.api, person, pending: () => this.outbox.count });
    this.last = new Map(this.cards.all.map((card) => [card.key, card.body()]));
    this.said = null;
    this.#listen();
    this.#begin();
  }

  /** Stop all that goes on; nothing that is not saved is lost. */
  close() {
    clearInterval(this.clock);
    this.activity.flush();
    this.activity.stop();
    this.lease.stop();
    this.outbox.close();
    this.stage.close();
  }

  // --- what the person does ----------------------------------------------------------------------------------------

  choose(verdict, card = this.cards.active) {
    if (!card.allows(verdict)) return;
    card.setVerdict(verdict);
    this.put(card, 0);
    this.#progress();
    const needs = card.lacksFeedback ? "; feedback is needed" : "";
    announce(`${card.name(this.cards.count)}: ${WORDS[verdict]}${needs}`);
    if (card.lacksFeedback) card.field.focus();
  }

  put(card, delay, text = false) {
    const body = card.body();
    this.undo.note(card.key, this.last.get(card.key), text);
    this.last.set(card.key, body);
    card.complain("");
    this.said = card.key;
    this.outbox.put(card.key, body, delay);
  }

  takeBack() {
    const change = this.undo.take();
    if (change === undefined) {
      toast("Nothing to undo.");
      return;
    }
    const card = this.cards.byKey.get(change.key);
    card.show(change.before);
    this.last.set(card.key, card.body());
    this.outbox.put(card.key, card.body(), 0);
    this.cards.activate(card);
    this.#progress();
    this.stage.redraw();
    toast(`Undone: ${card.name(this.cards.count)}.`);
  }

  feedback(text = "") {
    const { field } = this.cards.active;
    if (!field) return;
    field.focus();
    if (!text) return;
    const before = field.value.trimEnd();
    field.value = before ? `${before}\n${text}` : text;
    this.cards.active.mark();
    this.put(this.cards.active, 0);
  }

  /** The place one looks at becomes evidence of the active criterion. */
  take() {
    const card = this.#criterion();
    if (!card) return;
    const evidence = this.stage.active.capture();
    if (evidence === null) toast("Open a deliverable: evidence is a place in what was handed in.");
    else this.#add(card, evidence);
  }

  async absence() {
    const card = this.#criterion();
    const evidence = card && await askAbsence(this.start.files.deliverables, this.stage.active.shown);
    if (evidence) this.#add(card, evidence);
    if (card) this.cards.activate(card);
  }

  /** A button of a piece of evidence. */
  async chip(card, what, at) {
    const evidence = card.evidence[at];
    if (what === "go") await this.#goTo(evidence);
    else if (what === "drop") this.#change(card, at, null);
    else {
      const changed = await askPlace(this.start.files.deliverables, evidence);
      if (changed) this.#change(card, at, changed);
      this.cards.activate(card);
    }
  }

  async release() {
    if (!await this.outbox.flush()) {
      toast("Not everything is saved yet; it is not given back.");
      return;
    }
    await this.activity.flush(); // who has given it back works on it no more
    if (!await this.lease.release()) {
      toast("The server cannot be reached; it is not given back.");
      this.lease.start();
      return;
    }
    this.outbox.released();
    this.#leave();
  }

  #leave() {
    this.leaving = true;
    this.lease.stop();
    location.assign("/");
  }

  // --- evidence ----------------------------------------------------------------------------------------------------

  #criterion() {
    if (!this.cards.active.overall) return this.cards.active;
    toast("Evidence belongs to a criterion: choose one.");
    return null;
  }

  #add(card, evidence) {
    const same = (one) => one.file === evidence.file && one.anchor === evidence.anchor && one.kind === evidence.kind && one.text === evidence.text;
    if (card.evidence.some(same)) {
      toast("That place is noted already.");
      return;
    }
    if (card.evidence.length >= MOST_EVIDENCE) {
      toast(`A criterion takes ${MOST_EVIDENCE} pieces of evidence: remove one first.`);
      return;
    }
    card.addEvidence({ kind: evidence.kind, file: evidence.file ?? null, anchor: evidence.anchor ?? null, text: evidence.text ?? "" });
    this.put(card, 0);
    this.stage.redraw();
    const place = evidence.kind === "absence" ? "not there" : (placeOf(evidence.anchor) || evidence.file);
    toast(`Evidence for ${card.name(this.cards.count)}: ${place}.`);
  }

  #change(card, at, evidence) {
    card.changeEvidence(at, evidence);
    this.put(card, 0);
    this.stage.redraw();
    if (evidence === null) toast("Evidence removed; undo brings it back.");
    this.cards.activate(card);
  }

  async #goTo(evidence) {
    if (!evidence.file) toast("This evidence names no file.");
    else if (await this.stage.go(evidence)) announce(`${evidence.file}, ${placeOf(evidence.anchor)}`);
    else toast("That place is not in what is shown.");
  }

  #cited() {
    return this.cards.all.flatMap((card) => card.evidence.map((one) => one.file));
  }

  // --- what the page and the server tell ---------------------------------------------------------------------------

  #revisions() {
    const { drafts, whole } = this.start;
    const all = Object.entries(drafts).map(([key, draft]) => [key, draft.revision]);
    return { ...Object.fromEntries(all), "": whole.revision };
  }

  #listen() {
    const { outbox, cards, stage, lease } = this;
    this.root.addEventListener("input", (event) => this.#typed(event));
    this.root.addEventListener("change", (event) => this.#chosen(event));
    cards.addEventListener("moved", ({ detail }) => this.activity.on({ criterion: detail.card.key }));
    stage.addEventListener("looking", ({ detail }) => { if (detail.file) this.activity.on({ file: detail.file }); });
    stage.addEventListener("captured", ({ detail }) => { const card = this.#criterion(); if (card) this.#add(card, detail.evidence); });
    stage.addEventListener("compared", ({ detail }) => {
      for (const card of cards.all) card.compare(this.start.earlier?.[card.key], detail);
    });
    outbox.addEventListener("state", ({ detail }) => showState(detail));
    outbox.addEventListener("accepted", ({ detail }) => this.#accepted(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#refused(detail));
    outbox.addEventListener("conflict", ({ detail }) => openConflict(this, detail));
    outbox.addEventListener("elsewhere", ({ detail }) => this.#shown(detail.key, detail.body));
    outbox.addEventListener("locked", () => this.reload());
    outbox.addEventListener("released", () => this.#leave());
    lease.addEventListener("locked", () => this.reload());
    lease.addEventListener("renewed", ({ detail }) => this.#voided(detail.voided));
    watchTroubles(this);
  }

  async #begin() {
    divideDesk(this.root);
    this.cards.activate(this.cards.all.find((card) => card.lacks || card.lacksFeedback) ?? this.cards.all[0], { focus: false });
    this.#progress();
    this.activity.start();
    this.lease.start();
    this.clock = setInterval(() => this.#tick(), CLOCK_MS);
    for (const [key, body] of await this.outbox.start()) this.#shown(key, body);
  }

  #typed(event) {
    const card = this.cards.of(event.target);
    if (!card || event.target !== card.field) return;
    card.mark();
    this.put(card, undefined, true);
  }

  #chosen(event) {
    const card = this.cards.of(event.target);
    if (card && event.target.type === "radio") this.choose(event.target.value, card);
  }

  #shown(key, body) {
    const card = this.cards.byKey.get(key);
    if (!card) return;
    card.show(body);
    this.last.set(key, card.body());
    this.#progress();
  }

  #accepted({ key }) {
    const card = this.cards.byKey.get(key);
    if (!card || this.said !== key) return;
    card.complain("");
    const needs = card.lacksFeedback ? "; feedback is needed" : "";
    announce(`${card.name(this.cards.count)}: ${card.verdict ? WORDS[card.verdict] : "no verdict"}, saved${needs}`);
    this.said = null;
  }

  #refused({ key, error }) {
    this.cards.byKey.get(key)?.complain(error ?? "The server refused this change; it is kept in this browser.");
  }

  #voided(keys) {
    const cards = keys.map((key) => this.cards.byKey.get(key)).filter((card) => card && !card.voided);
    for (const card of cards) {
      card.void();
      announce(`${card.name(this.cards.count)} counts for nobody any more`);
    }
  }

  reload() {
    if (this.leaving || this.submitting) return;
    this.leaving = true;
    location.reload();
  }

  #progress() {
    const { judged, count, fail } = this.cards.tally();
    const done = judged === count ? "all graded" : `${judged} of ${count} graded`;
    byId("progress").textContent = fail ? `${done}, ${fail} fail` : done;
    Object.assign(byId("progress-bar"), { max: count, value: judged });
  }

  #tick() {
    if (this.activity.total >= 60_000) byId("time").textContent = `${minutes(this.activity.total)} at work here`;
  }
}
