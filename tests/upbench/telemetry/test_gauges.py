"""What a collector can read of a project at any time."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from runs.tables import RUNS
from tests.standins.otlp import Collector
from tests.upbench.large import RUN, counted_statements, home_at, workers_at, write_run
from upbench.telemetry.gauges import gauge_project
from upbench.telemetry.start import observed


def test_a_project_is_read_at_each_export(
    collector: Collector, database_place: Path | str, tmp_path: Path
) -> None:
    home = home_at(database_place, tmp_path)
    write_run(home, 20, calls=0)
    write_run(home, 10, calls=0, run="20250101-000000-over-0001", first=1000)
    with home.database.write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id != RUN).values(state="done"))
    with workers_at(home), observed(tmp_path, "worker"):
        gauge_project(home)
        home.lanes.lane("openai@here#k")
    metrics = collector.metrics
    attempts = {(told["upbench.run.id"], told["upbench.state"]): n for n, told in metrics["upbench.attempts"]}
    assert attempts == {(RUN, "planned"): 2, (RUN, "running"): 2, (RUN, "done"): 16}, "only what is going on"
    assert metrics["upbench.queue.waiting"] == [(2.0, {"upbench.queue": "workers"})]
    assert metrics["upbench.queue.running"] == [(2.0, {"upbench.queue": "workers"})]
    assert metrics["upbench.queue.slots"] == [(8.0, {"upbench.queue": "workers"})]
    workers = {told["upbench.draining"]: n for n, told in metrics["upbench.workers"]}
    assert workers == {False: 1, True: 1}
    assert metrics["upbench.lanes.used"] == [(0.0, {"upbench.account": "openai@here#k"})]
    assert metrics["upbench.lanes.allowed"][0][0] >= 1
    home.close()


def test_nothing_is_read_where_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    home = home_at(tmp_path / "x", tmp_path)
    with observed(tmp_path, "worker"), counted_statements() as read:
        gauge_project(home)
    assert not read
    home.close()
