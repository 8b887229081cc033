"""Checks on worksheets and delimited files."""

from __future__ import annotations

import re
from typing import Any

from .files import suffix
from .outcome import Outcome, Unjudgeable, failed, passed, toolbox
from .submission import Submission
from .tables import Table, read_table
from .values import Unknown, norm, number, shown
from .workbooks import formula_cells, is_error

Args = dict[str, Any]


def in_range(count: int, args: Args) -> bool:
    """Whether `count` lies between `min` and `max`."""
    low, high = args.get("min"), args.get("max")
    return (low is None or count >= low) and (high is None or count <= high)


def wanted_range(args: Args) -> str:
    """`at least 3`, `at most 5`, `3 to 5` or `exactly 3`, for people."""
    low, high = args.get("min"), args.get("max")
    if low is not None and high is not None:
        return f"exactly {low}" if low == high else f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def sheet_names(submission: Submission, args: Args) -> Outcome:
    """The worksheets are there (`only`: no others)."""
    file = submission.first(args["file"])
    there = submission.sheet_names(submission.root / file)
    have, want = {norm(name) for name in there}, [str(name) for name in args["names"]]
    lacking = [name for name in want if norm(name) not in have]
    extra = [name for name in there if norm(name) not in {norm(one) for one in want}]
    listed = f"worksheets: {', '.join(there)}"
    if lacking:
        return failed(f"no worksheet {', '.join(lacking)}; {listed}", file, kind="absence")
    if args.get("only") and extra:
        return failed(f"worksheets that should not be there: {', '.join(extra)}", file)
    return passed(listed, file)


def _table(submission: Submission, args: Args) -> tuple[str, Table]:
    file = submission.first(args["file"])
    grid = submission.grid(submission.root / file, args.get("sheet"))
    return file, read_table(grid, int(args.get("header_row") or 1))


def row_count(submission: Submission, args: Args) -> Outcome:
    """So many rows below the header are not blank."""
    file, table = _table(submission, args)
    count = len(table.body)
    text = f"{count} rows below the header in row {table.header_row}; wanted {wanted_range(args)}"
    return (passed if in_range(count, args) else failed)(text, file, table.grid.anchor(table.header_row))


def columns(submission: Submission, args: Args) -> Outcome:
    """The columns are there (`in_order`, `only`)."""
    file, table = _table(submission, args)
    there = list(table.header.values())
    want, have = [norm(name) for name in args["names"]], [norm(name) for name in there]
    anchor, listed = table.grid.anchor(table.header_row), f"columns: {', '.join(there)}"
    lacking = [name for name in args["names"] if norm(name) not in have]
    if lacking:
        return failed(f"no column {', '.join(lacking)}; {listed}", file, anchor, kind="absence")
    extra = [name for name in there if norm(name) not in want]
    if args.get("only") and (extra or len(have) != len(want)):
        return failed(f"columns that should not be there: {', '.join(extra or there)}", file, anchor)
    if args.get("in_order") and [name for name in have if name in want][: len(want)] != want:
        return failed(f"the order is another: {listed}", file, anchor)
    return passed(listed, file, anchor)


def cell(submission: Submission, args: Args) -> Outcome:
    """A cell equals a number within `tolerance`, or a text regardless of case."""
    file = submission.first(args["file"])
    path, address = submission.root / file, str(args["cell"])
    match = re.fullmatch(r"([A-Z]{1,3})([1-9][0-9]*)", address)
    if match is None:
        raise Unjudgeable(f"{address!r} is no address of a cell")
    row, column = int(match[2]), toolbox("openpyxl.utils").column_index_from_string(match[1])
    if suffix(path) in {".csv", ".tsv", ".ods"}:
        grid = submission.grid(path, args.get("sheet"))
        anchor, value = grid.anchor(row, column), grid.rows.get(row, {}).get(column)
    else:
        book = submission.book(path)
        sheet = book.sheet(args.get("sheet"))
        anchor, value = f"{sheet.title}!{address}", book.value(sheet, row, column)
    return _compare(value, args, file, anchor)


def _compare(value: Any, args: Args, file: str, anchor: str) -> Outcome:
    wanted, seen = args["equals"], shown(value)
    if value is None or seen == "":
        return failed(f"{anchor} is empty; wanted {wanted}", file, anchor, kind="absence")
    if isinstance(wanted, str):
        same = norm(value) == norm(wanted)
        if not same and (plain := number(value)) is not None and not isinstance(value, str):
            same = plain == number(wanted)
    else:
        found = number(value)
        same = found is not None and abs(found - float(wanted)) <= _tolerance(args)
    text = f"{anchor} is {seen}" + ("" if same else f"; wanted {wanted}")
    return (passed if same else failed)(text, file, anchor)


def _tolerance(args: Args) -> float:
    tolerance = args.get("tolerance")
    # The smallest part of a number's last binary digit must not decide.
    return (0.005 if tolerance is None else float(tolerance)) + 1e-9


