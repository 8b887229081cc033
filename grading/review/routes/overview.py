"""For those who lead: how the work goes, what it waits for, how people agree, and the figures of a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from core import BadInput
from grading.drawing.bars import interval_plot, parts_bar
from grading.drawing.numbers import FIGURE_FILTERS
from grading.drawing.plots import completion_plot, rate_bar
from grading.figures.contexts import went_on_from
from grading.figures.model import Figures
from grading.overview.agreement import AgreementReport, agreement_report
from grading.overview.bottlenecks import HardCriteria, bottlenecks, hard_criteria
from grading.overview.coverage import coverage
from grading.overview.kept import Kept, mark_of
from grading.overview.oversight import Oversight, RunHead
from grading.people.audit import append_audit
from grading.people.person import Person, Role
from grading.queue.leases import release
from grading.queue.slots import CLAIMED
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.trials import add_trials
from grading.statistics.coefficients import LEVEL, RESAMPLES
from grading.tables import REVIEW_SLOTS
from rubrics import CompletionPolicy

RUNS = 100
"""Runs that can be chosen, the newest."""
LEADS = (Role.lead, Role.admin)
_NO_LINES = "There is nothing to count yet."


def add_overview(app: FastAPI, parts: Parts, oversight: Oversight | None) -> None:
    """`/lead`, the release of a review, and, where runs are known, `/lead/runs/RUN` and what is below it."""
    parts.templates.filters |= FIGURE_FILTERS | {"since": since, "moment": moment}
    parts.templates.globals |= {"rate_bar": rate_bar}
    kept: Kept[tuple[AgreementReport, HardCriteria]] = Kept()
    database = parts.book.database

    @app.get("/lead")
    def lead(request: Request, run: str = "", done: str = "") -> Response:
        allowed(request, *LEADS)
        runs = list(oversight.runs(RUNS)) if oversight is not None else []
        scope = oversight.attempts(run) if oversight is not None and run else None
        with database.read() as connection:
            counted, found = coverage(connection, scope), bottlenecks(connection, scope)
            mark = mark_of(connection, scope)

        def count() -> tuple[AgreementReport, HardCriteria]:
            with database.read() as connection:
                return agreement_report(connection, scope), hard_criteria(connection, scope)

        known = kept.get(run, mark, count)
        agreement, hard = known.value
        values = {
            "runs": _with(runs, run, oversight),
            "run": run,
            "coverage": counted,
            "found": found,
            "hard": hard,
        }
        return parts.page(
            request,
            "overview/lead.html.j2",
            **values,
            agreement=agreement,
            known=known,
            bar=parts_bar("items", "Submissions by how far they are", _words(counted.items)),
            plot=_agreement_plot(agreement),
            done=done == "released",
            resamples=RESAMPLES,
            level=round(100 * LEVEL),
        )

    @app.post("/lead/slots/{alias}/release")
    def give_back(request: Request, alias: str, run: Annotated[str, Form()] = "") -> Response:
        person = allowed(request, *LEADS)
        chosen = select(REVIEW_SLOTS.c.reviewer).where(
            REVIEW_SLOTS.c.alias == alias, REVIEW_SLOTS.c.state == CLAIMED, REVIEW_SLOTS.c.reviewer.is_not(None)
        )
        with database.write() as connection:
            holder = connection.execute(chosen.with_for_update()).scalar()
            if holder is None:
                raise NoSuchReview(alias)
            release(connection, Person(id=holder), alias)
            detail = {"reviewer": holder}
            append_audit(connection, actor=person.id, action="lead.release", subject=alias, detail=detail)
        back = urlencode({"run": run, "done": "released"})
        return RedirectResponse(f"/lead?{back}", status_code=303)

    if oversight is not None:
        _add_figures(app, parts, oversight)
        add_trials(app, parts, oversight)


def _add_figures(app: FastAPI, parts: Parts, oversight: Oversight) -> None:
    kept: Kept[Figures | str] = Kept()

    @app.get("/lead/runs/{run}/figures")
    def figures(request: Request, run: str, policy: CompletionPolicy | None = None) -> Response:
        allowed(request, *LEADS)
        seen = oversight.run(run)
        if seen is None:
            raise NoSuchReview(run)
        with parts.book.database.read() as connection:
            mark = f"{mark_of(connection, oversight.attempts(run))} {oversight.mark(run)}"
        known = kept.get(f"{run} {policy}", mark, lambda: _figures(oversight, run, policy))
        found = known.value
        values: dict[str, Any] = {"run": seen, "policies": list(CompletionPolicy), "known": known}
        if isinstance(found, str):
            chosen = policy or CompletionPolicy.paper
            return parts.page(
                request, "overview/figures.html.j2", **values, policy=chosen, figures=None, error=found
            )
        values |= {"policy": found.policy, "context": went_on_from(found.retry_control)}
        plots = {"completion": completion_plot(found.agents), "rework": _rework_plot(found)}
        return parts.page(request, "overview/figures.html.j2", **values, figures=found, error="", **plots)


def _figures(oversight: Oversight, run: str, policy: CompletionPolicy | None) -> Figures | str:
    """The figures of a run, by its own policy unless another is chosen; or why there are none."""
    try:
        found = oversight.figures(run, policy)
    except BadInput as error:
        return str(error)
    return found if found.agents else _NO_LINES


def _with(runs: list[RunHead], run: str, oversight: Oversight | None) -> list[RunHead]:
    """The runs to choose among, the chosen one among them although it may be old."""
    if not run or any(one.id == run for one in runs):
        return runs
    seen = oversight.run(run) if oversight is not None else None
    if seen is None:
        raise NoSuchReview(run)
    return [seen.head, *runs]


def _words(items: Any) -> dict[str, int]:
    return {WORDS[state]: number for state, number in items.items()}


WORDS = {"awaiting": "awaiting", "claimed": "begun", "locked": "locked, not settled", "settled": "settled"}
"""How far a submission is, as people say it."""


def _agreement_plot(report: AgreementReport) -> Any:
    if not report.shared:
        return None
    rows = [(name.capitalize(), group.ac1) for name, group in report.groups.items()]
    return interval_plot("ac1", "Gwet's AC1, in all and by importance of the criterion", rows)


def _rework_plot(figures: Figures) -> Any:
    arms: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("with remarks", lambda own: own.feedback),
        ("without", lambda own: own.retry),
        ("as it was", lambda own: own.echo),
    )
    rows = [
        (f"{agent}, {arm}", figure(own))
        for agent, own in figures.retry_control.items()
        for arm, figure in arms
        if figure(own).n
    ]
    if not rows:
        return None
    # What the missing could make of it is drawn as the line.
    drawn = [
        (name, f if f.bounds is None else f.model_copy(update={"low": f.bounds[0], "high": f.bounds[1]}))
        for name, f in rows
    ]
    return interval_plot("rework", "Failed jobs that passed when they were tried again", drawn, unit="%")


def since(text: str) -> str:
    """How long ago a time (ISO 8601) was, in the two largest units: `3 d 4 h`."""
    try:
        seconds = (datetime.now(UTC) - _read(text)).total_seconds()
    except ValueError:
        return ""
    minutes = max(0, round(abs(seconds) / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def moment(text: str) -> str:
    """A time (ISO 8601) to the minute, in UTC."""
    try:
        return _read(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def _read(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
