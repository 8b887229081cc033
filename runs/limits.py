"""Nested limits: an attempt's within its trial's, and the run's budget around all.

An attempt that meets a limit, its own or its trial's, has ended and is graded. A run that meets its budget stops
clean: what was at work waits for a resume with a larger budget, and what was not begun is listed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from agents import AgentConfig, AttemptLimits
from core import BadInput, CallJournal, CallTotals, Cause, Frozen, PriceTable, Spent, price_known

if TYPE_CHECKING:  # rows hold options, and those the budget
    from runs.rows import ExecutionRow

MEND_PRICE = "name a price in the settings' `prices` file, or limit tokens"
L = TypeVar("L", bound=Frozen)


class TrialLimits(Frozen):
    """Limits of all attempts of one trial together. None: no limit of this kind.

    Attributes:
        wall_seconds, working_seconds, steps: Of the execution of each attempt that counts.
        tokens, dollars: Of every execution and every failed try.
    """

    wall_seconds: float | None = Field(default=None, gt=0)
    working_seconds: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    dollars: float | None = Field(default=None, gt=0)

    @classmethod
    def parse(cls, pairs: Sequence[str], field: str = "--limit") -> TrialLimits:
        """Limits from `NAME=VALUE` pairs. Raises `BadInput`."""
        return _parse(cls, pairs, field)


class RunBudget(Frozen):
    """What a whole run may spend, all its workers together. None: no bound of this kind.

    Attributes:
        dollars, tokens: Of every call, failed and wasted ones included.
        hours: Of wall time in which anybody executes the run, from the first model call to the last; pauses of
            more than half an hour, such as between a stop and a resume, do not count.
    """

    dollars: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)

    @classmethod
    def parse(cls, pairs: Sequence[str], field: str = "--budget") -> RunBudget:
        """A budget from `NAME=VALUE` pairs. Raises `BadInput`."""
        return _parse(cls, pairs, field)

    @property
    def given(self) -> bool:
        """There is a bound."""
        return self != RunBudget()

    def met(self, spent: Spent) -> str | None:
        """Why the run is to stop, in a line for people, or None.

        A budget in dollars is also met when something was paid for at an unknown price: it cannot hold any more.
        """
        if self.dollars is not None and spent.unpriced:
            return f"{spent.unpriced} calls have no known price, so a budget in dollars cannot hold ({MEND_PRICE})"
        pairs = (("dollars", spent.dollars), ("tokens", spent.tokens), ("hours", spent.hours))
        for name, used in pairs:
            bound = getattr(self, name)
            if bound is not None and used >= bound:
                return f"{used:,.6g} of {bound:,.6g} {name} spent"
        return None


class ReworkBudget(Frozen):
    """What a trial may have cost for another attempt to be made at it. None: no bound of this kind.

    Looked at before each further attempt, over the first attempt and those of the same arm: B of UpBench's
    Algorithm 1 (arXiv 2511.12306, section 5.3). What is not known counts as nothing.

    Attributes:
        dollars: Of the agent's model calls and of reviews.
        minutes: Of reviews, by people.
    """

    dollars: float | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)

    @classmethod
    def parse(cls, pairs: Sequence[str], field: str = "--rework-budget") -> ReworkBudget:
        """A budget from `NAME=VALUE` pairs. Raises `BadInput`."""
        return _parse(cls, pairs, field)

    def met(self, dollars: float, minutes: float) -> bool:
        """Whether so much leaves nothing for another attempt."""
        return any(
            bound is not None and used >= bound
            for bound, used in ((self.dollars, dollars), (self.minutes, minutes))
        )


@dataclass(frozen=True)
class Used:
    """What earlier attempts of a trial used, in the sense of `TrialLimits`."""

    wall_seconds: float = 0.0
    working_seconds: float = 0.0
    steps: int = 0
    tokens: int = 0
    dollars: float = 0.0


# The order in which limits are looked at: of several that are met, the first names the cause.
_CAUSES = {
    "wall_seconds": Cause.wall_time,
    "working_seconds": Cause.working_time,
    "steps": Cause.steps,
    "tokens": Cause.tokens,
    "dollars": Cause.dollars,
}


def used_by_trial(journal: CallJournal, trial: str, executions: Sequence[ExecutionRow], attempt: str) -> Used:
    """What a trial used besides the execution that is at work, or about to be: its agent counts that itself.

    Args:
        journal: Of the project.
        trial: Its id, with which the keys of all its executions begin.
        executions: Of all its attempts, in order.
        attempt: The attempt whose last execution is at work. The time and steps of its earlier ones, which came to
            nothing, are not the agent's; the money is gone all the same.
    """
    counting = {one.attempt: one for one in executions if one.attempt != attempt}.values()
    at_work = [one.id for one in executions if one.attempt == attempt][-1:]
    calls = journal.usage_of(f"{trial}.")
    own = [journal.usage_of(f"{name}/") for name in at_work]
    return Used(
        wall_seconds=sum(one.seconds or 0.0 for one in counting),
        working_seconds=sum(one.working_seconds or 0.0 for one in counting),
        steps=sum(one.steps for one in counting),
        tokens=_tokens(calls) - sum(map(_tokens, own)),
        dollars=max(0.0, calls.dollars - sum(one.dollars for one in own)),
    )


def _tokens(calls: CallTotals) -> int:
    return calls.usage.total + calls.wasted_usage.total


def trial_used_up(limits: TrialLimits, used: Used) -> Cause | None:
    """The cause with which an attempt ends before it has begun, because its trial has nothing left; or None."""
    for name, cause in _CAUSES.items():
        bound = getattr(limits, name)
        if bound is not None and getattr(used, name) >= bound:
            return cause
    return None


def effective_limits(attempt: AttemptLimits, trial: TrialLimits, used: Used) -> AttemptLimits:
    """The limits under which an attempt works: of each kind the nearer of its own and what its trial has left.

    Ask `trial_used_up` first: where nothing is left, the least that a limit can be is given.
    """
    nearer: dict[str, Any] = {}
    for name in _CAUSES:
        own, bound = getattr(attempt, name), getattr(trial, name)
        if bound is None:
            continue
        left = max(bound - getattr(used, name), 1 if isinstance(bound, int) else 1e-6)
        nearer[name] = left if own is None else min(own, left)
    return attempt.model_copy(update=nearer)


def check_prices(
    agents: Iterable[AgentConfig],
    prices: PriceTable | None,
    *,
    limits: AttemptLimits | None = None,
    trial: TrialLimits | None = None,
    budget: RunBudget | None = None,
    rework: ReworkBudget | None = None,
) -> None:
    """Where dollars are limited, every model has a price.

    Raises:
        BadInput: A model has none, so that the limit could not hold; with the mend.
    """
    wanted = {
        "--limit dollars": limits,
        "--limit trial_dollars": trial,
        "--budget dollars": budget,
        "--rework-budget dollars": rework,
    }
    for field, limit in wanted.items():
        if limit is None or limit.dollars is None:
            continue
        for agent in agents:
            if agent.model is not None and not price_known(agent.model, prices):
                raise BadInput(
                    f"no price is known for {agent.model.name}, so a limit in dollars cannot hold",
                    field=field,
                    mend=MEND_PRICE,
                )


class BudgetWatch:
    """Looks whether a run has met its budget; the database is asked once in `every` seconds at most."""

    def __init__(self, journal: CallJournal, run: str, budget: RunBudget, *, every: float = 1.0) -> None:
        self._journal, self._run, self._budget, self._every = journal, run, budget, every
        self._looked = float("-inf")
        self._met: str | None = None

    def met(self) -> str | None:
        """Why the run is to stop, or None. Once met, a budget stays met. Raises `StoreFault`."""
        due = self._met is None and time.monotonic() - self._looked >= self._every
        if due and self._budget.given:
            self._looked = time.monotonic()
            self._met = self._budget.met(self._journal.spent(self._run))
        return self._met


def _parse(kind: type[L], pairs: Sequence[str], field: str) -> L:
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"{pair!r} is not NAME=VALUE", field=field)
        if name not in kind.model_fields:
            mend = f"one of: {', '.join(kind.model_fields)}"
            raise BadInput(f"nothing is called {name!r}", field=field, mend=mend)
        values[name] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(str(first["msg"]), field=f"{field} {first['loc'][0]}") from error
