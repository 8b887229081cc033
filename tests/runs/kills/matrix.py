"""The kill matrix: every point of a run x who dies there.

python -m tests.runs.kills.matrix            # the slice that the tests play
python -m tests.runs.kills.matrix --all      # all of it, as a table
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.runs.kills.points import AFTER, BEFORE, EVENTS, MIDST, PLACES, WITHIN
from tests.runs.kills.scene import Case, Projects
from tests.runs.kills.verdict import Told, judge
from tests.standins.llm import serve
from tests.standins.postgres import Postgres

HANDING_OVER = ("run.create", "pack.keep", "round.next", "enqueue", "run.state")
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
    carried = [point for point in everywhere if point.rpartition(".")[0] not in {"round.next", "enqueue"}]
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


@dataclass(frozen=True)
class Outcome:
    """What came of a case: `wrong` is what did not hold."""

    case: Case
    happened: bool
    seconds: float
    told: Told | None
    wrong: str = ""


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


def table(outcomes: list[Outcome]) -> str:
    """Of who died, and what came of it."""
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        rows[one.case.who, one.case.store].append(one)
    head = (
        f"{'who is killed':22}{'records':12}{'kills':>6}{'points':>7}{'failed':>7}"
        f"{'waste':>6}{'$ wasted':>10}{'interrupted':>12}{'s to end':>9}"
    )
    lines = [head]
    for (who, store), some in sorted(rows.items()):
        lines.append(_row(who, store, some))
    lines.append(_row("all", "", outcomes))
    return "\n".join(lines)


def _row(who: str, store: str, some: list[Outcome]) -> str:
    killed = [one for one in some if one.happened]
    told = [one.told for one in killed if one.told]
    seconds = sorted(one.seconds for one in killed)
    numbers = (
        f"{len(killed):6}{len({one.case.point for one in killed}):7}{sum(bool(one.wrong) for one in some):7}"
        f"{sum(one.wasted for one in told):6}{sum(one.dollars for one in told):10.4f}"
        f"{sum(one.interrupted for one in told):12}"
    )
    return f"{who:22}{store:12}{numbers}{seconds[len(seconds) // 2] if seconds else 0:9.1f}"


def main(arguments: list[str]) -> int:
    """Play the matrix, or what of it contains the given words."""
    chosen = list(cases()) if "--all" in arguments else list(chosen_few())
    words = [word for word in arguments if not word.startswith("--")]
    if words:
        chosen = [case for case in cases() if any(case.name.startswith(word) for word in words)]
    part = next((word for word in arguments if word.startswith("--part=")), "--part=1/1")
    number, parts = map(int, part.removeprefix("--part=").split("/"))
    chosen = chosen[number - 1 :: parts]
    skipped = next((int(word.removeprefix("--from=")) for word in arguments if word.startswith("--from=")), 1) - 1
    chosen = chosen[skipped:]
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
                state = "FAILED" if outcome.wrong else "ok" if outcome.happened else "not reached"
                print(
                    f"{len(outcomes):4}/{len(chosen)} {case.name:60} {state:12} {time.monotonic() - began:5.1f} s",
                    flush=True,
                )
                if outcome.wrong:
                    print(outcome.wrong, flush=True)
    finally:
        if server is not None:
            server.close()
    print(table(outcomes))
    not_reached = Counter(one.case.who for one in outcomes if not one.happened)
    print(f"points that were not reached: {dict(not_reached)}")
    return int(any(one.wrong for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
