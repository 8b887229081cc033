// The grading page: verdicts by mouse or key, saved as they are made, locked when they are complete.
import { Outbox } from "./outbox.mjs";
import { previews } from "./previews.mjs";

const main = document.querySelector("main.desk");
const alias = main.dataset.alias;
const csrf = document.querySelector("meta[name=csrf]").content;
const cards = [...document.querySelectorAll(".card")];
const locked = main.dataset.locked === "yes";
const byId = (id) => document.getElementById(id);

function change(method, path, body) {
  return fetch(`/api/reviews/${alias}${path}`, {
    method,
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(body ?? {}),
    keepalive: true,
  });
}

// --- the active card ---------------------------------------------------------------------------------------------

let active = cards[0];

function activate(card, { focus = true } = {}) {
  active?.classList.remove("active");
  active = card;
  card.classList.add("active");
  if (focus) card.focus({ preventScroll: true });
  if (focus) card.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const at = Math.min(Math.max(cards.indexOf(active) + by, 0), cards.length - 1);
  activate(cards[at]);
}

const chosen = (card) => card.querySelector(".radios input:checked")?.value ?? null;
const lacks = (card) => card.dataset.needed === "yes" && chosen(card) === null;

// --- time spent: only while the page is seen and something happened within the last minute ------------------------

let spent = 0;
let lastSign = Date.now();
for (const sign of ["keydown", "pointermove", "scroll", "input"]) {
  addEventListener(sign, () => { lastSign = Date.now(); }, { passive: true, capture: true });
}
setInterval(() => {
  if (document.visibilityState === "visible" && Date.now() - lastSign < 60_000) spent += 1000;
}, 1000);

// --- reading a card, saving it ------------------------------------------------------------------------------------

function evidenceOf(card) {
  const file = card.querySelector(".e-file").value || null;
  const anchor = card.querySelector(".e-anchor").value.trim() || null;
  const text = card.querySelector(".e-text").value.trim();
  const absent = card.querySelector(".e-absent").checked;
  if (!file && !anchor && !text && !absent) return [];
  return [{ kind: absent ? "absence" : "region", file, anchor, text }];
}

function bodyOf(card) {
  if (!card.dataset.criterion) return { judgement: chosen(card) };
  return {
    verdict: chosen(card),
    feedback: card.querySelector(".feedback").value,
    evidence: evidenceOf(card),
  };
}

function cardOf(key) {
  return cards.find((card) => card.dataset.criterion === key);
}

function complain(card, text) {
  card.querySelector(".error").textContent = text;
  card.classList.toggle("wrong", text !== "");
}

function tell(state, count) {
  const clock = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = {
    saving: "Saving …",
    saved: `Saved ${clock}`,
    offline: `No connection: ${count} change${count === 1 ? " is" : "s are"} kept in this browser`,
  };
  byId("status").textContent = words[state];
  byId("status").classList.toggle("offline", state === "offline");
}

function send(key, body) {
  const path = key ? `/criteria/${encodeURIComponent(key)}` : "/judgement";
  const active_ms = spent;
  spent = 0;
  return change("PUT", path, { ...body, revision: Number(cardOf(key).dataset.revision), active_ms }).catch((error) => {
    spent += active_ms;
    throw error;
  });
}

function accepted(key, answer) {
  const card = cardOf(key);
  card.dataset.revision = answer.revision;
  byId("left").textContent = answer.left;
  complain(card, "");
}

function refused(key, answer) {
  if (answer.locked) location.reload();
  else if (answer.status === 409) complain(cardOf(key), "Changed in another tab. Reload the page to see what is saved there.");
  else if (answer.status === 401) complain(cardOf(key), "Your session has ended. Start the app again; this change is lost on reload.");
  else complain(cardOf(key), answer.error ?? "Not saved: the server refused this change.");
}

const outbox = locked ? null : new Outbox(alias, send, accepted, refused, tell);

function put(card, delay) {
  mark(card);
  outbox.put(card.dataset.criterion, bodyOf(card), delay);
}

function mark(card) {
  card.classList.toggle("judged", chosen(card) !== null);
  const needsWords = chosen(card) === "fail" && card.querySelector(".feedback")?.value.trim() === "";
  card.classList.toggle("needs-feedback", needsWords);
}

function choose(card, value) {
  const radio = card.querySelector(`.radios input[value="${value}"]`);
  if (!radio) return;
  radio.checked = true;
  put(card, 0);
  if (value === "fail" && card.querySelector(".feedback")?.value.trim() === "") card.querySelector(".feedback").focus();
}

// --- keys: never while somebody types -----------------------------------------------------------------------------

