"""A run as a folder: evaluations, state, deliverables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core import BadInput, write_atomic
from grading import dump_lines
from runs import Records
from upbench.bench import Bench


def export_run(bench: Bench, run: str, folder: Path) -> dict[str, int]:
    """Write a run into a new folder, all or nothing, and count what was written.

    Layout: `run.json`, `evaluations.jsonl`, `deliverables/<agent>/<job>/<repeat>/k<k>/...`.

    Raises:
        BadInput: The folder exists and is not empty or cannot be written, or there is no such run.
    """
    summary = bench.show(run, listed=None)
    lines = bench.evaluations(summary.id)
    attempts = Records(bench.home.database).attempts(summary.id)
    agents = _folder_names(attempt.agent for attempt in attempts)
    count = 0
    with _all_or_nothing(folder) as new:
        for attempt in attempts:
            k = attempt.id.removeprefix(f"{attempt.trial}.")
            place = new / "deliverables" / agents[attempt.agent] / attempt.job / str(attempt.repeat) / k
            for file in attempt.submission.files if attempt.submission else ():
                write_atomic(place / file.path, bench.home.blobs.get_bytes(file.sha256))
                count += 1
        write_atomic(new / "run.json", summary.model_dump_json(indent=1))
        write_atomic(new / "evaluations.jsonl", dump_lines(lines))
    return {"evaluations": len(lines), "deliverables": count}


@contextmanager
def _all_or_nothing(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which takes its name when the block ends well."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput("is there already", file=folder, field="--to", mend="name a new folder")
        folder = folder.absolute()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name[:100]}.") as scratch:
            new = Path(scratch) / "export"
            new.mkdir()
            yield new
            new.replace(folder)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"cannot be written: {why}", file=str(folder)[:200], field="--to") from error


def _folder_names(agents: Iterable[str]) -> dict[str, str]:
    """A folder's name for each agent; two agents never share one."""
    names: dict[str, str] = {}
    for agent in dict.fromkeys(agents):
        plain = name = agent.replace("/", "-").replace(":", "-")
        number = 1
        while name in names.values():
            number += 1
            name = f"{plain}-{number}"
        names[agent] = name
    return names
