from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents import AgentConfig, AgentResult, Assignment, Desk
from core import Cause, Ended, Fault, SandboxFault, cause_row
from runs import AttemptRow, Workplace
from sandbox import Command
from tests.runs.killing import HAND_IN, log
from tests.runs.project import bench_in, order, run_all, run_here, run_it
from tests.runs.support import script, write_pack
from upbench.bench import Bench


def verdicts(place: Workplace, attempt: AttemptRow) -> dict[str, str]:
    return {
        verdict.criterion: verdict.verdict.value
        for evaluation in place.book.verdicts_of(attempt.id)
        for verdict in evaluation.verdicts
    }


@pytest.mark.parametrize("times", [1, 2])
def test_three_agents_from_brief_to_verdicts_each_step_once_or_twice(tmp_path: Path, times: int) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=2), "nop", "oracle", "react"))
        assert asyncio.run(run_here(place, times=times)) == {Cause.submitted: 6}
        attempts = place.records.attempts(place.run_id)
        assert [a.cause for a in attempts] == [Cause.submitted] * 6
        found = {(a.agent, a.job): verdicts(place, a) for a in attempts}
        assert found["nop", "job-1"] == {"total": "fail", "note": "fail"}
        assert found["oracle", "job-2"] == {"total": "pass"}
        react = next(name for name, _ in found if name.startswith("react"))
        assert found[react, "job-1"] == {"total": "pass"}
        submission = next(a.submission for a in attempts if a.agent == "oracle")
        assert submission is not None
        assert [file.path for file in submission.files] == ["note.txt", "total.csv"]
        assert submission.files[1].media_type == "text/csv"
        assert not submission.missing
        assert bench.show(place.run_id).trials == {"total": 6, "planned": 0, "running": 0, "done": 6}
        assert not any((tmp_path / ".upbench" / "workspaces").glob("*")), "workspaces are cleared away"


@dataclass
class Misbehaving:
    """An agent that hands something in and then fails in the given way."""

    error: Exception | None = None
    result: AgentResult | None = None
    tries: int = 0
    config: AgentConfig = field(default_factory=lambda: AgentConfig(name="nop", scaffold="nop"))

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        self.tries += 1
        line = "echo total > deliverables/total.csv; echo 60 >> deliverables/total.csv"
        await desk.sandbox.run(Command(argv=("sh", "-c", line)))
        if self.error is not None:
            raise self.error
        assert self.result is not None, assignment.key
        return self.result


def run_misbehaving(bench: Bench, pack: Path, agent: Misbehaving, **options: Any) -> tuple[Workplace, AttemptRow]:
    place = bench.begin(order(pack, "nop"))
    place.agents["nop"] = agent
    run_all(place, **options)
    return place, place.records.attempts(place.run_id)[0]


@pytest.mark.parametrize("cause", [Cause.wall_time, Cause.steps, Cause.agent_error, Cause.model_refused])
def test_what_the_agent_is_to_blame_for_is_graded(tmp_path: Path, cause: Cause) -> None:
    with bench_in(tmp_path) as bench:
        agent = Misbehaving(result=AgentResult(cause=cause, detail="as told"))
        place, attempt = run_misbehaving(bench, write_pack(tmp_path), agent)
        assert attempt.cause is cause
        assert agent.tries == 1
        assert verdicts(place, attempt) == {"total": "pass"}
        line = bench.evaluations(place.run_id)[0]
        assert (line.ended, line.cause) == (cause_row(cause).ended, cause)


def test_infrastructure_faults_are_executed_again_and_all_kept(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        agent = Misbehaving(error=SandboxFault(Cause.sandbox_lost, "gone"))
        place, attempt = run_misbehaving(bench, write_pack(tmp_path), agent, executions=3)
        executions = place.records.executions([attempt.id])
        assert agent.tries == 3
        assert [(e.e, e.cause) for e in executions] == [(n, Cause.sandbox_lost) for n in (1, 2, 3)]
        assert attempt.submission is not None, "what was made is kept, though it is not graded"
        assert verdicts(place, attempt) == {}
        lines = bench.evaluations(place.run_id)
        assert [line.criterion for line in lines] == [None]
        assert lines[0].ended is Ended.harness_crash
        assert lines[0].execution == 3


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("a bug of ours"), Cause.harness_bug),
        (Fault(Cause.model_unauthorised, "401"), Cause.model_unauthorised),
    ],
)
def test_faults_that_would_come_again_are_not_tried_again(tmp_path: Path, error: Exception, cause: Cause) -> None:
    with bench_in(tmp_path) as bench:
        agent = Misbehaving(error=error)
        place, attempt = run_misbehaving(bench, write_pack(tmp_path), agent, executions=3)
        assert attempt.cause is cause
        assert agent.tries == 1
        assert bench.show(place.run_id).crashed == 1
        assert str(error).split(": ")[-1] in place.records.executions([attempt.id])[0].detail


def test_one_bad_trial_does_not_touch_the_others(tmp_path: Path) -> None:
    with bench_in(tmp_path, executions=1) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=3), "nop", "oracle"))
        place.agents["nop"] = Misbehaving(error=RuntimeError("bad"))
        progress = run_all(place, executions=1)
        assert progress.causes == {Cause.harness_bug: 3, Cause.submitted: 3}


def test_cancelling_leaves_the_execution_open_and_a_resume_goes_on_with_it(tmp_path: Path) -> None:
    def made() -> bool:
        return any((bench.home.state / "workspaces").glob("*/deliverables/total.csv"))

    async def start_and_cancel(place: Workplace) -> None:
        task = asyncio.create_task(run_it(place, concurrency=1))
        async with asyncio.timeout(60):
            while not made():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with bench_in(tmp_path) as bench:
        slow = script(log("step", 600), HAND_IN)
        place = bench.begin(order(write_pack(tmp_path, script_text=slow), "react"))
        asyncio.run(start_and_cancel(place))
        assert bench.show(place.run_id).state == "interrupted"
        again = bench.reopen(place.run_id)
        progress = run_all(again)
        (attempt,) = again.records.attempts(place.run_id)
        executions = again.records.executions([attempt.id])
    assert progress.done == progress.total == 1
    assert [e.e for e in executions] == [1]
    assert attempt.cause is Cause.submitted
