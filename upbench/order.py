"""What a user asks of a run, and how it is to be executed, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agents import AttemptLimits
from core import BadInput
from grading import Reviewing
from runs import CrashBound, RunBudget, RunOptions, TrialLimits
from sandbox import SandboxLimits
from upbench.settings import Settings

TRIAL = "trial_"
NONE = "none"
SMALL = 2
"""So few attempts of an agent have a preflight where one is asked for."""


@dataclass(frozen=True)
class Order:
    """What a user asks of `upbench run`, before anything is looked up.

    Attributes:
        agents: Names as on the command line. models: `provider/model` names; agents with a model get each.
        limits: `NAME=VALUE` pairs, see `parse_limits`.
        settings: `NAME=VALUE` pairs, of the agents that use a model.
        jobs: Ids of the pack to run; empty: all.
        policy: What completes a job, and so what failed; None: `paper`.
        protocol, attempts: As in `runs.check_protocol`.
        echo, feedback_form, rework_context, rework_budget, early_stop: As in `upbench.reworking.reworked`.
        budget, crash_rate, preflight, concurrency, reviewers, overlap, gold, qualified: As in `changed_options`.
    """

    pack: str
    agents: tuple[str, ...] = ("react",)
    models: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    repeats: int = 1
    limits: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    sandbox: str | None = None
    network: str = "none"
    allow_domains: tuple[str, ...] = ()
    cassette: str | None = None
    replay: bool = False
    rubric_visible: bool = False
    base_url: str | None = None
    policy: str | None = None
    protocol: str = "single"
    attempts: int | None = None
    echo: bool = False
    feedback_form: str | None = None
    rework_context: str | None = None
    rework_budget: tuple[str, ...] = ()
    early_stop: bool | None = None
    budget: tuple[str, ...] = ()
    crash_rate: str | None = None
    preflight: bool | None = None
    concurrency: int | None = None
    reviewers: int | None = None
    overlap: float | None = None
    gold: float | None = None
    qualified: bool | None = None

    def options(self, settings: Settings) -> RunOptions:
        """How the run is executed. Raises `BadInput`."""
        return changed_options(
            settings.run_options,
            budget=self.budget,
            crash_rate=self.crash_rate,
            preflight=self.preflight,
            concurrency=self.concurrency,
            reviewers=self.reviewers,
            overlap=self.overlap,
            gold=self.gold,
            qualified=self.qualified,
        )


def changed_options(
    options: RunOptions,
    *,
    budget: Sequence[str] = (),
    crash_rate: str | None = None,
    preflight: bool | None = None,
    concurrency: int | None = None,
    reviewers: int | None = None,
    overlap: float | None = None,
    gold: float | None = None,
    qualified: bool | None = None,
) -> RunOptions:
    """Options with what a user says otherwise.

    Args:
        options: As they are.
        budget: `NAME=VALUE` pairs of `RunBudget`; `none` lifts a bound.
        crash_rate: A share of attempts between 0 and 1, or `off`.
        preflight: Of each agent one attempt goes before the others, also where there are few; False: never.
        concurrency: Attempts at one time.
        reviewers: How many people review each submission that comes.
        overlap: Probability of one review more, which decides nothing.
        gold: Probability that a review is wanted beside it of a submission of which it is known what is right.
        qualified: Only who has qualified by gold reviews what comes.

    Raises:
        BadInput: One of them is wrong.
    """
    changes: dict[str, Any] = {"budget": _budget(options.budget, budget)}
    if crash_rate is not None:
        changes["crashes"] = _crash_bound(str(crash_rate))
    if preflight is not None:
        changes["preflight"] = SMALL if preflight else 0
    if concurrency is not None:
        changes["concurrency"] = concurrency
    reviewing = {"primary": reviewers, "overlap": overlap, "gold": gold, "qualified": qualified}
    changes["reviewing"] = _reviewing(options.reviewing, reviewing)
    return options.model_copy(update=changes)


def _reviewing(known: Reviewing, said: dict[str, float | None]) -> Reviewing:
    try:
        return Reviewing.model_validate(
            known.model_dump() | {name: value for name, value in said.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = {"primary": "reviewers"}.get(str(first["loc"][0]), first["loc"][0])
        raise BadInput(str(first["msg"]), field=f"--{name}") from error


def _budget(known: RunBudget, pairs: Sequence[str]) -> RunBudget:
    lifted = [name for name, _, value in (pair.partition("=") for pair in pairs) if value == NONE]
    given = RunBudget.parse([pair for pair in pairs if not pair.endswith(f"={NONE}")])
    RunBudget.parse([f"{name}=1" for name in lifted])  # there are bounds of these names
    return known.model_copy(update=given.model_dump(exclude_unset=True) | dict.fromkeys(lifted))


def _crash_bound(text: str) -> CrashBound | None:
    if text == "off":
        return None
    try:
        return CrashBound(rate=float(text))
    except ValueError as error:
        mend = "a share of attempts between 0 and 1, or off"
        raise BadInput(f"{text[:50]!r} is no such rate", field="--crash-rate", mend=mend) from error


def parse_limits(pairs: Sequence[str]) -> tuple[AttemptLimits, SandboxLimits, TrialLimits]:
    """Limits of each attempt, its sandbox, and (`trial_...`) all attempts of a trial, from `NAME=VALUE` pairs.

    `none` lifts a limit of attempt or trial.

    Raises:
        BadInput: No such limit, or a wrong value.
    """
    named: dict[str, tuple[Any, str]] = {name: (AttemptLimits, name) for name in AttemptLimits.model_fields}
    named |= {name: (SandboxLimits, name) for name in SandboxLimits.model_fields}
    named |= {TRIAL + name: (TrialLimits, name) for name in TrialLimits.model_fields}
    values: dict[Any, dict[str, Any]] = {AttemptLimits: {}, SandboxLimits: {}, TrialLimits: {}}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise BadInput(f"{pair!r} is not NAME=VALUE", field="--limit")
        if name not in named:
            raise BadInput(f"no limit is called {name!r}", field="--limit", mend=f"one of: {', '.join(named)}")
        kind, field = named[name]
        values[kind][field] = None if text == NONE and kind is not SandboxLimits else text
    made: list[Any] = []
    kinds: tuple[tuple[Any, str], ...] = ((AttemptLimits, ""), (SandboxLimits, ""), (TrialLimits, TRIAL))
    for kind, prefix in kinds:
        try:
            made.append(kind(**values[kind]))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadInput(str(first["msg"]), field=f"--limit {prefix}{first['loc'][0]}") from error
    return made[0], made[1], made[2]
