"""Spoiled copies of the case study."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.packs import spoil

DOCX = "case_study.docx"


def _replace(old: str, new: str) -> spoil.Spoiler:
    """A spoiler that replaces a phrase of the article."""

    def change(folder: Path) -> None:
        spoil.edit_docx(folder, DOCX, spoil.replacing(old, new))

    return change


def _too_long(folder: Path) -> None:
    """More than 900 words."""
    path = spoil.one(folder, DOCX)
    document = importlib.import_module("docx").Document(str(path))
    document.paragraphs[3].add_run(" The business is proud of its boats, its people and its harbour." * 9)
    document.save(str(path))


def _section_missing(folder: Path) -> None:
    path = spoil.one(folder, DOCX)
    document = importlib.import_module("docx").Document(str(path))
    for paragraph in document.paragraphs:
        if paragraph.text == "What comes next":
            paragraph._p.getparent().remove(paragraph._p)
    document.save(str(path))


def _no_table(folder: Path) -> None:
    path = spoil.one(folder, DOCX)
    document = importlib.import_module("docx").Document(str(path))
    table = document.tables[0]._tbl
    table.getparent().remove(table)
    document.save(str(path))


def _long_description(folder: Path) -> None:
    spoil.edit_text(
        folder, "meta.txt", lambda text: text.rstrip() + " Read how they did it and what comes next.\n"
    )


SPOILED: spoil.Spoiled = {
    "too-long": (_too_long, "length"),
    "the-interviewees-figure": (_replace("65 per cent less", "70 per cent less"), "corrections-made"),
    "the-formulas-figure": (_replace("65", "186"), "key-figures"),
    "five-sites": (_replace("four sites", "five sites"), "corrections-made"),
    "salmon-of-the-interview": (_replace("£5,400", "£6,000"), "corrections-made"),
    "insurance": (
        _replace("went into the skip.", "went into the skip, and the insurance did not pay."),
        "off-the-record",
    ),
    "a-hint": (
        _replace("In March 2025", "After four months with another supplier, in March 2025"),
        "off-the-record",
    ),
    "a-name": (_replace("The warehouse manager suspected", "Pete suspected"), "off-the-record"),
    "spoken-quotation": (
        _replace("It is the first piece of software that my", "It's the first bit of software my"),
        "quotations",
    ),
    "a-quotation-of-the-manager": (
        _replace("if nothing rings, nothing is wrong.", "“If nothing rings, nothing's wrong.”"),
        "quotations",
    ),
    "a-section-missing": (_section_missing, "sections"),
    "no-table": (_no_table, "at-a-glance"),
    "key-phrase-late": (
        _replace("Until 2025, cold store monitoring", "Until 2025, watching the stores"),
        "key-phrase",
    ),
    "no-first-night": (_replace("2.40am", "some hour"), "story"),
    "solution": (_replace("all 112 sensors were in place", "the solution was in place"), "wording"),
    "long-description": (_long_description, "meta"),
}
