"""The past and the arms over real records, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from agents import AGENT_MIGRATIONS, agent_config
from core import LLM_MIGRATIONS, Cause, Database, Usage, model_config
from grading import GRADING_MIGRATIONS, minutes_per_criterion
from jobs import load_pack
from rubrics import CompletionPolicy
from runs import RUN_MIGRATIONS, Records, RunConfig
from runs.arms import ArmRules, judged_trials, plan_arms
from runs.history import judged_past, past_trials
from runs.tables import ATTEMPTS
from tests.runs.past import Model, Past
from tests.runs.support import write_pack

MODEL = model_config("openai/made-up")
AGENT = agent_config("react", model=MODEL)


@pytest.fixture
def database(database_place: Path | str) -> Iterator[Database]:
    made = Database(database_place, [*LLM_MIGRATIONS, *AGENT_MIGRATIONS, *GRADING_MIGRATIONS, *RUN_MIGRATIONS])
    yield made
    made.close()


@pytest.fixture
def past(database: Database, tmp_path: Path) -> Past:
    return Past(database, {job.id: job for job in load_pack(write_pack(tmp_path / "packs", jobs=4)).jobs})


def config_of(*jobs: str, **more: object) -> RunConfig:
    return RunConfig.model_validate(
        {"pack": "small", "pack_version": "1.0.0", "jobs": jobs, "agents": (AGENT,), **more}
    )


def test_failures_by_the_verdicts_of_record_are_tried_again_once(past: Past, database: Database) -> None:
    jobs = ("job-1", "job-2", "job-3", "job-4")
    first, second, _, fourth = past.run("run", config_of(*jobs))
    past.judge(first, "job-1", passes=False)
    past.judge(second, "job-2", passes=True)
    past.judge(fourth, "job-4", passes=False)
    records = Records(database)
    plan = plan_arms(records.attempts("run"), judged_trials(database, "run"), ArmRules(("retry",), 2))
    assert [p.parent for p in plan.planned] == [first, fourth]
    assert (plan.completed, len(plan.awaiting)) == (1, 1)
    with database.write() as connection:
        connection.execute(insert(ATTEMPTS), [planned.row() for planned in plan.planned])
    there = {attempt.id: attempt for attempt in records.attempts("run")}
    made = there[f"{first}retry".replace(".k1", ".k2")]
    assert (made.k, made.arm, made.parent, made.run, made.state) == (2, "retry", first, "run", "planned")
    again = plan_arms(there.values(), judged_trials(database, "run"), ArmRules(("retry",), 2))
    assert again.planned == ()
    assert len(again.unfinished) == 2


def test_one_trial_is_judged_without_the_others(past: Past, database: Database) -> None:
    first, second = past.run("run", config_of("job-1", "job-2"))
    past.judge(first, "job-1", passes=False)
    past.judge(second, "job-2", passes=False)
    own = Records(database).attempts_of_trial(second)
    (trial,) = judged_trials(database, "run", attempts=own)
    assert (trial.key.job, trial.passed_1) == ("job-2", False)
    assert [p.parent for p in plan_arms(own, [trial], ArmRules(("retry",), 3)).planned] == [second]


def test_the_past_is_read_newest_run_first_and_not_without_end(past: Past, database: Database) -> None:
    old = past.run("old", config_of("job-1", "job-2", repeats=2), created="2026-01-01")
    new = past.run("new", config_of("job-3", repeats=3), created="2026-02-01")
    for number, name in enumerate([*old, *new]):
        past.took(name, 1, seconds=number, model=Model(MODEL, Usage(input=number), 0.5))
    (found,) = past_trials(database, [AGENT], most=5).values()
    assert [trial.row.run for trial in found] == ["new"] * 3 + ["old"] * 2
    assert [trial.tokens for trial in found] == [6, 5, 4, 3, 2]
    assert {trial.dollars for trial in found} == {0.5}
    past.judge(new[0], "job-3", passes=True)
    judged = [
        trial for trial in judged_past(database, found, CompletionPolicy.paper) if trial.passed_1 is not None
    ]
    assert [(trial.key.run, trial.passed_1) for trial in judged] == [("new", True)]


def test_a_crash_is_no_past(past: Past, database: Database) -> None:
    (name,) = past.run("run", config_of("job-1"))
    with database.write() as connection:
        connection.execute(ATTEMPTS.update().where(ATTEMPTS.c.id == name).values(cause=Cause.sandbox_lost.value))
    assert past_trials(database, [AGENT]) == {AGENT.name: ()}


def test_minutes_of_reviewers_are_measured_over_verdicts(past: Past, database: Database) -> None:
    names = past.run("run", config_of("job-1", repeats=15))
    for number, name in enumerate(names[:14]):
        past.judge(name, "job-1", passes=True, minutes=2 + 2 * (number % 2))
    assert minutes_per_criterion(database) is None
    past.judge(names[14], "job-1", passes=True, minutes=18)
    assert minutes_per_criterion(database) == (2.0, 30)
