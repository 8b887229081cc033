"""A verdict in the served app, and the round that begins in the worker beside it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runs import Workplace
from tests.runs.project import need_sandbox
from tests.upbench.judging import awaiting, bench_at, run_state
from tests.upbench.life import is_gone, until
from tests.upbench.review.reviewer import Reviewer, served
from upbench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    need_sandbox()
    opened = bench_at(tmp_path / ".upbench" / "upbench.db", tmp_path)
    yield opened
    opened.close()


def follows(place: Workplace, attempt: str) -> datetime:
    """When the attempt that follows was begun; it has come to its end."""
    name = f"{attempt[:-3]}.k2retry"
    until(lambda: name in {row.id for row in place.records.attempts(place.run_id)})
    until(lambda: place.records.attempt(name).state == "done")
    (execution,) = place.records.executions([name])
    return datetime.fromisoformat(execution.started)


def test_a_verdict_goes_on_after_the_run_has_ended_and_the_app_was_killed(bench: Bench, tmp_path: Path) -> None:
    place = awaiting(bench, tmp_path, 2, detached=False)
    one, two = (row.id for row in place.records.attempts(place.run_id))
    with served(tmp_path) as app:
        reviewer = Reviewer(app.said)
        worker = until(app.worker)
        reviewer.draft_fail(one)
        before = datetime.now(UTC)
        reviewer.lock(one)
        assert 0 <= (follows(place, one) - before).total_seconds() < 60, "2 s where nothing else is at work"
        until(lambda: run_state(bench.home, place.run_id) == ("done", "workers"))
        app.process.kill()
        until(lambda: is_gone(worker))
    with served(tmp_path, "--slots", "1") as app:
        reviewer = Reviewer(app.said)
        reviewer.draft_fail(two)
        reviewer.lock(two)
        follows(place, two)
        worker = until(app.worker)
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(60) == 0
        assert is_gone(worker)
        assert app.said["slots"] == 1
    assert "Traceback" not in app.errors.read_text()


def test_what_the_worker_cannot_execute_is_said_in_a_line_and_reviewing_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    place = awaiting(bench, tmp_path, agents=("react",), models=("openai/gpt-standin",))
    monkeypatch.delenv("OPENAI_API_KEY")
    one = place.records.attempts(place.run_id)[0].id
    with served(tmp_path) as app:
        reviewer = Reviewer(app.said)
        reviewer.draft_fail(one)
        reviewer.lock(one)
        stop = until(lambda: place.records.stop_of(place.run_id))
        assert (stop.reason, "OPENAI_API_KEY" in stop.detail) == ("cannot_open", True)
        said = until(lambda: [line for line in app.errors.read_text().splitlines() if "opened here" in line])
        assert len(said) == 1
        assert said[0].startswith(f"worker: run {place.run_id} cannot be opened here")
        assert reviewer.is_served()
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(60) == 0
