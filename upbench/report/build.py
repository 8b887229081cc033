"""From sources (files or runs) to a report: the lines are read, judged and counted once."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core import digest_of
from grading import Basis, Figures, Placed, Study, dump_line, study
from rubrics import CompletionPolicy
from upbench.version import upbench_version


@dataclass(frozen=True)
class Report:
    """A report, ready to be written in any form.

    Attributes:
        sources: What was read, by the names the user knows.
        facts: Of the runs, for the page's end (pack, limits, provider ...).
        digest: Of all lines, whatever their order.
        made: When, ISO 8601 in UTC.
    """

    study: Study
    sources: tuple[str, ...]
    lines: int
    digest: str
    made: str
    upbench: str
    python: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> Figures:
        """The figures."""
        return self.study.figures


def build_report(
    placed: Sequence[Placed],
    sources: Sequence[str],
    *,
    policy: CompletionPolicy | None = None,
    basis: Basis = "record",
    facts: Mapping[str, str] | None = None,
) -> Report:
    """Judge and count the lines.

    Raises:
        BadInput: Lines contradict each other; file and line are named. Or the runs have several policies and
            `policy` chooses none.
    """
    return Report(
        study=study(placed, policy=policy, basis=basis),
        sources=tuple(sources),
        lines=len(placed),
        digest=digest_of(sorted(dump_line(item.line) for item in placed)),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        upbench=upbench_version(),
        python=platform.python_version(),
        facts=dict(facts or {}),
    )
