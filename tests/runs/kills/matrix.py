"""The kill matrix: every point of a run x who dies there.

python -m tests.runs.kills.matrix            # the slice that the tests play
python -m tests.runs.kills.matrix --all      # all of it, as a table; --part=1/3, --from=N: a part of it
python -m tests.runs.kills.matrix WORD...    # the cases whose names begin like this

`--to=FILE` keeps what came of each case; `--table FILE...` puts such files together.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.runs.kills.outcomes import Outcome, keep, kept, table
from tests.runs.kills.points import AFTER, BEFORE, EVENTS, MIDST, PLACES, WITHIN
from tests.runs.kills.scene import Case, Projects
from tests.runs.kills.verdict import judge
from tests.standins.llm import serve
from tests.standins.postgres import Postgres

HANDING_OVER = ("run.create", "pack.keep", "round.next", "enqueue", "run.begun")
"""What the command that hands over passes."""

ADOPTING = ("recover", "worker.enter", "begin", "sandbox.open")
"""What a worker passes that takes up another's rounds."""

SECOND = (
    "call.begun",
    "call.received",
    "tool",
    "event.tool_started",
    "event.tool_done",
    "snapshot",
    "sandbox.open",
)
"""What is killed at its second passing as well, the other trial's or the next step's."""

NEXT = ("round.next", "enqueue", "finish", "call.settled", "clear", "keep", "begin", "round.ended", "sandbox.open")
"""What is passed between two executions of an attempt."""


def points() -> Iterator[str]:
    """All points of a trial."""
    for name in PLACES:
        if name not in {"run.create", "pack.keep", "recover"}:
            yield name + BEFORE
            if name in MIDST:
                yield name + WITHIN
            yield name + AFTER
    for event in EVENTS:
        yield f"event.{event}{BEFORE}"
        yield f"event.{event}{AFTER}"


def cases() -> Iterator[Case]:
    """All of the matrix. The combinations of who and where that come first see every point, the others half."""
    everywhere = list(points())
    carried = [point for point in everywhere if point.rpartition(".")[0] not in HANDING_OVER]
    second = [point for point in everywhere if point.rpartition(".")[0] in SECOND]
    yield from (Case("command", "sqlite", point) for point in everywhere)
    yield from (Case("worker", "postgresql", point) for point in carried)
    yield from (Case("database", "postgresql", point) for point in everywhere[::2])
    yield from (Case("database-of-workers", "postgresql", point) for point in carried[1::2])
    for name in NEXT:
        yield from (Case("command", "sqlite", name + side, number=3, fault=True) for side in (BEFORE, AFTER))
    for store in ("sqlite", "postgresql"):
        for name in ADOPTING:
            yield from (Case("adopter", store, name + side) for side in (BEFORE, AFTER))
        for name in HANDING_OVER:
            yield from (Case("handing-over", store, name + side) for side in (BEFORE, AFTER))
    yield from (Case("command", "postgresql", point) for point in everywhere[1::2])
    yield from (Case("worker", "sqlite", point) for point in carried[::2])
    for who, store in (("command", "sqlite"), ("worker", "postgresql")):
        yield from (Case(who, store, point, number=2) for point in second)


def chosen_few() -> tuple[Case, ...]:
    """What the tests play: all kinds of points and of the killed, in a minute of work."""
    command = ("enqueue.after", "call.received.before", "tool.within", "event.tool_done.before", "keep.after")
    worker = ("dequeue.after", "call.sent.within", "snapshot.after", "check.kept.before", "finish.after")
    return (
        *(Case("command", "sqlite", point) for point in command),
        Case("command", "sqlite", "finish.after", number=3, fault=True),
        Case("command", "sqlite", "round.next.before", number=3, fault=True),
        Case("command", "postgresql", "call.begun.after"),
        *(Case("worker", "postgresql", point) for point in worker),
        Case("worker", "sqlite", "sandbox.open.after"),
        Case("worker", "sqlite", "event.reply.before"),
        Case("adopter", "sqlite", "recover.before"),
        Case("handing-over", "sqlite", "run.create.after"),
        Case("handing-over", "postgresql", "enqueue.before"),
        Case("database", "postgresql", "call.received.before"),
        Case("database-of-workers", "postgresql", "publish.before"),
    )


def play(projects: Projects, case: Case, standin: object) -> Outcome:
    """Play one case, and judge it."""
    scene = projects.scene(case, standin)  # type: ignore[arg-type]
    wrong, told = "", None
    try:
        scene.play()
        told = judge(scene)
    except (AssertionError, TimeoutError) as error:
        wrong = "".join(traceback.format_exception(error, limit=-3))
    finally:
        scene.end()
    if not wrong:
        projects.drop(scene)
    return Outcome(case, scene.happened, scene.seconds, told, wrong)


def _chosen(everything: bool, words: list[str], given: dict[str, str]) -> list[Case]:
    chosen = list(cases()) if everything else list(chosen_few())
    if words:
        chosen = [case for case in cases() if any(case.name.startswith(word) for word in words)]
    number, parts = map(int, given.get("--part", "1/1").split("/"))
    return chosen[number - 1 :: parts][int(given.get("--from", "1")) - 1 :]


def main(arguments: list[str]) -> int:
    """Play the matrix, or what of it contains the given words."""
    words = [word for word in arguments if not word.startswith("--")]
    if "--table" in arguments:
        print(table(kept(map(Path, words))))
        return 0
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    chosen, to = _chosen("--all" in arguments, words, given), given.get("--to")
    outcomes: list[Outcome] = []
    server = Postgres() if any(case.store == "postgresql" for case in chosen) else None
    folder = Path(tempfile.mkdtemp(prefix="upbench-kills-"))
    try:
        with serve() as standin:
            projects = Projects(folder, server)
            for case in chosen:
                began = time.monotonic()
                outcome = play(projects, case, standin)
                outcomes.append(outcome)
                line = f"{len(outcomes):4}/{len(chosen)} {case.name:60} {outcome.state:12}"
                print(f"{line} {time.monotonic() - began:5.1f} s", flush=True)
                if to:
                    keep(outcome, Path(to))
                if outcome.wrong:
                    print(outcome.wrong, flush=True)
    finally:
        if server is not None:
            server.close()
    print(table(outcomes))
    return int(any(one.wrong for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
