"""Spoiled copies of the edited handbook and its log."""

from __future__ import annotations

from pathlib import Path

from tests.packs import spoil

DOCX = "Volunteer_Handbook_edited.docx"


def _replace(old: str, new: str) -> spoil.Spoiler:
    """A spoiler that puts a phrase of the handbook back, or in."""

    def change(folder: Path) -> None:
        spoil.edit_docx(folder, DOCX, spoil.replacing(old, new))

    return change


def _quotation_mended(folder: Path) -> None:
    """A spell checker went over the founder's words."""
    spoil.edit_docx(folder, DOCX, spoil.replacing("Thats the whole", "That's the whole"))


def _number_harmonised(folder: Path) -> None:
    spoil.edit_docx(folder, DOCX, spoil.replacing("960114", "960141"))


def _header_only_log(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["Changes"], 1)


def _log_of_other_words(folder: Path) -> None:
    """The log claims corrections that were not made."""
    with spoil.workbook(folder) as book:
        for row in range(2, 8):
            book["Changes"].cell(row, 4).value = f"a wording that was never used {row}"


def _no_queries(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        del book["Queries"]


def _one_query_less(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        book["Queries"].delete_rows(4)


def _smoothed(folder: Path) -> None:
    """Good sentences were rewritten."""
    spoil.edit_docx(
        folder,
        DOCX,
        spoil.replacing(
            "People move, get jobs and have babies. If you have to stop, tell us, hand back your apron and come "
            "to lunch as a guest.",
            "Circumstances change, and volunteers sometimes find that they are no longer able to continue. "
            "Should this happen to you, inform the team, return your apron and join everybody for a last meal.",
        ),
    )


SPOILED: spoil.Spoiled = {
    "a-slip-overlooked": (_replace("affects food", "effects food"), "spelling-grammar"),
    "quotation-mended": (_quotation_mended, "quotation-untouched"),
    "notice-mended": (_replace("premise being", "premises being"), "notice-untouched"),
    "number-harmonised": (_number_harmonised, "facts-not-settled"),
    "four-teams": (_replace("one of five teams", "one of four teams"), "facts-not-settled"),
    "per-cent-sign": (_replace("62 per cent", "62%"), "numbers-money"),
    "old-time": (_replace("6pm to 9pm", "6pm - 9pm"), "times-dates"),
    "service-user": (_replace("If a guest is upset", "If a service user is upset"), "house-words"),
    "title-case": (_replace("Our five teams", "Our Five Teams"), "headings-sentence-case"),
    "oxford-comma": (_replace("farms and markets", "farms, and markets"), "punctuation"),
    "header-only-log": (_header_only_log, "log-true"),
    "log-of-other-words": (_log_of_other_words, "log-true"),
    "no-queries": (_no_queries, "queries"),
    "one-query-less": (_one_query_less, "queries"),
    "smoothed": (_smoothed, "rewritten"),
}
