"""Gold over HTTP: keys and changed copies for leads, the exam for reviewers. All of it works without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from grading.adjudication.changing import file_named, needs_sandbox, text_changed
from grading.adjudication.copies import add_gold_copy, files_of_item
from grading.adjudication.exam import EXAM, PAUSES, QUALIFIES
from grading.adjudication.exam_sitting import begin_exam, exam_of
from grading.adjudication.gold import GoldKey, note_known, retire_gold, set_gold_keys
from grading.adjudication.gold_lists import GoldSheet, gold_candidates, gold_list, gold_sheet, standings
from grading.adjudication.hasty import haste_of_all
from grading.adjudication.perturb import Flaw, NotChanged
from grading.adjudication.problems import NoSuchReview
from grading.people.audit import append_audit
from grading.people.person import Person, Role
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts, person_of

MAX_TEXT = 4_000
FLAWS = {
    Flaw.wrong_total: "the last number in it is another",
    Flaw.truncated_text: "its second half is gone",
    Flaw.injected_text: "a line in it tells whoever grades to pass everything",
    Flaw.missing_file: "the file is missing",
}
WORDS = {
    "": None,
    "pass": GoldKey(verdict="pass"),
    "fail": GoldKey(verdict="fail"),
    "absent": GoldKey(verdict="fail", absent=True),
}
_DONE = {
    "set": "The keys are kept.",
    "retired": "Nobody is measured by it any more.",
    "copied": "The copy is made.",
}


@dataclass(frozen=True)
class _Typed:
    """What stands in a form about a submission's keys."""

    keys: dict[str, GoldKey]
    reason: str
    exam: bool
    flaw: str = ""
    file: str = ""


def add_gold(app: FastAPI, parts: Parts) -> None:
    """`/lead/gold...` for leads and admins, `/exam` for reviewers."""
    _add_lists(app, parts)
    _add_changes(app, parts)
    _add_exam(app, parts)


def _add_lists(app: FastAPI, parts: Parts) -> None:
    database = parts.book.database

    @app.get("/lead/gold")
    def listed(request: Request) -> Response:
        allowed(request, Role.lead, Role.admin)
        with database.read() as connection:
            values: dict[str, Any] = {
                "gold": gold_list(connection),
                "candidates": gold_candidates(connection),
                "standings": standings(connection),
                "haste": haste_of_all(connection),
            }
        return parts.page(request, "adjudication/gold.html.j2", done=_done(request), **values)

    @app.get("/lead/gold/{alias}")
    def shown(request: Request, alias: str) -> Response:
        person = _lead(request)
        with database.write() as connection:
            sheet = _sheet_for(connection, alias)
            note_known(connection, alias, person.id)  # from now on they know what is right of it
        return _page(parts, request, sheet)


def _add_changes(app: FastAPI, parts: Parts) -> None:
    database = parts.book.database

    @app.post("/lead/gold/{alias}")
    async def kept(request: Request, alias: str) -> Response:
        form = await request.form()
        return await run_in_threadpool(_keep, parts, request, alias, form)

    @app.post("/lead/gold/{alias}/copy")
    async def copied(request: Request, alias: str) -> Response:
        form = await request.form()
        return await run_in_threadpool(_copy, parts, request, alias, form)

    @app.post("/lead/gold/{alias}/retire")
    async def retired(request: Request, alias: str) -> Response:
        person, form = _lead(request), await request.form()

        def work() -> Response:
            with database.write() as connection:
                retire_gold(connection, alias)
                detail = {"reason": str(form.get("reason", ""))[:MAX_TEXT]}
                append_audit(connection, actor=person.id, action="gold.retire", subject=alias, detail=detail)
            return RedirectResponse("/lead/gold?done=retired", status_code=303)

        return await run_in_threadpool(work)


