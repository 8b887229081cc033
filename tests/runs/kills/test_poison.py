"""A trial that kills whoever works on it: it is buried, and the trials beside it come to their end."""

from __future__ import annotations

import signal
from pathlib import Path

from core import Cause
from runs import Records
from tests.runs.forking import Forked
from tests.runs.kills.points import POISON
from tests.runs.kills.process import upbench
from tests.runs.project import bench_in, order
from tests.runs.support import write_pack
from upbench.bench import Bench

WORKER = f"{upbench.__module__}:{upbench.__name__}"
MANY = 30


def test_what_kills_its_workers_is_buried_and_nothing_else(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=3), "oracle"), detached=True)
        bench.hand_over(place)
        poison, *others = place.records.attempts(place.run_id)
        run = place.run_id
    deaths = 0
    while True:
        words = ("worker", "--slots", "3", "--until-idle")
        code = Forked(WORKER, *words, folder=tmp_path, env={POISON: poison.id}).wait()
        deaths += code == -signal.SIGKILL
        assert code in {0, -signal.SIGKILL}
        if code == 0:
            break
        assert deaths < MANY, "it is not taken up for ever"
    after = Bench(tmp_path)
    records = Records(after.home.database)
    ended = {attempt.id: attempt.cause for attempt in records.attempts(run)}
    assert ended == {poison.id: Cause.worker_died} | {other.id: Cause.submitted for other in others}
    assert after.show(run).state == "done"
    after.close()
