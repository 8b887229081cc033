"""Where a report's lines come from: files named `*.jsonl`, and runs of the project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import BadInput
from grading import Placed, place, read_placed
from upbench.money import cost_text


@dataclass
class Sources:
    """What was read.

    Attributes:
        names: As the report names them. stem: For the file that is written into `folder`.
        facts: Of the runs.
    """

    placed: list[Placed] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    stem: str = "report"


def read_sources(sources: Sequence[str], *, project: str | None = None) -> Sources:
    """Read every source; a name that ends in `.jsonl` is a file, any other a run.

    Raises:
        BadInput: A file is wrong, or there is no such run.
    """
    read = Sources()
    for source in sources:
        if source.endswith(".jsonl"):
            path = Path(source)
            read.placed += read_placed(path)
            read.names.append(path.name)
            read.stem = path.stem if len(sources) == 1 else "report"
        else:
            _read_run(source, project, read)
    if not read.placed:
        raise BadInput("there is nothing to report yet", mend="run something first, or name an evaluations.jsonl")
    return read


def _read_run(source: str, project: str | None, read: Sources) -> None:
    if Path(source).exists():
        raise BadInput(
            "is neither a run nor a file of evaluations", file=source, mend="evaluations are read from `*.jsonl`"
        )
    # Imported here: a file of evaluations needs none of it.
    from upbench.bench import Bench
    from upbench.home import open_home

    bench = Bench(project)
    try:
        open_home(bench.settings, create=False).close()
        summary = bench.show(source, listed=0)
        read.placed += place(bench.evaluations(summary.id))
    finally:
        bench.close()
    read.names.append(summary.id)
    read.facts |= {f"Pack of {summary.id}": summary.pack, f"State of {summary.id}": summary.state}
    cost = summary.cost
    if cost.estimated_dollars or cost.unpriced_calls:
        said = cost_text(cost.dollars, estimated=cost.estimated_dollars, unpriced=cost.unpriced_calls)
        read.facts[f"Cost of {summary.id}"] = said
    read.folder = bench.settings.state / "reports"
    read.stem = summary.id if len(read.names) == 1 else "report"
