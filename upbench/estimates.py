"""What trials will take, before they are run: from past trials of the same agent, else what their limits allow."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any, Literal

from agents import AgentConfig, AttemptLimits
from core import Frozen, ModelConfig, PriceTable, Usage
from runs import PastTrial

Basis = Literal["known", "measured", "assumed", "bound", "unknown"]
_CONTEXT, _REPLY = "context_tokens", "max_output_tokens"
_WORST_FIRST: tuple[Basis, ...] = ("unknown", "bound", "assumed", "measured", "known")


class Estimate(Frozen):
    """A figure before the fact, and how far to trust it.

    Attributes:
        value: None: unknown, which is not 0; `why` says so.
        basis: `known` (follows from the plan), `measured` (the mean of past trials of the same agent), `assumed`
            (a stated default), `bound` (what limits and prices allow, mostly far more than is used), `unknown`.
        past: On how many past trials, or verdicts, it rests.
        why: What to know about it.
    """

    value: float | None
    basis: Basis
    past: int = 0
    why: str | None = None


Mean = Callable[[PastTrial], float | None]


def measured(past: Sequence[PastTrial], pack: str, jobs: Sequence[str], of: Mean) -> dict[str, Estimate] | None:
    """Of one trial on each job: the mean of past ones on it, else of the agent's others; None: not known.

    Nor is it known where it is not of one of the past trials: the mean of the others may say nothing of that one.
    """
    known = [(trial, value) for trial in past if (value := of(trial)) is not None]
    if not known or len(known) < len(past):
        return None
    everywhere = fmean(value for _, value in known)
    found = {}
    for job in jobs:
        own = [value for trial, value in known if (trial.pack, trial.row.job) == (pack, job)]
        why = None if own else "no past trial on this job: the mean of the agent's others"
        found[job] = Estimate(
            value=fmean(own) if own else everywhere, basis="measured", past=len(own) or len(known), why=why
        )
    return found


def dollars_bound(agent: AgentConfig, limits: AttemptLimits, prices: PriceTable) -> Estimate:
    """The most that an attempt of the agent may cost."""
    if agent.model is None:
        return Estimate(value=0.0, basis="known", why="asks no model")
    if agent.scripted:
        return Estimate(value=0.0, basis="known", why="scripted: no model is asked")
    if limits.dollars is not None:
        return Estimate(value=limits.dollars, basis="bound", why="the limit in dollars")
    if not prices.known(agent.model):
        return Estimate(value=None, basis="unknown", why=f"no price is known for {agent.model.name}")
    bounds = []
    if limits.tokens is not None:
        kinds = (Usage(input=limits.tokens), Usage(cache_write=limits.tokens), Usage(output=limits.tokens))
        bounds.append((_dearest(agent.model, kinds, prices), f"{limits.tokens} tokens of the dearest kind"))
    if limits.steps is not None and (largest := _largest_call(agent)) is not None:
        call = prices.price(agent.model, Usage(input=largest[0], output=largest[1])) or 0.0
        bounds.append(
            (limits.steps * call, f"{limits.steps} steps, each with a full context and a reply of full length")
        )
    if not bounds:
        return Estimate(value=None, basis="unknown", why="no limit on steps, tokens or dollars bounds it")
    value, why = min(bounds)
    return Estimate(value=value, basis="bound", why=why)


def _dearest(model: ModelConfig, usages: Iterable[Usage], prices: PriceTable) -> float:
    return max((price for usage in usages if (price := prices.price(model, usage)) is not None), default=0.0)


def tokens_bound(agent: AgentConfig, limits: AttemptLimits) -> Estimate:
    """The most tokens that an attempt of the agent may use."""
    if agent.model is None:
        return Estimate(value=0, basis="known", why="asks no model")
    bounds = [] if limits.tokens is None else [(limits.tokens, "the limit in tokens")]
    if limits.steps is not None and (largest := _largest_call(agent)) is not None:
        bounds.append((limits.steps * sum(largest), f"{limits.steps} steps, each with a full context"))
    if not bounds:
        return Estimate(value=None, basis="unknown", why="no limit on steps or tokens bounds it")
    value, why = min(bounds)
    return Estimate(value=value, basis="bound", why=why)


def seconds_bound(limits: AttemptLimits) -> Estimate:
    """The longest that an attempt may take."""
    if limits.wall_seconds is None:
        return Estimate(value=None, basis="unknown", why="no limit on the wall time bounds it")
    return Estimate(value=limits.wall_seconds, basis="bound", why="the limit on the wall time")


def _largest_call(agent: AgentConfig) -> tuple[int, int] | None:
    sizes: tuple[Any, Any] = agent.settings.get(_CONTEXT), agent.settings.get(_REPLY)
    return sizes if all(isinstance(size, int) for size in sizes) else None


def total(parts: Iterable[tuple[Estimate, int]], *, past: int = 0) -> Estimate:
    """So many times each part, added up; as unsure as the least sure part, and unknown where one is unknown.

    Args:
        parts: Estimates with the number of times each counts.
        past: On how many past trials the measured ones rest together.
    """
    parts = [(part, times) for part, times in parts if times]
    worst = min((part.basis for part, _ in parts), key=_WORST_FIRST.index, default="known")
    why = "; ".join(dict.fromkeys(part.why for part, _ in parts if part.basis == worst and part.why)) or None
    if worst == "unknown":
        return Estimate(value=None, basis=worst, why=why)
    value = sum((part.value or 0.0) * times for part, times in parts)
    return Estimate(value=value, basis=worst, past=past if worst == "measured" else 0, why=why)


def makespan(seconds: Iterable[float], concurrency: int) -> float:
    """When the last of some attempts ends that are begun in this order, so many at one time."""
    free = [0.0] * concurrency
    for length in seconds:
        heapq.heapreplace(free, free[0] + length)
    return max(free)
