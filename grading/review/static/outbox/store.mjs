// Rows that outlive a page: in IndexedDB, which all tabs share, and in memory where the browser keeps nothing.

const NAME = "upbench.review";
const VERSION = 1;
const OPEN_MS = 5000;
const TABLES = {
  changes: ["person", "review", "key"],
  intervals: ["person", "review", "begin"],
  turns: ["name"],
};

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    const late = setTimeout(() => {
      request.onsuccess = () => request.result.close();
      reject(new Error("the browser's storage does not open"));
    }, OPEN_MS);
    request.onupgradeneeded = () => {
      for (const [table, keyPath] of Object.entries(TABLES)) request.result.createObjectStore(table, { keyPath });
    };
    request.onsuccess = () => { clearTimeout(late); resolve(request.result); };
    request.onerror = () => { clearTimeout(late); reject(request.error); };
  });
}

let connection = null;

function connected() {
  connection ??= open().then((db) => {
    db.onversionchange = () => db.close();
    return db;
  });
  return connection;
}

function done(transaction, outcome) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(outcome());
    transaction.onabort = () => reject(transaction.error ?? new Error("not kept"));
  });
}

const named = (id) => JSON.stringify(id);

/** One table. Every operation works; `durable` says whether what it keeps outlives the page. */
export class Store {
  constructor(table) {
    this.table = table;
    this.durable = true;
    this.seen = new Map();
  }

  /** All rows whose id begins with `first` (a list of key parts, or empty). */
  async rows(...first) {
    const all = await this.#tried(async (db) => {
      const transaction = db.transaction(this.table, "readonly");
      const request = transaction.objectStore(this.table).getAll();
      const found = await done(transaction, () => request.result);
      this.seen = new Map(found.map((row) => [named(this.#id(row)), row]));
      return found;
    }, () => [...this.seen.values()]);
    return all.filter((row) => first.every((part, at) => this.#id(row)[at] === part));
  }

  /**
   * Replace one row in one step, whatever other tabs do: `decide(row)` returns the new row, null to remove it, or
   * undefined to leave it. Resolves to the row that is there afterwards, or null.
   */
  change(id, decide) {
    return this.#tried(async (db) => {
      const transaction = db.transaction(this.table, "readwrite");
      const rows = transaction.objectStore(this.table);
      let outcome = null;
      const request = rows.get(id);
      request.onsuccess = () => {
        const next = decide(request.result ?? null);
        outcome = next === undefined ? request.result ?? null : next;
        if (next === null) rows.delete(id);
        else if (next !== undefined) rows.put(next);
      };
      const row = await done(transaction, () => outcome);
      this.#remember(id, row);
      return row;
    }, () => {
      const there = this.seen.get(named(id)) ?? null;
      const next = decide(there);
      const row = next === undefined ? there : next;
      this.#remember(id, row);
      return row;
    });
  }

  #remember(id, row) {
    if (row === null) this.seen.delete(named(id));
    else this.seen.set(named(id), row);
  }

  #id(row) {
    return TABLES[this.table].map((part) => row[part]);
  }

  async #tried(kept, inMemory) {
    if (this.durable) {
      try {
        return await kept(await connected());
      } catch {
        this.durable = false; // Switched off, full, or cleared under us: what this page knows goes on in memory.
      }
    }
    return inMemory();
  }
}
