"""Spoiled copies of the Mexican Spanish subtitles and the review table."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from tests.packs import spoil

SRT = "*.srt"


def _replace(old: str, new: str) -> spoil.Spoiler:
    """A spoiler that replaces a phrase in the subtitles and in the table alike."""

    def change(folder: Path) -> None:
        spoil.edit_text(folder, SRT, spoil.replacing(old, new))
        spoil.edit_docx(folder, "*.docx", spoil.replacing(old.replace("\n", " "), new.replace("\n", " ")))

    return change


def _cue_lost(folder: Path) -> None:
    """46 cues instead of 47: the last one is cut off."""
    spoil.edit_text(folder, SRT, lambda text: text[: text.index("\n47\n") + 1])


def _times_moved(folder: Path) -> None:
    """All time codes are rounded to tenths."""
    spoil.edit_text(folder, SRT, lambda text: re.sub(r",(\d)\d\d", r",\g<1>00", text))


def _three_lines(folder: Path) -> None:
    spoil.edit_text(folder, SRT, spoil.replacing("casco y zapatos", "casco\ny zapatos"))


def _header_only_table(folder: Path) -> None:
    path = spoil.one(folder, "*.docx")
    document = importlib.import_module("docx").Document(str(path))
    table = document.tables[0]
    for row in list(table.rows)[1:]:
        table._tbl.remove(row._tr)
    document.save(str(path))


def _stale_table(folder: Path) -> None:
    """The table holds an older wording of one cue."""
    spoil.edit_docx(folder, "*.docx", spoil.replacing("Busque fugas", "Revise si hay fugas"))


SPOILED: spoil.Spoiled = {
    "a-cue-lost": (_cue_lost, "cues-and-times"),
    "times-rounded": (_times_moved, "cues-and-times"),
    "a-cue-in-english": (
        _replace("Revise que las horquillas\nno tengan grietas.", "Check the forks for cracks."),
        "all-spanish",
    ),
    "a-warning-lost": (_replace("Nunca agregue un contrapeso", "Agregue un contrapeso"), "prohibitions"),
    "mph-kept": (_replace("8 km/h", "5 mph"), "units"),
    "wrong-conversion": (_replace("1,800 kg", "1,814 kg"), "units"),
    "three-lines": (_three_lines, "lines"),
    "too-fast": (_replace("Siempre.", "Hágalo absolutamente siempre."), "reading-speed"),
    "pallet": (_replace("a la tarima", "al pallet"), "glossary"),
    "bocina": (_replace("Toque el claxon", "Toque la bocina"), "glossary"),
    "tu": (_replace("antes de girar la llave", "antes de que te vayas"), "usted"),
    "small-letters": (_replace("[4. MANEJO]", "[4. Manejo]"), "screen-text"),
    "lost-italics": (_replace("<i>", ""), "marks-kept"),
    "header-only-table": (_header_only_table, "table-same-text"),
    "stale-table": (_stale_table, "table-same-text"),
    "spain": (_replace("montacargas", "carretilla elevadora"), "spain-spanish"),
}
