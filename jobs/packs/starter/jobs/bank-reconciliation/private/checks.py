"""Checks of the September bank reconciliation. Layout inside a tab is free; columns are found by what their header says."""

import csv
import datetime as dt
import re

MONTH = (dt.date(2025, 9, 1), dt.date(2025, 9, 30))
CHEQUES = {"2189": 86.40, "2206": 1130.25, "2210": 92.15, "2212": 1890.00, "2213": 54.99}
#: amount of each entry -> True where the bank is debited
JOURNALS = {28.50: False, 6.83: True, 480.00: True, 725.00: False, 1.80: True, 2316.40: True, 54.00: False, 375.00: True}
ONLY_AT_BANK = (-725.00, 480.00, -118.00, -28.50, 6.83)
CODES = {
    "1200": ("bank",), "1100": ("debtor",), "2100": ("creditor",), "7901": ("charge",), "4900": ("interest",),
    "7502": ("telephone", "broadband"),
}


def near(a, b):
    """Equal to the penny."""
    return a is not None and b is not None and abs(a - b) < 0.006


def tab(book, *words):
    """The worksheet whose title holds one of the words."""
    for word in words:
        for sheet in book.worksheets:
            if word in sheet.title.lower():
                return sheet
    raise KeyError(f"no tab named like {words[0]!r}; there are {book.sheetnames}")


def rows_of(sheet):
    """All rows as tuples of values."""
    return [row for row in sheet.iter_rows(values_only=True)]


def header(rows, *groups):
    """Index of the header row and the column for each group of words; each group must be found in that row."""
    for number, row in enumerate(rows[:25]):
        cells = [str(value).lower().strip() if value is not None else "" for value in row]
        found = []
        for group in groups:
            hit = next((i for word in group for i, text in enumerate(cells) if re.search(word, text) and i not in found), None)
            if hit is None:
                break
            found.append(hit)
        if len(found) == len(groups):
            return number, found
    raise KeyError(f"no header row with columns like {[group[0] for group in groups]}")


def numbers(ctx, row):
    """The numbers of a row, real ones or written as text with two decimals."""
    out = []
    for value in row:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            out.append(float(value))
        elif isinstance(value, str) and re.fullmatch(r"[-(£ ]*[\d,]+\.\d\d\)?", value.strip()):
            out.append(ctx.number(value))
    return [value for value in out if value is not None]


