"""A bonus for whoever judges as was settled before: in bands, on a month's pay, once the month is over.

Bands and whole months, because a figure that moved with a single review would tell which was gold, and would pay
for a verdict. It is the balanced accuracy on the last `WINDOW` gold criteria locked before the month ended, `EXAM`
of them or more; the rule in force at the end of the month says what it brings. Once entered it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from core import Frozen, insert_new
from grading.adjudication.exam import EXAM, WINDOW, answers_of, balanced_accuracy
from grading.adjudication.pay_rule import Numbered, rule_at
from grading.adjudication.tables import PAY, PAY_BONUSES
from grading.book import now

_ADD = insert_new(PAY_BONUSES).returning(PAY_BONUSES.c.person)
PERIOD = func.substr(PAY.c.due, 1, 7)
"""The calendar month (UTC) of an entry, as `2026-11`."""


class Bonus(Frozen):
    """What somebody's month brings on top of its pay.

    Attributes:
        period: The month, as `2026-11`.
        answers, accuracy: Gold criteria that counted, and the balanced accuracy on them; None: not defined.
        percent: Of `base`, the month's pay in minor units, rounded up to `amount`.
        due, paid: When, ISO 8601 in UTC.
    """

    person: str
    period: str
    currency: str
    answers: int
    accuracy: float | None
    percent: int
    base: int
    amount: int
    rule: int
    state: str
    due: str
    paid: str | None = None
    paid_by: str | None = None


def end_of(period: str) -> str:
    """When a month is over, ISO 8601 in UTC."""
    year, month = (int(part) for part in period.split("-"))
    return f"{date(year + month // 12, month % 12 + 1, 1).isoformat()}T00:00:00+00:00"


def lack_bonuses(connection: Connection, rules: Sequence[Numbered]) -> bool:
    """Whether a month is over of which bonuses are not entered."""
    return bool(_months(connection, rules))


def enter_bonuses(connection: Connection, rules: Sequence[Numbered]) -> int:
    """Enter the bonuses of the months that are over, and return how many entries that were.

    Nobody's work of a month that is over is entered later than its bonuses: what is told of late is of the month
    in which it comes.
    """
    entered = 0
    for period, by in _months(connection, rules).items():
        key = (PAY.c.person, PAY.c.currency)
        query = select(*key, func.sum(PAY.c.amount).label("base")).where(*in_period(period))
        for row in connection.execute(query.group_by(*key).order_by(*key)).all():
            entered += _enter(connection, row, period, by)
    return entered


def bonuses(connection: Connection, person: str | None = None, *, period: str | None = None) -> list[Bonus]:
    """Those that are entered (of one person, of one month), the newest first; also those of nothing."""
    bonus = PAY_BONUSES.c
    chosen = [(bonus.person, person), (bonus.period, period)]
    query = select(PAY_BONUSES).where(*(column == value for column, value in chosen if value is not None))
    rows = connection.execute(query.order_by(bonus.period.desc(), bonus.person, bonus.currency))
    return [Bonus.model_validate(dict(row._mapping)) for row in rows]


def in_period(period: str) -> tuple[ColumnElement[bool], ...]:
    """The entries of a month."""
    return (PAY.c.due >= period, PAY.c.due < end_of(period))


def _months(connection: Connection, rules: Sequence[Numbered]) -> dict[str, Numbered]:
    """The months that are over, have entries and no bonuses yet, and by which rule they are to have them."""
    first = next((one.since for one in rules if one.rule.bands), None)
    if first is None:
        return {}
    last: str | None = connection.execute(select(func.max(PAY_BONUSES.c.period))).scalar()
    since = first[:7] if last is None else max(first[:7], end_of(last)[:7])
    over = select(PERIOD.label("period")).where(PAY.c.due >= since, PAY.c.due < now()[:7]).distinct()
    months = sorted(str(period) for period in connection.execute(over).scalars())
    found = {period: rule_at(rules, end_of(period)) for period in months}
    return {period: by for period, by in found.items() if by is not None and by.rule.bands}


def _enter(connection: Connection, row: Any, period: str, by: Numbered) -> int:
    sittings = answers_of(connection, row.person, until=end_of(period))
    answers = [answer for sitting in sittings for answer in sitting][-WINDOW:]
    accuracy = balanced_accuracy(answers) if len(answers) >= EXAM else None
    percent = by.rule.percent_for(accuracy)
    bonus = Bonus(
        person=row.person,
        period=period,
        currency=row.currency,
        answers=len(answers),
        accuracy=accuracy,
        percent=percent,
        base=int(row.base),
        amount=ceil(Fraction(int(row.base) * percent, 100)),
        rule=by.number,
        state="due",
        due=end_of(period),
    )
    return int(connection.execute(_ADD, bonus.model_dump()).scalar() is not None)
