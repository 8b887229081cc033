"""What a reviewer has put down and may still change: drafts with revisions, and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Row, select

from core import Frozen, canonical_json, insert_or_update
from grading.book import now
from grading.evaluations import CriterionVerdict, Evidence, Judgement
from grading.queue.open_to import HELD
from grading.review.problems import Conflict, NotReady, Problem
from grading.tables import REVIEW_DRAFTS
from rubrics import Verdict

# What is not of one criterion is kept under names that no criterion can have.
WHOLE, TIME = "", "#time"
NOT_OF_CRITERIA = frozenset({WHOLE, TIME, HELD})
MAX_TEXT = 20_000
MAX_ACTIVE_MS = 600_000

_SAVE = insert_or_update(REVIEW_DRAFTS, ("alias", "reviewer", "criterion"), ("revision", "body", "ts", "uuid"))


class Draft(Frozen):
    """What a reviewer has put down on one criterion; all of it may still change."""

    verdict: Verdict | None = None
    feedback: str = Field(default="", max_length=MAX_TEXT)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=20)


class Whole(Frozen):
    """What belongs to the review as a whole."""

    judgement: Judgement | None = None


class Spent(Frozen):
    """Time spent looking and typing, in milliseconds."""

    active_ms: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Drafts:
    """The drafts of one reviewer on one slot, within the caller's write transaction.

    Attributes:
        connection: Of the transaction. alias: Of the slot. reviewer: Id of the person.
    """

    connection: Connection
    alias: str
    reviewer: str

    def put(self, criterion: str, revision: int, body: Draft | Whole | Spent, uuid: str | None = None) -> int:
        """Save what was made from `revision`, and return the new one; what is there already stays as it is.

        Args:
            criterion: Or one of the other names.
            revision: That it was made from; 0: nothing was there.
            body: What is saved.
            uuid: Of this change: the same one again is not saved again.

        Raises:
            Conflict: Another tab saved in between; holds what is there.
        """
        saved = self._saved(criterion)
        there = int(saved.revision) if saved else 0
        text = canonical_json(body.model_dump(mode="json", exclude_defaults=True))
        if saved is not None and (saved.body == text or (uuid is not None and saved.uuid == uuid)):
            return there
        if there != revision:
            raise Conflict(there, type(body).model_validate_json(saved.body if saved else "{}"))
        keys = {"alias": self.alias, "reviewer": self.reviewer, "criterion": criterion}
        self.connection.execute(_SAVE, {**keys, "revision": there + 1, "body": text, "ts": now(), "uuid": uuid})
        return there + 1

    def add_time(self, active_ms: int) -> None:
        """Add to the time spent; at most ten minutes at once."""
        spent = min(max(active_ms, 0), MAX_ACTIVE_MS)
        if spent:
            saved = self._saved(TIME)
            before = Spent.model_validate_json(saved.body) if saved else Spent()
            self.put(TIME, int(saved.revision) if saved else 0, Spent(active_ms=before.active_ms + spent))

    def minutes(self) -> float | None:
        """Of the time added; None: none was."""
        saved = self._saved(TIME)
        spent = Spent.model_validate_json(saved.body).active_ms if saved else 0
        return round(spent / 60_000, 3) if spent else None

    def held(self) -> bool:
        """Whether the reviewer ever had the slot and did not give it back."""
        return self._saved(HELD) is not None

    def _saved(self, criterion: str) -> Row[Any] | None:
        query = select(REVIEW_DRAFTS).where(
            REVIEW_DRAFTS.c.alias == self.alias,
            REVIEW_DRAFTS.c.reviewer == self.reviewer,
            REVIEW_DRAFTS.c.criterion == criterion,
        )
        return self.connection.execute(query).one_or_none()


def drafts_of(
    connection: Connection, aliases: Sequence[str], reviewer: str
) -> dict[str, tuple[dict[str, tuple[int, Draft]], tuple[int, Whole]]]:
    """Slot -> a reviewer's drafts on the criteria, and on the whole, each with its revision; by one statement."""
    found: dict[str, tuple[dict[str, tuple[int, Draft]], tuple[int, Whole]]]
    found = {alias: ({}, (0, Whole())) for alias in aliases}
    mine = (REVIEW_DRAFTS.c.alias.in_(list(found)), REVIEW_DRAFTS.c.reviewer == reviewer)
    for saved in connection.execute(select(REVIEW_DRAFTS).where(*mine)):
        drafts, _ = found[saved.alias]
        if saved.criterion == WHOLE:
            found[saved.alias] = (drafts, (saved.revision, Whole.model_validate_json(saved.body)))
        elif saved.criterion not in NOT_OF_CRITERIA:
            drafts[saved.criterion] = (saved.revision, Draft.model_validate_json(saved.body))
    return found


def verdict_of(criterion: str, draft: Draft, verdict: Verdict) -> CriterionVerdict:
    """A draft as a verdict."""
    return CriterionVerdict(
        criterion=criterion, verdict=verdict, feedback=draft.feedback.strip(), evidence=draft.evidence
    )


def lacks(criterion: str, draft: Draft, *, needed: bool) -> list[Problem]:
    """What a draft lacks to be a verdict; `needed`: nobody else has decided the criterion."""
    if draft.verdict is None and needed:
        return [Problem(criterion, "a verdict is lacking")]
    if draft.verdict == Verdict.failed and not draft.feedback.strip():
        return [Problem(criterion, "a fail needs feedback")]
    return []


def must_be_ready(criteria: Mapping[str, bool], drafts: Mapping[str, tuple[int, Draft]], whole: Whole) -> None:
    """See that drafts can become verdicts; `criteria`: id -> whether it needs one. Raises `NotReady`."""
    problems: list[Problem] = []
    for name, needed in criteria.items():
        problems += lacks(name, drafts.get(name, (0, Draft()))[1], needed=needed)
    if whole.judgement is None:
        problems.append(Problem(WHOLE, "the overall judgement is lacking"))
    if problems:
        raise NotReady(problems)
