"""What differs between two tables or workbooks, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from grading.compare.align import align
from grading.compare.model import CellChange, CellChanges

MAX_CELLS = 2000
"""Cells that are sent to the page."""
MAX_ROWS = 200_000
"""Rows of either sheet that are compared."""


@dataclass(frozen=True)
class Sheet:
    """The rows of a sheet that hold something: (number from 1, values from column A), `''` for an empty cell."""

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def compare_workbooks(before: Sequence[Sheet], after: Sequence[Sheet]) -> CellChanges:
    """Compare sheets of the same name; a sheet that is new, gone or renamed is told in one note."""
    former, current = {sheet.name: sheet for sheet in before}, {sheet.name: sheet for sheet in after}
    notes = list(_sheets(former, current))
    cells: list[CellChange] = []
    for name, sheet in current.items():
        if name in former and former[name].rows != sheet.rows:
            found = compare_sheets(former[name], sheet)
            cells += found.cells
            notes += found.notes
    if len(cells) > MAX_CELLS:
        notes.append(f"The first {MAX_CELLS} cells are shown.")
    return CellChanges(cells=tuple(cells[:MAX_CELLS]), notes=tuple(dict.fromkeys(notes)))


def compare_sheets(before: Sheet, after: Sheet) -> CellChanges:
    """Compare two sheets; rows and columns put in or taken out shift the others without changing them."""
    notes = []
    if len(before.rows) > MAX_ROWS or len(after.rows) > MAX_ROWS:
        notes.append(f"{_of(after)}the first {MAX_ROWS} rows are compared.")
    columns, told = _columns(before, after)
    notes += told
    cells: list[CellChange] = []
    alignment = _rows_together(before, after, columns)
    if alignment.coarse:
        notes.append(f"{_of(after)}so much differs that rows may be compared with the wrong ones.")
    for former, current in alignment.pairs:
        cells += _cells(after.name, former, current, columns)
        if len(cells) > MAX_CELLS:
            break
    return CellChanges(cells=tuple(cells[: MAX_CELLS + 1]), notes=tuple(notes))


def _sheets(former: Mapping[str, Sheet], current: Mapping[str, Sheet]) -> Iterator[str]:
    gone = {name: sheet for name, sheet in former.items() if name not in current}
    for name, sheet in current.items():
        if name in former:
            continue
        was = next((old for old, one in gone.items() if one.rows == sheet.rows and sheet.rows), None)
        if was is None:
            yield f"The sheet {name} is new ({len(sheet.rows)} rows)."
        else:
            del gone[was]
            yield f"The sheet {name} was called {was}."
    for name, sheet in gone.items():
        yield f"The sheet {name} is gone ({len(sheet.rows)} rows)."


Line = tuple[int, tuple[str, ...]]
Columns = tuple[tuple[int | None, int | None], ...]


def _columns(before: Sheet, after: Sheet) -> tuple[Columns, list[str]]:
    """Which column is which, by the titles in the first row where they tell; and what was put in or taken out."""
    widths = [max((len(values) for _, values in sheet.rows), default=0) for sheet in (before, after)]
    as_they_stand = tuple((at, at) for at in range(max(widths)))
    if not before.rows or not after.rows:
        return as_they_stand, []
    titles = [before.rows[0][1], after.rows[0][1]]
    if titles[0] == titles[1] or not all(_tell(one) for one in titles):
        return as_they_stand, []
    pairs: list[tuple[int | None, int | None]] = []
    for block in align(*titles).blocks:
        gone, new = range(block.b0, block.b1), range(block.a0, block.a1)
        if block.same or len(gone) == len(new):
            pairs += zip(gone, new, strict=True)
        else:
            pairs += [(at, None) for at in gone] + [(None, at) for at in new]
    if 2 * sum(b is not None and a is not None for b, a in pairs) < min(len(titles[0]), len(titles[1])):
        return as_they_stand, []
    extra = zip_longest(range(len(titles[0]), widths[0]), range(len(titles[1]), widths[1]))
    notes = [
        f"{_of(after)}column {letters(a)} is new ({titles[1][a]})."
        for b, a in pairs
        if b is None and a is not None
    ]
    notes += [
        f"{_of(after)}column {letters(b)} is gone ({titles[0][b]})."
        for b, a in pairs
        if a is None and b is not None
    ]
    return (*pairs, *extra), notes


def _tell(titles: Sequence[str]) -> bool:
    return len(titles) > 1 and all(titles) and len(set(titles)) == len(titles)


@dataclass(frozen=True)
class _Together:
    pairs: list[tuple[Line | None, Line | None]]
    coarse: bool


def _rows_together(before: Sheet, after: Sheet, columns: Columns) -> _Together:
    """Rows that differ, each beside the one it was; rows that are the same are left out."""
    both = [(b, a) for b, a in columns if b is not None and a is not None]
    former, current = before.rows[:MAX_ROWS], after.rows[:MAX_ROWS]
    old = [_values(line, [b for b, _ in both]) for line in former]
    new = [_values(line, [a for _, a in both]) for line in current]
    pairs: list[tuple[Line | None, Line | None]] = []
    coarse = False
    for block in align(old, new).blocks:
        if not block.same:
            together = _replaced(former[block.b0 : block.b1], current[block.a0 : block.a1])
            pairs += together.pairs
            coarse |= together.coarse
    return _Together(pairs, coarse)


def _replaced(gone: Sequence[Line], new: Sequence[Line]) -> _Together:
    """Rows that stand for each other: by their first cell, and in order where that does not tell."""
    alignment = align([_key(line) for line in gone], [_key(line) for line in new])
    blocks = [zip_longest(gone[block.b0 : block.b1], new[block.a0 : block.a1]) for block in alignment.blocks]
    coarse = alignment.coarse and len(gone) != len(new)
    return _Together([pair for block in blocks for pair in block], coarse)


def _key(line: Line) -> str:
    return next((value for value in line[1] if value), "")


def _values(line: Line, columns: Sequence[int]) -> tuple[str, ...]:
    values = line[1]
    return tuple(values[at] if at < len(values) else "" for at in columns)


def _cells(sheet: str, former: Line | None, current: Line | None, columns: Columns) -> Iterator[CellChange]:
    for b, a in columns:
        if former is not None and current is not None and (b is None or a is None):
            continue  # a column that came or went is told once
        before = _at(former, b)
        after = _at(current, a)
        if before != after:
            if a is not None and current is not None:
                yield CellChange(sheet=sheet, cell=f"{letters(a)}{current[0]}", before=before, after=after)
            elif b is not None and former is not None:
                yield CellChange(sheet=sheet, cell=f"{letters(b)}{former[0]}", before=before, after=after)


def _at(line: Line | None, column: int | None) -> str | None:
    if line is None or column is None or column >= len(line[1]):
        return None
    return line[1][column] or None


def letters(column: int) -> str:
    """`A` of 0, `AA` of 26."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _of(sheet: Sheet) -> str:
    return f"{sheet.name}: " if sheet.name else ""
