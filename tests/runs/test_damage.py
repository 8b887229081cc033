"""What was kept and is damaged, or gone, ends the attempt that needs it, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from agents import SqlTranscript
from agents.tables import EVENTS
from core import Cause, cause_row
from core.llm.tables import CALLS
from runs import Workplace
from tests.runs.project import bench_in, order, run_all
from tests.runs.support import write_pack
from tests.runs.test_faults_after_work import unwell
from upbench.retry import retry_predicate
from upbench.why import story


def begun(place: Workplace, execution: str) -> Path:
    """An execution whose worker died after it had been told its task; the blob in which that is kept."""
    before = set(place.blobs.root.glob("??/*"))
    SqlTranscript(place.database, place.blobs, execution).append("assignment", {"task": os.urandom(90_000).hex()})
    (blob,) = set(place.blobs.root.glob("??/*")) - before
    return blob


def damage_row(place: Workplace, execution: str) -> None:
    begun(place, execution)
    with place.database.write() as connection:
        mine = EVENTS.c.execution == execution
        connection.execute(update(EVENTS).where(mine).values(form=1, body=b"x\x9cnonsense"))


def lose_blob(place: Workplace, execution: str) -> None:
    begun(place, execution).unlink()


def damage_blob(place: Workplace, execution: str) -> None:
    begun(place, execution).write_bytes(b"nonsense")


def damage_snapshot(place: Workplace, execution: str) -> None:
    SqlTranscript(place.database, place.blobs, execution).append("snapshot", {"changed": [["../etc"]]})


def damage_reply(place: Workplace, execution: str) -> None:
    transcript = SqlTranscript(place.database, place.blobs, execution)
    transcript.append("assignment", {"task": "Add up."})
    transcript.append("reply", {"n": 1, "key": f"{execution}/1", "stop": "end_turn", "says": ""})
    call = {"key": f"{execution}/1", "tries": 1, "state": "received", "provider": "scripted", "model": "test"}
    with place.database.write() as connection:
        connection.execute(CALLS.insert().values(**call, started_at=0.0, request="", reply=b"x\x9cnonsense"))


DAMAGES: list[tuple[Callable[[Workplace, str], None], str]] = [
    (damage_row, "event 0 of .* is damaged"),
    (lose_blob, "event 0 of .* is damaged: blob .* is missing"),
    (damage_blob, "event 0 of .* is damaged: blob .* is damaged"),
    (damage_snapshot, "a snapshot is damaged"),
    (damage_reply, "the reply .* is damaged"),
]


def test_damage_ends_its_attempts_alone_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=len(DAMAGES) + 1), "react"))
        *hit, sound = place.records.attempts(place.run_id)
        for attempt, (damage, _) in zip(hit, DAMAGES, strict=True):
            damage(place, f"{attempt.id}.e1")
        place.options = place.options.model_copy(update={"crashes": None, "snapshots": True})
        run_all(place, executions=1)
        assert "tried again" not in caplog.text, "no waiting mends it"
        summary = bench.show(place.run_id)
        assert summary.state == "done"
        ended = {one.attempt: (one.cause, one.detail) for one in summary.attempts}
        assert ended[sound.id][0] is Cause.submitted
        for attempt, (_, says) in zip(hit, DAMAGES, strict=True):
            cause, detail = ended[attempt.id]
            assert cause is Cause.store_damaged
            assert re.search(says, detail)
            assert re.search(says, text := story(bench.home, attempt.trial).text)
            assert cause_row(Cause.store_damaged).says in text


def test_an_execution_of_its_own_has_nothing_to_do_with_the_damage(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "react"))
        (attempt,) = place.records.attempts(place.run_id)
        damage_row(place, f"{attempt.id}.e1")
        run_all(place, executions=5)
        ended = [one.cause for one in place.records.executions([attempt.id])]
    assert ended == [Cause.store_damaged, Cause.submitted]


def test_work_whose_bytes_are_gone_is_not_graded_and_not_tried_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path), "oracle"))
        unwell(place, times=1)
        run_all(place, executions=1)
        (attempt,) = place.records.attempts(place.run_id)
        assert attempt.cause is Cause.sandbox_start
        assert attempt.submission is not None
        place.blobs.path(attempt.submission.files[0].sha256).unlink()
        tries: list[Any] = []
        real = place.provider.open

        async def counted(spec: Any, **how: Any) -> Any:
            tries.append(spec)
            return await real(spec, **how)

        place.provider.open = counted  # type: ignore[method-assign]
        run_all(place, executions=3, again=retry_predicate("sandbox_start"))
        (attempt,) = place.records.attempts(place.run_id)
        assert attempt.cause is Cause.store_damaged
        assert "is missing" in place.records.executions([attempt.id])[-1].detail
        assert place.book.verdicts_of(attempt.id) == ()
    assert "tried again" not in caplog.text
    assert tries == [], "nothing is opened for what cannot be laid out"
