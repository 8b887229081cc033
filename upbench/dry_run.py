"""`upbench run --dry-run`: what a run would do, take and be able to tell, before anything is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from core import Frozen, PriceTable
from grading import (
    MINUTES_PER_CRITERION,
    Variation,
    detectable_difference,
    minutes_per_criterion,
    variation_of,
)
from jobs import Job
from runs import PastTrial, RunConfig, judged_past, past_trials
from upbench.estimates import (
    Estimate,
    dollars_bound,
    makespan,
    measured,
    seconds_bound,
    tokens_bound,
    total,
)
from upbench.home import Home
from upbench.wiring import price_table

POWER = 0.8
LEVEL = 0.05


class PlannedCounts(Frozen):
    """How much is to be done; `attempts` at most, since only what failed is tried again; no echoes."""

    total: int
    jobs: int
    agents: int
    repeats: int
    attempts: int


class AgentEstimate(Frozen):
    """What the trials of one agent take, over all its attempts; `past`: trials of it in this project."""

    trials: int
    past: int
    dollars: Estimate
    tokens: Estimate
    seconds: Estimate


class ReviewEstimate(Frozen):
    """What people have to judge.

    Attributes:
        criteria: Verdicts of one reviewer on everything: the criteria of each submission that no check decides.
        reviewers: Of each submission; on average, where chance wants more reviews.
        minutes: For a criterion.
        hours: Of all reviewers together.
    """

    criteria: int
    reviewers: float
    minutes: Estimate
    hours: float


class Detectable(Frozen):
    """The smallest difference in completion between two agents that the run can detect.

    Attributes:
        difference: As a share of trials; None: not even the largest.
        power: The chance to detect it. level: The chance to find a difference where there is none.
        variation: How outcomes are taken to vary.
    """

    difference: float | None
    power: float
    level: float
    variation: Variation


class DryRun(Frozen):
    """What a run would do, take and be able to tell. Figures of work are at most, where attempts are.

    Attributes:
        trials: Counts; `total` are the trials.
        dollars, tokens: Of all agents. wall_seconds: Of the run at this concurrency.
        agents: The same by agent, added up.
        config: The run's.
    """

    trials: PlannedCounts
    concurrency: int
    dollars: Estimate
    tokens: Estimate
    wall_seconds: Estimate
    review: ReviewEstimate
    detectable: Detectable
    agents: dict[str, AgentEstimate]
    config: RunConfig

    @property
    def text(self) -> str:
        """For people."""
        return "\n".join(_words(self))


def dry_run(
    home: Home,
    config: RunConfig,
    jobs: Sequence[Job],
    *,
    concurrency: int,
    reviewers: float = 1,
    minutes: float | None = None,
) -> DryRun:
    """Estimate a run from its plan, this project's past, limits and prices. Nothing is written down or opened.

    Args:
        home: The project.
        config: The run's.
        jobs: Of its pack; those that the run does not name are left out.
        concurrency: Attempts at one time, over all processes.
        reviewers: Of each submission, on average.
        minutes: Of a reviewer for a criterion; default: as measured in this project, else a stated assumption.
    """
    chosen = [job for job in jobs if job.id in config.jobs]
    prices = price_table(home.settings) or PriceTable()
    past = past_trials(home.database, config.executed, prices)
    trials = _Trials(config, past, prices, config.most_tries)
    agents = {agent.name: trials.of(agent.name) for agent in config.executed}
    everything_past = sum(map(len, past.values()))
    everything = len(chosen) * len(agents) * config.repeats
    return DryRun(
        trials=PlannedCounts(
            total=everything,
            jobs=len(chosen),
            agents=len(agents),
            repeats=config.repeats,
            attempts=everything * config.most_tries,
        ),
        concurrency=concurrency,
        dollars=total(((agent.dollars, 1) for agent in agents.values()), past=everything_past),
        tokens=total(((agent.tokens, 1) for agent in agents.values()), past=everything_past),
        wall_seconds=trials.wall_seconds(concurrency),
        review=_review(home, chosen, len(agents) * config.repeats * config.most_reviews, reviewers, minutes),
        detectable=_detectable(home, config, past),
        agents=agents,
        config=config,
    )


class _Trials:
    """The estimates of each planned trial, by agent and job."""

    def __init__(
        self, config: RunConfig, past: dict[str, tuple[PastTrial, ...]], prices: PriceTable, attempts: int
    ) -> None:
        self._config, self._past, self._attempts = config, past, attempts
        self.by_agent: dict[str, dict[str, tuple[Estimate, Estimate, Estimate]]] = {}
        for agent in config.executed:
            bounds = (
                dollars_bound(agent, config.limits, prices),
                tokens_bound(agent, config.limits),
                seconds_bound(config.limits),
            )
            known = [
                measured(past[agent.name], config.pack, config.jobs, of)
                for of in (lambda t: t.dollars, lambda t: t.tokens, lambda t: t.seconds)
            ]
            self.by_agent[agent.name] = {
                job: tuple(  # type: ignore[misc]
                    bound if found is None or bound.basis == "known" else found[job]
                    for found, bound in zip(known, bounds, strict=True)
                )
                for job in config.jobs
            }

    def of(self, agent: str) -> AgentEstimate:
        """An agent's trials added up."""
        times, past = self._config.repeats * self._attempts, len(self._past[agent])
        dollars, tokens, seconds = (
            total(((parts[kind], times) for parts in self.by_agent[agent].values()), past=past)
            for kind in range(3)
        )
        return AgentEstimate(
            trials=len(self._config.jobs) * self._config.repeats,
            past=past,
            dollars=dollars,
            tokens=tokens,
            seconds=seconds,
        )

    def wall_seconds(self, concurrency: int) -> Estimate:
        """Of the whole run, its trials begun in the order of the plan."""
        planned = list(self._in_order())
        summed = total(((seconds, 1) for seconds in planned), past=sum(map(len, self._past.values())))
        if summed.value is None:
            return summed
        lengths = ((seconds.value or 0.0) * self._attempts for seconds in planned)
        return summed.model_copy(update={"value": makespan(lengths, concurrency)})

    def _in_order(self) -> Iterator[Estimate]:
        for _ in range(self._config.repeats):
            for job in self._config.jobs:
                for by_job in self.by_agent.values():
                    yield by_job[job][2]


