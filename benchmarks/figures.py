"""The figures of a run that people have reviewed: from its rows to what a report says, and what that costs others.

A run is written as it would be after its work and its reviews: attempts times criteria are its lines. Taken is the
time until its figures are counted in this process, as `upbench report` has them, and in one of their own, as the
review app has them; and how long another thread of this process, as it were a reviewer's request, waits meanwhile.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select, update

from core import Deliverable, Submission, canonical_json
from grading import Figures
from grading.tables import EVALUATIONS, VERDICTS
from runs.tables import ATTEMPTS, EXECUTIONS
from tests.runs.support import write_pack
from tests.upbench.judging import bench_at
from upbench import Bench
from upbench.counting import figures_of
from upbench.order import Order

CRITERIA, REPEATS = 11, 100
EVIDENCE = canonical_json([{"kind": "region", "file": "note.txt", "anchor": "page=1#0.1,0.2,0.3,0.1"}])
LEVELS = ("critical", "important", "important", "optional", "pitfall")


def rubric() -> str:
    """Criteria of all kinds."""
    return "\n".join(
        f'[[criteria]]\nid = "c{n}"\nimportance = "{LEVELS[n % len(LEVELS)]}"\ntext = "Criterion {n}"'
        for n in range(CRITERIA)
    )


def write_run(bench: Bench, folder: Path, lines: int) -> str:
    """A run with so many lines, all of it judged by people; its id."""
    attempts = lines // CRITERIA
    pack = write_pack(folder / "packs", jobs=max(1, attempts // (2 * REPEATS)), rubric=rubric())
    place = bench.begin(
        Order(pack=str(pack), agents=("nop", "oracle"), repeats=min(REPEATS, attempts)), detached=True
    )
    file = Deliverable(path="note.txt", size=9, media_type="text/plain", sha256="0" * 64)
    submission = Submission(files=(file,))
    done = {"state": "done", "cause": "submitted", "submission": submission.model_dump_json(exclude_defaults=True)}
    chance, verdicts = random.Random(7), []
    home, rows = bench.home, place.records.attempts(place.run_id)
    with home.database.write() as connection:
        connection.execute(
            update(ATTEMPTS)
            .where(ATTEMPTS.c.run == place.run_id)
            .values(**done, finished="2026-01-02T03:04:05.000+00:00")
        )
        execution = {"e": 1, "started": "2026-01-02T03:00:00.000+00:00", "cause": "submitted", "collected": 1}
        more = {"dollars": 0.25, "working_seconds": 90.0}
        connection.execute(
            insert(EXECUTIONS), [{"id": f"{row.id}.e1", "attempt": row.id, **execution, **more} for row in rows]
        )
        said = {
            "submission": submission.digest,
            "grader_kind": "human",
            "stage": "primary",
            "revision": 1,
            "minutes": 6.5,
            "judge_seen": False,
            "ts": "2026-01-03T03:04:05.000+00:00",
        }
        connection.execute(
            insert(EVALUATIONS),
            [
                {
                    "attempt_id": row.id,
                    "grading_digest": place.jobs[row.job].grading_digest,
                    "grader": f"p-{chance.randrange(9):010x}",
                    "judgement": chance.choice(("pass", "fail")),
                    **said,
                }
                for row in rows
            ],
        )
        for number in connection.execute(select(EVALUATIONS.c.id)).scalars():
            for position in range(CRITERIA):
                verdict = "pass" if chance.random() < 0.9 else "fail"
                told = {"feedback": "" if verdict == "pass" else "Not so.", "evidence": EVIDENCE, "decides": False}
                key = {"evaluation": number, "position": position, "criterion": f"c{position}"}
                verdicts.append({**key, "verdict": verdict, **told})
        connection.execute(insert(VERDICTS), verdicts)
    place.records.set_run_state(place.run_id, "done")
    return place.run_id


def waits(end: threading.Event, found: list[float]) -> None:
    """How many milliseconds later than asked a thread goes on that sleeps for one, again and again."""
    while not end.is_set():
        began = time.perf_counter()
        time.sleep(0.001)
        found.append(1000 * (time.perf_counter() - began) - 1)


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def measure(name: str, count: Callable[[], Figures]) -> None:
    """Print one row."""
    end, found = threading.Event(), list[float]()
    other = threading.Thread(target=waits, args=(end, found))
    other.start()
    began, used = time.perf_counter(), cpu_seconds()
    figures = count()
    took, used = time.perf_counter() - began, cpu_seconds() - used
    end.set()
    other.join()
    scored = sum(agent.n.n for agent in figures.agents.values())
    waited = f"{median(found):.1f} | {quantiles(found, n=100)[-1]:.1f}"
    print(f"| {name} | {scored} | {took:.2f} | {used:.2f} | {waited} |", flush=True)


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=55_000)
    parser.add_argument("--profile", action="store_true", help="Say where the time goes instead.")
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bench = bench_at(folder / ".upbench" / "upbench.db", folder)
        run = write_run(bench, folder, options.lines)
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(bench.report, run)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        else:
            print("| | attempts | seconds | of CPU | another thread waits, median ms | 99 % |")
            print("|---|---:|---:|---:|---:|---:|")
            measure("in this process", lambda: bench.report(run))
            measure("in one of its own", lambda: figures_of(bench.home, run))
        bench.close()


if __name__ == "__main__":
    main()
