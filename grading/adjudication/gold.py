"""Gold: submissions of which it is known what is right, by which reviewers are measured.

A key says pass or fail, and whether it fails because something is not there at all. Which reviews are gold is told
to nobody who reviews; who has seen the keys of a submission is not measured by it. Items for exams are apart: of
them people are told that they are, and afterwards what was right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from sqlalchemy import Connection, exists, select, update

from core import Frozen, insert_new, insert_or_update
from grading.adjudication.gold_standing import refresh_standings
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tables import GOLD, GOLD_ITEMS, GOLD_KNOWN
from grading.adjudication.triggers import importances_of, of_item
from grading.adjudication.voids import voided_in
from grading.book import now, read_evaluations
from grading.queue.gold import fill
from grading.queue.slots import GOLD as SLOT
from grading.queue.slots import OPEN, VOID
from grading.record import Source, records_of
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Verdict

_SET = insert_or_update(GOLD, ("item", "criterion"), ("verdict", "absent", "why", "retired", "decided_by", "ts"))
_SET_ITEM = insert_or_update(GOLD_ITEMS, ("item",), ("origin", "exam", "made", "reason", "decided_by", "ts"))
_KNOW = insert_new(GOLD_KNOWN)


class GoldKey(Frozen):
    """What is right on one criterion of a gold submission.

    Attributes:
        absent: It fails because what the criterion asks for is not there at all; whoever passes it did not look.
        why: Shown to who learns by it.
    """

    verdict: Literal["pass", "fail"]
    absent: bool = False
    why: str = Field(default="", max_length=4_000)


def set_gold_keys(
    connection: Connection,
    item: str,
    keys: Mapping[str, GoldKey],
    by: str,
    *,
    reason: str = "",
    exam: bool = False,
    origin: str | None = None,
    made: str | None = None,
) -> None:
    """Say what is right of an item's submission, instead of what was said of it before.

    Args:
        connection: Of a write transaction.
        item: Its alias.
        keys: Criterion -> what is right.
        by: Who says so; they are not measured by it.
        reason: How it is known.
        exam: For exams alone; otherwise drawn into the queue, see `grading.queue.gold`.
        origin: Alias of the item that it was made from; None: it is as it was handed in.
        made: How it was changed.

    Raises:
        NoSuchReview: No such item or criterion.
    """
    row = connection.execute(select(REVIEW_ITEMS.c.sheet).where(REVIEW_ITEMS.c.alias == item)).one_or_none()
    known = importances_of(connection, row.sheet) if row is not None else {}
    if row is None or not keys:
        raise NoSuchReview(item)
    for criterion in keys:
        if criterion not in known:
            raise NoSuchReview(criterion)
    common = {"item": item, "decided_by": by, "ts": now()}
    connection.execute(update(GOLD).where(GOLD.c.item == item).values(retired=True))
    for criterion, key in keys.items():
        connection.execute(_SET, common | {"criterion": criterion, "retired": False} | key.model_dump())
    about = {"origin": origin or item, "exam": exam, "made": made, "reason": reason}
    connection.execute(_SET_ITEM, common | about)
    note_known(connection, item, by)
    if exam:
        _void_open(connection, item)
    refresh_standings(connection, [item])
    fill(connection)


def keys_of(connection: Connection, item: str) -> dict[str, GoldKey]:
    """Criterion -> what is right; empty: the item is no gold."""
    rows = connection.execute(select(GOLD).where(GOLD.c.item == item, GOLD.c.retired.is_(False)))
    return {row.criterion: GoldKey(verdict=row.verdict, absent=row.absent, why=row.why) for row in rows}


def gold_items(connection: Connection) -> list[str]:
    """The items that have keys."""
    query = select(GOLD.c.item).where(GOLD.c.retired.is_(False)).distinct().order_by(GOLD.c.item)
    return list(connection.execute(query).scalars())


def retire_gold(connection: Connection, item: str) -> None:
    """Measure nobody by an item any more; its keys are kept, and open gold reviews of it are no longer wanted.

    Raises:
        NoSuchReview: It has no keys.
    """
    if not keys_of(connection, item):
        raise NoSuchReview(item)
    connection.execute(update(GOLD).where(GOLD.c.item == item).values(retired=True))
    _void_open(connection, item)
    refresh_standings(connection, [item])
    fill(connection)


def knows(connection: Connection, item: str, person: str) -> bool:
    """Whether somebody has seen the keys of an item."""
    seen = select(GOLD_KNOWN.c.item).where(GOLD_KNOWN.c.item == item, GOLD_KNOWN.c.person == person)
    return connection.execute(seen).first() is not None


def note_known(connection: Connection, item: str, person: str) -> None:
    """Somebody has seen the keys of an item."""
    connection.execute(_KNOW, {"item": item, "person": person})


def void_keyless_gold(connection: Connection) -> int:
    """Open gold reviews without keys, as older bundles brought them, are wanted no more; returns how many.

    What was reviewed of them stays, and measures nobody.
    """
    slot, keyed = REVIEW_SLOTS.c, exists().where(GOLD.c.item == REVIEW_SLOTS.c.item)
    keyless = update(REVIEW_SLOTS).where(slot.kind == SLOT, slot.state == OPEN, ~keyed).values(state=VOID)
    return len(connection.execute(keyless.returning(slot.alias)).all())


def _void_open(connection: Connection, item: str) -> None:
    slot = REVIEW_SLOTS.c
    open_gold = (slot.item == item, slot.kind == SLOT, slot.state == OPEN)
    connection.execute(update(REVIEW_SLOTS).where(*open_gold).values(state=VOID))


def keys_from_record(connection: Connection, item: str) -> dict[str, GoldKey]:
    """What the record knows well enough for a key: what was adjudicated, and what several reviewers all said.

    Raises:
        NoSuchReview: No such item.
    """
    row = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == item)).one_or_none()
    if row is None:
        raise NoSuchReview(item)
    said = of_item(row, read_evaluations(connection, [row.attempt_id]))
    voided = voided_in(connection, [row.grading_digest]).get(row.grading_digest, frozenset())
    people = [e for e in said if e.grader_kind == "human" and e.stage in ("primary", "adjudication")]
    graders: dict[str, set[str]] = {}
    words: dict[str, set[Verdict]] = {}
    for evaluation in people:
        for verdict in evaluation.verdicts:
            graders.setdefault(verdict.criterion, set()).add(evaluation.grader)
            words.setdefault(verdict.criterion, set()).add(verdict.verdict)
    keys: dict[str, GoldKey] = {}
    for criterion, record in records_of(people, voided=voided).items():
        unanimous = len(graders[criterion]) > 1 and len(words[criterion]) == 1
        if record.source != Source.adjudication and not unanimous:
            continue
        if record.verdict in (Verdict.passed, Verdict.failed):
            keys[criterion] = GoldKey(verdict="pass" if record.verdict == Verdict.passed else "fail")
    return keys
