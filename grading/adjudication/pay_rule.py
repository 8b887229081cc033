"""By which rule work is paid: time, never verdicts; and a bonus for whoever judges as was settled before.

Amounts are whole minor units of a currency (cents), rounded up. A review is paid by the rule that was in force
when it was locked:

    seconds = active seconds, at most `most` times the estimate; where no active time is known, the estimate
    amount  = the greater of `per_review` and seconds * hourly / 3600

so that the hourly rate is a floor under a rate a review, and a page left open is not paid without end. The
estimate is `minutes_per_criterion` for each verdict given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from pydantic import Field, field_validator
from sqlalchemy import Connection, func, insert, select

from core import Frozen, canonical_json
from grading.adjudication.tables import PAY_RULES
from grading.book import now
from grading.statistics.review_time import MINUTES_PER_CRITERION

# ISO 4217: digits after the point, where they are not two.
_DIGITS = dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0)
_DIGITS |= dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
_DIGITS |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


class Band(Frozen):
    """From a balanced accuracy on gold (in [0, 1]) on, so many per cent of a month's pay come on top."""

    accuracy: float = Field(ge=0.5, le=1)
    percent: int = Field(ge=0, le=100)


class PayRule(Frozen):
    """How work is paid.

    Attributes:
        hourly, per_review: In minor units of the currency.
        minutes_per_criterion: The estimate. most: Times the estimate that is paid at most.
        bands: Of the bonus; of those that are reached the one of the highest accuracy counts. None: no bonus.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    hourly: int = Field(ge=0, le=10**9)
    per_review: int = Field(default=0, ge=0, le=10**9)
    minutes_per_criterion: float = Field(default=MINUTES_PER_CRITERION, gt=0, le=600)
    most: float = Field(default=3.0, ge=1, le=100)
    bands: tuple[Band, ...] = Field(default=(), max_length=10)

    @field_validator("bands")
    @classmethod
    def _by_accuracy(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        if len({band.accuracy for band in bands}) < len(bands):
            raise ValueError("two bands begin at one accuracy")
        return tuple(sorted(bands, key=lambda band: band.accuracy))

    def percent_for(self, accuracy: float | None) -> int:
        """The bonus for a balanced accuracy; None: it is not defined, and there is no bonus."""
        reached = [band.percent for band in self.bands if accuracy is not None and accuracy >= band.accuracy]
        return reached[-1] if reached else 0


@dataclass(frozen=True, slots=True)
class Numbered:
    """A rule, its number, and since when it counts (ISO 8601 in UTC)."""

    number: int
    since: str
    rule: PayRule


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
    rules = rules_of(connection)
    return rules[-1].rule if rules else None


def rules_of(connection: Connection) -> list[Numbered]:
    """All that there were, the oldest first."""
    rows = connection.execute(select(PAY_RULES).order_by(PAY_RULES.c.number))
    return [Numbered(row.number, row.ts, PayRule.model_validate_json(row.body)) for row in rows]


def rule_at(rules: Sequence[Numbered], ts: str) -> Numbered | None:
    """The one in force at a time; None: nothing was paid then."""
    return next((one for one in reversed(rules) if one.since <= ts), None)


def dollars_for(connection: Connection, criteria: int, minutes: float | None) -> float | None:
    """What a review costs that is locked now, by its verdicts and its active minutes as far as they are known.

    None: nobody is paid, or not in dollars.
    """
    rule = rule_now(connection)
    if rule is None or rule.currency != "USD":
        return None
    return amount_of(rule, paid_seconds(rule, criteria, None if minutes is None else round(minutes * 60))) / 100


def money(amount: int, currency: str) -> str:
    """Minor units for people: `12.30 EUR`, `1200 JPY`."""
    digits = _DIGITS.get(currency, 2)
    if not digits:
        return f"{amount} {currency}"
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{rest:0{digits}d} {currency}"
