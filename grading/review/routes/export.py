"""Exports for leads and their programs: what was said of the submissions of runs, without names."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from core import BadInput
from grading.exporting.aliases import Aliases
from grading.exporting.noting import alias_key, note_export
from grading.exporting.source import Exports, jobs_in_hand
from grading.exporting.write import ExportForm, in_chunks, write_export
from grading.overview.looks import has_looked, look, may_judge
from grading.people.people import People
from grading.people.person import Person, Role
from grading.review.routes.parts import Parts, person_of

_ASIDE = (
    "you may be asked to judge, blind to what others say of a submission, and the export holds that; "
    "with stand_aside=1 you have it, and are given no more reviews or adjudications of its jobs"
)
SHOWN = 200
"""Runs that can be chosen on the page; the interface takes any."""


def add_export(app: FastAPI, parts: Parts, people: People | None, exports: Exports) -> None:
    """`/lead/export`, the page, and `/api/export`, which it leads to."""
    _add_file(app, parts, people, exports)

    @app.get("/lead/export")
    def page(request: Request) -> Response:
        person = person_of(request)
        runs = exports.find(())
        values = {
            "runs": runs[:SHOWN],
            "more": len(runs) - SHOWN,
            "barred": barred(parts, person, exports, runs[:SHOWN]),
            "forms": list(ExportForm),
            "names": _may_name(person, people),
            "judges": may_judge(person),
        }
        return parts.page(request, "export.html.j2", **values)


def _add_file(app: FastAPI, parts: Parts, people: People | None, exports: Exports) -> None:
    key = alias_key(parts.secrets)

    @app.get("/api/export")
    def export(
        request: Request,
        run: Annotated[list[str] | None, Query()] = None,
        form: Annotated[ExportForm, Query(alias="format")] = ExportForm.jsonl,
        reveal: bool = False,
        names: bool = False,
        stand_aside: bool = False,
    ) -> Response:
        person = person_of(request)
        if names and not _may_name(person, people):
            return JSONResponse({"error": "reviewers are named to administrators only"}, status_code=403)
        try:
            runs = exports.find([one for one in run or () if one])
        except BadInput as problem:
            return JSONResponse({"error": str(problem)}, status_code=404)
        if may_judge(person) and not stand_aside:
            return JSONResponse({"error": _ASIDE}, status_code=409)
        jobs = barred(parts, person, exports, runs)
        if jobs or (jobs := _looked_at(parts, person, exports, runs)):
            what = f"you have reviews of {', '.join(jobs)} in hand; lock or give them back first"
            return JSONResponse({"error": what, "jobs": jobs}, status_code=409)
        accounts = {one.id: one for one in people.list()} if names and people is not None else None
        note_export(parts.book.database, person.id, runs, form, reveal=reveal, names=names)
        pieces = write_export(exports, runs, form, Aliases(key, reveal=reveal, people=accounts))
        headers = {"content-disposition": f'attachment; filename="verdicts{form.suffix}"'}
        return StreamingResponse(in_chunks(pieces), media_type=form.media_type, headers=headers)


def barred(parts: Parts, person: Person, exports: Exports, runs: list[str]) -> list[str]:
    """The jobs of these runs that the person reviews at this moment, blind to what others say of them."""
    with parts.book.database.read() as connection:
        in_hand = jobs_in_hand(connection, person.id)
    return sorted(in_hand & {job for run in runs for job in exports.jobs(run)}) if in_hand else []


def _looked_at(parts: Parts, person: Person, exports: Exports, runs: list[str]) -> list[str]:
    """Give somebody who judges no more of these jobs from now on; those that they have begun this very moment."""
    begun = []
    for run in runs if may_judge(person) else ():
        for job in sorted(exports.jobs(run)):
            with parts.book.database.write() as connection:
                if not has_looked(connection, person.id, job) and not look(connection, person.id, job, run):
                    begun.append(job)
    return begun


def _may_name(person: Person, people: People | None) -> bool:
    return people is not None and person.may(Role.admin)
