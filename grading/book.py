"""The book of grading: evaluations and verdicts, append-only, and what is up for review.

Every write is idempotent: the same attempt, rubric, grader, stage and revision is one row, whoever writes it
again, and what was written first stands.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, func, insert, select

from core import Database, canonical_json, digest_of, insert_new
from grading.evaluations import CriterionVerdict, Evaluation, Evidence
from grading.items import Reviewing, ReviewItem, category_text
from grading.queue.gold import one_more
from grading.queue.slots import ADD_SLOTS, GOLD, Turn, drawn, previous_of, slots_of
from grading.queue.turn import decided_by_checks
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS, VERDICTS
from rubrics import Rubric, Verdict

CHECKS = "checks"
EMPTY_HAND_IN = "empty hand-in"
AWAITING, CLAIMED, LOCKED = "awaiting", "claimed", "locked"
_IN_ONE_QUERY = 500
_ONE = Reviewing()

# The statements of publishing are made once: building one costs more than carrying it out.
_ADD_SHEET = insert_new(REVIEW_SHEETS)
_ADD_ITEM = insert_new(REVIEW_ITEMS).returning(REVIEW_ITEMS.c.alias)
_ALIAS = select(REVIEW_ITEMS.c.alias).where(
    REVIEW_ITEMS.c.attempt_id == bindparam("attempt"),
    REVIEW_ITEMS.c.submission == bindparam("submission"),
    REVIEW_ITEMS.c.grading_digest == bindparam("grading"),
)
_ONE_EVALUATION = ("attempt_id", "submission", "grading_digest", "grader", "stage", "revision")
_ADD_EVALUATION = insert_new(EVALUATIONS).returning(EVALUATIONS.c.id)
_ADD_VERDICTS = insert(VERDICTS)
_SAID = [VERDICTS.c[name] for name in ("evaluation", "criterion", "verdict", "feedback", "evidence", "decides")]
_EVIDENCE = TypeAdapter(tuple[Evidence, ...])


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Book:
    """Evaluations and review items in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(self, evaluation: Evaluation) -> int:
        """Keep an evaluation and return its number; one that is there already is left as it is."""
        with self.database.write() as connection:
            return insert_evaluation(connection, evaluation)

    def record_checks(
        self,
        attempt_id: str,
        rubric: Rubric,
        outcomes: Mapping[str, CriterionVerdict],
        *,
        submission: str = "",
        grading_digest: str = "",
        minutes: float | None = None,
    ) -> int:
        """Keep what the rubric's checks found; whether a check decides is the rubric's word."""
        deciding = {criterion.id: criterion.decides for criterion in rubric.criteria}
        verdicts = tuple(
            outcomes[name].model_copy(update={"criterion": name, "decides": decides})
            for name, decides in deciding.items()
            if name in outcomes
        )
        return self.record(
            Evaluation(
                attempt_id=attempt_id,
                submission=submission,
                grading_digest=grading_digest,
                grader=CHECKS,
                grader_kind="check",
                minutes=minutes,
                verdicts=verdicts,
            )
        )

    def record_empty(
        self, attempt_id: str, rubric: Rubric, *, submission: str = "", grading_digest: str = ""
    ) -> int:
        """Fail every criterion of an attempt that handed in nothing: there is nothing for a person to judge."""
        verdicts = tuple(
            CriterionVerdict(
                criterion=criterion.id,
                verdict=Verdict.failed,
                feedback="Nothing was handed in.",
                decides=True,
            )
            for criterion in rubric.criteria
        )
        return self.record(
            Evaluation(
                attempt_id=attempt_id,
                submission=submission,
                grading_digest=grading_digest,
                grader=EMPTY_HAND_IN,
                grader_kind="check",
                judgement="fail",
                verdicts=verdicts,
            )
        )

    def verdicts_of(self, attempt_id: str, grading_digest: str | None = None) -> tuple[Evaluation, ...]:
        """Every evaluation of an attempt, oldest first (of one rubric only, where its digest is given)."""
        return self.evaluations_of([attempt_id], grading_digest)[attempt_id]

    def evaluations_of(
        self, attempt_ids: Sequence[str], grading_digest: str | None = None
    ) -> dict[str, tuple[Evaluation, ...]]:
        """The evaluations of many attempts, oldest first; an attempt without any has an empty tuple."""
        found: dict[str, list[Evaluation]] = {name: [] for name in attempt_ids}
        with self.database.read() as connection:
            for start in range(0, len(attempt_ids), _IN_ONE_QUERY):
                for evaluation in read_evaluations(connection, attempt_ids[start : start + _IN_ONE_QUERY]):
                    if grading_digest is None or evaluation.grading_digest == grading_digest:
                        found[evaluation.attempt_id].append(evaluation)
        return {name: tuple(evaluations) for name, evaluations in found.items()}

    def publish(
        self,
        attempt_key: str,
        item: ReviewItem,
        *,
        reviewing: Reviewing | None = None,
        previous: str | None = None,
    ) -> str:
        """Put a submission up for review and return its random alias; published already: the alias it has.

        Args:
            attempt_key: Id of the attempt.
            item: What reviewers see of it.
            reviewing: How many reviews it is to have; default: one.
            previous: Id of the attempt that it reworks, or alias of that attempt's item: whoever reviewed that one
                is to have this one.
        """
        body, reviewing = item.sheet, reviewing or _ONE
        digest = digest_of(body)
        with self.database.write() as connection:
            alias = _alias_of(connection, attempt_key, item)
            if alias is not None:
                return alias
            connection.execute(_ADD_SHEET, {"digest": digest, "body": canonical_json(body)})
            required: dict[int, str] = {}
            if previous is not None:
                previous, required = previous_of(connection, previous)
            values = {
                "attempt_id": attempt_key,
                "submission": item.submission,
                "grading_digest": item.grading_digest,
                "sheet": digest,
                "handed_in": canonical_json(item.handed_in),
                "state": AWAITING,
                "changed": now(),
                "previous": previous,
                "pack": item.pack or None,
                "policy": item.policy.value,
                "job": item.job,
                "category": category_text((*item.category, *item.tags)),
            }
            while alias is None:  # somebody else publishes it at this moment, or the alias is taken
                alias = secrets.token_hex(8)
                gold = reviewing.gold if drawn(alias, GOLD, reviewing.gold) else None
                alias = connection.execute(_ADD_ITEM, values | {"alias": alias, "gold": gold}).scalar()
                if alias is None:
                    alias = _alias_of(connection, attempt_key, item)
                else:
                    turn = _turn(connection, attempt_key, item)
                    slots = slots_of(alias, reviewing, turn=turn, required=required)
                    connection.execute(ADD_SLOTS, slots)
                    if gold is not None:
                        one_more(connection, like=values["category"] or "")
        return alias

    def review_counts(self) -> dict[str, int]:
        """How many submissions are `awaiting`, `claimed` and `locked`."""
        query = select(REVIEW_ITEMS.c.state, func.count()).group_by(REVIEW_ITEMS.c.state)
        with self.database.read() as connection:
            counts = {str(state): int(count) for state, count in connection.execute(query)}
        return {state: counts.get(state, 0) for state in (AWAITING, CLAIMED, LOCKED)}


