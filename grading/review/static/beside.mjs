// What stands beside the stage on a page that is no draft: a case, a locked review. Places in it lead to the files.
import { showKeys } from "./help.mjs";
import { announce } from "./live.mjs";
import { divideDesk } from "./resize.mjs";
import { toast } from "./toast.mjs";

/**
 * Wire the divider, the places (`data-file`, `data-anchor`), the buttons (`data-do`), and what only scripts make useful.
 *
 * @param {HTMLElement} root of the page. @param {Stage} stage on which files are shown
 * @param {Keyboard} keyboard whose keys are shown. @param {Record<string, (event?: Event) => void>} actions by name
 */
export function wireBeside(root, stage, keyboard, actions) {
  showKeys(keyboard);
  for (const node of root.querySelectorAll(".scripted")) node.hidden = false;
  divideDesk(root);
  root.addEventListener("click", (event) => {
    const place = event.target.closest("[data-file]");
    if (place?.dataset.file) goTo(stage, place.dataset);
    actions[event.target.closest("[data-do]")?.dataset.do]?.(event);
  });
}

async function goTo(stage, { file, anchor }) {
  if (await stage.go({ file, anchor: anchor || null })) announce(`${file}, ${anchor}`);
  else toast("That place is not in what is shown.");
}
