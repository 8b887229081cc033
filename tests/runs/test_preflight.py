"""Before a large run one trial of each agent is made, and what it tells stops the rest or does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core import Cause
from runs.preflight import preflight_failure, preflight_of
from runs.rows import DONE, AttemptRow


def row(number: int, agent: str = "a", cause: Cause | None = None, state: str = "planned") -> AttemptRow:
    fields: dict[str, Any] = {"parent": None, "submission": None, "finished": None}
    trial = f"t{agent}{number}"
    return AttemptRow(
        id=f"{trial}.k1",
        run="r",
        trial=trial,
        agent=agent,
        job=f"job-{number}",
        repeat=1,
        k=1,
        arm="alone",
        state=DONE if cause else state,
        cause=cause,
        **fields,
    )


def test_one_trial_of_each_agent_comes_first() -> None:
    attempts = [row(n, agent) for n in range(30) for agent in ("a", "b")]
    assert [p.id for p in preflight_of(attempts)] == ["ta0.k1", "tb0.k1"]


def test_a_small_run_needs_none() -> None:
    few = [row(n, "b") for n in range(19)]
    assert preflight_of(few) == ()
    assert [p.agent for p in preflight_of([*few, *(row(n, "a") for n in range(20))])] == ["a"]
    assert len(preflight_of(few, large=19)) == 1


def test_an_agent_that_has_worked_before_needs_none() -> None:
    rest = [row(n) for n in range(1, 50)]
    assert preflight_of([row(0, cause=Cause.agent_gave_up), *rest]) == ()
    assert preflight_of([row(0, cause=Cause.submitted), *rest]) == ()


@pytest.mark.parametrize("cause", [Cause.model_unauthorised, Cause.sandbox_start, Cause.run_budget])
def test_a_resume_after_a_failure_tries_one_again(cause: Cause) -> None:
    rest = [row(n) for n in range(1, 50)]
    assert [p.id for p in preflight_of([row(0, cause=cause), *rest])] == ["ta1.k1"]


def test_what_was_at_work_goes_on_first() -> None:
    attempts = [row(n, state="running" if n == 7 else "planned") for n in range(30)]
    assert [p.id for p in preflight_of(attempts)] == ["ta7.k1"]


@pytest.mark.parametrize("cause", [Cause.submitted, Cause.wall_time, Cause.model_refused, Cause.workspace_full])
def test_an_end_that_is_the_agents_own_passes(cause: Cause) -> None:
    assert preflight_failure([row(0, cause=cause)], rest=99) is None


@pytest.mark.parametrize("cause", [Cause.user_cancelled, Cause.run_budget])
def test_what_was_cancelled_stops_nothing_by_itself(cause: Cause) -> None:
    assert preflight_failure([row(0, cause=cause), row(0, "b")], rest=99) is None


def test_a_fault_of_harness_or_infrastructure_stops_the_rest() -> None:
    ended = [row(0, "a", Cause.submitted), row(0, "b", Cause.model_unauthorised)]
    said = preflight_failure(ended, rest=1998, details={"tb0.k1": "Traceback\n  401:  no such\tkey\n"})
    assert said == (
        "the preflight failed, so the other 1998 attempts were not begun: b on job-0: the model's API did not "
        "accept the key (401: no such key) [tb0]; 1 of 2 agents passed"
    )


def test_every_failure_is_named() -> None:
    ended = [row(0, "a", Cause.sandbox_start), row(0, "b", Cause.harness_bug)]
    said = preflight_failure(ended, rest=10)
    assert said is not None
    assert "a on job-0: the sandbox did not start [ta0]; b on job-0: UpBench itself failed [tb0]; 0 of 2" in said
    assert preflight_failure([replace(ended[0], state="running"), row(0, "b")], rest=10) is None
