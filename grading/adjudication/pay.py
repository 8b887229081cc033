"""What reviewers are paid: by the time they worked, never by what they said.

Amounts are whole minor units of a currency (cents), rounded up. A review is paid by the rule that was in force
when it was locked:

    seconds = active seconds, at most `most` times the estimate; where no active time is known, the estimate
    amount  = the greater of `per_review` and seconds * hourly / 3600

so that the hourly rate is a floor under a rate a review, and a page left open is not paid without end. The
estimate is `minutes_per_criterion` for each verdict given. Active seconds are those of the intervals that the
pages sent, none counted twice (see `grading.adjudication.worked`); where there are none, what the evaluation says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, or_, select, update

from core import Database, Frozen, canonical_json, insert_new
from grading.adjudication.tables import PAY, PAY_RULES
from grading.adjudication.worked import worked_seconds
from grading.book import now
from grading.statistics.review_time import MINUTES_PER_CRITERION
from grading.tables import EVALUATIONS, VERDICTS

DUE, PAID = "due", "paid"
_ADD = insert_new(PAY).returning(PAY.c.evaluation)
# ISO 4217: digits after the point, where they are not two.
_DIGITS = dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0)
_DIGITS |= dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
_DIGITS |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


class PayRule(Frozen):
    """How work is paid.

    Attributes:
        hourly, per_review: In minor units of the currency.
        minutes_per_criterion: The estimate. most: Times the estimate that is paid at most.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    hourly: int = Field(ge=0, le=10**9)
    per_review: int = Field(default=0, ge=0, le=10**9)
    minutes_per_criterion: float = Field(default=MINUTES_PER_CRITERION, gt=0, le=600)
    most: float = Field(default=3.0, ge=1, le=100)


class PayItem(Frozen):
    """One piece of work in the ledger.

    Attributes:
        evaluation: Its number in the book. criteria: Verdicts given.
        active_seconds: None: unknown. paid_seconds: That are paid.
        amount: In minor units. due, paid: When, ISO 8601 in UTC.
    """

    evaluation: int
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


def paid_seconds(rule: PayRule, criteria: int, active_seconds: int | None) -> int:
    """The seconds of a review that are paid."""
    estimate = ceil(rule.minutes_per_criterion * 60 * max(criteria, 1))
    return estimate if active_seconds is None else min(active_seconds, ceil(estimate * rule.most))


def amount_of(rule: PayRule, seconds: int) -> int:
    """What so many seconds of a review bring, in minor units."""
    return max(rule.per_review, ceil(Fraction(seconds * rule.hourly, 3600)))


def set_rule(connection: Connection, rule: PayRule, by: str) -> int:
    """Pay by a rule from now on, and return its number; what was done before is paid by the rule of its time."""
    last = connection.execute(select(func.max(PAY_RULES.c.number))).scalar_one()
    values = {"number": (last or 0) + 1, "body": canonical_json(rule.model_dump()), "decided_by": by, "ts": now()}
    connection.execute(insert(PAY_RULES), values)
    return int(values["number"])


def rule_now(connection: Connection) -> PayRule | None:
    """The rule in force; None: nothing is paid."""
    rules = _rules(connection)
    return rules[-1][2] if rules else None


def enter_due(connection: Connection) -> int:
    """Put into the ledger whatever is locked and not in it, and return how many pieces of work that were.

    A review is one piece of work, whatever is corrected in it later; so is each adjudication.
    """
    rules = _rules(connection)
    if not rules:
        return 0
    verdicts = select(func.count()).where(VERDICTS.c.evaluation == EVALUATIONS.c.id).correlate(EVALUATIONS)
    rows = connection.execute(
        select(EVALUATIONS, verdicts.scalar_subquery().label("criteria"))
        .where(*_not_entered(rules[0][1]))
        .order_by(EVALUATIONS.c.id)
    ).all()
    return sum(_enter(connection, row, rules) for row in rows)


def enter_all(database: Database) -> int:
    """`enter_due` where there is anything to enter: to look at the ledger is to write only then."""
    with database.read() as connection:
        since: str | None = connection.execute(select(func.min(PAY_RULES.c.ts))).scalar()
        if since is None or not connection.execute(select(exists().where(*_not_entered(since)))).scalar():
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


def mark_paid(connection: Connection, evaluations: Iterable[int], by: str) -> int:
    """Say that work was paid, and return for how many pieces of it that is news."""
    chosen = sorted(set(evaluations))
    done = update(PAY).where(PAY.c.evaluation.in_(chosen), PAY.c.state == DUE)
    changed = connection.execute(done.values(state=PAID, paid=now(), paid_by=by).returning(PAY.c.evaluation))
    return len(changed.all())


def ledger(
    connection: Connection, person: str | None = None, *, state: str | None = None, most: int | None = None
) -> list[PayItem]:
    """What is due and what was paid (to one person; only of a state; so many at most), the newest first."""
    query = select(PAY).where(*_of(person, state)).order_by(PAY.c.evaluation.desc()).limit(most)
    return [PayItem.model_validate(dict(row._mapping)) for row in connection.execute(query)]


class Total(Frozen):
    """The sum of what is in a state, in minor units of a currency, and of how many pieces of work."""

    currency: str
    state: str
    amount: int
    count: int


def totals(connection: Connection, person: str | None = None) -> list[Total]:
    """The sums of the ledger (of one person), by currency and state."""
    sums = (func.sum(PAY.c.amount).label("amount"), func.count().label("count"))
    key = (PAY.c.currency, PAY.c.state)
    rows = connection.execute(select(*key, *sums).where(*_of(person, None)).group_by(*key).order_by(*key))
    return [Total.model_validate(dict(row._mapping)) for row in rows]


def _of(person: str | None, state: str | None) -> list[ColumnElement[bool]]:
    chosen = [(PAY.c.person, person), (PAY.c.state, state)]
    return [column == value for column, value in chosen if value is not None]


def money(amount: int, currency: str) -> str:
    """Minor units for people: `12.30 EUR`, `1200 JPY`."""
    digits = _DIGITS.get(currency, 2)
    if not digits:
        return f"{amount} {currency}"
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}d} {currency}"


def _enter(connection: Connection, row: Row[Any], rules: Sequence[tuple[int, str, PayRule]]) -> int:
    number, _, rule = [known for known in rules if known[1] <= row.ts][-1]
    active = worked_seconds(connection, row)
    if active is None and row.minutes is not None:
        active = round(row.minutes * 60)
    seconds = paid_seconds(rule, row.criteria, active)
    item = PayItem(
        evaluation=row.id,
        person=row.grader,
        stage=row.stage,
        criteria=row.criteria,
        active_seconds=active,
        paid_seconds=seconds,
        amount=amount_of(rule, seconds),
        currency=rule.currency,
        rule=number,
        state=DUE,
        due=row.ts,
    )
    return int(connection.execute(_ADD, item.model_dump()).scalar() is not None)


def _rules(connection: Connection) -> list[tuple[int, str, PayRule]]:
    rows = connection.execute(select(PAY_RULES).order_by(PAY_RULES.c.number))
    return [(row.number, row.ts, PayRule.model_validate_json(row.body)) for row in rows]
