// The cells of one worksheet in view, as a grid that a screen reader knows the size of. Rows and columns outside the
// window are not there.
import { element } from "../dom.mjs";
import { columnName } from "./cells.mjs";

export const HEAD = 56;
const LINE = 26;
const LETTER = 7.2;
const NARROW = 64;
const WIDE = 340;
const OVER = 6;
const USUAL = 110;
// A browser's elements end at some thirty million pixels.
const TALLEST = 15_000_000;

let grids = 0;

export class Grid {
  /** @param {HTMLElement} scroller. @param {object} of label, cell(row, column): text or null while it comes, marks: () => {merged, hiddenRows, hiddenColumns} */
  constructor(scroller, { label, rows, columns, cell, marks }) {
    Object.assign(this, { scroller, rows, columns, cell, marks });
    grids += 1;
    this.id = `grid-${grids}`;
    this.scale = 1;
    this.active = [0, 0];
    this.widths = new Map();
    this.node = element("div", { className: "v-grid", tabIndex: 0, attributes: { role: "grid", "aria-label": label, "aria-rowcount": rows + 1, "aria-colcount": columns + 1, "aria-readonly": "true" } });
    scroller.replaceChildren(this.node);
    this.onScroll = () => this.soon();
    scroller.addEventListener("scroll", this.onScroll, { passive: true });
    this.room = new ResizeObserver(this.onScroll);
    this.room.observe(scroller);
    this.lay();
  }

  close() {
    this.scroller.removeEventListener("scroll", this.onScroll);
    this.room.disconnect();
    cancelAnimationFrame(this.frame);
    this.node.remove();
  }

  get line() {
    return Math.min(Math.round(LINE * this.scale), TALLEST / Math.max(1, this.rows));
  }

  width(column) {
    return Math.round((this.widths.get(column) ?? USUAL) * this.scale);
  }

  /** Sizes of everything; columns are as wide as what the first rows hold. */
  lay() {
    this.lefts = new Float64Array(this.columns + 1);
    for (let column = 0; column < this.columns; column += 1) this.lefts[column + 1] = this.lefts[column] + this.width(column);
    this.node.style.height = `${(this.rows + 1) * this.line}px`;
    this.node.style.width = `${HEAD + this.lefts[this.columns]}px`;
    this.node.style.fontSize = `${0.86 * this.scale}rem`;
    this.draw();
  }

