"""The report's figures as JSON and CSV, and as a few lines for the terminal."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from grading import Figure, Figures, percent, points, relative, whole
from upbench.report.build import Report

_COLUMNS = (
    "agent",
    "cut",
    "of",
    "figure",
    "value",
    "low",
    "high",
    "n",
    "missing",
    "bound_low",
    "bound_high",
    "why",
)
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(report: Report) -> dict[str, Any]:
    """Every figure, and where it came from."""
    body: dict[str, Any] = report.figures.model_dump(mode="json")
    return body | {
        "sources": list(report.sources),
        "provenance": {
            "made": report.made,
            "upbench": report.upbench,
            "python": report.python,
            "lines": report.lines,
            "evaluations_sha256": report.digest,
            **report.facts,
        },
    }


def as_json_text(report: Report) -> str:
    """`as_json` as text."""
    return json.dumps(as_json(report), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_csv(report: Report) -> str:
    """One row a figure: by agent, by agent and category, by agent and importance, and the economics."""
    figures = report.figures
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(_COLUMNS)
    for agent, own in figures.agents.items():
        _rows(table, agent, "all", "", own)
    for cut, groups in (("category", figures.categories), ("importance", figures.importance)):
        for name, agents in groups.items():
            for agent, group in agents.items():
                _rows(table, agent, cut, name, group)
    for agent, costs in figures.economics.items():
        _rows(table, agent, "economics", "", costs)
    return stream.getvalue()


def _rows(table: Any, agent: str, cut: str, name: str, group: Any) -> None:
    for field in type(group).model_fields:
        figure = getattr(group, field)
        if isinstance(figure, Figure):
            low, high = figure.bounds or (None, None)
            values = (figure.value, figure.low, figure.high, figure.n, figure.missing, low, high, figure.why)
            table.writerow([_cell(cell) for cell in (agent, cut, name, field, *values)])


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_text(figures: Figures) -> str:
    """A table for the terminal."""
    heads = (
        "agent",
        "N",
        "missing",
        "A",
        "M",
        "B",
        "P1",
        "P overall",
        "lift",
        "relative",
        "rescue",
        "R1",
        "R overall",
    )
    rows = [heads]
    for agent, own in figures.agents.items():
        rows.append(
            (
                agent + (" (scripted)" if own.scripted else ""),
                whole(own.n.value),
                whole(own.n.missing),
                whole(own.a.value),
                whole(own.m.value),
                whole(own.b.value),
                percent(own.p1.value),
                percent(own.p_overall.value),
                points(own.absolute_lift.value),
                relative(own.relative_lift.value),
                percent(own.rescue_rate.value),
                percent(own.rubric_1.value),
                percent(own.rubric_overall.value),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in enumerate(zipped)
        )
        for row in rows
        for zipped in [tuple(zip(row, widths, strict=True))]
    ]
    head = f"policy {figures.policy.value}, basis {figures.basis}"
    notes = [f"! {warning.kind}: {warning.detail}" for warning in figures.warnings]
    return "\n".join([head, "", *lines, *([""] if notes else []), *notes])
