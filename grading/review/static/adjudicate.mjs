// The page of an adjudication: the files as on the grading page, what the reviewers said, and the decision.
import { Activity } from "./activity.mjs";
import { Api } from "./api.mjs";
import { wireBeside } from "./beside.mjs";
import { wordsOf } from "./cards.mjs";
import { byId, element } from "./dom.mjs";
import { ACTIONS, Keyboard } from "./keys.mjs";
import { announce } from "./live.mjs";
import { Stage, lookingKeys } from "./stage.mjs";
import { toast } from "./toast.mjs";

const MOST = 20;

/** The places that the decision rests on; they go with the form. */
class Places {
  constructor(changed) {
    this.field = byId("evidence");
    this.list = byId("chips");
    this.changed = changed;
    this.all = this.#read();
    this.draw();
  }

  add(evidence) {
    const place = { kind: evidence.kind, file: evidence.file ?? null, anchor: evidence.anchor ?? null, text: evidence.text ?? "" };
    if (this.all.some((one) => JSON.stringify(one) === JSON.stringify(place))) toast("That place is noted already.");
    else if (this.all.length >= MOST) toast(`${MOST} places are enough.`);
    else {
      this.all.push(place);
      this.draw();
      toast(`Evidence: ${place.anchor ?? place.file}.`);
    }
  }

  drop(at) {
    this.all.splice(at, 1);
    this.draw();
    this.list.parentElement.querySelector("[data-do=evidence]").focus();
  }

  draw() {
    this.field.value = this.all.length ? JSON.stringify(this.all) : "";
    this.list.replaceChildren(...this.all.map((one, at) => this.#chip(one, at)));
    this.changed();
  }

  #chip(one, at) {
    const words = wordsOf(one);
    const go = element("button", { type: "button", className: "chip-go", textContent: words, dataset: { file: one.file ?? "", anchor: one.anchor ?? "" }, attributes: { "aria-label": `Go to ${words}` } });
    const drop = element("button", { type: "button", className: "chip-drop", textContent: "×", attributes: { "aria-label": `Remove evidence: ${words}` } });
    drop.addEventListener("click", () => this.drop(at));
    return element("li", { className: `chip ${one.kind}` }, [go, drop]);
  }

  #read() {
    try {
      const kept = JSON.parse(this.field.value || "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }
}

const root = byId("review");
const start = JSON.parse(root.dataset.start);
const person = document.querySelector("meta[name=person]").content;
const api = new Api(`adjudications/${start.alias}`);
const form = byId("decision");
const cited = () => [...root.querySelectorAll("[data-file]")].map((node) => node.dataset.file);
const stage = new Stage(root, start, api, cited);
const KEPT = `upbench.case.${start.alias}.${person}`;
if (form) restore();
const places = form && byId("chips") ? new Places(() => { stage.redraw(); keep(); }) : null;

/** What is put down stays in this tab until it is decided: whatever becomes of the page or of the server. */
function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrf")));
  } catch {
    // Storage may be full or switched off: the page itself still has it.
  }
}

function restore() {
  let kept = [];
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    // Then there is nothing to go on with.
  }
  for (const [name, value] of Array.isArray(kept) ? kept : []) {
    const field = form.elements.namedItem(name);
    if (field) field.value = value;
  }
}

function choose(verdict) {
  const radio = form?.querySelector(`.radios input[value=${verdict}]`);
  if (!radio) return;
  radio.checked = true;
  keep();
  announce(radio.parentElement.textContent.trim());
  if (verdict === "fail" && byId("feedback")?.value.trim() === "") byId("feedback").focus();
}

function take() {
  if (!places) return;
  const evidence = stage.active.capture();
  if (evidence === null) toast("Open a deliverable: evidence is a place in what was handed in.");
  else places.add(evidence);
}

/** Say what is lacking beside the form; the server asks for the same. */
function lacks() {
  const verdict = form.querySelector(".radios input:checked")?.value;
  if (!verdict) return ["Choose a verdict.", form.querySelector(".radios input")];
  if (!form.elements.reason.value) return ["Choose why the reviewers differ.", form.querySelector("[name=reason]")];
  const feedback = byId("feedback");
  if (feedback && verdict === "fail" && feedback.value.trim() === "") return ["A fail needs feedback: what is wrong, and where.", feedback];
  return null;
}

async function decide(event) {
  event.preventDefault();
  const wrong = lacks();
  byId("wrong").textContent = wrong ? wrong[0] : "";
  if (wrong) {
    wrong[1].focus();
    return;
  }
  form.querySelector("button.primary").disabled = true;
  await Promise.race([activity.flush(), new Promise((resolve) => { setTimeout(resolve, 2000); })]);
  form.submit();
}

const DO = {
  pass: () => choose("pass"),
  fail: () => choose("fail"),
  cannot_judge: () => choose("cannot_judge"),
  feedback: () => byId("feedback")?.focus(),
  evidence: take,
  ...lookingKeys(() => stage),
  submit: () => form?.requestSubmit(),
  leave: () => root.querySelector(".criteria").focus(),
};

const keyboard = new Keyboard(person, form ? DO : { ...DO, submit: undefined }, ACTIONS);
wireBeside(root, stage, keyboard, DO);
stage.addEventListener("captured", ({ detail }) => places?.add(detail.evidence));

const activity = new Activity({ api, person });
if (form) {
  form.noValidate = true;
  form.addEventListener("submit", decide);
  stage.addEventListener("looking", ({ detail }) => { if (detail.file) activity.on({ file: detail.file }); });
  root.querySelector(".side").addEventListener("focusin", () => activity.on({ criterion: start.criterion }));
  activity.start();
  form.addEventListener("input", keep);
  // Come back to by the browser's arrow, it may be decided by now.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
