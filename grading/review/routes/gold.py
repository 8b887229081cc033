"""Gold over HTTP: which submissions are, and what is right of them. All of it works without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from grading.adjudication.gold import note_known, retire_gold, set_gold_keys
from grading.adjudication.gold_lists import gold_candidates, gold_list, standings
from grading.adjudication.hasty import haste_of_all
from grading.overview.grades import names_of
from grading.overview.looks import jobs_looked_at, look, may_judge
from grading.people.audit import append_audit
from grading.queue.open_to import may_review
from grading.review.routes.gold_copies import add_gold_copies
from grading.review.routes.gold_page import MAX_TEXT, lead_of, opened, sheet_for, sheet_page, typed_of
from grading.review.routes.parts import Parts

_DONE = {
    "set": "The keys are kept.",
    "retired": "Nobody is measured by it any more.",
    "copied": "The copy is made.",
}


def add_gold(app: FastAPI, parts: Parts) -> None:
    """`/lead/gold`, and the page of each submission there, for leads and admins."""
    _add_lists(app, parts)
    _add_changes(app, parts)
    if parts.changer is not None:
        add_gold_copies(app, parts, parts.changer)


def _add_lists(app: FastAPI, parts: Parts) -> None:
    database = parts.book.database

    @app.get("/lead/gold")
    def listed(request: Request) -> Response:
        person = lead_of(request)
        with database.read() as connection:
            gold, candidates = gold_list(connection), gold_candidates(connection)
            values: dict[str, Any] = {"standings": standings(connection), "haste": haste_of_all(connection)}
            if may_review(person):  # what moves with a lock of theirs would tell them which review was gold
                values["standings"].pop(person.id, None)
            values["names"] = names_of(connection, sorted(values["standings"]))
            looked = jobs_looked_at(connection, person.id)
        if may_judge(person):  # what is wrong with a submission is told to who judges its job no more
            gold = [one if one.job in looked else one.untold for one in gold]
            candidates = [one if one.job in looked else one.untold for one in candidates]
        values |= {"gold": gold, "candidates": candidates, "done": _done(request)}
        return parts.page(request, "adjudication/gold.html.j2", **values)

    @app.get("/lead/gold/{alias}")
    def shown(request: Request, alias: str) -> Response:
        sheet = opened(parts, request, alias)
        return sheet if isinstance(sheet, Response) else sheet_page(parts, request, sheet)

    @app.post("/lead/gold/{alias}/look")
    def look_at(request: Request, alias: str) -> Response:
        person = lead_of(request)
        with database.write() as connection:
            sheet = sheet_for(connection, alias)
            if look(connection, person.id, sheet.job, alias):
                note_known(connection, alias, person.id)
        return RedirectResponse(f"/lead/gold/{alias}", status_code=303)


def _add_changes(app: FastAPI, parts: Parts) -> None:
    database = parts.book.database

    @app.post("/lead/gold/{alias}")
    async def kept(request: Request, alias: str) -> Response:
        form = await request.form()
        return await run_in_threadpool(_keep, parts, request, alias, form)

    @app.post("/lead/gold/{alias}/retire")
    async def retired(request: Request, alias: str) -> Response:
        person, form = lead_of(request), await request.form()

        def work() -> Response:
            sheet = opened(parts, request, alias)
            if isinstance(sheet, Response):
                return sheet
            with database.write() as connection:
                retire_gold(connection, alias)
                detail = {"reason": str(form.get("reason", ""))[:MAX_TEXT]}
                append_audit(connection, actor=person.id, action="gold.retire", subject=alias, detail=detail)
            return RedirectResponse("/lead/gold?done=retired", status_code=303)

        return await run_in_threadpool(work)


def _keep(parts: Parts, request: Request, alias: str, form: Mapping[str, Any]) -> Response:
    person, sheet = lead_of(request), opened(parts, request, alias)
    if isinstance(sheet, Response):
        return sheet
    typed = typed_of(sheet, form, "keys")
    if not typed.keys or not typed.reason:
        error = "Say what is right of one criterion at least, and how it is known."
        return sheet_page(parts, request, sheet, error, typed)
    with parts.book.database.write() as connection:
        set_gold_keys(
            connection,
            alias,
            typed.keys,
            person.id,
            reason=typed.reason,
            exam=typed.exam,
            origin=sheet.origin,
            made=sheet.made,
        )
        said = {name: key.model_dump() for name, key in typed.keys.items()}
        detail = {"reason": typed.reason, "exam": typed.exam, "keys": said}
        append_audit(connection, actor=person.id, action="gold.set", subject=alias, detail=detail)
    return RedirectResponse("/lead/gold?done=set", status_code=303)


def _done(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")
