"""The paper's form of a criterion: one line `label - criteria text` (UpBench, appendix A.3)."""

from __future__ import annotations

import re

from rubrics.model import Importance

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
# Bullets and numbering that people put before the label, markdown around it, and any dash or a colon after it.
_LINE = re.compile(
    rf"^\s*(?:[{_DASHES}*\u2022\u2023\u25aa\u00b7]\s+|\(?\d{{1,3}}[.):]\s*)?"
    rf"[\[(*_`]*(?P<label>[A-Za-z]+)[\])*_`]*\s*[{_DASHES}:|][*_`]*\s*(?P<text>\S.*?)\s*$"
)


def parse_line(line: str) -> tuple[Importance, str] | None:
    """Importance and text of a line such as `1. Critical: Contains ...`; None if it is not one."""
    match = _LINE.match(line)
    if match is None or match.group("label").lower() not in set(Importance):
        return None
    return Importance(match.group("label").lower()), match.group("text")


def format_line(importance: Importance, text: str) -> str:
    """The line of a criterion; line breaks in the text become spaces."""
    return f"{importance.value} - {' '.join(text.split())}"
