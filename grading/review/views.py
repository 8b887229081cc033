"""What pages are written from: reviews in groups, what others said under names that give nobody away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import Deliverable
from grading.evaluations import CriterionVerdict, Evidence
from grading.items import ReviewItem
from grading.review.desk import Review


@dataclass(frozen=True)
class Group:
    """Reviews that stand together in the queue; `total`: how many there are, where not all of them are shown."""

    title: str
    says: str
    reviews: list[Review]
    total: int = 0
    folded: bool = False


@dataclass(frozen=True)
class Said:
    """A verdict and who gave it, by a neutral name."""

    who: str
    verdict: CriterionVerdict


def queue_groups(reviews: Sequence[Review], counts: Mapping[str, int]) -> list[Group]:
    """What is in progress, what may be begun, what checks have decided, and what was locked of late.

    Args:
        reviews: Some of each kind.
        counts: How many there are: `open`, `claimed`, `locked`.
    """
    begun = [r for r in reviews if r.state == "claimed"]
    free = [r for r in reviews if r.state == "awaiting"]
    done = [r for r in reviews if r.state == "locked"]
    groups = [
        Group("In progress", "Yours until you submit them or give them back.", begun, counts["claimed"]),
        Group(
            "Open to you",
            "You are given what is most wanted; or choose.",
            [r for r in free if r.needed],
            counts["open"],
        ),
        Group(
            "Decided by checks",
            "Checks have decided every criterion. You may still grade them; your verdicts would take precedence.",
            [r for r in free if not r.needed],
            folded=True,
        ),
        Group("Locked of late", "Your verdicts stand.", done, counts["locked"]),
    ]
    return [group for group in groups if group.reviews]


def said_by_others(review: Review) -> dict[str, list[Said]]:
    """Criterion -> what checks and judges said; empty before the lock."""
    said: dict[str, list[Said]] = {}
    judges: dict[str, str] = {}
    for evaluation in review.said:
        who = "Check"
        if evaluation.grader_kind == "judge":
            who = judges.setdefault(evaluation.grader, f"Judge {len(judges) + 1}")
        for verdict in evaluation.verdicts:
            said.setdefault(verdict.criterion, []).append(Said(who, verdict))
    return said


def said_by_reviewer(review: Review) -> dict[str, list[Said]]:
    """Criterion -> this reviewer's own verdicts, first the one of record, then corrections."""
    said: dict[str, list[Said]] = {}
    for evaluation in sorted(review.locked, key=lambda e: e.revision):
        who = "You" if evaluation.revision == 1 else f"You, correction {evaluation.revision - 1}"
        for verdict in evaluation.verdicts:
            said.setdefault(verdict.criterion, []).append(Said(who, verdict))
    return said


# What turns text round, breaks its line or cannot be seen; but for the joiners, by which some scripts are written.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

_FRAMED, _FRAME = re.compile(r"#[\d.,]+$"), re.compile(r"^\d[\d.]*(?:,\d[\d.]*){3}$")


def legible(name: str) -> str:
    """A name of a file as it is, whatever characters are in it; as `legible` of `static/dom.mjs`."""
    return _UNSEEN.sub("\ufffd", name)


def place(evidence: Evidence) -> str:
    """Evidence as one line: the file, the place, what is there; as `wordsOf` of `static/cards.mjs`.

    Where exactly a frame stands is seen on the file.
    """
    anchor = _FRAME.sub("framed", _FRAMED.sub(", framed", evidence.anchor or ""))
    where = legible(" \u00b7 ".join(filter(None, (evidence.file, anchor))))
    return ": ".join(filter(None, ("not there" if evidence.kind == "absence" else "", where, evidence.text)))


def size(number: int) -> str:
    """Bytes for people: `812 B`, `34 kB`, `1.2 MB`."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


@dataclass(frozen=True)
class Tally:
    """How many of a reviewer's locked verdicts a check or judge also gave.

    Attributes:
        compared: Criteria on which both said something.
        agreed: Where somebody else said the same; the others differ.
    """

    compared: int
    agreed: int

    @property
    def differ(self) -> int:
        """Where nobody else said the same."""
        return self.compared - self.agreed


def tally_of(own: Mapping[str, Sequence[Said]], others: Mapping[str, Sequence[Said]]) -> Tally:
    """First verdicts only: a correction does not make anybody agree."""
    both = [name for name in own if own[name] and others.get(name)]
    same = [name for name in both if own[name][0].verdict.verdict in {s.verdict.verdict for s in others[name]}]
    return Tally(len(both), len(same))


def start_of(review: Review, following: str | None) -> dict[str, Any]:
    """What the grading page starts from, as JSON; all of it is also what the reviewer sees."""
    item = review.item
    return {
        "alias": review.alias,
        "state": review.state,
        "title": item.title,
        "criteria": [
            {"id": c.id, "importance": c.importance.value, "text": c.text} | _asked(review, c.id)
            for c in item.criteria
        ],
        **files_shown(item),
        "drafts": {
            name: {"revision": revision, **draft.model_dump(mode="json")}
            for name, (revision, draft) in review.drafts.items()
        },
        "whole": {"revision": review.whole[0], "judgement": review.whole[1].judgement},
        "changed": review.changed,
        "earlier": {name: draft.model_dump(mode="json") for name, draft in review.earlier.items()},
        "expires": review.expires,
        "following": following,
    }


def _asked(review: Review, criterion: str) -> dict[str, bool]:
    return {"needed": criterion in review.needed, "voided": criterion in review.voided}


LOOKING_KEYS = (
    ("file", "next file"),
    ("page_back", "previous page or sheet"),
    ("page", "next page or sheet"),
    ("search", "search in the file"),
    ("brief", "the brief, and back"),
    ("split", "two files side by side, and back"),
)
"""The keys for looking at files that pages with a stage tell of; all of them are in `static/keys.mjs`."""


def files_shown(item: ReviewItem) -> dict[str, Any]:
    """The files of a submission, and what is lacking among them, as the pages' stage takes them."""
    return {
        "files": {"inputs": _files(item.inputs), "deliverables": _files(item.deliverables)},
        "missing": list(item.missing),
        "left_out": [{"name": left.path, "why": left.why} for left in item.left_out],
    }


def _files(files: Sequence[Deliverable]) -> list[dict[str, Any]]:
    return [{"name": file.path, "size": file.size, "media_type": file.media_type} for file in files]
