// Dividers between two sides: dragged by pointer, moved by arrow keys, and remembered.

const STORE = "upbench.widths";
const STEP = 2;

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

function keep(name, share) {
  try {
    localStorage.setItem(STORE, JSON.stringify({ ...read(), [name]: share }));
  } catch {
    // Not remembered, but moved.
  }
}

/**
 * @param {HTMLElement} divider with role separator, aria-valuemin, -max and -now: shares in per cent
 * @param {(share: number) => void} place puts it there
 * @param {(event: PointerEvent) => number} shareAt per cent at which a pointer is
 */
export function divide(divider, place, shareAt) {
  const name = divider.dataset.divider;
  const [least, most] = ["aria-valuemin", "aria-valuemax"].map((key) => Number(divider.getAttribute(key)));
  const set = (share, remember = true) => {
    const bounded = Math.round(Math.min(Math.max(share, least), most) * 10) / 10;
    divider.setAttribute("aria-valuenow", String(bounded));
    place(bounded);
    if (remember) keep(name, bounded);
  };
  const now = () => Number(divider.getAttribute("aria-valuenow"));
  const remembered = read()[name];
  if (typeof remembered === "number") set(remembered, false);
  const sign = name === "criteria" ? -1 : 1;
  divider.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -STEP * sign, ArrowRight: STEP * sign, Home: least - now(), End: most - now() };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    set(now() + moves[event.key]);
  });
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    event.preventDefault();
    divider.focus();
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) set(shareAt(event));
  });
}

/** The stage and what stands beside it, on every page that has both. */
export function divideDesk(root) {
  const desk = root.querySelector(".desk");
  divide(desk.querySelector("[data-divider=criteria]"), (share) => desk.style.setProperty("--side", `${share}%`), (event) => 100 - (event.clientX / innerWidth) * 100);
}
