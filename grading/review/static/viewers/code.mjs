// Code by its parts: what is a comment, a text, a number, a word of the language. Told by a line and what stands open
// before it, never by running anything; colours say nothing that the code itself does not.

const CLIKE = "abstract async await auto bool boolean break byte case catch char class const continue debugger default defer delete do double else enum export extends extern false final finally float fn for from func function go goto if impl implements import in instanceof int interface let long loop map match mod mut namespace new nil null of override package private protected pub public range return self short signed sizeof static string struct super switch this throw throws trait true try type typedef typeof undefined union unsigned use using var virtual void volatile where while yield";
const PYTHON = "and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield";
const SHELL = "case do done elif else esac export fi for function if in local readonly return select set then until while";
const SQL = "add all alter and as asc begin between by case cast check column commit constraint create cross database default delete desc distinct drop else end except exists false foreign from full group having if in index inner insert intersect into is join key left like limit not null offset on or order outer over partition primary references returning right rollback select set table then true union unique update using values view when where with";
const R = "break else FALSE for function if in Inf library NA NaN next NULL repeat require return TRUE while";
const RUBY = "and begin break case class def do else elsif end ensure false for if in module next nil not or redo require rescue retry return self super then true undef unless until when while yield";

const C = { line: ["//"], open: [["/*", "*/"]], quotes: ["\"", "'"], words: CLIKE };
const FAMILIES = [
  ["c cpp h java go php", C],
  ["rs", { ...C, quotes: ["\""] }], // a lone ' is a lifetime
  ["js mjs ts jsx tsx", { ...C, open: [["/*", "*/"], ["`", "`", "text"]] }],
  ["css", { open: [["/*", "*/"]], quotes: ["\"", "'"], named: /(?<![-\w])[-\w]+(?=\s*:)/y, words: "" }],
  ["py", { line: ["#"], open: [["\"\"\"", "\"\"\"", "text"], ["'''", "'''", "text"]], quotes: ["\"", "'"], words: PYTHON }],
  ["rb", { line: ["#"], quotes: ["\"", "'"], words: RUBY }],
  ["r", { line: ["#"], quotes: ["\"", "'"], words: R }],
  ["sh", { line: ["#"], apart: true, quotes: ["\"", "'"], words: SHELL }],
  ["sql", { line: ["--"], open: [["/*", "*/"]], quotes: ["'", "\""], words: SQL, loose: true }],
  ["json jsonl ndjson", { quotes: ["\""], named: /"(?:[^"\\]|\\.)*"(?=\s*:)/y, words: "false null true" }],
  ["yaml yml", { line: ["#"], apart: true, quotes: ["\"", "'"], named: /(?<![\w.-])[\w.-]+(?=\s*:(?:\s|$))/y, words: "false null true" }],
  ["toml ini cfg", { line: ["#", ";"], apart: true, quotes: ["\"", "'"], named: /(?<![\w.-])[\w.-]+(?=\s*=)|\[\[?[^[\]]*\]\]?\s*$/y, words: "false true" }],
  ["tex bib", { line: ["%"], named: /[\\@][A-Za-z]+/y, words: "" }],
];
const GRAMMARS = new Map(FAMILIES.flatMap(([suffixes, grammar]) => suffixes.split(" ").map((suffix) => [suffix, made(grammar)])));
const NUMBER = /(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*/y;
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
// A line that is longer (a bundle, data) is shown as it is.
const LONG = 1000;

function made({ line = [], open = [], quotes = [], words, ...more }) {
  const texts = quotes.map((quote) => new RegExp(`${quote}(?:[^${quote}\\\\]|\\\\.)*${quote}?`, "y"));
  return { line, open, texts, words: new Set(words.split(" ")), ...more };
}

/** The grammar for a file of this name; undefined: it is no code that is known. */
const grammarOf = (name) => GRAMMARS.get(/\.([a-z]+)$/.exec(name.toLowerCase())?.[1]);

function matched(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/** A line cut up: [[kind, text], ...] and what is open after it. Kinds: comment, text, number, word, name, "". */
function cut(grammar, text, open) {
  const parts = [];
  const add = (kind, piece) => {
    const last = parts.at(-1);
    if (last?.[0] === kind) last[1] += piece;
    else if (piece) parts.push([kind, piece]);
    return piece.length;
  };
  /** What stands open goes to its end, or to the end of the line. */
  const through = (at, [begin, end, kind = "comment"], inside) => {
    const found = text.indexOf(end, inside ? at : at + begin.length);
    return [add(kind, text.slice(at, found < 0 ? text.length : found + end.length)), found < 0];
  };
  let at = 0;
  let still = open;
  if (still) {
    const [length, on] = through(0, still, true);
    at = length;
    if (!on) still = null;
  }
  while (at < text.length) {
    const begun = grammar.open.find(([begin]) => text.startsWith(begin, at));
    if (begun) {
      const [length, on] = through(at, begun, false);
      at += length;
      still = on ? begun : null;
    } else if (grammar.line.some((sign) => text.startsWith(sign, at)) && (!grammar.apart || at === 0 || /\s/.test(text[at - 1]))) at += add("comment", text.slice(at));
    else at += piece(grammar, text, at, add);
  }
  return [parts, still];
}

function piece(grammar, text, at, add) {
  const name = grammar.named ? matched(grammar.named, text, at) : "";
  if (name) return add("name", name);
  for (const pattern of grammar.texts) {
    const found = matched(pattern, text, at);
    if (found) return add("text", found);
  }
  const number = matched(NUMBER, text, at);
  if (number) return add("number", number);
  const word = matched(WORD, text, at);
  if (word) return add(grammar.words.has(grammar.loose ? word.toLowerCase() : word) ? "word" : "", word);
  return add("", text[at]);
}

export class Code {
  /** @param {string} name of the file. @param {string[]} lines of all of it */
  constructor(name, lines) {
    this.grammar = grammarOf(name);
    this.lines = lines;
    this.open = [null];
  }

  /** Whether the file is code that is known here. */
  get known() {
    return this.grammar !== undefined;
  }

  /** [[kind, text], ...] of a line, which together are the line. */
  parts(index) {
    for (let at = this.open.length - 1; at < index; at += 1) this.open.push(this.#cut(at)[1]);
    return this.#cut(index)[0];
  }

  #cut(index) {
    const text = this.lines[index];
    return text.length > LONG ? [[["", text]], this.open[index]] : cut(this.grammar, text, this.open[index]);
  }
}
