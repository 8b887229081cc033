"""Spoiled copies of the partner deck."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.packs import spoil


@contextmanager
def _deck(folder: Path) -> Iterator[Any]:
    """The python-pptx presentation, saved at the end."""
    path = spoil.one(folder, "*.pptx")
    deck = importlib.import_module("pptx").Presentation(str(path))
    yield deck
    deck.save(str(path))


def _runs(slide: Any) -> Iterator[Any]:
    for shape in slide.shapes:
        frames = [shape.text_frame] if shape.has_text_frame else []
        if shape.has_table:
            frames = [cell.text_frame for row in shape.table.rows for cell in row.cells]
        for frame in frames:
            for paragraph in frame.paragraphs:
                yield from paragraph.runs


def _replace(old: str, new: str) -> spoil.Spoiler:
    """A spoiler that replaces a phrase on all slides."""

    def change(folder: Path) -> None:
        with _deck(folder) as deck:
            for slide in deck.slides:
                for run in _runs(slide):
                    run.text = run.text.replace(old, new)

    return change


def _picture_of_chart(folder: Path) -> None:
    """The chart is gone, as when it was pasted as a picture."""
    with _deck(folder) as deck:
        for slide in deck.slides:
            for shape in list(slide.shapes):
                if shape.has_chart:
                    shape._element.getparent().remove(shape._element)


def _all_answers_charted(folder: Path) -> None:
    """The chart counts repeated answers too."""
    data = importlib.import_module("pptx.chart.data").CategoryChartData()
    with _deck(folder) as deck:
        for shape in deck.slides[3].shapes:
            if shape.has_chart:
                data.categories = list(shape.chart.plots[0].categories)
                values = list(shape.chart.plots[0].series[0].values)
                data.add_series("Runners", [values[0] + 4, *values[1:]])
                shape.chart.replace_data(data)


def _no_notes(folder: Path) -> None:
    with _deck(folder) as deck:
        deck.slides[4].notes_slide.notes_text_frame.text = ""


def _no_logo(folder: Path) -> None:
    with _deck(folder) as deck:
        for shape in list(deck.slides[6].shapes):
            if shape.name == "Logo":
                shape._element.getparent().remove(shape._element)


def _no_illustration(folder: Path) -> None:
    """Only the logos are left of all pictures."""
    with _deck(folder) as deck:
        for slide in deck.slides:
            for shape in list(slide.shapes):
                if shape.shape_type == 13 and shape.name != "Logo":
                    shape._element.getparent().remove(shape._element)


def _off_the_slide(folder: Path) -> None:
    with _deck(folder) as deck:
        for shape in deck.slides[7].shapes:
            if shape.has_table:
                shape.top += 1200000


def _old_sponsor(folder: Path) -> None:
    with _deck(folder) as deck:
        frame = deck.slides[1].notes_slide.notes_text_frame
        frame.text += " In 2026 our main partner was Brackwater Energy."


def _seven_slides(folder: Path) -> None:
    with _deck(folder) as deck:
        ids = deck.slides._sldIdLst
        for entry in list(ids)[1:3]:
            ids.remove(entry)


SPOILED: spoil.Spoiled = {
    "old-price": (_replace("£3,500", "£2,800"), "prices"),
    "old-names": (_replace("Summit", "Gold"), "left-out"),
    "old-sponsor-in-notes": (_old_sponsor, "left-out"),
    "all-answers": (_replace("71%", "74%"), "survey-figures"),
    "the-example-title": (_replace("Seven in ten", "Four in five"), "survey-figures"),
    "mean-instead-of-median": (_replace("£113", "£126"), "survey-figures"),
    "last-year": (_replace("June 2027", "June 2026"), "event-facts"),
    "four-ridge-places": (_replace("3", "4"), "places-left"),
    "no-early-bird": (_replace("£7,200", "£8,000"), "early-bird"),
    "a-benefit-too-much": (_replace("6 x 3 m", "3 x 3 m"), "benefits"),
    "no-chart": (_picture_of_chart, "chart"),
    "repeated-answers-charted": (_all_answers_charted, "chart"),
    "base-missing": (_replace("217 answers", "many answers"), "base-stated"),
    "no-notes": (_no_notes, "notes"),
    "no-logo": (_no_logo, "logo"),
    "no-illustration": (_no_illustration, "illustration"),
    "off-the-slide": (_off_the_slide, "format"),
    "seven-slides": (_seven_slides, "slide-count"),
    "no-contact": (_replace("01632 960187", ""), "contact"),
}