def as_date(value):
    """A date from a cell, day first; None where there is none."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    for form in ("%d-%b-%y", "%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%d.%m.%Y"):
        try:
            return dt.datetime.strptime(str(value).strip()[:20], form).date()
        except ValueError:
            continue
    return None


def statement(ctx):
    """(date, description, signed amount) of the September lines, from the attachment."""
    path = next(ctx.inputs.glob("*statement*.csv"))
    lines = []
    with path.open(encoding="cp1252", newline="") as handle:
        for row in csv.reader(handle):
            day = as_date(row[0]) if len(row) == 6 else None
            if day and MONTH[0] <= day <= MONTH[1]:
                lines.append((day, row[2], round((ctx.number(row[4]) or 0) - (ctx.number(row[3]) or 0), 2)))
    return lines


def adjusted_balance(ctx):
    """The adjusted figure stands on both sides."""
    sheet = tab(ctx.workbook("*.xlsx"), "reconcil", "rec")
    rows = [row for row in rows_of(sheet) if not re.match(r"\W*(difference|variance)", str(row[0] or ""), re.I)]
    hits = sum(near(value, 17371.73) for row in rows for value in numbers(ctx, row))
    if hits >= 2:
        return ctx.passed(f"17,371.73 stands {hits} times in {sheet.title}")
    return ctx.failed(f"17,371.73 stands {hits} times in {sheet.title}, wanted on both sides")


def starting_balances(ctx):
    """Both sides start from the right figures."""
    rows = rows_of(tab(ctx.workbook("*.xlsx"), "reconcil", "rec"))
    seen = [value for row in rows for value in numbers(ctx, row)]
    there = lambda *wanted: all(any(near(abs(value), one) for value in seen) for one in wanted)  # noqa: E731
    if not there(19162.02):
        return ctx.failed("not found in the tab: 19,162.02 per statement")
    # the corrected balance, or a figure of the cash book with all that is needed to get there
    ways = ((14999.20,), (18642.37, 28326.00, 31969.17), (14532.88, 1345.50, 879.18), (10505.96, 4493.24), (10505.96, 5400.00, 906.76))
    if not any(there(*way) for way in ways):
        return ctx.failed("not found in the tab: 14,999.20 per cash book, nor a way to it")
    return ctx.passed("19,162.02 per statement and 14,999.20 per cash book, or what leads to it, are there")


def _outstanding(ctx):
    """Rows of the tab that list one item: (text, amount)."""
    items = []
    for row in rows_of(tab(ctx.workbook("*.xlsx"), "outstanding")):
        text = " ".join(str(value) for value in row if value is not None)
        if re.match(r"\s*(sub|grand)?\s*-?(total|sum|net)\b", text, re.I):
            continue
        # a line that says why something is left out is no item
        if re.search(r"cancel|exclud|not outstanding|left out|already cleared", text, re.I):
            continue
        amounts = numbers(ctx, row)
        if amounts:
            items.append((text, amounts))
    return items


def outstanding_cheques(ctx):
    """Exactly the five cheques."""
    items = _outstanding(ctx)
    if not items:
        return ctx.failed("tab Outstanding lists nothing")
    for number, amount in CHEQUES.items():
        rows = [amounts for text, amounts in items if re.search(rf"\b0*{number}\b", text)]
        if not rows:
            return ctx.failed(f"cheque {number} is not listed")
        if not any(near(abs(value), amount) for amounts in rows for value in amounts):
            return ctx.failed(f"cheque {number} is listed with {rows[0]}, wanted {amount:.2f}")
    wrong = [n for n in ("2203", "2207", "2208", "2209", "2211") if any(re.search(rf"\b0*{n}\b", text.split("replac")[0]) for text, _ in items)]
    if wrong:
        return ctx.failed(f"lists cheques that are not outstanding: {wrong}")
    return ctx.passed("the five cheques with 3,253.79 in all")


def outstanding_lodgement(ctx):
    """Only slip 500214."""
    items = _outstanding(ctx)
    if not any("500214" in text and any(near(abs(v), 1345.50) for v in amounts) for text, amounts in items):
        return ctx.failed("lodgement 500214 with 1,345.50 is not listed")
    wrong = [n for n in ("500210", "500211", "500212", "500213") if any(n in text for text, _ in items)]
    wrong += [text[:60] for text, amounts in items if re.search("brandreth|ostler|marlow", text, re.I)]
    return ctx.failed(f"also lists {wrong}") if wrong else ctx.passed("lodgement 500214 alone")


def stale_cheque(ctx):
    """The flag stands on 2189 only."""
    marked = {}
    rows = rows_of(tab(ctx.workbook("*.xlsx"), "outstanding"))
    heads = [row for row in rows if not numbers(ctx, row) and sum(isinstance(value, str) for value in row) >= 4]
    titles = [str(value or "").lower() for value in heads[0]] if heads else []
    column = next((i for i, title in enumerate(titles) if "stale" in title), None)
    for row in rows:
        text = " ".join(str(value) for value in row if value is not None)
        hit = re.search(r"\b0*(2189|2206|2210|2212|2213|500214)\b", text)
        if not hit:
            continue
        flag = str(row[column] or "").strip().lower() if column is not None else ""
        said = "stale" in text.lower() and not re.search(r"not (yet )?stale|stale[: ]*no\b", text.lower())
        marked[hit[1]] = said or (column is not None and flag not in ("", "no", "n", "-", "false", "ok", "n/a") and not flag.startswith("no"))
    if not marked.get("2189"):
        return ctx.failed("cheque 2189 is not marked stale")
    others = [key for key, value in marked.items() if value and key != "2189"]
    return ctx.failed(f"also marked stale: {others}") if others else ctx.passed("only 2189 is marked stale")


def _journals(ctx):
    """(row text, Dr account, Cr account, amount) of each entry."""
    rows = rows_of(tab(ctx.workbook("*.xlsx"), "journal"))
    top, (debit, credit, amount) = header(rows, (r"\bdr\b", "debit"), (r"\bcr\b", "credit"), ("amount", "value", "£", "gbp"))
    entries = []
    for row in rows[top + 1 :]:
        value = ctx.number(row[amount])
        if value and row[debit] is not None and row[credit] is not None:
            text = " ".join(str(cell) for cell in row if cell is not None)
            entries.append((text, str(row[debit]).lower(), str(row[credit]).lower(), abs(value)))
    if not entries:
        raise ValueError("tab Journals has no entry")
    return entries


def _is(account, code):
    return code in account or any(word in account for word in CODES[code])


def _is_bank(account):
    return "1200" in account or ("bank" in account and "charge" not in account and "7901" not in account)


def journals_complete(ctx):
    """Eight entries, each on the right side of the bank."""
    entries = _journals(ctx)
    for amount, debited in JOURNALS.items():
        rows = [(debit, credit) for _, debit, credit, value in entries if near(value, amount)]
        if not rows:
            return ctx.failed(f"no journal for {amount:.2f}")
        if not any(_is_bank(debit if debited else credit) for debit, credit in rows):
            return ctx.failed(f"the journal for {amount:.2f} does not {'debit' if debited else 'credit'} the bank: {rows[0]}")
    net = sum(value if _is_bank(debit) else -value for _, debit, credit, value in entries if _is_bank(debit) != _is_bank(credit))
    return ctx.passed(f"eight entries found; all journals together move the bank by {net:,.2f}")


def journals_codes(ctx):
    """Accounts come from the notes."""
    for text, debit, credit, _ in _journals(ctx):
        for account in (debit, credit):
            if not any(_is(account, code) for code in CODES):
                return ctx.failed(f"account {account!r} is not among the nominal codes of the notes ({text[:80]})")
        if _is_bank(debit) == _is_bank(credit):
            return ctx.failed(f"not one bank side in {text[:100]}")
    return ctx.passed("all accounts are from the notes")


def no_bank_error_journal(ctx):
    """118.00 is the bank's to put right."""
    wrong = [text for text, _, _, value in _journals(ctx) if near(value, 118.00) or re.search("pyne|cardnet", text, re.I)]
    return ctx.failed(f"posts {wrong[0][:120]}") if wrong else ctx.passed("no entry of 118.00")


