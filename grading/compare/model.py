"""What a comparison says, as it is sent to the page."""

from __future__ import annotations

from typing import Literal

from core import Deliverable, Frozen

Change = Literal["same", "changed", "added", "removed", "renamed"]
LineKind = Literal["same", "added", "removed"]


class FileChange(Frozen):
    """One file of either submission.

    Attributes:
        path: As it is called now; of a removed file, as it was.
        change: `renamed`: the same bytes under another name, `was`.
        before, after: The file in each submission, None where it is not there.
    """

    path: str
    change: Change
    before: Deliverable | None = None
    after: Deliverable | None = None

    @property
    def was(self) -> str | None:
        """The former path of what was renamed."""
        return self.before.path if self.change == "renamed" and self.before else None


class TextChanges(Frozen):
    """What differs between two texts.

    Attributes:
        rows: (kind, anchor, text) in reading order; the anchor is that of today's text, of a removed line that of
            the former one. Long runs of what is the same are one row without anchor that says how much it is.
        note: What was left out, or None.
    """

    rows: tuple[tuple[LineKind, str, str], ...] = ()
    note: str | None = None


class CellChange(Frozen):
    """One cell.

    Attributes:
        cell: Its address now (`B12`); of a cell that is gone, its former one.
        before, after: Its content as text; None: there was, or is, nothing.
    """

    sheet: str
    cell: str
    before: str | None
    after: str | None


class CellChanges(Frozen):
    """What differs between two workbooks or tables; `notes` say what is not told cell by cell."""

    cells: tuple[CellChange, ...] = ()
    notes: tuple[str, ...] = ()


class PageChange(Frozen):
    """One page.

    Attributes:
        number: Now, from 1; of a page that is gone, its former one.
        before, after: Its number in each submission, None where it is not there.
        differs: Whether its picture differs in any way.
    """

    number: int
    before: int | None
    after: int | None
    differs: bool
