"""A server that stands still takes what it is sent and answers nothing: no timeout of the network tells."""

from __future__ import annotations

import time
from pathlib import Path

from tests.runs.forking import Forked
from tests.runs.workers.holding import ASK, FENCED
from tests.standins.postgres import Postgres


def test_a_worker_whose_loop_waits_for_a_silent_server_gives_up(
    postgres: Postgres, fresh_database: str, tmp_path: Path
) -> None:
    joined = "&" if "?" in fresh_database else "?"
    place = f"{fresh_database}{joined}connect_timeout=2"
    worker = Forked(ASK, place, str(tmp_path / "state"), 3.0, folder=tmp_path)
    while not (tmp_path / "held").exists():
        assert worker.alive(), worker.said
        time.sleep(0.02)
    postgres.pause()
    try:
        assert worker.wait(seconds=90) == FENCED, worker.said
    finally:
        postgres.resume()