def no_suspense(ctx):
    """No plug anywhere."""
    book = ctx.workbook("*.xlsx")
    _journals(ctx)
    for sheet in (tab(book, "journal"), tab(book, "reconcil", "rec")):
        for row in rows_of(sheet):
            text = " ".join(str(value) for value in row if isinstance(value, str))
            amounts = [value for value in numbers(ctx, row) if abs(value) > 0.005]
            if re.search(r"suspense|unexplained|unreconciled|balancing (figure|entry)|plug", text, re.I) and amounts:
                return ctx.failed(f"{sheet.title}: {text[:80]} {amounts}")
            if re.search(r"^\W*(difference|variance)\b", text.strip(), re.I) and amounts:
                return ctx.failed(f"{sheet.title}: {text[:80]} {amounts}")
    return ctx.passed("no suspense entry and no difference left")


def _matching(ctx):
    """(date, description, signed amount, reference) of each row that is a bank line."""
    rows = rows_of(tab(ctx.workbook("*.xlsx"), "match"))
    top, (date, ref) = header(rows, (r"bank date|statement date", "date"), (r"(cash ?book|cb|our|book).*ref", r"\bref", "cash ?book", r"\bcb\b"))
    cells = [str(value or "").lower() for value in rows[top]]
    book_side = [i for i, text in enumerate(cells) if re.search("cash ?book|book|cb ", text)]
    amounts = [i for i, text in enumerate(cells) if re.search("amount|value|£|gbp", text) and i not in book_side]
    out_in = [next((i for i, text in enumerate(cells) if re.search(words, text) and i not in book_side), None) for words in ("paid out|money out|debit|payment", "paid in|money in|credit|receipt")]
    describe = next((i for i, text in enumerate(cells) if re.search("descr|detail|narrat", text)), date)
    lines = []
    for row in rows[top + 1 :]:
        if as_date(row[date]) is None:
            continue
        if amounts:
            value = ctx.number(row[amounts[0]])
        elif None not in out_in:
            value = (ctx.number(row[out_in[1]]) or 0) - abs(ctx.number(row[out_in[0]]) or 0)
        else:
            raise KeyError("no amount column in tab Matching")
        reference = re.search(r"cb ?-?(9\d\d)", str(row[ref] or ""), re.I)
        lines.append((as_date(row[date]), str(row[describe]), None if value is None else round(value, 2), reference[1] if reference else None))
    if not lines:
        raise ValueError("tab Matching lists no dated line")
    return lines


def matching_complete(ctx):
    """Every September line of the statement once."""
    wanted = sorted((day, amount) for day, _, amount in statement(ctx))
    got = sorted((day, amount or 0.0) for day, _, amount, _ in _matching(ctx))
    if got == wanted:
        return ctx.passed(f"{len(got)} lines, the same as the statement")
    missing = [f"{d} {a}" for d, a in wanted if (d, a) not in got]
    extra = [f"{d} {a}" for d, a in got if (d, a) not in wanted]
    return ctx.failed(f"{len(got)} rows for {len(wanted)} lines; missing {missing[:4]}, not on the statement {extra[:4]}")


