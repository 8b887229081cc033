"""ACE (Mercor APEX): one CSV with the criteria of many tasks; a *hurdle* has to be met for any credit."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from core import BadInput, read_text
from rubrics.importers.base import ImportedRubric, NotCarried, RubricImport, unique_id
from rubrics.model import Criterion, Importance, Rubric

_NEEDED = ("Criterion ID", "Task ID", "Hurdle Tag", "Description")
_HURDLES = {"hurdle": Importance.critical, "not": Importance.important}


def import_ace(path: Path) -> RubricImport:
    """One rubric for each task; a hurdle becomes `critical`, everything else `important`.

    Raises:
        BadInput: It is not an ACE table, or holds no criterion.
    """
    rows = _rows(path)
    tasks: dict[str, dict[str, Criterion]] = {}
    rejected: list[NotCarried] = []
    fields: Counter[str] = Counter()
    for line, row in rows:
        task, text, tag = row["Task ID"], row["Description"], row["Hurdle Tag"].lower()
        if not task or not text or tag not in _HURDLES:
            field = "Task ID" if not task else "Description" if not text else "Hurdle Tag"
            why = f"{tag!r} is neither Hurdle nor Not" if field == "Hurdle Tag" else "is empty"
            rejected.append(NotCarried(why, line=line, field=field))
            continue
        criteria = tasks.setdefault(task, {})
        name = unique_id(row["Criterion ID"], criteria, otherwise=f"c{len(criteria) + 1:02}")
        criteria[name] = Criterion(id=name, importance=_HURDLES[tag], text=text)
        fields.update(key for key, value in row.items() if key not in _NEEDED and value)
    if not tasks:
        raise BadInput("no criterion in this table", file=path)
    rubrics: dict[str, ImportedRubric] = {}
    for task, criteria in tasks.items():
        name = unique_id(f"{path.stem}-{task}", rubrics, otherwise="rubric")
        rubrics[name] = ImportedRubric(name, Rubric(criteria=tuple(criteria.values())))
    lost = [
        NotCarried("has no place in a rubric", field=key, count=count) for key, count in sorted(fields.items())
    ]
    return RubricImport(tuple(rubrics.values()), (*rejected, *lost))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line on which each row ends, and its cells."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for name in _NEEDED:
            if header.count(name) != 1:
                what = "the column is missing" if name not in header else "the column is there twice"
                raise BadInput(what, file=path, line=1, field=name, mend="the header is that of ACE's CSV files")
        rows: list[tuple[int, dict[str, str]]] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise BadInput(f"{len(cells)} cells under {len(header)} columns", file=path, line=reader.line_num)
            rows.append((reader.line_num, {key: cell.strip() for key, cell in zip(header, cells, strict=True)}))
        return rows
    except csv.Error as error:
        raise BadInput(f"not valid CSV: {error}", file=path, line=reader.line_num) from error
