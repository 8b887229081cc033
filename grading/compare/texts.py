"""What differs between two texts with anchors, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from grading.compare.align import align
from grading.compare.model import LineKind, TextChanges

Lines = Sequence[tuple[str, str]]
Row = tuple[LineKind, str, str]

MAX_LINES = 200_000
"""Lines of either text that are compared."""
MAX_ROWS = 3000
"""Rows that are sent to the page."""
MAX_TEXT = 2000
CONTEXT = 3
_CUT = "Only the beginning is compared: the file is longer than is compared here."
_COARSE = "Some part differs too much to be compared line by line: all of it is shown as removed and added."
_MANY = "There are more differences than are shown here."


def compare_texts(before: Lines, after: Lines) -> TextChanges:
    """Compare (anchor, text) pairs by their texts; anchors that shift are no difference.

    A text of several lines (a page's, a paragraph's) is compared line by line under its anchor.
    """
    former, current = _lines(before), _lines(after)
    cut = len(former) > MAX_LINES or len(current) > MAX_LINES
    former, current = former[:MAX_LINES], current[:MAX_LINES]
    alignment = align([text for _, text in former], [text for _, text in current])
    if alignment.same:
        return TextChanges(note=_CUT if cut else None)
    rows: list[Row] = []
    blocks = alignment.blocks
    for number, block in enumerate(blocks):
        if len(rows) >= MAX_ROWS:
            break
        if block.same:
            last = number == len(blocks) - 1
            rows += _alike(current[block.a0 : block.a1], first=number == 0, last=last)
        else:
            rows += _rows("removed", former[block.b0 : block.b1])
            rows += _rows("added", current[block.a0 : block.a1])
    notes = [
        note for note, told in ((_CUT, cut), (_COARSE, alignment.coarse), (_MANY, len(rows) > MAX_ROWS)) if told
    ]
    return TextChanges(rows=tuple(rows[:MAX_ROWS]), note=" ".join(notes) or None)


def _lines(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(anchor, line) for anchor, text in pairs for line in (text.splitlines() or [""])][: MAX_LINES + 1]


def _rows(kind: LineKind, lines: Lines) -> Iterator[Row]:
    for anchor, text in lines:
        yield kind, anchor, text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "\u2026"


def _alike(lines: Lines, *, first: bool, last: bool) -> Iterator[Row]:
    """A few lines beside each difference; what lies between is only counted."""
    head = 0 if first else CONTEXT
    tail = 0 if last else CONTEXT
    left_out = len(lines) - head - tail
    if left_out <= 1:
        yield from _rows("same", lines)
        return
    yield from _rows("same", lines[:head])
    yield "same", "", f"[... {left_out} lines the same ...]"
    yield from _rows("same", lines[len(lines) - tail :])
