// The cells of one worksheet in view, as a grid that a screen reader knows the size of. Rows and columns outside the
// window are not there; rows are used again as it moves.
import { element } from "../dom.mjs";
import { columnName } from "./cells.mjs";

export const HEAD = 56;
const LINE = 26;
const PADDING = 24;
const NUMBER = /^[-+−]?\d[\d.,'   ]*(?:e[-+]?\d+)?\s?%?$/i;
const NARROW = 64;
const WIDE = 340;
const LONG = 80;
const OVER = 6;
const USUAL = 110;
// A browser's elements end at some thirty million pixels.
const TALLEST = 15_000_000;

let grids = 0;

export class Grid {
  /** @param {HTMLElement} scroller. @param {object} of label, cell(row, column): {text, shown, number} or null while it comes, marks: (grid) => {merges, mergedIn(row), hiddenRows, hiddenColumns, comments, commented} */
  constructor(scroller, { label, rows, columns, cell, marks }) {
    Object.assign(this, { scroller, rows, columns, cell, marks });
    grids += 1;
    this.id = `grid-${grids}`;
    this.scale = 1;
    this.active = [0, 0];
    this.widths = new Map();
    this.covers = [];
    this.view = { scrollTop: 0, scrollLeft: 0, clientHeight: 0, clientWidth: 0 };
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
    this.span = null;
    this.draw();
  }

  /** Fit columns to some rows of text. */
  fit(rows, first) {
    const pen = document.createElement("canvas").getContext("2d");
    const { fontSize, fontFamily } = getComputedStyle(this.node); // `font` is empty where digits are of one width
    pen.font = `${fontSize} ${fontFamily}`;
    for (let at = 0; at < Math.max(0, ...rows.map((row) => row.length)); at += 1) {
      const widest = Math.max(0, ...rows.map((row) => pen.measureText(String(row[at] ?? "").slice(0, LONG)).width));
      this.widths.set(first + at, Math.min(Math.max(widest / this.scale + PADDING, NARROW), WIDE));
    }
    this.lay();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      // What a key did is drawn already when the browser tells of its scrolling.
      if (this.stale || this.drawn !== this.#look()) this.draw();
    });
  }

  /** What the cells hold, or what is said of them, has changed. */
  changed() {
    this.stale = true;
    this.soon();
  }

  /** Rows that stay in view stay as they are; one that leaves it is filled anew with one that comes. */
  draw() {
    this.drawn = this.#look();
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.view;
    const first = Math.max(0, Math.floor(scrollTop / this.line) - OVER);
    const last = Math.min(this.rows - 1, Math.ceil((scrollTop + clientHeight) / this.line) + OVER);
    // By eights, so that a step to the side seldom needs other columns.
    const left = this.#columnAt(scrollLeft) & ~7;
    const right = this.#columnAt(scrollLeft + clientWidth) | 7;
    const marks = this.marks(this);
    const span = `${left}:${right}:${this.line}`;
    if (span !== this.span) this.#clear(span, left, right);
    const free = [...this.lines.keys()].filter((row) => row < first || row > last).map((row) => this.#taken(row));
    for (let row = first; row <= last; row += 1) {
      const there = this.lines.get(row);
      if (there && !this.stale && !there.waits) continue;
      const line = there ?? free.pop() ?? this.#line();
      this.lines.set(row, line);
      this.#fill(line, row, marks);
    }
    for (const line of free) line.node.remove();
    if (this.stale || !this.heads.firstChild) this.#head(marks);
    this.#across(scrollTop, scrollLeft);
    this.#cover(first, last, marks);
    this.stale = false;
    this.#point();
  }

  /** Where the window stands now. Whoever asks after something was written has the browser lay the page out. */
  #look() {
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.scroller;
    this.view = { scrollTop, scrollLeft, clientHeight, clientWidth };
    return Object.values(this.view).join(":");
  }

  /** Which of the cells is the active one; all else stays as it was drawn. */
  #point() {
    const cell = this.lines.get(this.active[0])?.cells[this.active[1] - this.left];
    if (cell !== this.pointed) {
      this.pointed?.classList.remove("v-active");
      this.pointed?.setAttribute("aria-selected", "false");
      this.pointed?.removeAttribute("id");
    }
    this.pointed = cell;
    if (!cell) {
      this.node.removeAttribute("aria-activedescendant");
      return;
    }
    // A name of its own for each cell: a screen reader says what the name belongs to when it changes.
    cell.id = `${this.id}-${this.active.join("-")}`;
    cell.classList.add("v-active");
    cell.setAttribute("aria-selected", "true");
    this.node.setAttribute("aria-activedescendant", cell.id);
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
    if (this.drawn === this.#look()) this.#point();
    else this.draw();
  }

  /** The cell under a pointer; null: none. */
  under(event) {
    return this.places.get(event.target.closest(".v-cell")) ?? null;
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

  /** Other columns, or another scale: all rows are made anew. */
  #clear(span, left, right) {
    Object.assign(this, { span, left, right: Math.min(right, this.columns - 1), stale: true, pointed: null, covers: [] });
    this.lines = new Map();
    this.places = new WeakMap();
    this.heads = element("div", { className: "v-row v-heads", attributes: { role: "row", "aria-rowindex": 1 } });
    this.heads.style.height = `${this.line}px`;
    this.node.replaceChildren(this.heads);
    this.column = undefined;
  }

  /** A row that has left the window, to be filled anew. */
  #taken(row) {
    const line = this.lines.get(row);
    this.lines.delete(row);
    if (line.cells.includes(this.pointed)) this.#unpoint();
    return line;
  }

  #unpoint() {
    this.pointed.classList.remove("v-active");
    this.pointed.setAttribute("aria-selected", "false");
    this.pointed.removeAttribute("id");
    this.pointed = null;
  }

  #head(marks) {
    this.corner = element("div", { className: "v-corner", attributes: { role: "columnheader", "aria-colindex": 1, "aria-label": "Row" } });
    const cells = [];
    for (let column = this.left; column <= this.right; column += 1) {
      const hidden = marks.hiddenColumns.has(column + 1);
      const cell = element("div", { className: "v-head", textContent: columnName(column) + (hidden ? " ◌" : ""), title: hidden ? "Hidden in the file" : "", attributes: { role: "columnheader", "aria-colindex": column + 2 } });
      this.#place(cell, column);
      cells.push(cell);
    }
    this.heads.replaceChildren(...cells, this.corner);
    this.column = undefined;
  }

  /** The heads stay at the window's edges. */
  #across(top, across) {
    this.heads.style.transform = `translateY(${top}px)`;
    const moved = this.column !== across;
    this.column = across;
    if (moved) this.corner.style.transform = `translateX(${across}px)`;
    for (const line of this.lines.values()) {
      if (line.across === across) continue;
      line.across = across;
      line.head.style.transform = `translateX(${across}px)`;
    }
  }

  /** An empty row of the columns in view. */
  #line() {
    const head = element("div", { className: "v-head v-row-head", attributes: { role: "rowheader", "aria-colindex": 1 } });
    const cells = [];
    for (let column = this.left; column <= this.right; column += 1) {
      const cell = element("div", { className: "v-cell", dir: "auto", attributes: { role: "gridcell", "aria-colindex": column + 2, "aria-selected": "false" } });
      this.#place(cell, column);
      cells.push(cell);
    }
    const node = element("div", { className: "v-row", attributes: { role: "row" } }, [...cells, head]);
    node.style.height = `${this.line}px`;
    this.node.append(node);
    return { node, head, cells, plain: true };
  }

  #fill(line, row, marks) {
    const hidden = marks.hiddenRows.has(row + 1);
    line.node.className = hidden ? "v-row v-hidden" : "v-row";
    line.node.setAttribute("aria-rowindex", row + 2);
    line.node.style.transform = `translateY(${(row + 1) * this.line}px)`;
    line.head.textContent = `${row + 1}${hidden ? " ◌" : ""}`;
    line.head.title = hidden ? "Hidden in the file" : "";
    line.waits = false;
    const boxes = marks.mergedIn(row + 1);
    const marked = boxes.length > 0 || marks.commented.has(row + 1);
    for (const [at, cell] of line.cells.entries()) {
      const column = this.left + at;
      const held = this.cell(row, column);
      line.waits ||= held === null;
      cell.textContent = held?.shown ?? "…";
      this.places.set(cell, [row, column]);
      if (marked || !line.plain) this.#mark(cell, row, column, boxes, marks);
      cell.classList.toggle("v-number-of", held !== null && (held.number ?? NUMBER.test(held.text)));
    }
    line.plain = !marked;
  }

  /** A cell of which something is to be said beside its text. */
  #mark(cell, row, column, boxes, marks) {
    const box = boxes.find(([, left, , right]) => column + 1 >= left && column + 1 <= right);
    const own = box && box[0] === row + 1 && box[1] === column + 1;
    const commented = marks.comments.has(`${row + 1}:${column + 1}`);
    cell.className = ["v-cell", box && !own && "v-inside", own && "v-merged", commented && "v-commented", cell === this.pointed && "v-active"].filter(Boolean).join(" ");
    if (commented) cell.setAttribute("aria-description", "has a comment");
    else cell.removeAttribute("aria-description");
    this.#place(cell, column);
    cell.style.height = "";
    if (own) this.#spread(cell, box);
  }

  #spread(cell, box) {
    cell.style.width = `${this.lefts[Math.min(box[3], this.columns)] - this.lefts[box[1] - 1]}px`;
    cell.style.height = `${(box[2] - box[0] + 1) * this.line}px`;
  }

  /** Merged cells that begin above or beside what is drawn: in the first row of theirs that is. */
  #cover(first, last, marks) {
    for (const cover of this.covers) cover.remove();
    this.covers = [];
    for (const box of marks.merges) {
      const [top, left, bottom, right] = [box[0] - 1, box[1] - 1, box[2] - 1, box[3] - 1];
      if ((top >= first && left >= this.left) || top > last || bottom < first || left > this.right || right < this.left) continue;
      const cover = element("div", { className: "v-cell v-merged", textContent: this.cell(top, left)?.shown ?? "…", dir: "auto", attributes: { "aria-hidden": "true" } });
      const row = Math.max(top, first);
      cover.style.left = `${HEAD + this.lefts[left]}px`;
      cover.style.top = `${(top - row) * this.line}px`;
      this.#spread(cover, box);
      this.places.set(cover, [top, left]);
      this.lines.get(row).node.append(cover);
      this.covers.push(cover);
    }
  }

  #place(cell, column) {
    cell.style.left = `${HEAD + this.lefts[column]}px`;
    cell.style.width = `${this.width(column)}px`;
  }
}
