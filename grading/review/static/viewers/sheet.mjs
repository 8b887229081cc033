// Worksheets: tabs, a grid, the whole of one cell above it, formulas instead of values, hidden things marked.
import { element } from "../dom.mjs";
import { Viewer, tool } from "./base.mjs";
import { COLUMNS, Cells, ROWS, cellIn, cellOf, columnName } from "./cells.mjs";
import { Grid } from "./grid.mjs";

const SCALES = [0.7, 0.85, 1, 1.2, 1.5, 2];
const MAX_SEARCHED = 400_000;
const FITTED = 40;
const HIGH = 300;

/** What some windows say of their cells; merged cells by row, where they are not very high. */
function marksOf(sheet, windows) {
  const all = (name) => windows.flatMap((one) => one[name] ?? []);
  const merges = [...new Map(all("merged").map((box) => [box.join(), box])).values()];
  const [rows, high] = [new Map(), merges.filter(([top, , bottom]) => bottom - top >= HIGH)];
  for (const box of merges) {
    for (let row = box[0]; row <= box[2] && box[2] - box[0] < HIGH; row += 1) rows.set(row, [...(rows.get(row) ?? []), box]);
  }
  const comments = all("comments");
  return {
    merges, mergedIn: (row) => [...(rows.get(row) ?? []), ...high.filter(([top, , bottom]) => row >= top && row <= bottom)],
    hiddenRows: new Set([...(sheet.hidden_rows ?? []), ...all("hidden_rows")]),
    hiddenColumns: new Set([...(sheet.hidden_columns ?? []), ...all("hidden_columns")]),
    comments: new Map(comments.map(([row, column, text]) => [`${row}:${column}`, text])),
    commented: new Set(comments.map(([row]) => row)),
  };
}

