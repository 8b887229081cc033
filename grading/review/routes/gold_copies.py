"""Changed copies of submissions as gold, over HTTP: made by the same code as on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from core import BadInput, Deliverable, Fault
from grading.adjudication.changing import Changed, Changer
from grading.adjudication.copies import add_gold_copy, files_of_item
from grading.adjudication.gold_lists import GoldSheet
from grading.adjudication.perturb import Flaw, NotChanged
from grading.review.routes.gold_page import FLAWS, OTHER_FILES, Typed, lead_of, opened, sheet_page, typed_of
from grading.review.routes.parts import Parts

MOST_FILES = 200
_LACKS = "Choose what is made wrong and what follows from it for one criterion at least, and say why."
_FAILED = "The sandbox failed, and no copy is made. Try it again in a moment."


def add_gold_copies(app: FastAPI, parts: Parts, changer: Changer) -> None:
    """`/lead/gold/ALIAS/copy`."""

    @app.post("/lead/gold/{alias}/copy")
    async def copied(request: Request, alias: str) -> Response:
        sheet = await run_in_threadpool(opened, parts, request, alias)
        if isinstance(sheet, Response):
            return sheet
        async with request.form(max_files=MOST_FILES) as form:
            typed = typed_of(sheet, form, "copy")
            if not typed.keys or not typed.reason or typed.flaw not in FLAWS:
                return sheet_page(parts, request, sheet, _LACKS, typed)
            return await _copy(parts, changer, request, sheet, typed, form)


async def _copy(
    parts: Parts, changer: Changer, request: Request, sheet: GoldSheet, typed: Typed, form: FormData
) -> Response:
    def add(changed: Changed) -> None:
        with parts.book.database.write() as connection:
            by = lead_of(request).id
            add_gold_copy(connection, sheet.item, changed, typed.keys, by, reason=typed.reason, exam=typed.exam)

    try:
        files = await run_in_threadpool(_files, parts, sheet.item)
        if typed.flaw == OTHER_FILES:
            changed = await run_in_threadpool(_own_files, changer, files, form)
        else:
            which = typed.sheet.strip() or None
            changed = await changer.with_flaw(files, Flaw(typed.flaw), typed.file, sheet=which)
        await run_in_threadpool(add, changed)
    except NotChanged as error:
        return sheet_page(parts, request, sheet, f"No copy is made: {error}.", typed)
    except BadInput as error:
        return sheet_page(parts, request, sheet, f"No copy is made: {error.what}.", typed)
    except Fault:
        return sheet_page(parts, request, sheet, _FAILED, typed, 503)
    return RedirectResponse("/lead/gold?done=copied", status_code=303)


def _files(parts: Parts, item: str) -> tuple[Deliverable, ...]:
    with parts.book.database.read() as connection:
        return files_of_item(connection, item)


def _own_files(changer: Changer, files: tuple[Deliverable, ...], form: FormData) -> Changed:
    """What was chosen for each file, by its number, and what is handed in besides."""
    sent: dict[str, UploadFile] = {}
    gone: set[str] = set()
    for number, file in enumerate(files, start=1):
        chosen = form.get(f"file-{number}")
        if isinstance(chosen, UploadFile) and chosen.filename:
            sent[file.path] = chosen
        elif form.get(f"gone-{number}"):
            gone.add(file.path)
    for one in form.getlist("more"):
        if isinstance(one, UploadFile) and one.filename:
            sent[_name_of(one.filename)] = one
    if not sent and not gone:
        raise NotChanged("no file was chosen")
    with TemporaryDirectory() as folder:
        return changer.with_files(files, _kept(sent, Path(folder)), gone)


def _kept(sent: Mapping[str, UploadFile], folder: Path) -> dict[str, Path]:
    """What was sent, in files with names of ours that end as theirs do."""
    kept: dict[str, Path] = {}
    for number, (path, upload) in enumerate(sent.items()):
        kept[path] = folder / f"{number}{Path(path).suffix[:20]}"
        with kept[path].open("wb") as stream:
            copyfileobj(upload.file, stream)
    return kept


def _name_of(filename: str) -> str:
    """The last part of a name as the browser tells it, whatever machine it is on."""
    return filename.replace("\\", "/").rpartition("/")[2]
