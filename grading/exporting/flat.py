"""A line of `evaluations.jsonl` as a row of a table."""

from __future__ import annotations

from typing import Any

from core import canonical_json
from grading.evaluations import EvaluationLine


def flat_line(line: EvaluationLine) -> dict[str, Any]:
    """A line as one row: cost and minutes as columns of their own, evidence as JSON, the category with slashes."""
    row = line.model_dump(mode="json")
    for name in ("cost", "minutes"):
        row |= {f"{name}_{part}": value for part, value in row.pop(name).items()}
    row["evidence"] = canonical_json(row["evidence"])
    if isinstance(row["category"], list):
        row["category"] = " / ".join(row["category"])
    return row


FLAT_COLUMNS = tuple(flat_line(EvaluationLine(agent="a", job="j", attempt=1, arm="alone", criterion=None)))