  /** Fit columns to some rows of text. */
  fit(rows, first) {
    for (let at = 0; at < Math.max(0, ...rows.map((row) => row.length)); at += 1) {
      const longest = Math.max(0, ...rows.map((row) => String(row[at] ?? "").length));
      this.widths.set(first + at, Math.min(Math.max(longest * LETTER + 18, NARROW), WIDE));
    }
    this.lay();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.draw(); });
  }

  draw() {
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / this.line) - OVER);
    const last = Math.min(this.rows - 1, Math.ceil((scrollTop + clientHeight) / this.line) + OVER);
    const [left, right] = [this.#columnAt(scrollLeft - 200), this.#columnAt(scrollLeft + clientWidth + 200)];
    const marks = this.marks();
    const rows = [this.#head(left, right, scrollTop, scrollLeft, marks)];
    for (let row = first; row <= last; row += 1) rows.push(this.#row(row, left, right, scrollLeft, marks));
    this.node.replaceChildren(...rows);
    this.drawn = `${scrollTop}:${scrollLeft}`;
    this.#point();
  }

  /** Which of the cells is the active one; all else stays as it was drawn. */
  #point() {
    const before = this.node.querySelector(".v-active");
    before?.classList.remove("v-active");
    before?.setAttribute("aria-selected", "false");
    const now = document.getElementById(this.#name(...this.active));
    now?.classList.add("v-active");
    now?.setAttribute("aria-selected", "true");
    if (now) this.node.setAttribute("aria-activedescendant", now.id);
    else this.node.removeAttribute("aria-activedescendant");
  }

  /** Make a cell the active one and bring it into view. */
  go(row, column) {
    this.active = [Math.min(Math.max(row, 0), Math.max(0, this.rows - 1)), Math.min(Math.max(column, 0), Math.max(0, this.columns - 1))];
    const box = this.scroller;
    const [top, left] = [this.active[0] * this.line, this.lefts[this.active[1]]];
    const right = this.lefts[this.active[1] + 1];
    const room = box.clientHeight - 2 * this.line;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top > box.scrollTop + room) box.scrollTop = top - room;
    if (left < box.scrollLeft) box.scrollLeft = left;
    else if (right > box.scrollLeft + box.clientWidth - HEAD) box.scrollLeft = Math.min(left, right - box.clientWidth + HEAD);
    if (this.drawn === `${box.scrollTop}:${box.scrollLeft}`) this.#point();
    else this.draw();
  }

  /** The cell under a pointer; null: none. */
  under(event) {
    const cell = event.target.closest("[role=gridcell]");
    return cell ? [Number(cell.dataset.row), Number(cell.dataset.column)] : null;
  }

  #columnAt(x) {
    let low = 0;
    let high = Math.max(0, this.columns - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lefts[middle] <= x) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #name(row, column) {
    return `${this.id}-${row}-${column}`;
  }

  #head(left, right, top, across, marks) {
    const corner = element("div", { className: "v-corner", attributes: { role: "columnheader", "aria-colindex": 1, "aria-label": "Row" } });
    corner.style.transform = `translateX(${across}px)`;
    const cells = [];
    for (let column = left; column <= right && column < this.columns; column += 1) {
      const hidden = marks.hiddenColumns.has(column + 1);
      const cell = element("div", { className: "v-head", textContent: columnName(column) + (hidden ? " ◌" : ""), title: hidden ? "Hidden in the file" : "", attributes: { role: "columnheader", "aria-colindex": column + 2 } });
      this.#place(cell, column);
      cells.push(cell);
    }
    const row = element("div", { className: "v-row v-heads", attributes: { role: "row", "aria-rowindex": 1 } }, [...cells, corner]);
    row.style.transform = `translateY(${top}px)`;
    row.style.height = `${this.line}px`;
    return row;
  }

  #row(row, left, right, across, marks) {
    const hidden = marks.hiddenRows.has(row + 1);
    const head = element("div", { className: "v-head v-row-head", textContent: `${row + 1}${hidden ? " ◌" : ""}`, title: hidden ? "Hidden in the file" : "", attributes: { role: "rowheader", "aria-colindex": 1 } });
    head.style.transform = `translateX(${across}px)`;
    const cells = [];
    for (let column = left; column <= right && column < this.columns; column += 1) cells.push(...this.#cell(row, column, marks));
    const made = element("div", { className: `v-row${hidden ? " v-hidden" : ""}`, attributes: { role: "row", "aria-rowindex": row + 2 } }, [...cells, head]);
    made.style.transform = `translateY(${(row + 1) * this.line}px)`;
    made.style.height = `${this.line}px`;
    return made;
  }

  #cell(row, column, marks) {
    const box = marks.merged(row + 1, column + 1);
    const inside = box && (box[0] !== row + 1 || box[1] !== column + 1);
    const text = this.cell(row, column);
    const cell = element("div", {
      className: `v-cell${inside ? " v-inside" : ""}`, id: this.#name(row, column), textContent: text ?? "…", dir: "auto", dataset: { row, column },
      attributes: { role: "gridcell", "aria-colindex": column + 2, "aria-selected": "false" },
    });
    this.#place(cell, column);
    if (marks.comments.has(`${row + 1}:${column + 1}`)) {
      cell.classList.add("v-commented");
      cell.setAttribute("aria-description", "has a comment");
    }
    if (box && !inside) {
      cell.style.width = `${this.lefts[Math.min(box[3], this.columns)] - this.lefts[column]}px`;
      cell.style.height = `${(box[2] - box[0] + 1) * this.line}px`;
      cell.classList.add("v-merged");
    }
    return [cell];
  }

  #place(cell, column) {
    cell.style.left = `${HEAD + this.lefts[column]}px`;
    cell.style.width = `${this.width(column)}px`;
  }
}
