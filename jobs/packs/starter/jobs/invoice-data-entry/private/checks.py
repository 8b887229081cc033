"""Checks of the invoice import: each line against what is printed on the paper."""

import datetime as dt
import re

#: key -> (as printed, code, invoice date, due date, currency, net, VAT, gross, cost centre)
PAPERS = {
    "20418": ("COR01", "2025-03-04", "2025-03-18", "EUR", 412.60, 0.00, 412.60, 100),
    "f7731": ("FEN04", "2025-03-06", "2025-04-05", "EUR", 286.45, 0.00, 286.45, 100),
    "ll3302": ("LIF01", "2025-02-28", "2025-03-30", "EUR", 198.00, 45.54, 243.54, 300),
    "cn877": ("COR01", "2025-03-07", None, "EUR", -86.40, 0.00, -86.40, 100),
    "11842": ("BEA03", "2025-03-05", "2025-04-04", "EUR", 640.00, 109.20, 749.20, 210),
    "gw50917": ("GAS01", "2025-03-10", "2025-04-09", "EUR", 1284.60, 295.46, 1580.06, 120),
    "hp90233": ("HAR02", "2025-03-10", "2025-03-31", "EUR", 324.80, 74.70, 399.50, 150),
    "tp20250311": ("TIL01", "2025-03-11", "2025-03-11", "USD", 149.00, 0.00, 149.00, 410),
    "5521": ("MOR01", "2025-03-05", "2025-03-19", "EUR", 850.00, 0.00, 850.00, 900),
    "118834": ("BAL02", "2025-03-01", "2025-04-30", "EUR", 285.00, 0.00, 285.00, 100),
    "118871": ("BAL02", "2025-03-08", "2025-04-30", "EUR", 303.70, 0.00, 303.70, 100),
}


def sheet_of(book, name):
    """The tab with that name, whatever its case."""
    for sheet in book.worksheets:
        if sheet.title.strip().lower() == name.lower():
            return sheet
    raise KeyError(f"no tab {name}; there are {book.sheetnames}")


