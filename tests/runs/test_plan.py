from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agents import AttemptLimits, agent_config
from core import model_config
from jobs import load_pack
from runs import RunConfig, plan_trials
from runs.plan import identity_of
from tests.runs.support import write_pack


def config_of(**changes: object) -> RunConfig:
    base = {
        "pack": "small",
        "pack_version": "1.0.0",
        "jobs": ("job-1", "job-2"),
        "agents": (agent_config("nop"), agent_config("oracle")),
        "repeats": 3,
    }
    return RunConfig.model_validate(base | changes)


@pytest.fixture
def pack_root(tmp_path: Path) -> Path:
    return write_pack(tmp_path, jobs=2)


def test_plan_is_agents_times_jobs_times_repeats(pack_root: Path) -> None:
    jobs = {job.id: job for job in load_pack(pack_root).jobs}
    trials = list(plan_trials(config_of(), jobs, "run"))
    assert len(trials) == 2 * 2 * 3
    assert len({trial.id for trial in trials}) == len(trials)
    assert {(t.agent, t.job, t.repeat) for t in trials} == {
        (agent, job, repeat) for agent in ("nop", "oracle") for job in ("job-1", "job-2") for repeat in (1, 2, 3)
    }
    assert [t.id for t in trials] == [t.id for t in plan_trials(config_of(), jobs, "run")]


def test_identity_holds_what_the_agent_could_see_and_nothing_else(pack_root: Path) -> None:
    job = load_pack(pack_root).jobs[0]
    agent = agent_config("nop")
    base = identity_of(config_of(), agent, job, 1)
    assert identity_of(config_of(provider="docker"), agent, job, 1) == base
    assert identity_of(config_of(jobs=("job-1",), repeats=9), agent, job, 1) == base
    assert identity_of(config_of(), agent, job, 2) != base
    assert identity_of(config_of(rubric_visible=True), agent, job, 1) != base
    assert identity_of(config_of(limits=AttemptLimits(steps=3)), agent, job, 1) != base
    assert identity_of(config_of(), agent_config("oracle"), job, 1) != base


def test_rubric_is_identity_only_where_the_agent_sees_it(tmp_path: Path) -> None:
    first = load_pack(write_pack(tmp_path / "a")).jobs[0]
    other = load_pack(write_pack(tmp_path / "b", rubric=RUBRIC_CHANGED)).jobs[0]
    agent = agent_config("nop")
    assert identity_of(config_of(), agent, first, 1) == identity_of(config_of(), agent, other, 1)
    seen = config_of(rubric_visible=True)
    assert identity_of(seen, agent, first, 1) != identity_of(seen, agent, other, 1)


RUBRIC_CHANGED = """
[[criteria]]
id = "total"
importance = "critical"
text = "File total.csv states the sum"
"""


def test_agents_of_a_run_have_different_names() -> None:
    with pytest.raises(ValidationError, match="same name"):
        config_of(agents=(agent_config("nop"), agent_config("nop")))


def test_address_of_a_model_is_not_identity() -> None:
    here = agent_config("react", model=model_config("openai/m", base_url="http://a.example/v1"))
    there = agent_config("react", model=model_config("openai/m", base_url="http://b.example/v1"))
    assert here.digest == there.digest
    assert here.digest != agent_config("react", model=model_config("openai/n")).digest
