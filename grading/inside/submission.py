"""The deliverables of one submission, each opened at most once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import first, matching, suffix
from .outcome import Broken
from .tables import DELIMITED, Grid, delimited_grid, sheet_grid
from .workbooks import Book, load

if TYPE_CHECKING:
    from .texts import DocumentText


class Submission:
    """Opens deliverables on demand and keeps what it opened.

    Attributes:
        root: The deliverables folder, read-only. inputs: The job's attachments.
    """

    def __init__(self, root: Path, inputs: Path) -> None:
        self.root, self.inputs = root, inputs
        self._books: dict[Path, Book] = {}
        self._texts: dict[Path, DocumentText] = {}

    def first(self, glob: str) -> str:
        """The first matching path below the root. Raises `Missing`."""
        return first(self.root, glob)

    def matching(self, glob: str) -> list[str]:
        """All matching paths below the root, sorted."""
        return matching(self.root, glob)

    def book(self, path: Path) -> Book:
        """A recalculated workbook."""
        if path not in self._books:
            self._books[path] = load(path)
        return self._books[path]

    def text(self, path: Path) -> DocumentText:
        """A document's text."""
        from .texts import document_text

        if path not in self._texts:
            self._texts[path] = document_text(path, self.book)
        return self._texts[path]

    def grid(self, path: Path, sheet: str | None = None) -> Grid:
        """A worksheet (default: the first) or a delimited file as cells.

        Raises:
            Broken: It is no table, or there is no such worksheet.
        """
        if suffix(path) in DELIMITED:
            return delimited_grid(path)
        if suffix(path) == ".ods":
            return _pick(path, sheet)
        book = self.book(path)
        return sheet_grid(book, book.sheet(sheet))

    def sheet_names(self, path: Path) -> list[str]:
        """The titles of the worksheets, hidden ones too."""
        if suffix(path) == ".ods":
            from .ods import ods_grids

            return [grid.sheet or "" for grid in ods_grids(path)]
        return [str(sheet.title) for sheet in self.book(path).values.worksheets]


def _pick(path: Path, sheet: str | None) -> Grid:
    from .ods import ods_grids

    grids = ods_grids(path)
    if sheet is None:
        return grids[0]
    wanted = sheet.strip().casefold()
    found: Any = next((grid for grid in grids if (grid.sheet or "").strip().casefold() == wanted), None)
    if found is None:
        raise Broken(f"no worksheet {sheet!r}; there are {', '.join(repr(grid.sheet) for grid in grids)}")
    chosen: Grid = found
    return chosen
