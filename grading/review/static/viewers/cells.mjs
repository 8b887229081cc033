// Cells of worksheets, fetched in windows; a bounded number of them is kept.

export const ROWS = 200;
export const COLUMNS = 50;
const KEPT = 60;
const LOST = { rows: [], merged: [], hidden_rows: [], hidden_columns: [], numbers: [], shownAt: new Map(), failed: true };
const keyOf = (row, column) => row * 16_384 + column;

/** `A`, `Z`, `AA`: the name of a column, from 0. */
export function columnName(index) {
  let name = "";
  for (let left = index + 1; left > 0; left = Math.floor((left - 1) / 26)) name = String.fromCharCode(65 + ((left - 1) % 26)) + name;
  return name;
}

/** `B12`, `$B$12` -> [row, column], from 0; null: no cell. */
export function cellOf(text) {
  const [, letters, digits] = /^\$?([A-Z]{1,3})\$?(\d{1,7})(?::.*)?$/i.exec(text) ?? [];
  if (!letters || digits === "0") return null;
  const column = [...letters.toUpperCase()].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0);
  return [Number(digits) - 1, column - 1];
}

/** What a window holds at a cell: its text, as its number format shows it, whether it is a number (null: who knows). */
export function cellIn(window, row, column) {
  const [down, along] = [row - window.row, column - window.column];
  const text = window.failed ? "?" : String(window.rows[down]?.[along] ?? "");
  return { text, shown: window.shownAt.get(keyOf(row, column)) ?? text, number: window.numbers.length ? window.numbers[down]?.[along] === "n" : null };
}

export class Cells {
  /** @param {string} address of the file. @param {string[][]|null} rows all that there is, where the server sent it at once */
  constructor(address, rows) {
    Object.assign(this, { address, rows });
    this.windows = new Map();
  }

  /** The window that holds a cell, or null while it is fetched; `arrived` is called when it is there. */
  window(sheet, formulas, row, column, arrived) {
    const [top, left] = [Math.floor(row / ROWS) * ROWS, Math.floor(column / COLUMNS) * COLUMNS];
    const key = `${formulas}:${top}:${left}:${sheet}`;
    const there = this.windows.get(key);
    if (there !== undefined) {
      this.windows.delete(key);
      this.windows.set(key, there);
      return there.rows ? there : null;
    }
    if (this.rows) return this.#keep(key, { ...LOST, failed: false, row: top, column: left, rows: this.rows.slice(top, top + ROWS).map((each) => each.slice(left, left + COLUMNS)) });
    this.#keep(key, {});
    this.#fetch(sheet, formulas, top, left).then((window) => {
      this.#keep(key, window);
      if (window.failed) setTimeout(() => this.windows.delete(key), 3000);
      arrived();
    });
    return null;
  }

  async #fetch(name, formulas, row, column) {
    const query = new URLSearchParams({ name, row, column, rows: ROWS, columns: COLUMNS, formulas: formulas ? 1 : 0 });
    try {
      const response = await fetch(`${this.address}/sheet?${query}`, { headers: { accept: "application/json" } });
      if (!response.ok) return { ...LOST, row, column };
      const said = await response.json();
      const shownAt = new Map((said.shown ?? []).map(([r, c, text]) => [keyOf(r - 1, c - 1), text]));
      return { ...LOST, failed: false, ...said, shownAt };
    } catch {
      return { ...LOST, row, column };
    }
  }

  #keep(key, window) {
    this.windows.set(key, window);
    for (const oldest of this.windows.keys()) {
      if (this.windows.size <= KEPT) break;
      this.windows.delete(oldest);
    }
    return window;
  }
}
