"""The report as one HTML page: no script, nothing fetched, light and dark, readable on a phone and on paper."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from grading import (
    FIGURE_FILTERS,
    Outcome,
    Trial,
    completion_plot,
    money_plot,
    rate_bar,
    strip,
    went_on_from,
)
from upbench.report.build import Report

BASES = {
    "record": "verdicts of record: people first, then checks that decide",
    "judge": "JUDGE BASIS: where neither a person nor a check has decided, a judge model's verdict stands",
}


def render_page(report: Report) -> str:
    """The page's HTML."""
    figures = report.figures
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            figures=figures,
            css=Markup(_resource("report.css")),  # noqa: S704  (our own style sheet)
            warnings=[w for w in figures.warnings if w.kind not in ("scripted", "rubric_visible")],
            policy=f"a job is completed when {figures.policy.says}",
            basis=BASES[figures.basis],
            rework_context=went_on_from(figures.retry_control),
            plot=completion_plot(figures.agents),
            value_plot=_value_plot(report),
            groups=_groups(report),
            rubric_visible=[name for name, own in figures.agents.items() if own.rubric_visible],
            digests=_digests(report),
            attempts=sum(len(trial.outcomes) for trial in report.study.trials),
        )
    )


def _resource(name: str) -> str:
    return (files("upbench.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FIGURE_FILTERS, "breakable": _breakable}
    environment.globals |= {"strip": strip, "rate_bar": rate_bar, "state_of": state_of}
    return environment


def _breakable(name: str) -> Markup:
    """A name that may be broken after `@` and `/`."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[@/])", name))


def state_of(outcome: Outcome) -> tuple[str, str]:
    """How an attempt stands, as (class, words)."""
    if outcome.completed is True:
        return "done", "completed"
    if outcome.completed is False:
        ended = outcome.attempt.ended
        blame = f" ({ended.value})" if ended is not None and ended.value in ("limit", "agent_crash") else ""
        return "failed", f"failed{blame}"
    return "missing", (outcome.missing or "awaiting").replace("_", " ")


def _groups(report: Report) -> list[tuple[str, list[tuple[str, list[Trial]]]]]:
    """Trials by category and job."""
    groups: dict[str, dict[str, list[Trial]]] = {}
    for trial in report.study.trials:
        groups.setdefault(trial.category, {}).setdefault(trial.key.job, []).append(trial)
    return [
        (category, [(job, sorted(trials, key=_by_agent)) for job, trials in sorted(jobs.items())])
        for category, jobs in sorted(groups.items())
    ]


def _by_agent(trial: Trial) -> tuple[str, str, int]:
    return trial.key.agent, trial.key.run, trial.key.repeat


def _value_plot(report: Report) -> Markup | None:
    rows = [
        (name, own.value_captured.value, own.value_offered.value)
        for name, own in report.figures.agents.items()
        if own.value_captured.value is not None and own.value_offered.value
    ]
    return money_plot([(n, c, o) for n, c, o in rows if c is not None and o is not None]) if rows else None


def _digests(report: Report) -> dict[str, Any]:
    """Agent -> digests of its configuration, as the lines give them."""
    found: dict[str, set[str]] = {}
    for trial in report.study.trials:
        for attempt in trial.executions:
            digest = attempt.facts.get("agent_digest")
            found.setdefault(trial.key.agent, set()).update([digest] if digest else [])
    return {agent: sorted(digests) for agent, digests in sorted(found.items())}