def column_sum(submission: Submission, args: Args) -> Outcome:
    """The numbers of a column add up (total rows are left out)."""
    file, table = _table(submission, args)
    column = table.column(args["column"])
    total, count, passed_over = 0.0, 0, []
    for row in table.data_rows():
        value = table.grid.rows[row].get(column)
        if is_error(value):
            return failed(f"{table.grid.anchor(row, column)} is {value}", file, table.grid.anchor(row, column))
        plain = number(value)
        if plain is not None:
            total, count = total + plain, count + 1
        elif value is not None:
            passed_over.append(f"{table.grid.anchor(row, column)} {shown(value)!r}")
    anchor = table.grid.anchor(table.header_row, column)
    if not count:
        return failed(f"column {args['column']} holds no number", file, anchor, kind="absence")
    same = abs(total - float(args["equals"])) <= _tolerance(args)
    text = f"{count} numbers add up to {shown(round(total, 6))}"
    text += "" if same else f"; wanted {args['equals']}"
    text += f" (no numbers: {', '.join(passed_over[:3])})" if passed_over else ""
    return (passed if same else failed)(text, file, anchor)


def column_values(submission: Submission, args: Args) -> Outcome:
    """Every value of a column is filled, unique, allowed or matching, as asked (total rows are left out)."""
    file, table = _table(submission, args)
    column = table.column(args["column"])
    rows = table.data_rows()
    if not rows:
        return failed("the table has no row", file, table.grid.anchor(table.header_row), kind="absence")
    allowed = None if args.get("allowed") is None else {norm(value) for value in args["allowed"]}
    pattern = None if not args.get("pattern") else re.compile(args["pattern"])
    seen: dict[str, int] = {}
    filled = 0
    for row in rows:
        text = shown(table.grid.rows[row].get(column)).strip()
        anchor, wrong = table.grid.anchor(row, column), ""
        if not text:
            wrong = "is blank" if args.get("filled") else ""
        else:
            filled += 1
            if allowed is not None and norm(text) not in allowed:
                wrong = f"{text!r} is none of {', '.join(args['allowed'])}"
            elif pattern is not None and pattern.fullmatch(text) is None:
                wrong = f"{text!r} does not match {args['pattern']}"
            elif args.get("unique") and norm(text) in seen:
                wrong = f"{text!r} is there already in row {seen[norm(text)]}"
            seen.setdefault(norm(text), row)
        if wrong:
            return failed(f"{anchor}: {wrong}", file, anchor)
    if not filled:
        return failed(f"column {args['column']} is blank", file, table.grid.anchor(1, column), kind="absence")
    return passed(f"{filled} values of column {args['column']} are so", file, table.grid.anchor(rows[0], column))


def formulas(submission: Submission, args: Args) -> Outcome:
    """At least `min` cells (of `sheet`, of `range`) are formulas, and none of them is an error.

    A formula that neither refers to anything nor calls a function (`=5`) is a typed number and does not count.
    """
    file = submission.first(args["file"])
    path = submission.root / file
    if suffix(path) == ".ods":
        raise Unjudgeable("formulas of OpenDocument sheets are not read here")
    if suffix(path) in {".csv", ".tsv"}:
        return failed("a delimited file holds no formulas", file, kind="absence")
    book = submission.book(path)
    title = None if args.get("sheet") is None else book.sheet(args["sheet"]).title
    keys = sorted(
        key for key, text in formula_cells(book.formulas).items()
        if (title is None or key[0] == title) and re.search(r"[A-Za-z]", text) and _in(args.get("range"), key)
    )  # fmt: skip
    where = f"{title or 'the workbook'}{' ' + args['range'] if args.get('range') else ''}"
    text = f"{len(keys)} formulas in {where}"
    wanted = 1 if args.get("min") is None else int(args["min"])
    if len(keys) < wanted:
        return failed(f"{text}; wanted at least {wanted}", file, title, kind="absence" if not keys else "fact")
    unknown: Unknown | None = None
    letters = toolbox("openpyxl.utils").get_column_letter
    for sheet, row, column in keys:
        value = book.value(book.values[sheet], row, column)
        if isinstance(value, Unknown):
            unknown = unknown or value
        elif is_error(value):
            anchor = f"{sheet}!{letters(column)}{row}"
            return failed(f"{anchor} is {value}", file, anchor)
    if unknown is not None:
        raise Unjudgeable(unknown.why)
    return passed(f"{text}, none an error", file, title)


def _in(area: str | None, key: tuple[str, int, int]) -> bool:
    if area is None:
        return True
    try:
        left, top, right, bottom = toolbox("openpyxl.utils").range_boundaries(area)
    except ValueError as error:
        raise Unjudgeable(f"{area!r} is no range of cells") from error
    return bool((top or 1) <= key[1] <= (bottom or 1 << 20) and (left or 1) <= key[2] <= (right or 1 << 14))
