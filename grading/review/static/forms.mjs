// Small windows that ask for something.
import { byId, element } from "./dom.mjs";

/** Every button that closes its window. */
export function wireDialogs() {
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}

/** Show a window with a form; resolves to true when the form is sent, false when it is left. */
export function ask(dialog, form) {
  return new Promise((resolve) => {
    let sent = false;
    const submitted = () => { sent = true; };
    form.addEventListener("submit", submitted, { once: true });
    dialog.addEventListener("close", () => {
      form.removeEventListener("submit", submitted);
      resolve(sent);
    }, { once: true });
    dialog.showModal();
  });
}

function fillFiles(select, files, chosen, none) {
  const all = [element("option", { value: "", textContent: none }), ...files.map((file) => element("option", { value: file.name, textContent: file.name }))];
  select.replaceChildren(...all);
  select.value = files.some((file) => file.name === chosen) ? chosen : "";
}

/** Evidence that something is not there; null: it was left. */
export async function askAbsence(files, shown) {
  fillFiles(byId("absence-file"), files, shown?.kind === "deliverables" ? shown.file.name : "", "everything handed in");
  const text = byId("absence-text");
  text.value = "";
  const asked = ask(byId("absence"), byId("absence-form"));
  text.focus();
  if (!await asked || text.value.trim() === "") return null;
  return { kind: "absence", file: byId("absence-file").value || null, anchor: null, text: text.value.trim() };
}

/** A piece of evidence, changed by hand; null: it was left. */
export async function askPlace(files, evidence) {
  fillFiles(byId("place-file"), files, evidence.file, "(none)");
  byId("place-anchor").value = evidence.anchor ?? "";
  byId("place-text").value = evidence.text ?? "";
  const asked = ask(byId("place"), byId("place-form"));
  byId("place-text").focus();
  if (!await asked) return null;
  const value = (id) => byId(id).value.trim();
  return { ...evidence, file: value("place-file") || null, anchor: value("place-anchor") || null, text: value("place-text") };
}

/** Go to the card of a number that is asked for; at once where no longer number could be meant. */
export async function askJump(cards) {
  const field = byId("jump-number");
  field.value = "";
  const most = cards.all.length;
  const early = () => {
    const number = Number(field.value);
    if (number >= 1 && number * 10 > most) byId("jump-form").requestSubmit();
  };
  field.addEventListener("input", early);
  const sent = await ask(byId("jump"), byId("jump-form"));
  field.removeEventListener("input", early);
  const card = sent ? cards.all[Number(field.value) - 1] : undefined;
  cards.activate(card ?? cards.active);
}
