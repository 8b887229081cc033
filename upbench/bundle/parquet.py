"""`evaluations.parquet`: the lines of `evaluations.jsonl` as a flat table, where pyarrow is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from grading import FLAT_COLUMNS, EvaluationLine, flat_line

LINES_AT_ONCE = 20_000
_MONEY_AND_TIME = ("payout", "cost_model", "cost_review", "minutes_work", "minutes_review")
_NUMBERS = ("weight", "inclusion_probability", *_MONEY_AND_TIME)
_COUNTS = ("repeat", "attempt", "execution", "revision")
_TRUTHS = ("decides", "voided", "judge_seen", "unblinded", "scripted", "rubric_visible", "criteria_shown")


class Lines(Protocol):
    """Takes in lines, one after the other."""

    def add(self, line: EvaluationLine) -> None:
        """One more."""
        ...


def can_write() -> bool:
    """Whether pyarrow is installed, whole."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        return False
    return True


@contextmanager
def parquet_file(path: Path) -> Iterator[Lines]:
    """A Parquet file that is whole when the block ends."""
    pa: Any = importlib.import_module("pyarrow")  # not ours: whoever wants such files installs it
    parquet: Any = importlib.import_module("pyarrow.parquet")
    kinds = {
        **dict.fromkeys(_NUMBERS, pa.float64()),
        **dict.fromkeys(_COUNTS, pa.int64()),
        **dict.fromkeys(_TRUTHS, pa.bool_()),
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in FLAT_COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        batches = _Batches(lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema=schema)))
        yield batches
        batches.flush()


class _Batches:
    def __init__(self, write: Any) -> None:
        self._write = write
        self._rows: list[dict[str, Any]] = []

    def add(self, line: EvaluationLine) -> None:
        self._rows.append(flat_line(line))
        if len(self._rows) >= LINES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._write(self._rows)
            self._rows = []