export class Sheet extends Viewer {
  constructor(host, rendering, options) {
    super(host, options, "sheet");
    this.holdsFocus();
    this.sheets = rendering.sheets;
    this.cells = new Cells(options.address, rendering.rows ?? null);
    this.formulas = false;
    this.size = SCALES.indexOf(1);
    this.active = new Map();
    this.#tools();
    this.field = null;
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.body.addEventListener("click", (event) => this.#press(event, false));
    this.body.addEventListener("dblclick", (event) => this.#press(event, true));
    this.#open(Math.max(0, this.sheets.findIndex((sheet) => !sheet.hidden)));
  }

  anchor() {
    const [row, column] = this.grid.active;
    const text = this.#text(row, column) ?? "";
    return { kind: "region", anchor: this.#place(row, column), text: text.slice(0, 300) };
  }

  go(anchor) {
    const cut = anchor.lastIndexOf("!");
    const cell = cellOf(anchor.slice(cut + 1));
    const name = cut < 0 ? this.sheets[this.at].name : anchor.slice(0, cut).replace(/^'(.*)'$/, "$1").replaceAll("''", "'");
    const index = this.sheets.findIndex((sheet) => sheet.name === name);
    if (!cell || index < 0) return false;
    this.#open(index);
    this.#go(...cell);
    return true;
  }

  page(by) {
    this.#open((this.at + by + this.sheets.length) % this.sheets.length);
  }

  zoom(by) {
    this.size = by === 0 ? SCALES.indexOf(1) : Math.min(Math.max(this.size + by, 0), SCALES.length - 1);
    this.grid.scale = SCALES[this.size];
    this.grid.lay();
  }

  focus() {
    this.grid.node.focus({ preventScroll: true });
  }

  /** The next cell of this sheet that holds a text, row by row, from the active one on. */
  async find(text, by) {
    const wanted = text.toLowerCase();
    const { rows, columns } = this.sheets[this.at];
    const all = rows * columns;
    const [row, column] = this.grid.active;
    const from = row * columns + column;
    for (let step = 1; step <= Math.min(all, MAX_SEARCHED); step += 1) {
      const at = (from + by * step + all * 2) % all;
      const [r, c] = [Math.floor(at / columns), at % columns];
      const { text: value, shown } = this.#cell(r, c) ?? await this.#awaited(r, c);
      if (value.toLowerCase().includes(wanted) || shown.toLowerCase().includes(wanted)) {
        this.#go(r, c);
        return this.#place(r, c);
      }
    }
    return all > MAX_SEARCHED ? `Not found in the next ${MAX_SEARCHED.toLocaleString()} cells` : "Not found";
  }

  close() {
    this.grid.close();
    super.close();
  }

  #tools() {
    this.tabs = element("div", { className: "v-tabs", attributes: { role: "tablist", "aria-label": "Sheets" } });
    this.tabs.addEventListener("keydown", (event) => this.#alongTabs(event));
    this.toggle = tool("Formulas", "Formulas instead of values", () => this.#switch());
    this.toggle.setAttribute("aria-pressed", "false");
    this.toggle.hidden = !this.sheets[0].name; // a delimited file has none
    this.whole = element("output", { className: "v-whole", attributes: { "aria-live": "polite" } });
    this.bar.append(this.toggle, tool("−", "Smaller", () => this.zoom(-1)), tool("+", "Larger", () => this.zoom(1)), tool("Search", "Search in this sheet", () => this.search()));
    if (this.capture) this.bar.append(tool("Take cell", "Take the active cell as evidence", () => this.take(this.anchor())));
    this.cut = element("p", { className: "note v-cut", textContent: "Only the first rows and columns of this sheet are shown; the file has more.", hidden: true });
    this.bar.after(this.cut, this.whole);
    if (this.sheets.length > 1) this.body.after(this.tabs);
    this.tabs.append(...this.sheets.map((sheet, index) => {
      const tab = element("button", { type: "button", textContent: (sheet.name || "Table") + (sheet.hidden ? " (hidden)" : ""), attributes: { role: "tab" } });
      tab.addEventListener("click", () => this.#open(index));
      return tab;
    }));
  }

  #open(index) {
    if (this.at === index) return;
    this.at = index;
    const { name, rows, columns, cut } = this.sheets[index];
    this.cut.hidden = !cut;
    this.grid?.close();
    this.fitted = false;
    this.grid = new Grid(this.body, { label: `${this.file.name}${name ? `, ${name}` : ""}`, rows, columns, cell: (row, column) => this.#cell(row, column), marks: (grid) => this.#marks(grid) });
    this.grid.scale = SCALES[this.size];
    [...this.tabs.children].forEach((tab, each) => {
      tab.setAttribute("aria-selected", String(each === index));
      tab.tabIndex = each === index ? 0 : -1;
    });
    if (this.cells.rows) this.grid.fit(this.cells.rows.slice(0, FITTED), 0);
    this.#go(...(this.active.get(index) ?? [0, 0]));
  }

  #switch() {
    this.formulas = !this.formulas;
    this.toggle.setAttribute("aria-pressed", String(this.formulas));
    this.#show();
    this.grid.changed();
  }

  /** A cell, see `cellIn`; null while it is being fetched. */
  #cell(row, column) {
    const sheet = this.sheets[this.at];
    const window = this.cells.window(sheet.name, this.formulas, row, column, () => this.#arrived(sheet));
    return window && cellIn(window, row, column);
  }

  /** A cell's text; null while it is being fetched. */
  #text(row, column) {
    return this.#cell(row, column)?.text ?? null;
  }

  async #awaited(row, column) {
    for (;;) {
      const cell = this.#cell(row, column);
      if (cell !== null) return cell;
      await new Promise((resolve) => { this.waiting = resolve; });
    }
  }

  #arrived(sheet) {
    this.waiting?.();
    if (sheet !== this.sheets[this.at]) return;
    const window = this.fitted ? null : this.cells.window(sheet.name, this.formulas, 0, 0, () => {});
    if (window && !this.fitted) {
      this.fitted = true;
      this.grid.fit(window.rows.slice(0, FITTED).map((row, at) => row.map((_, column) => cellIn(window, at, column).shown)), 0);
    }
    this.#show();
    this.grid.changed();
  }

  /** What the windows in view say is hidden or merged. */
  #marks({ view: { scrollTop, scrollLeft, clientHeight }, line }) {
    const sheet = this.sheets[this.at];
    const windows = [];
    const row = Math.floor(scrollTop / line);
    const rows = [row, row + Math.ceil(clientHeight / line)];
    for (const each of new Set(rows.map((one) => Math.floor(Math.min(one, sheet.rows - 1) / ROWS) * ROWS))) {
      const column = Math.floor(Math.min(scrollLeft / 110, Math.max(0, sheet.columns - 1)) / COLUMNS) * COLUMNS;
      const window = this.cells.window(sheet.name, this.formulas, Math.max(0, each), column, () => this.#arrived(sheet));
      if (window) windows.push(window);
    }
    const known = this.marked;
    if (known?.sheet === sheet && known.windows.length === windows.length && windows.every((one, at) => one === known.windows[at])) return known.marks;
    this.marked = { sheet, windows, marks: marksOf(sheet, windows) };
    return this.marked.marks;
  }

  #go(row, column) {
    this.grid.go(row, column);
    this.active.set(this.at, this.grid.active);
    this.#show();
    this.onPlace({ text: this.#place(...this.grid.active) });
  }

  #show() {
    const [row, column] = this.grid.active;
    const said = this.#marks(this.grid).comments.get(`${row + 1}:${column + 1}`);
    this.whole.textContent = `${columnName(column)}${row + 1}  ${this.#text(row, column) ?? "…"}${said ? `\nComment: ${said}` : ""}`;
  }

  #place(row, column) {
    const { name } = this.sheets[this.at];
    return `${name ? `${name}!` : ""}${columnName(column)}${row + 1}`;
  }

  #press(event, twice) {
    const cell = this.grid.under(event);
    if (!cell) return;
    this.#go(...cell);
    if (twice) this.take(this.anchor());
  }

  #key(event) {
    if (event.target !== this.grid.node) return;
    const [row, column] = this.grid.active;
    const { rows, columns } = this.sheets[this.at];
    const high = Math.max(1, Math.floor(this.body.clientHeight / this.grid.line) - 2);
    const far = event.ctrlKey || event.metaKey;
    const moves = {
      ArrowDown: [far ? rows : row + 1, column], ArrowUp: [far ? 0 : row - 1, column], ArrowRight: [row, far ? columns : column + 1], ArrowLeft: [row, far ? 0 : column - 1],
      PageDown: [row + high, column], PageUp: [row - high, column], Home: [far ? 0 : row, 0], End: [far ? rows : row, columns],
    };
    if (far && (event.key === "PageDown" || event.key === "PageUp")) this.page(event.key === "PageDown" ? 1 : -1);
    else if (moves[event.key]) this.#go(...moves[event.key]);
    else if (event.key === "Enter" && this.capture) this.take(this.anchor());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #alongTabs(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    this.page(by);
    this.tabs.children[this.at].focus();
    event.preventDefault();
  }
}