def _review(home: Home, jobs: Sequence[Job], each: int, reviewers: float, minutes: float | None) -> ReviewEstimate:
    criteria = each * sum(not criterion.decides for job in jobs for criterion in job.rubric.criteria)
    if minutes is not None:
        a_criterion = Estimate(value=minutes, basis="known", why="as given")
    elif (found := minutes_per_criterion(home.database)) is not None:
        a_criterion = Estimate(value=found[0], basis="measured", past=found[1])
    else:
        a_criterion = Estimate(value=MINUTES_PER_CRITERION, basis="assumed")
    hours = criteria * reviewers * (a_criterion.value or 0.0) / 60
    return ReviewEstimate(criteria=criteria, reviewers=reviewers, minutes=a_criterion, hours=hours)


def _detectable(home: Home, config: RunConfig, past: dict[str, tuple[PastTrial, ...]]) -> Detectable:
    here = [t for own in past.values() for t in own if t.pack == config.pack and t.row.job in config.jobs]
    variation = variation_of(judged_past(home.database, here, config.policy))
    difference = detectable_difference(len(config.jobs), config.repeats, variation, power=POWER, level=LEVEL)
    return Detectable(difference=difference, power=POWER, level=LEVEL, variation=variation)


def _words(run: DryRun) -> Iterator[str]:
    t = run.trials
    names = ", ".join(run.agents)
    yield f"{t.total} trials: {names} on {t.jobs} jobs, {_times(t.repeats)}"
    if t.attempts > t.total:
        yield f"attempts     at most {t.attempts}: what failed is tried again"
    if run.config.echo:
        yield f"echoes       at most {t.total}: what failed at first is shown to reviewers once more"
    yield f"dollars      {_said(run.dollars, '${:,.2f}'.format)}"
    yield f"tokens       {_said(run.tokens, '{:,.0f}'.format)}"
    yield f"time         {_said(run.wall_seconds, _duration)}, {run.concurrency} at one time"
    r = run.review
    people = "" if r.reviewers == 1 else f" x {r.reviewers:g} reviewers"
    minutes = f"{r.minutes.value or 0:.1f} min ({_basis(r.minutes)})"
    yield f"review       {r.hours:,.1f} h: {r.criteria:,} criteria that no check decides{people} x {minutes}"
    yield f"difference   {_difference(run)}"


def _said(estimate: Estimate, show: Callable[[float], str]) -> str:
    if estimate.value is None:
        return f"unknown: {estimate.why}"
    most = "at most " if estimate.basis == "bound" else ""
    return f"{most}{show(estimate.value)} ({_basis(estimate)})"


def _basis(estimate: Estimate) -> str:
    trials = "trial" if estimate.past == 1 else "trials"
    past = f" on {estimate.past} past {trials}" if estimate.past and estimate.basis == "measured" else ""
    why = f": {estimate.why}" if estimate.why else ""
    return f"{estimate.basis}{past}{why}"


def _difference(run: DryRun) -> str:
    found, variation = run.detectable.difference, run.detectable.variation
    if found is None:
        return f"none can be detected between two agents on {run.trials.jobs} jobs: they are too few"
    taken = (
        f"a completion of {variation.rate:.0%}, repeats alike {variation.repeats_alike:.2f}, "
        f"agents alike {variation.agents_alike:.2f}"
    )
    basis = f"measured: {', '.join(variation.measured)}" if variation.measured else "assumed"
    return (
        f"{found * 100:.0f} percentage points between two agents on these jobs are detected "
        f"with {POWER:.0%} power (at {taken}; {basis})"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