function typing(target) {
  if (target.closest("textarea, select, [contenteditable]")) return true;
  return target.matches("input") && !["radio", "checkbox"].includes(target.type);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => { const next = cards.find(lacks); if (next) activate(next); },
  1: () => choose(active, "pass"),
  2: () => choose(active, "fail"),
  3: () => choose(active, "cannot_judge"),
  c: () => active.querySelector(".feedback")?.focus(),
  e: () => { const more = active.querySelector(".evidence"); if (more) { more.open = true; more.querySelector(".e-anchor").focus(); } },
  "?": () => byId("keys").showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && typing(event.target)) {
    activate(event.target.closest(".card") ?? active);
  } else if (!typing(event.target) && Object.hasOwn(KEYS, event.key)) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

// --- the lock -----------------------------------------------------------------------------------------------------

async function askToLock() {
  await outbox.flush();
  const count = (value) => cards.filter((card) => card.dataset.criterion && chosen(card) === value).length;
  byId("confirm-summary").textContent =
    `${count("pass")} pass, ${count("fail")} fail, ${count("cannot_judge")} cannot be judged.`;
  const grave = cards.some((card) => ["critical", "important"].includes(card.dataset.importance) && chosen(card) === "fail");
  byId("confirm-odd").hidden = !(grave && chosen(cards.at(-1)) === "pass");
  byId("confirm").querySelector(".error").textContent = outbox.pending.size ? "Not everything is saved yet." : "";
  byId("confirm").showModal();
}

async function lock() {
  const error = byId("confirm").querySelector(".error");
  await outbox.flush();
  if (outbox.pending.size) {
    error.textContent = "Not everything is saved yet. Wait for the connection, then lock.";
    return;
  }
  let response;
  try {
    response = await change("POST", "/lock");
  } catch {
    error.textContent = "The server cannot be reached. Nothing is locked.";
    return;
  }
  if (response.ok || response.status === 409) {
    location.reload();
    return;
  }
  const answer = await response.json();
  byId("confirm").close();
  for (const card of cards) complain(card, "");
  for (const problem of answer.problems ?? []) complain(cardOf(problem.criterion), `${problem.what[0].toUpperCase()}${problem.what.slice(1)}.`);
  const first = cards.find((card) => card.classList.contains("wrong"));
  if (first) activate(first);
}

async function correct(card) {
  const error = card.querySelector(".error");
  const verdict = card.querySelector(".correction input:checked")?.value;
  if (!verdict) { error.textContent = "Choose a verdict."; return; }
  const body = { criterion: card.dataset.criterion, verdict, feedback: card.querySelector(".correction textarea").value };
  const response = await change("POST", "/corrections", body);
  if (response.ok) location.reload();
  else error.textContent = (await response.json()).problems?.[0]?.what ?? "Refused.";
}

// --- start --------------------------------------------------------------------------------------------------------

function take(path, anchor, text) {
  if (locked || !active.dataset.criterion) return;
  active.querySelector(".evidence").open = true;
  const file = active.querySelector(".e-file");
  file.value = path;
  if (file.value !== path) file.value = "";
  active.querySelector(".e-anchor").value = anchor;
  active.querySelector(".e-text").value = text.slice(0, 300);
  put(active);
}

function startGrading() {
  for (const card of cards) {
    mark(card);
    card.addEventListener("focusin", () => activate(card, { focus: false }));
    card.addEventListener("input", (event) => put(card, event.target.type === "radio" ? 0 : undefined));
    card.addEventListener("click", () => activate(card, { focus: false }));
  }
  for (const [key, body] of outbox.recover()) {
    const card = cardOf(key);
    if (!card) continue;
    const radio = card.querySelector(`.radios input[value="${body.verdict ?? body.judgement}"]`);
    if (radio) radio.checked = true;
    if (body.feedback !== undefined) card.querySelector(".feedback").value = body.feedback;
    put(card, 0);
  }
  document.addEventListener("keydown", onKey);
  byId("help-button").addEventListener("click", () => byId("keys").showModal());
  byId("lock").addEventListener("click", askToLock);
  byId("confirm-lock").addEventListener("click", lock);
  byId("confirm-cancel").addEventListener("click", () => byId("confirm").close());
  addEventListener("beforeunload", (event) => { if (outbox.pending.size) event.preventDefault(); });
  activate(cards.find(lacks) ?? cards[0], { focus: false });
}

previews(take);
if (locked) {
  for (const button of document.querySelectorAll("button.correct")) {
    button.addEventListener("click", () => correct(button.closest(".card")));
  }
} else {
  startGrading();
}
