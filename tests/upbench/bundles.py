"""A project with a run in it that has been executed, graded and partly reviewed, made without any sandbox."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from agents import AGENT_MIGRATIONS, SqlTranscript, agent_config
from core import LLM_MIGRATIONS, Blobs, Database, Deliverable, Submission, canonical_json, model_config
from core.llm.tables import CALLS, SPEND, WASTE
from grading import GRADING_MIGRATIONS, Book, CriterionVerdict, ReviewDesk
from grading.review.desk import Draft
from jobs import load_pack
from rubrics import Verdict
from runs import RUN_MIGRATIONS, Records, RunConfig, attempt_id, keep_pack, plan_trials, review_item
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS
from sandbox import SandboxInfo
from tests.runs.support import write_pack
from upbench.home import Home
from upbench.settings import Settings

RUN = "20260102-030405-small-ab12"
MIGRATIONS = [*LLM_MIGRATIONS, *AGENT_MIGRATIONS, *GRADING_MIGRATIONS, *RUN_MIGRATIONS]
HOST = "host-of-workers"
ADDRESS = "http://model.inside.example:8000/v1"


def project(folder: Path, place: Path | str | None = None) -> Home:
    """An empty project, its database in a file of its own or at `place`."""
    settings = Settings(project=folder)
    (settings.state / "scratch").mkdir(parents=True)
    database = Database(place or settings.state / "upbench.db", MIGRATIONS)
    return Home(settings, settings.state, database, Blobs(settings.state / "blobs"))


def fill(home: Home, run: str = RUN, *, jobs: int = 2, repeats: int = 1, open_ended: bool = False) -> str:
    """A run of two agents; the last attempt still at work with `open_ended`. Returns its id."""
    folder = home.state.parent / f"pack-of-{run}"
    pack = load_pack(write_pack(folder, jobs) if not folder.exists() else folder / "small")
    model = model_config("openai/gpt-standin", base_url=ADDRESS)
    config = RunConfig(
        pack=pack.name,
        pack_version=pack.version,
        jobs=tuple(job.id for job in pack.jobs),
        agents=(agent_config("react", model=model), agent_config("oracle")),
        repeats=repeats,
        cassette=str(home.state / "pages"),
    )
    chosen = {job.id: job for job in pack.jobs}
    trials = list(plan_trials(config, chosen, run))
    records, book = Records(home.database), Book(home.database)
    digest = keep_pack(pack.jobs, home.blobs)
    records.create_run(
        run, config, pack.root, trials, pack.jobs, owner="somebody", queue=f"run.{run}", pack=digest
    )
    for number, trial in enumerate(trials):
        attempt = attempt_id(trial.id, 1, "alone")
        work = f"{attempt}.e1"
        job = chosen[trial.job]
        ended = not (open_ended and trial is trials[-1])
        submission = _handed_in(home, number)
        _execute(home, attempt, work, submission, ended=ended)
        _calls(home, work)
        if ended:
            facts = {"submission": submission.digest, "grading_digest": job.grading_digest}
            found = {"total": CriterionVerdict(criterion="total", verdict=Verdict.passed, feedback="is 60")}
            book.record_checks(attempt, job.rubric, found, minutes=0.1, **facts)
            book.publish(attempt, review_item(job, submission, home.blobs))
    with home.database.write() as connection:
        spent = {"dollars": 1.5, "estimated": 0.0, "tokens": 5000, "calls": 9, "unpriced": 0}
        for worker in (f"{HOST}-17-0a1b2c3d", f"{HOST}-18-0a1b2c3d", "w0123456789ab"):
            connection.execute(insert(SPEND).values(run=run, worker=worker, first_at=1.5, last_at=2.0, **spent))
        connection.execute(
            update(RUNS).where(RUNS.c.id == run).values(state="done" if not open_ended else "running")
        )
    _review(home)
    return run


def _handed_in(home: Home, number: int) -> Submission:
    files = {"total.csv": f"total\n{number}\n".encode(), "deep/note \u00fc.txt": b"For Birch & Loam"}
    return Submission(
        files=tuple(
            Deliverable(path=path, size=len(data), media_type="text/plain", sha256=home.blobs.put_bytes(data))
            for path, data in sorted(files.items())
        )
    )


def _execute(home: Home, attempt: str, work: str, submission: Submission, *, ended: bool) -> None:
    info = SandboxInfo(provider="bwrap", version="0.11", image=None, toolbox="none", enforced={"memory": "cgroup"})
    row: dict[str, Any] = {"id": work, "attempt": attempt, "e": 1, "started": "2026-01-02T03:04:05.000+00:00"}
    if ended:
        row |= {"cause": "submitted", "steps": 3, "seconds": 4.25, "working_seconds": 4.0, "dollars": 0.5}
    with home.database.write() as connection:
        connection.execute(insert(EXECUTIONS).values(**row, sandbox=info.model_dump_json()))
        values: dict[str, Any] = {"state": "running"}
        if ended:
            finished = "2026-01-02T03:05:05.000+00:00"
            values = {"state": "done", "cause": "submitted", "finished": finished}
            values["submission"] = submission.model_dump_json()
        connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == attempt).values(**values))
    transcript = SqlTranscript(home.database, home.blobs, work)
    transcript.append("assignment", {"task": "Add up", "title": "\u2028 and \u00e9"})
    transcript.append("reply", {"n": 1, "key": f"{work}/1", "stop": "tool_calls", "says": "I look first. " * 400})
    # Larger than a row may be even when packed, so it lies among the blobs.
    scattered = [zlib.crc32(f"{work} {i}".encode()) for i in range(16_000)]
    transcript.append("note", {"text": "many", "scattered": scattered})


def _calls(home: Home, work: str) -> None:
    reply = {
        "message": {"role": "assistant", "parts": []},
        "stop": "end_turn",
        "model": "gpt-standin",
        "dollars": 1e-07,
    }
    call = {
        "key": f"{work}/1",
        "state": "received",
        "tries": 2,
        "provider": "openai",
        "model": "gpt-standin",
        "request": "0" * 64,
        "started_at": 1767323045.25,
        "reply": zlib.compress(json.dumps(reply).encode(), 9),
        "stop": "end_turn",
        "input": 100,
        "output": 20,
        "dollars": 0.5,
        "seconds": 1.0,
    }
    lost = {"key": f"{work}/1", "number": 1, "kind": "in_flight", "seconds": 0.0, "waited": 0.5, "at": 1.0}
    with home.database.write() as connection:
        connection.execute(insert(CALLS).values(**call))
        connection.execute(insert(WASTE).values(**lost))


def _review(home: Home) -> None:
    """One review is locked, one has a draft, the others wait."""
    desk = ReviewDesk(Book(home.database), "r1")
    first, second = [review for review in desk.queue() if review.state == "awaiting"][:2]
    desk.save(first.alias, "total", 0, Draft(verdict=Verdict.failed, feedback="It is not 60."))
    desk.save(first.alias, "note", 0, Draft(verdict=Verdict.passed))
    desk.judge(first.alias, 0, "fail", active_ms=61_000)
    desk.lock(first.alias)
    desk.save(second.alias, "note", 0, Draft(verdict=Verdict.passed))


def contents(home: Home) -> dict[str, list[str]]:
    """Every row of the project's tables and every blob, to see that nothing has changed."""
    found: dict[str, list[str]] = {}
    from upbench.bundle.tables import READ

    with home.database.read() as connection:
        for part in READ:
            rows = connection.execute(part.table.table.select()).mappings()
            found[part.name] = sorted(repr(dict(row)) for row in rows)
    found["blobs"] = sorted(path.name for path in home.blobs.root.rglob("*") if path.is_file())
    return found


def canonical(value: Any) -> bytes:
    """Bytes of a manifest or a row that was changed by hand."""
    return canonical_json(value).encode()
