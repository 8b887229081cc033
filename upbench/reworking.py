"""What a user says of later attempts, checked and put into a run's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from core import BadInput, PriceTable
from grading import ReworkContext
from runs import FeedbackForm, ReworkBudget, RunConfig, check_prices, check_protocol

NONE = "none"
FORMS: tuple[FeedbackForm, ...] = get_args(FeedbackForm)
CONTEXTS: tuple[ReworkContext, ...] = get_args(ReworkContext)


def reworked(
    config: RunConfig,
    *,
    echo: bool = False,
    feedback_form: str | None = None,
    rework_context: str | None = None,
    rework_budget: Sequence[str] = (),
    early_stop: bool | None = None,
    prices: PriceTable | None = None,
) -> RunConfig:
    """A run's configuration with what a user says of its later attempts; what is not said stays.

    Args:
        config: With protocol and attempts as they are to be.
        echo: What failed at first is also shown to reviewers once more, as it is. It is never taken back.
        feedback_form: `remarks` or `criteria`.
        rework_context: `submission` or `transcript`.
        rework_budget: `NAME=VALUE` pairs of `ReworkBudget`; `none` lifts a bound.
        early_stop: An arm ends where an attempt scores no better than the one before it.
        prices: The project's own.

    Raises:
        BadInput: One of them is wrong, or has nothing to act on.
    """
    changes: dict[str, Any] = {"echo": config.echo or echo}
    if feedback_form is not None:
        changes["feedback_form"] = _form(feedback_form, config)
    if rework_context is not None:
        changes["rework_context"] = _context(rework_context, config)
    if rework_budget:
        changes["rework_budget"] = _budget(config.rework_budget, rework_budget)
    if early_stop is not None:
        changes["early_stop"] = early_stop
    for field, given in _acting(rework_context, rework_budget, early_stop).items():
        if given and config.protocol == "single":
            raise BadInput("under `single` nothing is tried again", field=field, mend="add --protocol feedback")
    made = config.model_copy(update=changes)
    check_prices(made.executed, prices, rework=made.rework_budget)
    return made


def extended_by(config: RunConfig, protocol: str, attempts: int | None, *, echo: bool = False) -> RunConfig:
    """The configuration of a run that is to have the arms of that protocol as well.

    Raises:
        BadInput: The protocol adds no arm, or the run has as many attempts already.
    """
    if protocol == "single" and not echo:
        raise BadInput("`single` adds no attempts", field="--protocol", mend="choose retry, feedback or both")
    most = check_protocol(protocol, attempts)
    if most < config.attempts and protocol != "single":
        what = f"the run has {config.attempts} attempts of a trial already"
        raise BadInput(what, field="--attempts", mend=f"at least {config.attempts}")
    both = {config.protocol, protocol} - {"single"}
    joined = "single" if not both else both.pop() if len(both) == 1 else "both"
    return config.model_copy(update={"protocol": joined, "attempts": max(most, config.attempts)})


def _form(text: str, config: RunConfig) -> str:
    if text not in FORMS:
        mend = f"one of: {', '.join(FORMS)}"
        raise BadInput(f"no form of feedback is called {text[:50]!r}", field="--feedback-form", mend=mend)
    if "feedback" not in config.arms:
        what = f"under `{config.protocol}` no agent is shown any feedback"
        raise BadInput(what, field="--feedback-form", mend="add --protocol feedback")
    return text


def _acting(context: str | None, budget: Sequence[str], early: bool | None) -> dict[str, object]:
    """What acts on further attempts alone."""
    return {"--rework-context": context, "--rework-budget": budget, "--early-stop": early}


def _context(text: str, config: RunConfig) -> str:
    if text not in CONTEXTS:
        mend = f"one of: {', '.join(CONTEXTS)}"
        raise BadInput(f"no context is called {text[:50]!r}", field="--rework-context", mend=mend)
    if text == "transcript" and any(agent.scripted for agent in config.executed):
        what = "a scripted model plays each attempt by itself, and has no conversation to carry on"
        raise BadInput(what, field="--rework-context", mend="choose submission, or another --model")
    return text


def _budget(known: ReworkBudget, pairs: Sequence[str]) -> ReworkBudget:
    lifted = [name for name, _, value in (pair.partition("=") for pair in pairs) if value == NONE]
    given = ReworkBudget.parse([pair for pair in pairs if not pair.endswith(f"={NONE}")])
    ReworkBudget.parse([f"{name}=1" for name in lifted])  # there are bounds of these names
    return known.model_copy(update=given.model_dump(exclude_unset=True) | dict.fromkeys(lifted))
