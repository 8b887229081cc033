"""Writing a report's page from lines of evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from core import write_atomic
from grading import Basis, EvaluationLine, Figures, place
from rubrics import CompletionPolicy
from upbench.report.build import build_report


def write_report(
    lines: Iterable[EvaluationLine],
    path: Path,
    *,
    title: str,
    policy: CompletionPolicy | None = None,
    basis: Basis = "record",
    facts: Mapping[str, str] | None = None,
) -> Figures:
    """Write the page to `path`, all or nothing, and return its figures.

    Args:
        lines: Of one run or of several.
        path: The `.html` file; its folders are made.
        title: What the page calls what it reports on.
        policy: What completes a job; default: by what the runs themselves decided it.
        basis: Whose verdicts count.
        facts: Of the runs, for the page's provenance.
    """
    from upbench.report.page import render_page

    report = build_report(place(lines), [title], policy=policy, basis=basis, facts=facts)
    write_atomic(path, render_page(report))
    return report.figures
