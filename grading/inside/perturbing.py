"""A known fault is put into a workbook: a sheet that lacks, or a total that is wrong."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from .outcome import Broken, Unjudgeable, toolbox

CHANGED = "changed.xlsx"
"""What the changed workbook is called in the folder for what is made."""


def perturb(fault: str, file: Path, into: Path, sheet: str | None) -> dict[str, Any]:
    """Write the changed workbook; `problem` says why it cannot be, `made` what was done."""
    from .files import guard

    into.mkdir(parents=True, exist_ok=True)
    try:
        guard(file)
        openpyxl = toolbox("openpyxl")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file)
        made = (_without_sheet if fault == "missing_sheet" else _other_total)(book, sheet)
        book.save(into / CHANGED)
    except (Broken, Unjudgeable) as error:
        return {"problem": str(error)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"problem": f"it cannot be read as a workbook: {type(error).__name__}"}
    return {"problem": None, "made": made}


def _chosen(book: Any, name: str | None) -> Any:
    if name is None:
        return book.worksheets[-1]
    for sheet in book.worksheets:
        if sheet.title.strip().casefold() == name.strip().casefold():
            return sheet
    raise Broken(f"no worksheet {name!r}; there are {', '.join(repr(one.title) for one in book.worksheets)}")


def _without_sheet(book: Any, name: str | None) -> str:
    sheet = _chosen(book, name)
    if len(book.worksheets) < 2:
        raise Broken("it has one worksheet only")
    book.remove(sheet)
    return f"worksheet {sheet.title!r} is gone"


def _other_total(book: Any, name: str | None) -> str:
    """The last cell of the sheet that holds a number or a sum holds another number."""
    sheet = _chosen(book, name)
    for row in reversed(list(sheet.iter_rows())):
        for cell in reversed(row):
            value = cell.value
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                cell.value = type(value)(value + max(abs(value) / 10, 1))
                return f"{sheet.title}!{cell.coordinate}: {value} is {cell.value}"
            if isinstance(value, str) and value.startswith("=") and value.endswith(")"):
                cell.value = f"{value}*1.1"
                return f"{sheet.title}!{cell.coordinate}: {value} is a tenth more"
    raise Broken("there is no number in it")
