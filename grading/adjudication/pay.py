"""What reviewers are paid: by the time they worked, never by what they said; see `grading.adjudication.pay_rule`.

Active seconds are those of the intervals that the pages sent, none counted twice (see
`grading.adjudication.worked`); where there are none, what the evaluation says. Entries are never changed but for
being paid: time that is told of later is an entry of its own, of the day on which it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, or_, select, update

from core import Database, Frozen, canonical_json, insert_new
from grading.adjudication.bonus import enter_bonuses, lack_bonuses
from grading.adjudication.pay_rule import Numbered, amount_of, paid_seconds, rule_at, rules_of
from grading.adjudication.tables import PAY, PAY_LATE
from grading.adjudication.worked import Span, evaluations_at, seconds_of, worked
from grading.book import now
from grading.tables import EVALUATIONS, VERDICTS

DUE, PAID = "due", "paid"
_ADD = insert_new(PAY).returning(PAY.c.evaluation)


class PayItem(Frozen):
    """One entry of the ledger: a piece of work, or more time on one that is there already.

    Attributes:
        evaluation: Its number in the book. number: 1, and more for time that was told of later.
        criteria: Verdicts given; 0 where the entry is of more time.
        active_seconds: None: unknown. paid_seconds: That are paid.
        amount: In minor units. due, paid: When, ISO 8601 in UTC.
    """

    evaluation: int
    number: int = 1
    person: str
    stage: str
    criteria: int
    active_seconds: int | None
    paid_seconds: int
    amount: int
    currency: str
    rule: int
    state: str
    due: str
    paid: str | None = None
    paid_by: str | None = None

    @property
    def entry(self) -> str:
        """By which it is known: `17`, or `17.2` where it is of more time."""
        return str(self.evaluation) if self.number == 1 else f"{self.evaluation}.{self.number}"

    @property
    def work(self) -> str:
        """`review` or `adjudication`: which review was gold is not for whoever is measured by it."""
        return "adjudication" if self.stage == "adjudication" else "review"


def enter_due(connection: Connection) -> int:
    """Put into the ledger whatever is locked and not in it, and return how many entries that were.

    A review is one piece of work, whatever is corrected in it later; so is each adjudication.
    """
    rules = rules_of(connection)
    if not rules:
        return 0
    verdicts = select(func.count()).where(VERDICTS.c.evaluation == EVALUATIONS.c.id).correlate(EVALUATIONS)
    rows = connection.execute(
        select(EVALUATIONS, verdicts.scalar_subquery().label("criteria"))
        .where(*_not_entered(rules[0].since))
        .order_by(EVALUATIONS.c.id)
    ).all()
    entered = sum(_enter(connection, row, rules) for row in rows)
    return entered + _enter_late(connection, rules) + enter_bonuses(connection, rules)


def enter_all(database: Database) -> int:
    """`enter_due` where there is anything to enter: to look at the ledger is to write only then."""
    with database.read() as connection:
        rules = rules_of(connection)
        if not rules:
            return 0
        found = exists().where(*_not_entered(rules[0].since)) | exists(select(PAY_LATE.c.slot))
        if not connection.execute(select(found)).scalar() and not lack_bonuses(connection, rules):
            return 0
    with database.write() as connection:
        return enter_due(connection)


def _not_entered(since: str) -> tuple[ColumnElement[bool], ...]:
    """What was locked since the first rule and is not in the ledger."""
    return (
        EVALUATIONS.c.grader_kind == "human",
        or_(EVALUATIONS.c.revision == 1, EVALUATIONS.c.stage == "adjudication"),
        EVALUATIONS.c.ts >= since,
        ~exists().where(PAY.c.evaluation == EVALUATIONS.c.id),
    )


def mark_paid(connection: Connection, entries: Iterable[tuple[int, int]], by: str) -> int:
    """Say that entries (evaluation, number) were paid, and return for how many of them that is news."""
    changed = 0
    for evaluation, number in sorted(set(entries)):
        chosen = (PAY.c.evaluation == evaluation, PAY.c.number == number, PAY.c.state == DUE)
        done = update(PAY).where(*chosen).values(state=PAID, paid=now(), paid_by=by)
        changed += connection.execute(done.returning(PAY.c.evaluation)).first() is not None
    return changed


def ledger(
    connection: Connection, person: str | None = None, *, state: str | None = None, most: int | None = None
) -> list[PayItem]:
    """What is due and what was paid (to one person; only of a state; so many at most), the newest first."""
    columns = [PAY.c[name] for name in PayItem.model_fields]
    query = select(*columns).where(*_of(person, state)).order_by(PAY.c.evaluation.desc(), PAY.c.number.desc())
    return [PayItem.model_validate(dict(row._mapping)) for row in connection.execute(query.limit(most))]


class Total(Frozen):
    """The sum of what is in a state, in minor units of a currency, and of how many entries."""

    currency: str
    state: str
    amount: int
    count: int


def totals(connection: Connection, person: str | None = None) -> list[Total]:
    """The sums of the ledger (of one person), by currency and state; without bonuses."""
    sums = (func.sum(PAY.c.amount).label("amount"), func.count().label("count"))
    key = (PAY.c.currency, PAY.c.state)
    rows = connection.execute(select(*key, *sums).where(*_of(person, None)).group_by(*key).order_by(*key))
    return [Total.model_validate(dict(row._mapping)) for row in rows]


def _of(person: str | None, state: str | None) -> list[ColumnElement[bool]]:
    chosen = [(PAY.c.person, person), (PAY.c.state, state)]
    return [column == value for column, value in chosen if value is not None]


def _enter(connection: Connection, row: Row[Any], rules: Sequence[Numbered]) -> int:
    by = rule_at(rules, row.ts) or rules[0]
    spans = worked(connection, row)
    active = None if spans is None else seconds_of(spans)
    if active is None and row.minutes is not None:
        active = round(row.minutes * 60)
    seconds = paid_seconds(by.rule, row.criteria, active)
    item = PayItem(
        evaluation=row.id,
        person=row.grader,
        stage=row.stage,
        criteria=row.criteria,
        active_seconds=active,
        paid_seconds=seconds,
        amount=amount_of(by.rule, seconds),
        currency=by.rule.currency,
        rule=by.number,
        state=DUE,
        due=row.ts,
    )
    return _add(connection, item, spans or ())


def _add(connection: Connection, item: PayItem, spans: Sequence[Span]) -> int:
    when = {"spans": canonical_json(spans), "began": spans[0][0], "ended": spans[-1][1]} if spans else {}
    kept = {"spans": None, "began": None, "ended": None} | when
    return int(connection.execute(_ADD, item.model_dump() | kept).scalar() is not None)


def _enter_late(connection: Connection, rules: Sequence[Numbered]) -> int:
    """Enter the time that was told of after its work was entered."""
    marks = connection.execute(
        select(PAY_LATE).order_by(PAY_LATE.c.slot, PAY_LATE.c.person).with_for_update()
    ).all()
    entered = 0
    for mark in marks:
        entered += sum(_more(connection, row, rules) for row in evaluations_at(connection, mark.slot, mark.person))
        done = (PAY_LATE.c.slot == mark.slot, PAY_LATE.c.person == mark.person)
        connection.execute(delete(PAY_LATE).where(*done))
    return entered


def _more(connection: Connection, row: Row[Any], rules: Sequence[Numbered]) -> int:
    """What a piece of work is paid by all that is known of it, less what it is paid already; never less than 0."""
    had = connection.execute(select(PAY).where(PAY.c.evaluation == row.id).order_by(PAY.c.number)).all()
    spans = worked(connection, row) if had else None
    if not spans:
        return 0
    first = had[0]
    (rule,) = [one.rule for one in rules if one.number == first.rule]
    known, news = sum(one.active_seconds or 0 for one in had), seconds_of(spans)
    # Where an entry does not say of what moments it is, they may be these.
    active = known + news if any(one.spans for one in had) else max(known, news)
    seconds = paid_seconds(rule, first.criteria, active)
    amount = amount_of(rule, seconds) - sum(one.amount for one in had)
    if amount <= 0:
        return 0
    item = PayItem(
        evaluation=row.id,
        number=had[-1].number + 1,
        person=row.grader,
        stage=row.stage,
        criteria=0,
        active_seconds=active - known,
        paid_seconds=max(0, seconds - sum(one.paid_seconds for one in had)),
        amount=amount,
        currency=first.currency,
        rule=first.rule,
        state=DUE,
        due=now(),
    )
    return _add(connection, item, spans)
