"""What must hold when all is over, whoever died and wherever."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from agents import Event, SqlTranscript
from core import CallRecord
from core.llm.tables import SPEND
from grading.tables import REVIEW_ITEMS
from runs import OPEN, AttemptRow, machinery
from sandbox import provider, providers_written_down
from tests.runs.killing import groups_of, left_below, processes_naming
from tests.runs.kills.scene import LAST, Scene
from upbench.bench import Bench

VERDICTS = {("total", "pass"), ("note", None)}
ATTEMPTS = 2
LEFT_SECONDS = 60.0
HELD = """select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database
where locktype = 'advisory' and datname = current_database()"""


@dataclass(frozen=True)
class Told:
    """The figures of a kill.

    Attributes:
        lost: Attempts that were not handed in. paid_again: Requests for replies that had been received.
        left: Sandboxes, processes, files and locks that nobody wants any more.
        wasted: Model calls that were under way, and what they cost in `dollars`. interrupted: Tool calls.
    """

    lost: int
    paid_again: int
    left: int
    wasted: int
    dollars: float
    interrupted: int


def judge(scene: Scene) -> Told:
    """Assert it all."""
    for process in scene.processes:
        assert not process.alive()
    with scene.bench() as bench:
        (run,) = bench.runs()
        attempts = bench.reopen(run.id, execute=False).records.attempts(run.id)
        _nothing_lost(scene, bench, attempts)
        told = _nothing_paid_twice(scene, bench)
        interrupted = sum(_each_call_once(bench, attempt) for attempt in attempts)
        _engine_at_rest(bench, scene)
        handed_in = sum(attempt.submission is not None for attempt in attempts)
    return Told(
        lost=ATTEMPTS - handed_in,
        paid_again=sum(asked_again(scene).values()),
        left=_nothing_left(scene),
        wasted=len(told),
        dollars=sum(told),
        interrupted=interrupted,
    )


def _nothing_lost(scene: Scene, bench: Bench, attempts: list[AttemptRow]) -> None:
    """Each attempt ended well, in one execution, up for review once, with the verdicts it has without a kill."""
    summary = bench.show("last")
    assert summary.state == "done"
    assert summary.causes == {"submitted": ATTEMPTS}
    most = 2 if scene.case.fault else 1
    assert {one.executions for one in summary.attempts} <= set(range(1, most + 1)), "no execution was begun anew"
    lines = Counter((line.job, line.criterion, line.verdict) for line in bench.evaluations("last"))
    graded = {(attempt.job, *verdict) for attempt in attempts for verdict in VERDICTS}
    assert set(lines) == graded
    assert set(lines.values()) == {1}
    with bench.home.database.read() as connection:
        items = connection.execute(select(REVIEW_ITEMS.c.attempt_id)).all()
    assert sorted(item.attempt_id for item in items) == sorted(attempt.id for attempt in attempts)


def _nothing_paid_twice(scene: Scene, bench: Bench) -> list[float]:
    """Every request that the server saw is on record, and none was for a reply that had been received."""
    (run,) = bench.runs()
    trials = {a.trial for a in bench.show(run.id).attempts}
    place = bench.reopen(run.id, execute=False)
    calls: list[CallRecord] = [call for trial in trials for call in place.journal.calls(f"{trial}.")]
    requests = scene.model.requests
    assert set(requests) <= {call.key for call in calls}
    for call in calls:
        answered = int(call.state == "received")
        assert requests[call.key] <= answered + len(call.waste), f"{call.key}: a request is not on record"
        assert call.tries <= 2, call
        assert call.state != "started", f"{call.key}: begun, and neither answered nor waste"
        assert answered == 0 or call.dollars, f"{call.key} has no price"
    assert not asked_again(scene), "replies that had been received were asked for again"
    wasted = [waste for call in calls for waste in call.waste]
    assert all(waste.dollars for waste in wasted), "waste has its price"
    most = ATTEMPTS if scene.happened else 0
    assert len(wasted) <= most, "no more was wasted than was under way"
    spent = place.journal.spent(run.id)
    paid = sum(call.dollars or 0.0 for call in calls) + sum(waste.dollars or 0.0 for waste in wasted)
    assert abs(spent.dollars - paid) < 1e-9, "the run's sums are those of its calls"
    assert spent.calls == sum(call.state == "received" for call in calls)
    with bench.home.database.read() as connection:
        assert {row.run for row in connection.execute(select(SPEND.c.run))} == {run.id}
    return [waste.dollars or 0.0 for waste in wasted]


def asked_again(scene: Scene) -> Counter[str]:
    """How often each reply that had been received was asked for after that."""
    return Counter({key: scene.model.requests[key] for key in scene.received}) - scene.asked


def _each_call_once(bench: Bench, attempt: AttemptRow) -> int:
    """Each tool call ran once; one that was interrupted at most once, and the model knows. How many of those."""
    assert attempt.submission is not None
    (file,) = [file for file in attempt.submission.files if file.path == "log.txt"]
    ran = Counter(bench.home.blobs.path(file.sha256).read_text().split())
    place = bench.reopen(attempt.run, execute=False)
    last = place.records.executions([attempt.id])[-1].id
    events = [event for event in SqlTranscript(bench.home.database, bench.home.blobs, last).events()]
    started, done = _of(events, "tool_started"), _of(events, "tool_done")
    assert [event.body["call_id"] for event in started] == [event.body["call_id"] for event in done]
    cut = 0
    for begun, ended in zip(started, done, strict=True):
        interrupted = bool(ended.body.get("facts", {}).get("interrupted"))
        cut += interrupted
        if begun.body["name"] == "shell":
            tag = begun.body["arguments"].split()[2]
            assert ran.pop(tag, 0) in ({0, 1} if interrupted else {1}), f"{tag} ran {ran}"
    assert not ran, "what ran was called"
    assert cut <= 1
    return cut


def _of(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def _engine_at_rest(bench: Bench, scene: Scene) -> None:
    with machinery(bench.home.database, bench.home.state) as by:
        assert by.engine.list(states=OPEN) == []
        assert list(by.alive()) == []
        # The row of one that died, or gave up, is settled by the next that looks: perhaps nobody did.
        last = scene.case.point.startswith(LAST) or scene.case.who.startswith("database")
        gone = {one.pid for one in scene.processes if one.code != 0}
        assert {one.pid for one in by.workers.unsettled()} <= (gone if last else set()), "a worker is left"
    if bench.home.database.dialect == "postgresql":
        with bench.home.database.read() as connection:
            assert connection.exec_driver_sql(HELD).scalar() == 0


def _nothing_left(scene: Scene) -> int:
    """No process, control group, workspace, lease, gate, snapshot, scratch folder or lock. How many there are."""
    deadline = time.monotonic() + LEFT_SECONDS
    while (
        left := _left(scene)
    ) and time.monotonic() < deadline:  # the kernel takes a moment to end what is killed
        time.sleep(0.05)
    assert left == []
    return len(left)


def _left(scene: Scene) -> list[str]:
    state = scene.folder / ".upbench"
    resources = asyncio.run(provider("bwrap", state).resources())
    return [
        *processes_naming(str(scene.folder)),
        *(f"{one}" for one in resources),
        *(f"{group}" for group in groups_of(state)),
        *providers_written_down(state),
        *left_below(state),
        *_names_in(state / "snapshots"),
    ]


def _names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
