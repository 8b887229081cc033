"""An agent that fills its workspace has reached a limit: what lies in its deliverables is graded as any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Cause, Ended, cause_row
from tests.runs.project import bench_in, need_sandbox, order, run_all
from tests.runs.support import RUBRIC, TOTAL_CODE, script, write_job, write_pack
from upbench.bench import Bench

FILL = {
    "bytes": "while :; do head -c 8M /dev/zero >> /job/fill || sleep 1; done",
    "files": "i=0; while :; do i=$((i+1)); : > /job/f$i; done",
}
LIMITS = ("workspace_bytes=67108864", "workspace_files=2000")


def fills(line: str) -> str:
    """A script that does the job, then fills the workspace, and would hand something else in after that."""
    return script(
        {"say": "First the work.", "calls": [{"tool": "python", "arguments": {"code": TOTAL_CODE}}]},
        {"say": "Then too much.", "calls": [{"tool": "shell", "arguments": {"command": line}}]},
        {"say": "Spoil it.", "calls": [{"tool": "shell", "arguments": {"command": "rm /job/deliverables/*"}}]},
    )


@pytest.fixture(params=["bwrap", "docker"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A project whose sandboxes are those of one provider."""
    need_sandbox(request.param)
    with bench_in(tmp_path, sandbox=request.param) as made:
        yield made


@pytest.mark.parametrize("what", FILL)
def test_a_full_workspace_is_a_limit_and_what_lies_there_is_graded(
    bench: Bench, tmp_path: Path, what: str
) -> None:
    pack = write_pack(tmp_path)
    write_job(pack / "jobs" / "job-2", RUBRIC, fills(FILL[what]))
    place = bench.begin(order(pack, "react", limits=(*LIMITS, "command_seconds=60")))
    run_all(place)
    other, full = sorted(place.records.attempts(place.run_id), key=lambda attempt: attempt.job)

    assert full.cause is Cause.workspace_full
    assert cause_row(full.cause).ended is Ended.limit
    assert len(place.records.executions([full.id])) == 1, "a limit is not executed again"
    assert full.submission is not None
    assert [file.path for file in full.submission.files] == ["note.txt", "total.csv"]
    verdicts = {
        (line.job, line.criterion): line.verdict for line in bench.evaluations(place.run_id) if line.criterion
    }
    assert verdicts["job-2", "total"] == "pass"

    assert other.cause is Cause.submitted, "the other trial has not noticed"
    assert verdicts["job-1", "total"] == "pass"
    assert place.provider.name == bench.settings.sandbox
