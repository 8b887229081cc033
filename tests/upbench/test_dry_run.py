"""What a dry run says: from the past where there is one, else bounds that say so; what is unknown is never 0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import AttemptLimits, agent_config
from core import Cause, Usage, model_config
from grading import Variation, detectable_difference
from jobs import load_pack
from runs import RunConfig
from tests.runs.past import Model, Past, prices_file
from tests.runs.support import write_pack
from upbench.dry_run import DryRun, dry_run
from upbench.estimates import makespan
from upbench.home import Home, open_home
from upbench.settings import Settings

PRICED, OTHER = model_config("openai/made-up-1"), model_config("openai/made-up-2")
JOBS = tuple(f"job-{n}" for n in range(1, 13))


class Project:
    """A project with a pack of twelve jobs and a price file for one of two models."""

    def __init__(self, folder: Path, home: Home) -> None:
        self.home = home
        self.jobs = load_pack(write_pack(folder / "packs", jobs=12)).jobs
        self.past = Past(home.database, {job.id: job for job in self.jobs})

    def config(self, *models: Any, jobs: tuple[str, ...] = ("job-1", "job-2"), **more: Any) -> RunConfig:
        agents = tuple(agent_config("react", model=model) if model else agent_config("nop") for model in models)
        return RunConfig(pack="small", pack_version="1.0.0", jobs=jobs, agents=agents, **more)

    def dry_run(self, config: RunConfig, **more: Any) -> DryRun:
        return dry_run(self.home, config, self.jobs, **{"concurrency": 2, **more})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    prices_file(tmp_path, [("openai/made-up-1", 1.0, 10.0)])
    home = open_home(Settings(project=tmp_path, prices=Path("prices.toml")))
    yield Project(tmp_path, home)
    home.close()


def only(run: DryRun) -> Any:
    (agent,) = run.agents.values()
    return agent


def test_without_a_past_it_says_what_limits_and_prices_allow(project: Project) -> None:
    run = project.dry_run(project.config(PRICED, repeats=3, limits=AttemptLimits(steps=10, wall_seconds=600)))
    assert run.trials.model_dump() == {"total": 6, "jobs": 2, "agents": 1, "repeats": 3, "attempts": 6}
    assert (run.dollars.basis, run.tokens.basis, run.wall_seconds.basis) == ("bound", "bound", "bound")
    assert run.dollars.value == pytest.approx(6 * 10 * (200_000 * 1.0 + 16_000 * 10.0) / 1e6)
    assert run.tokens.value == 6 * 10 * 216_000
    assert run.wall_seconds.value == 3 * 600
    assert "at most $21.60 (bound: 10 steps, each with a full context" in run.text
    assert "time         at most 30 min" in run.text


@pytest.mark.parametrize(
    ("limits", "dollars"),
    [
        (AttemptLimits(dollars=0.5, steps=10), 0.5),
        (AttemptLimits(tokens=30_000, steps=10), 0.3),
        (AttemptLimits(tokens=30_000_000, steps=1), 0.36),
        (AttemptLimits(tokens=None, steps=None), None),
    ],
)
def test_the_narrowest_limit_bounds_the_dollars(
    project: Project, limits: AttemptLimits, dollars: float | None
) -> None:
    found = project.dry_run(project.config(PRICED, jobs=("job-1",), limits=limits)).dollars
    assert found.value == (None if dollars is None else pytest.approx(dollars))
    assert found.basis == ("unknown" if dollars is None else "bound")
    assert found.why is not None


def test_an_unknown_price_is_no_price_and_makes_the_sum_unknown(project: Project) -> None:
    run = project.dry_run(project.config(PRICED, OTHER, None))
    by_name = {name.split("@")[-1]: agent.dollars for name, agent in run.agents.items()}
    assert by_name["nop"].value == 0
    assert by_name["openai/made-up-1"].value is not None
    assert by_name["openai/made-up-2"].value is None
    assert run.dollars.value is None
    assert run.dollars.why == "no price is known for openai/made-up-2"
    assert "dollars      unknown: no price is known for openai/made-up-2" in run.text
    assert json.loads(run.model_dump_json())["dollars"]["value"] is None


def test_what_asks_no_model_costs_nothing(project: Project) -> None:
    run = project.dry_run(project.config(None, model_config("scripted/demo")))
    assert (run.dollars.value, run.dollars.basis) == (0.0, "known")


def test_past_trials_of_the_same_agent_are_the_measure(project: Project) -> None:
    before = project.config(PRICED, repeats=2)
    names = project.past.run("before", before)
    # Jobs outermost within a repeat: job-1, job-2, job-1, job-2.
    for name, dollars, seconds in zip(names, (0.1, 0.4, 0.3, 0.6), (10, 100, 30, 200), strict=True):
        project.past.took(name, 1, seconds=seconds, model=Model(PRICED, Usage(input=1000, output=50), dollars))
    run = project.dry_run(project.config(PRICED, jobs=("job-1", "job-2", "job-3"), repeats=2))
    agent = only(run)
    assert (agent.past, agent.trials) == (4, 6)
    # 0.2 on job-1, 0.5 on job-2, and on job-3, which is new, the mean of all.
    assert run.dollars.value == pytest.approx(2 * (0.2 + 0.5 + 0.35))
    assert (run.dollars.basis, run.dollars.past) == ("measured", 4)
    assert run.dollars.why == "no past trial on this job: the mean of the agent's others"
    assert run.tokens.value == pytest.approx(6 * 1050)
    assert agent.seconds.value == pytest.approx(2 * (20 + 150 + 85))
    # At two at a time: 20, 150, 85, 20, 150, 85.
    assert run.wall_seconds.value == pytest.approx(275)
    assert "$2.10 (measured on 4 past trials" in run.text


def test_all_executions_of_a_past_trial_count(project: Project) -> None:
    (name,) = project.past.run("before", project.config(PRICED, jobs=("job-1",)))
    project.past.took(name, 1, seconds=5, model=Model(PRICED, Usage(input=10), 0.25))
    project.past.took(name, 2, seconds=7, model=Model(PRICED, Usage(input=10), 0.5))
    run = project.dry_run(project.config(PRICED, jobs=("job-1",)))
    assert (run.dollars.value, run.tokens.value, run.wall_seconds.value) == (0.75, 20, 12)


def test_a_past_without_a_price_is_priced_now_or_not_at_all(project: Project) -> None:
    (priced, other) = project.past.run("before", project.config(PRICED, OTHER, jobs=("job-1",)))
    project.past.took(priced, 1, seconds=5, model=Model(PRICED, Usage(input=1_000_000), None))
    project.past.took(other, 1, seconds=5, model=Model(OTHER, Usage(input=1_000_000), None))
    assert project.dry_run(project.config(PRICED, jobs=("job-1",))).dollars.value == pytest.approx(1.0)
    unknown = project.dry_run(project.config(OTHER, jobs=("job-1",)))
    assert (unknown.dollars.value, unknown.dollars.basis) == (None, "unknown")
    assert unknown.tokens.value == 1_000_000


def test_the_past_of_another_agent_or_of_a_crash_tells_nothing(project: Project) -> None:
    other = agent_config("react", model=PRICED, settings={"max_output_tokens": 4000})
    same = agent_config("react", model=PRICED).model_copy(update={"name": "by-another-name"})
    crashed = project.config(PRICED, jobs=("job-2",)).model_copy(update={"agents": (same,)})
    (wrong,) = project.past.run("other", crashed.model_copy(update={"agents": (other,)}))
    project.past.took(wrong, 1, seconds=5, model=Model(PRICED, Usage(input=10), 9.0))
    planned = project.config(PRICED, jobs=("job-2",))
    assert only(project.dry_run(planned)).past == 0
    (right,) = project.past.run("same", crashed)
    project.past.took(right, 1, seconds=5, model=Model(PRICED, Usage(input=10), 0.5))
    assert project.dry_run(planned).dollars.value == 0.5
    trial = right.split(".")[0]
    project.past.attempt("same", f"{trial}.k2retry", Cause.submitted, k=2, arm="retry")
    project.past.took(f"{trial}.k2retry", 1, seconds=50, model=Model(PRICED, Usage(input=10), 4.0))
    assert project.dry_run(planned).dollars.value == 0.5


def test_further_attempts_are_counted_at_most(project: Project) -> None:
    once = project.dry_run(project.config(PRICED))
    again = project.dry_run(project.config(PRICED, protocol="retry", attempts=2))
    assert (once.trials.attempts, again.trials.attempts) == (2, 4)
    assert once.dollars.value is not None
    assert again.dollars.value == pytest.approx(2 * once.dollars.value)
    assert again.review.criteria == 2 * once.review.criteria
    assert "attempts     at most 4: what failed is tried again" in again.text


def test_reviewers_hours_follow_from_the_criteria_that_no_check_decides(project: Project) -> None:
    config = project.config(None, PRICED, repeats=5)
    run = project.dry_run(config, reviewers=3)
    # Two jobs, two agents, five repeats; one of the two criteria of each job is decided by its check.
    assert (run.review.criteria, run.review.minutes.basis) == (20, "assumed")
    assert run.review.hours == pytest.approx(20 * 3 * 2.0 / 60)
    assert "2.0 h: 20 criteria that no check decides x 3 reviewers x 2.0 min (assumed)" in run.text
    assert project.dry_run(config, minutes=6).review.hours == pytest.approx(2.0)


def test_reviewers_minutes_are_measured_where_people_have_reviewed(project: Project) -> None:
    names = project.past.run("before", project.config(PRICED, jobs=JOBS, repeats=2))
    for number, name in enumerate(names):
        assert project.dry_run(project.config(PRICED)).review.minutes.basis == "assumed" or number >= 15
        # Two verdicts each; some took their time, of some it is not known.
        job = JOBS[number % 12]
        project.past.judge(name, job, passes=True, minutes=None if number >= 20 else 3 + number % 2)
    found = project.dry_run(project.config(PRICED)).review.minutes
    assert found.value == pytest.approx(1.75)
    assert (found.basis, found.past) == ("measured", 40)


def test_what_can_be_told_apart_is_assumed_or_measured(project: Project) -> None:
    config = project.config(PRICED, OTHER, jobs=JOBS, repeats=2)
    assumed = project.dry_run(config).detectable
    assert assumed.variation == Variation()
    assert assumed.difference == detectable_difference(12, 2, Variation())
    names = project.past.run("before", config)
    for number, name in enumerate(names):
        # Repeats always agree, and both agents complete the same third of the jobs.
        job = JOBS[(number // 2) % 12]
        project.past.judge(name, job, passes=JOBS.index(job) < 4)
    run = project.dry_run(config)
    found = run.detectable
    assert found.variation.measured == ("rate", "repeats_alike", "agents_alike")
    assert found.variation.rate == pytest.approx(1 / 3)
    assert found.variation.agents_alike == pytest.approx(1.0)
    assert found.difference == detectable_difference(12, 2, found.variation) != assumed.difference
    assert "measured: rate, repeats_alike, agents_alike" in run.text


def test_too_few_jobs_tell_nothing_apart(project: Project) -> None:
    run = project.dry_run(project.config(PRICED))
    assert run.detectable.difference is None
    assert "difference   none can be detected between two agents on 2 jobs: they are too few" in run.text


def test_work_is_shared_out_in_the_order_of_the_plan() -> None:
    assert makespan([5, 1, 1, 1], 2) == 5
    assert makespan([1, 1, 1, 5], 2) == 6
    assert makespan([], 3) == 0
    assert makespan([2.0] * 100, 1) == 200