def matching_refs(ctx):
    """References lead to the cash book line of the same payee, amount and side."""
    book = ctx.workbook(next(ctx.inputs.glob("cashbook*.xlsx")))
    ledger = {}
    for row in rows_of(book["Sep 2025"]):
        if row[0] and re.fullmatch(r"CB9\d\d", str(row[0])):
            ledger[str(row[0])[2:]] = (round((ctx.number(row[4]) or 0) - (ctx.number(row[5]) or 0), 2), str(row[2]), str(row[3]))
    lines = _matching(ctx)
    # the returned cheque may point to the lodgement it came from
    lines = [line for line in lines if not (near(line[2], -725.00) and line[3] == "919")]
    used = [ref for *_, ref in lines if ref]
    if len(used) != len(set(used)):
        return ctx.failed(f"references used twice: {sorted({ref for ref in used if used.count(ref) > 1})}")
    corrected = {-62.40: -64.20, -660.00: -606.00}
    right = 0
    for day, text, amount, ref in lines:
        if not ref:
            continue
        if any(near(amount, value) for value in ONLY_AT_BANK if value != 480.00) or "ostler" in text.lower():
            return ctx.failed(f"{day} {text} {amount} is only at the bank, but has reference CB{ref}")
        if ref not in ledger:
            return ctx.failed(f"CB{ref} is not in the cash book")
        if not (near(ledger[ref][0], amount) or near(ledger[ref][0], corrected.get(amount))):
            return ctx.failed(f"{day} {text} {amount} is matched to CB{ref} with {ledger[ref][0]}")
        right += 1
    return ctx.passed(f"{right} lines carry a reference that fits") if right >= 44 else ctx.failed(f"only {right} lines carry a reference")


def cashbook_fixes(ctx):
    """The five broken cells are named."""
    rows = rows_of(tab(ctx.workbook("*.xlsx"), "fix", "error"))
    texts = [" ".join(str(value) for value in row if value is not None).replace("$", "") for row in rows]
    missing = []
    for sheet, cell in (("sep", "G31"), ("sep", "G46"), ("sep", "F60"), ("summary", "B4"), ("summary", "B8")):
        if not any(re.search(rf"\b{cell}\b", text) and sheet in text.lower() for text in texts):
            missing.append(f"{sheet} {cell}")
    return ctx.failed(f"not named: {missing}") if missing else ctx.passed("the five cells are named")


def live_sums(ctx):
    """The adjusted balances are calculated in the workbook."""
    values, formulas = tab(ctx.workbook("*.xlsx"), "reconcil", "rec"), tab(ctx.formulas("*.xlsx"), "reconcil", "rec")
    live = 0
    for row in formulas.iter_rows():
        for cell in row:
            if not (isinstance(cell.value, str) and cell.value.startswith("=")):
                continue
            value = values[cell.coordinate].value
            if isinstance(value, str) and value.startswith("#"):
                return ctx.failed(f"{cell.coordinate} gives {value}")
            number = ctx.number(value)
            # a formula that only holds the figure itself is not a sum
            if re.search("[A-Z]+[0-9]+", cell.value) and number is not None:
                live += 1
    balances = [c.coordinate for row in values.iter_rows() for c in row if isinstance(c.value, (int, float)) and near(c.value, _top_balance(ctx, values))]
    typed = [name for name in balances if not str(formulas[name].value).startswith("=")]
    if len(balances) < 2 or typed:
        return ctx.failed(f"adjusted balances typed in as values: {typed or 'none found'}")
    return ctx.passed(f"{live} formulas, adjusted balances in {balances}")


def _top_balance(ctx, sheet):
    """The adjusted balance the tab itself ends in: the number beside a label that says so, whatever its value."""
    for row in sheet.iter_rows(values_only=True):
        text = " ".join(value for value in row if isinstance(value, str)).lower()
        if re.search(r"(adjusted|corrected|reconciled|revised|true).*(balance|cash ?book|bank|figure)", text) and numbers(ctx, row) and "14,999" not in text:
            value = numbers(ctx, row)[-1]
            if not near(value, 14999.20):
                return value
    return 17371.73


def note_items(ctx):
    """Who is to be chased and for how much."""
    text = ctx.text("*.docx").lower()
    missing = [name for name, amount in (("northbank", "118"), ("brandreth", "725"), ("larch", "86.40")) if name not in text or amount not in text]
    return ctx.failed(f"not in the note: {missing}") if missing else ctx.passed("the three matters and amounts are in the note")
