// The queue: the next submission is one key away.
import { send } from "./api.mjs";
import { byId } from "./dom.mjs";
import { showKeys } from "./help.mjs";
import { Keyboard, QUEUE } from "./keys.mjs";

const button = byId("take");

async function take() {
  if (!button) return;
  button.disabled = true;
  const error = byId("queue-error");
  error.textContent = "";
  try {
    const response = await send("POST", "/api/queue/next");
    if (response.status === 200) go((await response.json()).alias);
    else if (response.status === 404 && button.dataset.following) go(button.dataset.following);
    else if (response.status === 204) error.textContent = "Nothing is left for you at this moment: somebody else was quicker.";
    else if (response.status === 401) error.textContent = "You are signed out. Sign in again, then take the next.";
    else error.textContent = "The server could not give you the next submission. Try again.";
  } catch {
    error.textContent = "The server cannot be reached. Try again when the line is back.";
  }
  button.disabled = false;
}

const go = (alias) => location.assign(`/review/${alias}`);

button?.addEventListener("click", take);
showKeys(new Keyboard(document.querySelector("meta[name=person]").content, { take }, QUEUE));
