// After the lock: the files beside what everybody said of them, and corrections, which are kept beside the verdict of record.
import { Api } from "./api.mjs";
import { wireBeside } from "./beside.mjs";
import { byId } from "./dom.mjs";
import { Keyboard } from "./keys.mjs";
import { Stage, lookingKeys } from "./stage.mjs";
import { toast } from "./toast.mjs";

const root = byId("review");
const start = JSON.parse(root.dataset.start);
const person = document.querySelector("meta[name=person]").content;
const api = new Api(start.alias);
const cards = [...root.querySelectorAll(".card")];
const cited = () => [...root.querySelectorAll("[data-file]")].map((node) => node.dataset.file);
const stage = new Stage(root, start, api, cited);

async function correct(card) {
  const error = card.querySelector(".error");
  const verdict = card.querySelector(".correction input:checked")?.value;
  const feedback = card.querySelector(".correction textarea").value;
  if (!verdict) {
    error.textContent = "Choose a verdict.";
    return;
  }
  if (verdict === "fail" && feedback.trim() === "") {
    error.textContent = "A fail needs feedback: say what is wrong, and where.";
    card.querySelector("textarea").focus();
    return;
  }
  try {
    const response = await api.change("POST", "/corrections", { criterion: card.dataset.criterion, verdict, feedback });
    if (response.ok) location.reload();
    else error.textContent = said(await response.json().catch(() => ({})));
  } catch {
    error.textContent = "The server cannot be reached; nothing is kept yet. Try again.";
  }
}

const said = (answer) => answer.problems?.[0]?.what ?? answer.error ?? "Refused by the server; nothing is kept.";

for (const button of root.querySelectorAll("button.correct")) {
  // Once, whatever is pressed: each would be a revision of its own.
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    await correct(button.closest(".card"));
    button.removeAttribute("aria-disabled");
  });
}

/** To the next criterion, or the one before, from where the focus is. */
function step(by) {
  const at = cards.indexOf(document.activeElement?.closest(".card"));
  cards[at < 0 ? 0 : Math.min(Math.max(at + by, 0), cards.length - 1)]?.focus();
}

const DO = {
  next: () => step(1),
  previous: () => step(-1),
  ...lookingKeys(() => stage),
  leave: () => root.querySelector(".criteria").focus(),
};
const keyboard = new Keyboard(person, DO);
wireBeside(root, stage, keyboard, DO);
stage.addEventListener("captured", () => toast("Your verdicts are locked: no place can be added to them."));
