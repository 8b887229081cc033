"""Code's word on a judge's answer: quotations must be there, facts be facts, and nothing contradict itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from grading.evaluations import Evidence
from grading.judge.answer import Cited, JudgeAnswer
from grading.judge.prompt import fact_lines
from grading.render.texts import Rendering
from rubrics import Verdict

MIN_QUOTE = 2
EVIDENCE_CHARS = 500
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-",
     "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00ad": None, "\u200b": None, "\ufeff": None}
)  # fmt: skip


def normalised(text: str) -> str:
    """For comparing quotations: compatibility forms, plain quotes and hyphens, single spaces, case kept."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).translate(_PLAIN)).strip()


class Shown:
    """What the judge was shown, prepared for looking quotations up."""

    def __init__(
        self,
        renderings: Sequence[Rendering],
        cut: frozenset[str],
        places: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.cut = cut
        self.places = places
        self.unreadable = frozenset(one.path for one in renderings if one.problem)
        self._renderings = {one.path: one for one in renderings}
        self._texts = {one.path: normalised(one.text) for one in renderings}
        self._segments = {
            one.path: [(anchor, normalised(text)) for anchor, text in one.segments] for one in renderings
        }
        self._unseen = {one.path: [(at, normalised(text)) for at, _, text in one.unseen] for one in renderings}
        self._facts = {one.path: {normalised(line) for line in fact_lines(one.facts)} for one in renderings}

    def __contains__(self, path: str) -> bool:
        return path in self._renderings

    def find(self, path: str, quote: str) -> str | None:
        """The anchor of the first passage with that quotation (empty where it spans several); None: not there."""
        wanted = normalised(quote)
        if len(wanted) < MIN_QUOTE or path not in self._texts:
            return None
        for anchor, text in self._segments[path]:
            if wanted in text:
                return anchor
        return "" if wanted in self._texts[path] else None

    def find_unseen(self, path: str, quote: str) -> str | None:
        """The anchor of a passage with that quotation that a client does not see, or None."""
        wanted = normalised(quote)
        if len(wanted) < MIN_QUOTE:
            return None
        return next((anchor for anchor, text in self._unseen.get(path, ()) if wanted in text), None)

    def states(self, path: str, fact: str) -> bool:
        """Whether this line is among the file's facts."""
        return normalised(fact) in self._facts.get(path, set())


def verified(answer: JudgeAnswer, shown: Shown) -> tuple[tuple[Evidence, ...], str]:
    """The evidence as kept, and the reason why the verdict is void (empty: it stands)."""
    kept: list[Evidence] = []
    for cited in answer.evidence:
        one = _verified(cited, shown)
        if one is None:
            return tuple(kept), "evidence_not_found"
        kept.append(one)
    if answer.verdict is Verdict.cannot_judge:
        return tuple(kept), ""
    if not kept:
        return (), "no_evidence"
    met = [requirement.met for requirement in answer.requirements]
    good = answer.verdict is Verdict.passed
    if (good and not all(met)) or (not good and met and all(met)):
        return tuple(kept), "contradiction"
    quoted = [one for one in answer.evidence if one.kind == "quote"]
    if good and any(shown.find(one.file, one.text) is None for one in quoted):
        return tuple(kept), "unseen_evidence"
    if all(one.kind == "absence" for one in kept) and _unseen(kept, shown):
        return tuple(kept), "truncated_input"
    return tuple(kept), ""


def _verified(cited: Cited, shown: Shown) -> Evidence | None:
    text = cited.text[:EVIDENCE_CHARS]
    if cited.kind == "absence":
        if not cited.text.strip() or (cited.file and cited.file not in shown):
            return None
        return Evidence(kind="absence", file=cited.file or None, text=text)
    if cited.kind == "fact":
        known = shown.states(cited.file, cited.text)
        return Evidence(kind="fact", file=cited.file, text=text) if known else None
    if cited.kind == "region":
        place = cited.anchor.strip().strip("[]")
        if not cited.text.strip() or (cited.file, place) not in shown.places:
            return None
        return Evidence(kind="region", file=cited.file, anchor=place or None, text=text)
    anchor = shown.find(cited.file, cited.text)
    if anchor is None:
        anchor = shown.find_unseen(cited.file, cited.text)
    return None if anchor is None else Evidence(kind="quote", file=cited.file, anchor=anchor or None, text=text)


def _unseen(kept: Sequence[Evidence], shown: Shown) -> bool:
    """Whether an absence was claimed of something that was not wholly shown."""
    dark = shown.cut | shown.unreadable
    return any(bool(dark) if one.file is None else one.file in dark for one in kept)
