"""A run and its trials, for those who lead: attempts, transcripts, what was handed in, what was said of it."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from grading.overview.grades import grades_of
from grading.overview.looks import look, may_judge
from grading.overview.oversight import AttemptSeen, Oversight, TrialSeen
from grading.overview.story import story_page
from grading.people.person import Person, Role
from grading.review.content import signed_path
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.withheld import Asking, withheld

TRIALS = 50
"""Trials on a page."""
_LEADS = (Role.lead, Role.admin)


def add_trials(app: FastAPI, parts: Parts, oversight: Oversight) -> None:
    """`/lead/runs/RUN`, and below it `trials/TRIAL` with its executions and files."""
    database = parts.book.database

    @app.get("/lead/runs/{run}")
    def run_seen(request: Request, run: str, skip: int = 0) -> Response:
        person = allowed(request, *_LEADS)
        seen = oversight.run(run)
        if seen is None:
            raise NoSuchReview(run)
        skip = max(0, min(skip, max(0, seen.trials - 1) // TRIALS * TRIALS))
        trials = oversight.trials(run, skip=skip, most=TRIALS)
        before = max(0, skip - TRIALS) if skip else None
        after = skip + TRIALS if skip + TRIALS < seen.trials else None
        values = {"run": seen, "trials": trials, "skip": skip, "before": before, "after": after}
        return parts.page(request, "overview/run.html.j2", **values, judges=may_judge(person))

    @app.get("/lead/runs/{run}/trials/{trial}")
    def trial_seen(request: Request, run: str, trial: str) -> Response:
        person, seen = _trial(parts, oversight, request, run, trial)
        held = _withheld(parts, request, person, seen)
        if held is not None:
            return held
        with database.read() as connection:
            grades = grades_of(connection, [attempt.id for attempt in seen.attempts])
        return parts.page(request, "overview/trial.html.j2", trial=seen, grades=grades)

    @app.post("/lead/runs/{run}/trials/{trial}/look")
    def look_at(request: Request, run: str, trial: str) -> Response:
        person, seen = _trial(parts, oversight, request, run, trial)
        with database.write() as connection:
            look(connection, person.id, seen.job, seen.id)
        return RedirectResponse(f"/lead/runs/{run}/trials/{trial}", status_code=303)

    @app.get("/lead/runs/{run}/trials/{trial}/executions/{execution}")
    def transcript(request: Request, run: str, trial: str, execution: str, skip: int = 0) -> Response:
        person, seen = _trial(parts, oversight, request, run, trial)
        held = _withheld(parts, request, person, seen)
        if held is not None:
            return held
        for attempt in seen.attempts:
            for one in attempt.executions:
                if one.id == execution:
                    page = story_page(database, parts.blobs, execution, skip)
                    values = {"trial": seen, "attempt": attempt, "execution": one, "page": page}
                    return parts.page(request, "overview/transcript.html.j2", **values)
        raise NoSuchReview(execution)

    # Addresses on the content origin live for minutes, a page for hours: each is made when it is asked for.
    @app.get("/lead/runs/{run}/trials/{trial}/attempts/{attempt}/files/{index}/{how}")
    def handed_in(request: Request, run: str, trial: str, attempt: str, index: int, how: str) -> Response:
        person, seen = _trial(parts, oversight, request, run, trial)
        held = _withheld(parts, request, person, seen)
        if held is not None:
            return held
        submission = _attempt(seen, attempt).submission
        files = submission.files if submission is not None else ()
        if not 0 <= index < len(files) or how not in ("show", "download"):
            raise NoSuchReview(f"{attempt}/{index}")
        path = signed_path(parts.secrets, files[index], inline=how == "show")
        return RedirectResponse(parts.content_origin + path, status_code=303)


def _trial(parts: Parts, oversight: Oversight, request: Request, run: str, trial: str) -> tuple[Person, TrialSeen]:
    person: Person = allowed(request, *_LEADS)
    seen = oversight.trial(run, trial)
    if seen is None:
        raise NoSuchReview(trial)
    return person, seen


def _attempt(seen: TrialSeen, attempt: str) -> AttemptSeen:
    for one in seen.attempts:
        if one.id == attempt:
            return one
    raise NoSuchReview(attempt)


def _withheld(parts: Parts, request: Request, person: Person, seen: TrialSeen) -> Response | None:
    here = f"/lead/runs/{quote(seen.run)}"
    return withheld(
        parts,
        request,
        person,
        seen.job,
        Asking("whose work it is", f"{here}/trials/{seen.id}/look", here, "the run"),
    )
