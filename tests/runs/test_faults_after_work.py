"""What fails after the agent's work is in neither loses that work nor has it done and paid again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import BadInput, Cause, MissingTool, SandboxFault, UpBenchError
from runs import Workplace
from tests.runs.project import bench_in, order, run_all
from tests.runs.support import write_pack
from upbench.retry import retry_predicate


class Unwell:
    """A provider whose grading sandboxes do not start (`times` of them), or whose workspaces cannot be removed."""

    def __init__(self, provider: Any, *, times: int = 0, discard: Exception | None = None) -> None:
        self._provider, self.times, self.fault = provider, times, discard
        self.opened: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def open(self, spec: Any, **how: Any) -> Any:
        self.opened.append(spec.workspace)
        if spec.workspace.endswith(".check") and self.times > 0:
            self.times -= 1
            raise SandboxFault(Cause.sandbox_start, "no room")
        return await self._provider.open(spec)

    async def discard(self, workspace: str) -> None:
        await self._provider.discard(workspace)
        if self.fault is not None and not workspace.endswith(".check"):
            raise self.fault


def unwell(place: Workplace, **ailments: Any) -> Unwell:
    provider = Unwell(place.provider, **ailments)
    place.provider = provider
    return provider


@pytest.mark.parametrize("fault", [SandboxFault(Cause.sandbox_lost, "gone"), OSError("busy")])
def test_a_workspace_that_cannot_be_removed_changes_nothing(tmp_path: Path, fault: Exception) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "oracle"))
        unwell(place, discard=fault)
        run_all(place)
        (attempt,) = place.records.attempts(place.run_id)
        executions = place.records.executions([attempt.id])
    assert attempt.cause is Cause.submitted
    assert len(executions) == 1


def test_grading_that_failed_is_done_again_and_the_work_is_not(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "react"))
        provider = unwell(place, times=1)
        run_all(place, executions=2)
        (attempt,) = place.records.attempts(place.run_id)
        calls = bench.show(place.run_id)
        verdicts = {line.criterion: line.verdict for line in bench.evaluations(place.run_id)}
    assert attempt.cause is Cause.submitted
    assert calls.attempts[0].executions == 1
    assert [name for name in provider.opened if not name.endswith(".check")] == [f"{attempt.id}.e1"]
    assert verdicts["total"] == "pass"


def test_grading_that_failed_for_good_can_be_retried_later(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "react"))
        provider = unwell(place, times=5)
        run_all(place, executions=2)
        (attempt,) = place.records.attempts(place.run_id)
        assert attempt.cause is Cause.sandbox_start
        assert attempt.submission is not None
        assert [line.criterion for line in bench.evaluations(place.run_id)] == [None], "missing, not failed"
        tokens = bench.show(place.run_id).tokens
        provider.times = 0
        run_all(place, again=retry_predicate("sandbox_start"))
        summary = bench.show(place.run_id)
    assert summary.causes == {"submitted": 1}
    assert summary.tokens == tokens, "no reply is paid again"
    assert summary.attempts[0].executions == 1


class Vanishing(Unwell):
    """A provider whose image is removed in the middle of a run: a trial can be neither opened nor collected."""

    def __init__(self, provider: Any, trial: str, error: UpBenchError) -> None:
        super().__init__(provider)
        self.trial, self.error = trial, error

    async def open(self, spec: Any, **how: Any) -> Any:
        if spec.labels.get("trial") == self.trial:
            raise self.error
        return await super().open(spec, **how)

    async def collect(self, workspace: str, *where: Any) -> Any:
        if workspace.startswith(self.trial):
            raise self.error
        return await self._provider.collect(workspace, *where)


@pytest.mark.parametrize("error", [MissingTool("no image", mend="build it"), BadInput("no such runtime")])
def test_what_was_there_when_the_run_began_and_is_not_now_ends_one_trial(
    tmp_path: Path, error: UpBenchError
) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=2), "oracle"))
        first, second = place.records.attempts(place.run_id)
        place.provider = Vanishing(place.provider, first.trial, error)
        run_all(place)
        ended = {attempt.id: attempt.cause for attempt in place.records.attempts(place.run_id)}
        executions = place.records.executions([first.id])
    assert ended == {first.id: Cause.sandbox_start, second.id: Cause.submitted}
    assert [one.detail for one in executions] == [str(error)] * 2