def _add_exam(app: FastAPI, parts: Parts) -> None:
    database = parts.book.database

    @app.get("/exam")
    def exam(request: Request) -> Response:
        with database.read() as connection:
            found = exam_of(connection, person_of(request))
        values = {"exam": found, "least": EXAM, "qualifies": QUALIFIES, "pauses": PAUSES}
        return parts.page(request, "adjudication/exam.html.j2", **values)

    @app.post("/exam")
    def begun(request: Request) -> Response:
        with database.write() as connection:
            begin_exam(connection, person_of(request))
        return RedirectResponse("/exam", status_code=303)


def _keep(parts: Parts, request: Request, alias: str, form: Mapping[str, Any]) -> Response:
    person = _lead(request)
    with parts.book.database.read() as connection:
        sheet = _sheet_for(connection, alias)
    typed = _typed(sheet, form)
    if not typed.keys or not typed.reason:
        error = "Say what is right of one criterion at least, and how it is known."
        return _page(parts, request, sheet, error, typed)
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


def _copy(parts: Parts, request: Request, alias: str, form: Mapping[str, Any]) -> Response:
    person = _lead(request)
    with parts.book.database.read() as connection:
        sheet, files = _sheet_for(connection, alias), files_of_item(connection, alias)
    typed = _typed(sheet, form)
    if not typed.keys or not typed.reason or typed.flaw not in set(FLAWS):
        error = "Choose what is made wrong and what follows from it for one criterion at least, and say why."
        return _page(parts, request, sheet, error, typed)
    flaw = Flaw(typed.flaw)
    try:
        file = file_named(files, typed.file)
        if needs_sandbox(file, flaw):
            raise NotChanged("workbooks are changed on the command line: upbench review gold copy")
        changed = [] if flaw is Flaw.missing_file else [text_changed(parts.blobs, file, flaw)]
        made = f"{file.path} is missing" if not changed else f"{flaw.value.replace('_', ' ')} in {file.path}"
        rest = [one for one in files if one.path != file.path]
        missing = () if changed else (file.path,)
        with parts.book.database.write() as connection:
            more = {"made": made, "reason": typed.reason}
            copy = add_gold_copy(
                connection,
                alias,
                [*rest, *changed],
                typed.keys,
                person.id,
                missing=missing,
                exam=typed.exam,
                **more,
            )
            detail = {"origin": alias, "exam": typed.exam, **more}
            append_audit(connection, actor=person.id, action="gold.copy", subject=copy, detail=detail)
    except NotChanged as error:
        return _page(parts, request, sheet, f"No copy is made: {error}.", typed)
    return RedirectResponse("/lead/gold?done=copied", status_code=303)


def _typed(sheet: GoldSheet, form: Mapping[str, Any]) -> _Typed:
    """The fields by the number of their criterion: ids are the authors', names of fields are ours."""
    keys: dict[str, GoldKey] = {}
    for number, criterion in enumerate(sheet.criteria, start=1):
        key = WORDS.get(str(form.get(f"key-{number}", "")))
        if key is not None:
            why = str(form.get(f"why-{number}", "")).strip()[:MAX_TEXT]
            keys[criterion.id] = key.model_copy(update={"why": why})
    reason = str(form.get("reason", "")).strip()[:MAX_TEXT]
    flaw, file = str(form.get("flaw", "")), str(form.get("file", ""))
    return _Typed(keys, reason, bool(form.get("exam")), flaw, file)


def _sheet_for(connection: Any, alias: str) -> GoldSheet:
    """A submission that is settled or has keys; of others nobody is told what people say so far."""
    sheet = gold_sheet(connection, alias)
    if not sheet.settled and not sheet.keys:
        raise NoSuchReview(alias)
    return sheet


def _lead(request: Request) -> Person:
    person: Person = allowed(request, Role.lead, Role.admin)
    return person


def _done(request: Request) -> str:
    return _DONE.get(request.query_params.get("done", ""), "")


def _page(
    parts: Parts, request: Request, sheet: GoldSheet, error: str = "", typed: _Typed | None = None
) -> Response:
    keys = typed.keys if typed is not None else sheet.keys or sheet.suggested
    page = parts.page(
        request, "adjudication/gold_item.html.j2", sheet=sheet, keys=keys, typed=typed, flaws=FLAWS, error=error
    )
    page.status_code = 422 if error else 200
    return page
