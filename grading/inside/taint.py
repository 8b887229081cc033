"""Which formula cells rest, directly or through others, on something that the recalculation does not know."""

from __future__ import annotations

import re
from typing import Any

from .outcome import toolbox

Key = tuple[str, int, int]
Area = tuple[str, int, int, int, int]
_PREFIX = re.compile(r"^(?:_xlfn\.|_xlws\.|_xludf\.)+", re.IGNORECASE)
_REFERENCE = re.compile(
    r"^(?:'?(?P<sheet>(?:[^'!]|'')+)'?!)?\$?(?P<a>[A-Z]{1,3})\$?(?P<b>\d{1,7})"
    r"(?::\$?(?P<c>[A-Z]{1,3})\$?(?P<d>\d{1,7}))?$",
    re.IGNORECASE,
)
_COLUMNS = re.compile(
    r"^(?:'?(?P<sheet>(?:[^'!]|'')+)'?!)?\$?(?P<a>[A-Z]{1,3}):\$?(?P<b>[A-Z]{1,3})$", re.IGNORECASE
)
_CALL = re.compile(r"([A-Z_][A-Z0-9_.]*)\(")
_EXTERNAL = re.compile(r"\[\d+\]")
MAX_STEPS = 2_000_000


def tainted(book: Any, cells: dict[Key, str]) -> dict[Key, str]:
    """(sheet, row, column) -> why, for each formula that calls an unknown function or reads such a cell.

    A formula that reads through a name or a table is taken to rest on an unknown cell when there is any.
    """
    if not _suspect(cells):
        return {}
    operands: dict[Key, list[str]] = {}
    calls: dict[Key, set[str]] = {}
    tokenizer = toolbox("openpyxl.formula").Tokenizer
    for key, text in cells.items():
        try:
            items = tokenizer(text).items
        except (ValueError, IndexError, toolbox("openpyxl.formula.tokenizer").TokenizerError):
            continue
        calls[key] = {
            _PREFIX.sub("", item.value.rstrip("(")).upper()
            for item in items
            if item.type == "FUNC" and item.subtype == "OPEN"
        }
        operands[key] = [item.value for item in items if item.type == "OPERAND" and item.subtype == "RANGE"]
    unknown = _unknown({name for names in calls.values() for name in names if not name.startswith("_XLPM.")})
    why = {
        key: f"the recalculation does not know the function {sorted(names & unknown)[0]}"
        for key, names in calls.items()
        if names & unknown
    }
    for key, items in operands.items():
        if key not in why and any(_EXTERNAL.search(item) for item in items):
            why[key] = "it reads another workbook"
    return _spread(why, operands) if why else {}


def _suspect(cells: dict[Key, str]) -> bool:
    """Whether a closer look is worth its time: cheap, and rather wrongly yes than wrongly no."""
    names: set[str] = set()
    for text in cells.values():
        if "[" in text and _EXTERNAL.search(text):
            return True
        names.update(_CALL.findall(text.upper()))
    return bool(_unknown({_PREFIX.sub("", name) for name in names if not name.startswith("_XLPM.")}))


def _unknown(names: set[str]) -> set[str]:
    """The function names that the engine does not implement (it answers a bare call with a name error)."""
    if not names:
        return set()
    book = toolbox("formualizer").Workbook()
    sheet = book.sheet("Probe")
    found = set()
    for row, name in enumerate(sorted(names), start=1):
        try:
            sheet.set_formula(row, 1, f"={name}()")
            answer = book.evaluate_cell("Probe", row, 1)
        except (ValueError, OSError, RuntimeError, toolbox("formualizer").ParserError):
            continue
        if isinstance(answer, dict) and answer.get("kind") == "Name":
            found.add(name)
    return found


def _spread(why: dict[Key, str], operands: dict[Key, list[str]]) -> dict[Key, str]:
    areas = {key: [_area(item, key[0]) for item in items] for key, items in operands.items()}
    steps, fresh = 0, list(why)
    while fresh:
        added: list[Key] = []
        for key, reads in areas.items():
            if key in why:
                continue
            for area in reads:
                steps += len(fresh)
                if steps > MAX_STEPS:
                    return dict.fromkeys(operands, "the recalculation does not know all of its functions") | why
                hit = fresh[0] if area is None else next((one for one in fresh if _holds(area, one)), None)
                if hit is not None:
                    why[key] = why[hit]
                    added.append(key)
                    break
        fresh = added
    return why


def _area(text: str, sheet: str) -> Area | None:
    """The cells that a reference names; None: a name, a table or something else that is not worked out here."""
    letters = toolbox("openpyxl.utils").column_index_from_string
    if match := _REFERENCE.match(text):
        home = (match["sheet"] or sheet).replace("''", "'").casefold()
        left, top = letters(match["a"].upper()), int(match["b"])
        right = letters(match["c"].upper()) if match["c"] else left
        return home, top, left, int(match["d"] or top), right
    if match := _COLUMNS.match(text):
        home = (match["sheet"] or sheet).replace("''", "'").casefold()
        return home, 1, letters(match["a"].upper()), 1 << 20, letters(match["b"].upper())
    return None


def _holds(area: Area, key: Key) -> bool:
    sheet, top, left, bottom, right = area
    return sheet == key[0].casefold() and top <= key[1] <= bottom and left <= key[2] <= right
