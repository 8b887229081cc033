"""The ledger by months: what each person's month comes to, and paying it as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from core import Frozen
from grading.adjudication.bonus import PERIOD, Bonus, bonuses, in_period
from grading.adjudication.pay import DUE, PAID
from grading.adjudication.tables import PAY, PAY_BONUSES
from grading.book import now


class Month(Frozen):
    """What a month comes to in a currency, in its minor units, bonuses among it."""

    period: str
    currency: str
    due: int
    paid: int


class PersonMonth(Frozen):
    """Somebody's month in a currency.

    Attributes:
        reviews, adjudications: Pieces of work. seconds: Paid.
        earned: By work, in minor units. bonus: What comes on top; None: there is none, or not yet.
        due: Of both together what is not paid yet.
    """

    person: str
    period: str
    currency: str
    reviews: int
    adjudications: int
    seconds: int
    earned: int
    bonus: Bonus | None
    due: int

    @property
    def whole(self) -> int:
        """Work and bonus."""
        return self.earned + (self.bonus.amount if self.bonus is not None else 0)

    @property
    def key(self) -> str:
        """What a page says of it to have it paid: also how much, so that nothing is paid that was not shown."""
        return f"{self.due} {self.currency} {self.person}"


def months(connection: Connection) -> list[Month]:
    """Every month with entries, the newest first."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    of_work = select(PERIOD.label("period"), PAY.c.currency, PAY.c.state, func.sum(PAY.c.amount).label("amount"))
    bonus = PAY_BONUSES.c
    of_bonus = select(bonus.period, bonus.currency, bonus.state, func.sum(bonus.amount).label("amount"))
    for query in (
        of_work.group_by(PERIOD, PAY.c.currency, PAY.c.state),
        of_bonus.group_by(bonus.period, bonus.currency, bonus.state),
    ):
        for row in connection.execute(query):
            sums = found.setdefault((row.period, row.currency), {DUE: 0, PAID: 0})
            sums[row.state] += int(row.amount)
    return [
        Month(period=period, currency=currency, due=sums[DUE], paid=sums[PAID])
        for (period, currency), sums in sorted(found.items(), reverse=True)
    ]


def people_of(connection: Connection, period: str) -> list[PersonMonth]:
    """What everybody's month comes to."""
    key = (PAY.c.person, PAY.c.currency)
    decided = PAY.c.stage == "adjudication"
    sums = (
        _sum(case(((PAY.c.number == 1) & ~decided, 1), else_=0), "reviews"),
        _sum(case(((PAY.c.number == 1) & decided, 1), else_=0), "adjudications"),
        _sum(PAY.c.paid_seconds, "seconds"),
        _sum(PAY.c.amount, "earned"),
        _sum(case((PAY.c.state == DUE, PAY.c.amount), else_=0), "due"),
    )
    rows = connection.execute(select(*key, *sums).where(*in_period(period)).group_by(*key).order_by(*key))
    on_top = {(one.person, one.currency): one for one in bonuses(connection, period=period)}
    found = []
    for row in rows:
        values = dict(row._mapping)
        bonus = on_top.get((row.person, row.currency))
        if bonus is not None and bonus.state == DUE:
            values["due"] += bonus.amount
        found.append(PersonMonth.model_validate(values | {"period": period, "bonus": bonus}))
    return found


def pay_months(connection: Connection, period: str, keys: Iterable[str], by: str) -> tuple[list[PersonMonth], int]:
    """Say that whole months were paid; returns these, and how many others come to something else by now.

    Args:
        connection: Of a write transaction.
        period: The month.
        keys: `PersonMonth.key` of each, as they were shown.
        by: Who says so.
    """
    wanted = set(keys)
    there = {one.key: one for one in people_of(connection, period) if one.due}
    done = [there[key] for key in sorted(wanted & set(there))]
    for one in done:
        paid = {"state": PAID, "paid": now(), "paid_by": by}
        mine = (PAY.c.person == one.person, PAY.c.currency == one.currency, PAY.c.state == DUE)
        connection.execute(update(PAY).where(*in_period(period), *mine).values(**paid))
        of_bonus = PAY_BONUSES.c
        its = (of_bonus.person == one.person, of_bonus.currency == one.currency, of_bonus.period == period)
        connection.execute(update(PAY_BONUSES).where(*its, of_bonus.state == DUE).values(**paid))
    return done, len(wanted) - len(done)


def _sum(column: Any, name: str) -> Any:
    return func.sum(column).label(name)
