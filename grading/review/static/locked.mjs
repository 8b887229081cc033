// After the lock: corrections, which are kept beside the verdict of record.
import { Api } from "./api.mjs";

const api = new Api(document.querySelector("main").dataset.alias);

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

for (const button of document.querySelectorAll("button.correct")) {
  // Once, whatever is pressed: each would be a revision of its own.
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    await correct(button.closest(".card"));
    button.removeAttribute("aria-disabled");
  });
}
