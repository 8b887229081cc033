"""`ctx`: what a job's own Python check is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .files import first, guard, matching, suffix
from .office import open_docx, open_pptx
from .outcome import Broken, Outcome, cannot_judge, failed, passed, toolbox
from .submission import Submission
from .tables import DELIMITED, Table, read_table
from .values import Unknown, number, words
from .workbooks import revealing

_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Context:
    """The deliverables, opened on demand, and the three verdicts (documented in `docs/checks.md`).

    Paths are `pathlib.Path`s; a text is a glob below the deliverables folder.
    """

    def __init__(self, submission: Submission) -> None:
        self._submission = submission
        self.deliverables: Path = submission.root
        self.inputs: Path = submission.inputs

    def files(self, glob: str = "**") -> list[Path]:
        """The matching deliverables, sorted."""
        return [self.deliverables / path for path in matching(self.deliverables, glob)]

    def one(self, glob: str | Path) -> Path:
        """The first matching deliverable; where there is none the check fails, saying so."""
        if isinstance(glob, Path):
            if not glob.is_file():
                raise Broken(f"no file {glob.name!r}")
            return glob
        return self.deliverables / first(self.deliverables, glob)

    def text(self, file: str | Path) -> str:
        """The document's text."""
        return self._submission.text(self.one(file)).whole

    def words(self, text: str) -> list[str]:
        """The words of a text."""
        return words(text)

    def workbook(self, file: str | Path) -> Any:
        """An openpyxl workbook with recalculated values."""
        return revealing(self._submission.book(self.one(file)))

    def formulas(self, file: str | Path) -> Any:
        """An openpyxl workbook with the formulas."""
        return self._submission.book(self.one(file)).formulas

    def table(self, file: str | Path, sheet: str | None = None, header_row: int = 1) -> Any:
        """A pandas DataFrame of a worksheet, csv or tsv: text stripped, blank rows left out, blank cells NaN."""
        path = self.one(file)
        table = read_table(self._submission.grid(path, sheet), header_row)
        return _frame(table, from_text=suffix(path) in DELIMITED)

    def document(self, file: str | Path) -> Any:
        """A python-docx document."""
        path = self.one(file)
        guard(path)
        return open_docx(path)

    def slides(self, file: str | Path) -> Any:
        """A python-pptx presentation."""
        path = self.one(file)
        guard(path)
        return open_pptx(path)

    def number(self, value: Any) -> float | None:
        """A float from `"$1,234.50"`, `"(12)"`, `"3 %"` (0.03) or a number; None where there is none."""
        return number(value)

    def passed(self, text: str = "", *, file: Any = None, anchor: str | None = None) -> Outcome:
        """The check passes; `text` is what was seen."""
        return passed(str(text) or "as it should be", self._name(file), anchor)

    def failed(self, text: str, *, file: Any = None, anchor: str | None = None) -> Outcome:
        """The check fails; `text` says what is wrong."""
        return failed(str(text), self._name(file), anchor)

    def cannot_judge(self, text: str) -> Outcome:
        """The check cannot tell."""
        return cannot_judge(str(text))

    def _name(self, file: Any) -> str | None:
        if file is None:
            return None
        path = Path(file)
        inside = path.is_relative_to(self.deliverables)
        return path.relative_to(self.deliverables).as_posix() if inside else str(file)


def _frame(table: Table, *, from_text: bool) -> Any:
    pandas = toolbox("pandas")
    names: list[str] = []
    for title in table.header.values():
        times = sum(1 for name in names if name == title or name.startswith(f"{title}."))
        names.append(f"{title}.{times}" if title in names else title)
    columns: dict[str, Any] = {}
    for name, column in zip(names, table.header, strict=True):
        cells = [table.grid.rows[row].get(column) for row in table.body]
        for cell in cells:
            if isinstance(cell, Unknown):
                number(cell)  # raises: the table rests on a value that could not be worked out
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        there = [cell for cell in cells if cell is not None]
        if from_text and there and all(_PLAIN_NUMBER.fullmatch(cell) for cell in there):
            cells = [None if cell is None else _typed(cell) for cell in cells]
            there = [cell for cell in cells if cell is not None]
        # A column of texts stays a column of objects, so that a blank is NaN and nothing is guessed.
        typed = all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in there) and bool(there)
        columns[name] = pandas.Series(cells, dtype=None if typed else object)
        if not typed:
            columns[name] = columns[name].where(columns[name].notna(), float("nan"))
    frame = pandas.DataFrame(columns, columns=names)
    frame.index = range(len(frame))
    return frame


def _typed(text: str) -> int | float:
    return float(text) if re.search(r"[.eE]", text) else int(text)