def insert_evaluation(connection: Connection, evaluation: Evaluation) -> int:
    """`Book.record` within the caller's transaction."""
    values = evaluation.model_dump(exclude={"verdicts"}) | {"ts": evaluation.ts or now()}
    number = connection.execute(_ADD_EVALUATION, values).scalar()
    if number is None:
        same = (EVALUATIONS.c[name] == values[name] for name in _ONE_EVALUATION)
        return int(connection.execute(select(EVALUATIONS.c.id).where(*same)).scalar_one())
    if evaluation.verdicts:
        connection.execute(_ADD_VERDICTS, list(_verdict_rows(number, evaluation.verdicts)))
    return int(number)


def read_evaluations(connection: Connection, attempt_ids: Sequence[str]) -> list[Evaluation]:
    """The evaluations of some attempts, oldest first, within the caller's transaction."""
    chosen = EVALUATIONS.c.attempt_id.in_(attempt_ids)
    heads = connection.execute(select(EVALUATIONS).where(chosen).order_by(EVALUATIONS.c.id)).all()
    rows = connection.execute(
        select(*_SAID)
        .join(EVALUATIONS, EVALUATIONS.c.id == VERDICTS.c.evaluation)
        .where(chosen)
        .order_by(VERDICTS.c.evaluation, VERDICTS.c.position)
    )
    verdicts: dict[int, list[CriterionVerdict]] = {}
    for number, *said in rows:
        verdicts.setdefault(number, []).append(_verdict(*said))
    return [_evaluation(head, verdicts.get(head.id, [])) for head in heads]


def _turn(connection: Connection, attempt_id: str, item: ReviewItem) -> Turn:
    """When it is the turn of a new item; what was said of it is asked only where checks could decide it all."""
    if all(criterion.decides for criterion in item.criteria) and decided_by_checks(
        connection, attempt_id, item.grading_digest, [criterion.id for criterion in item.criteria]
    ):
        return Turn.decided
    return Turn.usual


def _alias_of(connection: Connection, attempt_id: str, item: ReviewItem) -> str | None:
    key = {"attempt": attempt_id, "submission": item.submission, "grading": item.grading_digest}
    alias: str | None = connection.execute(_ALIAS, key).scalar_one_or_none()
    return alias


def _verdict_rows(number: int, verdicts: Iterable[CriterionVerdict]) -> Iterable[dict[str, Any]]:
    for position, verdict in enumerate(verdicts):
        yield {
            "evaluation": number,
            "position": position,
            "criterion": verdict.criterion,
            "verdict": verdict.verdict.value,
            "feedback": verdict.feedback,
            "evidence": canonical_json([e.model_dump(exclude_defaults=True) for e in verdict.evidence]),
            "decides": verdict.decides,
        }


def _verdict(criterion: str, verdict: Verdict, feedback: str, evidence: str, decides: bool) -> CriterionVerdict:
    shown = () if evidence == "[]" else _EVIDENCE.validate_json(evidence)
    return CriterionVerdict(
        criterion=criterion, verdict=verdict, feedback=feedback, evidence=shown, decides=decides
    )


def _evaluation(head: Row[Any], verdicts: list[CriterionVerdict]) -> Evaluation:
    values = {name: value for name, value in head._mapping.items() if name != "id"}
    return Evaluation(**values, verdicts=tuple(verdicts))
