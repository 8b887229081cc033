"""Rubric tickets: a reviewer's word that a criterion is at fault, and what a lead makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, case, func, select, update

from core import digest_of, insert_new
from grading.adjudication.gold_standing import refresh_standings
from grading.adjudication.problems import Decided, NoSuchReview, NotReady, Problem
from grading.adjudication.tables import ADJUDICATIONS, GOLD, GOLD_ITEMS, TICKETS
from grading.adjudication.triggers import OPEN, VOID, open_due, still_open
from grading.adjudication.voids import Voiding, write_voiding
from grading.book import LOCKED, now, read_evaluations
from grading.evaluations import Evaluation
from grading.items import ReviewCriterion
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS

MAX_TEXT = 4_000
Outcome = Literal["keep", "void"]

_ADD = insert_new(TICKETS)
_AT_ONCE = 200


@dataclass(frozen=True)
class Ticket:
    """A rubric ticket as leads see it.

    Attributes:
        title: Of the job. criterion: As reviewers read it.
        state: `open`, `kept` or `voided`.
        opened_by, decided_by: Ids of people.
        submissions: How many submissions are up for review under the same rubric.
    """

    alias: str
    grading_digest: str
    title: str
    criterion: ReviewCriterion
    text: str
    opened_by: str
    opened: str
    state: str
    answer: str | None
    decided_by: str | None
    decided: str | None
    submissions: int


def open_ticket(connection: Connection, item: str, criterion: str, person: str, text: str) -> str:
    """Open a ticket on a criterion of an item's rubric and return its alias; the same words again are the same.

    Raises:
        NoSuchReview: No such item or criterion. NotReady: It says nothing, or too much.
    """
    row = connection.execute(_sheets().where(REVIEW_ITEMS.c.alias == item)).one_or_none()
    if row is None or criterion not in _criteria(row.body):
        raise NoSuchReview(criterion)
    text = text.strip()
    if not text:
        raise NotReady([Problem(criterion, "say what is wrong with the criterion")])
    if len(text) > MAX_TEXT:
        raise NotReady([Problem(criterion, f"more than {MAX_TEXT} characters")])
    key = {"grading_digest": row.grading_digest, "criterion": criterion, "opened_by": person, "text": text}
    alias = digest_of(key)[:24]
    connection.execute(_ADD, key | {"alias": alias, "item": item, "opened": now(), "state": "open"})
    return alias


def decide(connection: Connection, alias: str, person: str, outcome: Outcome, answer: str) -> list[str]:
    """Answer a ticket, in the caller's transaction; `void`: its criterion counts for nobody any more.

    Every open ticket on the same criterion is answered with it.

    Returns:
        The items of whose adjudications one ended with the criterion: they may be settled by now.

    Raises:
        NoSuchReview: No such ticket. Decided: It is answered. NotReady: Nothing says why.
    """
    ticket = connection.execute(select(TICKETS).where(TICKETS.c.alias == alias).with_for_update()).one_or_none()
    if ticket is None:
        raise NoSuchReview(alias)
    if ticket.state != "open":
        raise Decided
    if not answer.strip():
        raise NotReady([Problem(ticket.criterion, "say why")])
    chosen = TICKETS.c.alias == alias
    if outcome == "void":
        chosen = (TICKETS.c.grading_digest == ticket.grading_digest) & (TICKETS.c.criterion == ticket.criterion)
    connection.execute(
        update(TICKETS)
        .where(chosen, TICKETS.c.state == "open")
        .values(
            state="voided" if outcome == "void" else "kept",
            answer=answer.strip(),
            decided_by=person,
            decided=now(),
        )
    )
    if outcome == "keep":
        return []
    _, items = set_voided(
        connection,
        ticket.grading_digest,
        ticket.criterion,
        voided=True,
        by=person,
        reason=answer.strip(),
        ticket=alias,
    )
    return items


def set_voided(
    connection: Connection,
    grading_digest: str,
    criterion: str,
    *,
    voided: bool,
    by: str,
    reason: str,
    ticket: str | None = None,
) -> tuple[Voiding | None, list[str]]:
    """Void a criterion for every submission graded by a rubric, or let it count again.

    Open adjudications of a voided criterion end without a decision; they are open again when it counts again, and
    so is what nobody has judged of it because it did not count while the reviews were made.

    Returns:
        What was written (None: it stood so already), and the items whose adjudications that changed.

    Raises:
        NoSuchReview: No submission under that rubric is up for review, or it has no such criterion.
        NotReady: Nothing says why.
    """
    rows = connection.execute(_sheets().where(REVIEW_ITEMS.c.grading_digest == grading_digest)).all()
    if not rows or criterion not in _criteria(rows[0].body):
        raise NoSuchReview(criterion)
    if not reason.strip():
        raise NotReady([Problem(criterion, "say why")])
    decision = write_voiding(
        connection, grading_digest, criterion, voided=voided, by=by, reason=reason.strip(), ticket=ticket
    )
    if decision is None:
        return None, []
    before, after = (OPEN, VOID) if voided else (VOID, OPEN)
    touched = (ADJUDICATIONS.c.criterion == criterion, ADJUDICATIONS.c.state == before)
    of_rubric = select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.grading_digest == grading_digest)
    changed = connection.execute(
        update(ADJUDICATIONS)
        .where(*touched, ADJUDICATIONS.c.item.in_(of_rubric))
        .values(state=after)
        .returning(ADJUDICATIONS.c.item)
    )
    items = set(changed.scalars())
    keyed = select(GOLD.c.item).where(GOLD.c.criterion == criterion, GOLD.c.item.in_(of_rubric))
    refresh_standings(connection, connection.execute(keyed).scalars().all())
    return decision, sorted(items if voided else items | _open_again(connection, grading_digest))


def _open_again(connection: Connection, grading_digest: str) -> set[str]:
    """Open what is due of submissions that have all their reviews; returns the items of which anything is open."""
    done = (REVIEW_ITEMS.c.grading_digest == grading_digest, REVIEW_ITEMS.c.state == LOCKED)
    copies = select(GOLD_ITEMS.c.item).where(GOLD_ITEMS.c.origin != GOLD_ITEMS.c.item)  # nobody waits for these
    chosen = select(REVIEW_ITEMS).where(*done, REVIEW_ITEMS.c.alias.not_in(copies))
    items = connection.execute(chosen.order_by(REVIEW_ITEMS.c.alias)).all()
    for begin in range(0, len(items), _AT_ONCE):
        some = items[begin : begin + _AT_ONCE]
        said: dict[str, list[Evaluation]] = {item.attempt_id: [] for item in some}
        for evaluation in read_evaluations(connection, list(said)):
            said[evaluation.attempt_id].append(evaluation)
        for item in some:
            open_due(connection, item, said[item.attempt_id])
    return {item.alias for item in items if still_open(connection, item.alias)}


def tickets(connection: Connection, *, opened_by: str | None = None, most: int = 200) -> list[Ticket]:
    """Tickets (of one person), `most` of them: those that are open first, then the newest."""
    query = select(TICKETS, REVIEW_SHEETS.c.body).select_from(
        TICKETS.join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == TICKETS.c.item).join(
            REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet
        )
    )
    if opened_by is not None:
        query = query.where(TICKETS.c.opened_by == opened_by)
    order = (case((TICKETS.c.state == "open", 0), else_=1), TICKETS.c.opened.desc(), TICKETS.c.alias)
    rows = connection.execute(query.order_by(*order).limit(most)).all()
    counts = _submissions(connection, [row.grading_digest for row in rows])
    return [_ticket(row, counts) for row in rows]


def _ticket(row: Row[Any], counts: dict[str, int]) -> Ticket:
    body = json.loads(row.body)
    return Ticket(
        alias=row.alias,
        grading_digest=row.grading_digest,
        title=body["title"],
        criterion=_criteria(row.body)[row.criterion],
        text=row.text,
        opened_by=row.opened_by,
        opened=row.opened,
        state=row.state,
        answer=row.answer,
        decided_by=row.decided_by,
        decided=row.decided,
        submissions=counts.get(row.grading_digest, 0),
    )


def _submissions(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    digest = REVIEW_ITEMS.c.grading_digest
    query = select(digest, func.count()).where(digest.in_(sorted(set(digests)))).group_by(digest)
    return {str(name): int(count) for name, count in connection.execute(query)} if digests else {}


def _sheets() -> Any:
    columns = (REVIEW_ITEMS.c.alias, REVIEW_ITEMS.c.grading_digest, REVIEW_SHEETS.c.body)
    return select(*columns).join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)


def _criteria(body: str) -> dict[str, ReviewCriterion]:
    criteria = [ReviewCriterion.model_validate(found) for found in json.loads(body)["criteria"]]
    return {criterion.id: criterion for criterion in criteria}
