"""A run as a folder: evaluations, state, deliverables."""

from __future__ import annotations

from pathlib import Path

from core import BadInput, write_atomic
from grading import dump_lines
from runs import Records
from upbench.bench import Bench


def export_run(bench: Bench, run: str, folder: Path) -> dict[str, int]:
    """Write a run into a new folder and count what was written.

    Layout: `run.json`, `evaluations.jsonl`, `deliverables/<agent>/<job>/<repeat>/k<k>/...`.

    Raises:
        BadInput: The folder exists and is not empty, or there is no such run.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("is there already", file=folder, field="--to", mend="name a new folder")
    summary = bench.show(run)
    lines = bench.evaluations(run)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for attempt in Records(bench.home.database).attempts(summary.id):
        name = f"{_safe(attempt.agent)}/{attempt.job}/{attempt.repeat}/k{attempt.k}"
        place = folder / "deliverables" / name
        for file in attempt.submission.files if attempt.submission else ():
            write_atomic(place / file.path, bench.home.blobs.get_bytes(file.sha256))
            count += 1
    write_atomic(folder / "run.json", summary.model_dump_json(indent=1))
    write_atomic(folder / "evaluations.jsonl", dump_lines(lines))
    return {"evaluations": len(lines), "deliverables": count}


def _safe(name: str) -> str:
    return name.replace("/", "-").replace(":", "-")