def printed(value):
    """Invoice number without signs: `LL/3302` -> ll3302, 20418.0 -> 20418."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return re.sub(r"[^a-z0-9]", "", str(value or "").lower())


def key_of(value):
    """The paper a number stands for, also where its letters were left off, so that one slip does not spoil every check."""
    key = printed(value)
    return {"877": "cn877", "7731": "f7731", "3302": "ll3302", "50917": "gw50917", "90233": "hp90233"}.get(key, key)


def lines(ctx):
    """Lines of tab Import as dicts by lower-case column name, in order."""
    rows = list(sheet_of(ctx.workbook("*.xlsx"), "Import").iter_rows(values_only=True))
    top = next((i for i, row in enumerate(rows[:5]) if "invoice no" in [str(v).strip().lower() for v in row if v]), None)
    if top is None:
        raise KeyError("tab Import has no column Invoice No")
    names = [str(value or "").strip().lower() for value in rows[top]]
    out = []
    for row in rows[top + 1 :]:
        line = dict(zip(names, row, strict=True))
        if any(line.get(name) not in (None, "") for name in ("invoice no", "supplier code", "net", "gross")):
            out.append(line)
    if not out:
        raise ValueError("tab Import has no lines")
    return out


def by_paper(ctx):
    """The line of each paper; a missing one raises."""
    found = {}
    for line in lines(ctx):
        found.setdefault(key_of(line["invoice no"]), line)
    missing = [key for key in PAPERS if key not in found]
    if missing:
        raise KeyError(f"documents not entered: {missing}")
    return {key: found[key] for key in PAPERS}


def day(value):
    """A real date, or None."""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date) else None


def differing(ctx, column, wanted, same):
    """Verdict over one column."""
    for key, line in by_paper(ctx).items():
        if column not in line:
            return ctx.failed(f"no column {column} in tab Import")
        if wanted(key) is not None and not same(line[column], wanted(key)):
            return ctx.failed(f"{key}: {column} is {line[column]!r}, on the paper {wanted(key)!r}")
    return None


def right_documents(ctx):
    """Eleven lines, no other."""
    got = [printed(line["invoice no"]) for line in lines(ctx)]
    if sorted(got) == sorted(PAPERS):
        return ctx.passed("the eleven documents, each once")
    missing, extra = [k for k in PAPERS if k not in got], [k for k in got if k not in PAPERS or got.count(k) > 1]
    return ctx.failed(f"{len(got)} lines; missing {missing}, too many {sorted(set(extra))}")


def _money(ctx):
    def same(value, wanted):
        number = ctx.number(value)
        return (number or 0.0) == wanted if number is None else abs(number - wanted) < 0.005

    return same


def net_amounts(ctx):
    """Column Net."""
    wrong = differing(ctx, "net", lambda key: PAPERS[key][4], _money(ctx))
    return wrong or ctx.passed("all eleven net amounts are as printed")


def vat_and_gross(ctx):
    """Columns VAT and Gross."""
    wrong = differing(ctx, "vat", lambda key: PAPERS[key][5], _money(ctx))
    wrong = wrong or differing(ctx, "gross", lambda key: PAPERS[key][6], _money(ctx))
    return wrong or ctx.passed("VAT and gross of all eleven are as printed")


def credit_note(ctx):
    """Type and sign."""
    for key, line in by_paper(ctx).items():
        kind = str(line.get("type") or "").strip().upper()
        if kind != ("CRN" if key == "cn877" else "INV"):
            return ctx.failed(f"{key} has type {kind or 'nothing'}")
    line = by_paper(ctx)["cn877"]
    amounts = (ctx.number(line["net"]), ctx.number(line["gross"]))
    return ctx.passed("CRN with -86.40") if amounts == (-86.40, -86.40) else ctx.failed(f"CN 877 has net and gross {amounts}")


def invoice_dates(ctx):
    """Column Invoice Date holds dates."""
    wrong = differing(ctx, "invoice date", lambda key: PAPERS[key][1], lambda value, wanted: day(value) == wanted)
    return wrong or ctx.passed("all invoice dates are right")


def due_dates(ctx):
    """Column Due Date, the credit note left out."""
    wrong = differing(ctx, "due date", lambda key: PAPERS[key][2], lambda value, wanted: day(value) == wanted)
    return wrong or ctx.passed("all due dates are right")


def supplier_codes(ctx):
    """Column Supplier Code."""
    same = lambda value, wanted: str(value or "").strip().upper() == wanted  # noqa: E731
    wrong = differing(ctx, "supplier code", lambda key: PAPERS[key][0], same)
    return wrong or ctx.passed("all supplier codes are right")


def cost_centres(ctx):
    """Column Cost Centre, as number or text."""
    same = lambda value, wanted: ctx.number(value) == wanted  # noqa: E731
    wrong = differing(ctx, "cost centre", lambda key: PAPERS[key][7], same)
    return wrong or ctx.passed("all cost centres are right")


def currency(ctx):
    """Column Currency."""
    same = lambda value, wanted: str(value or "").strip().upper() == wanted  # noqa: E731
    wrong = differing(ctx, "currency", lambda key: PAPERS[key][3], same)
    return wrong or ctx.passed("USD for Tillpoint, EUR for the rest")


def gaslight_query(ctx):
    """The one wrong invoice is flagged."""
    papers = by_paper(ctx)
    remark = str(papers["gw50917"].get("remarks") or "")
    if "query" not in remark.lower() or not re.search(r"\b36(\.00)?\b", remark):
        return ctx.failed(f"Remarks of GW-50917 is {remark[:120]!r}")
    others = [key for key, line in papers.items() if key != "gw50917" and "query" in str(line.get("remarks") or "").lower()]
    return ctx.failed(f"QUERY also on {others}") if others else ctx.passed(remark[:120])


def not_entered(ctx):
    """Four papers, with their files."""
    rows = [" ".join(str(v) for v in row if v is not None).lower() for row in sheet_of(ctx.workbook("*.xlsx"), "Not entered").iter_rows(values_only=True)]
    wanted = {
        "delivery docket": ("scan_007", r"docket|delivery"),
        "copy of LL/3302": ("scan_009", r"cop(y|ies)|duplicate|twice|already"),
        "invoice to Pike Lantern Antiques": ("scan_010", r"antiques|not (addressed to |for |to )?us|other (company|business|firm)|different|another|wrong|addressee|neighbou?r"),
        "Ballyhale statement": ("ballyhale", r"statement"),
    }
    missing = [name for name, (file, words) in wanted.items() if not any(file in row and re.search(words, row) for row in rows)]
    return ctx.failed(f"not listed: {missing}") if missing else ctx.passed("all four are listed with their files")


def control_formulas(ctx):
    """Totals by currency, live."""
    values, formulas = sheet_of(ctx.workbook("*.xlsx"), "Control"), sheet_of(ctx.formulas("*.xlsx"), "Control")
    live = {}
    for row in formulas.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and re.match(r"=.*([A-Z]\$?\d|\[|[A-Z]:\$?[A-Z])", cell.value):
                live.setdefault(ctx.number(values[cell.coordinate].value), cell.coordinate)
    missing = [wanted for wanted in (10, 4498.75, 524.90, 5023.65, 1, 149.00, 0.0) if not any(n is not None and abs(n - wanted) < 0.005 for n in live)]
    return ctx.failed(f"no formula gives {missing}") if missing else ctx.passed(f"formulas in {sorted(live.values())}")


def po_number(ctx):
    """Column PO."""
    value = by_paper(ctx)["hp90233"].get("po")
    return ctx.passed("4471") if "4471" in str(value) else ctx.failed(f"PO of HP90233 is {value!r}")


def liffey_twice(ctx):
    """Once, not twice."""
    count = sum(key_of(line["invoice no"]).startswith("ll3302") for line in lines(ctx))
    return ctx.passed("LL/3302 is entered once") if count == 1 else ctx.failed(f"LL/3302 is entered {count} times")
