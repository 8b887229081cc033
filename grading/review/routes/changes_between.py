"""What differs between a submission and the one that it reworks."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from core import Deliverable, in_thread
from grading.compare.contents import ContentChanges
from grading.compare.files import compare_files
from grading.compare.kept import Comparisons
from grading.compare.model import FileChange, PageChange
from grading.render.model import Rendered
from grading.review.former import former_item
from grading.review.preview import WAIT_SECONDS
from grading.review.problems import NoSuchReview
from grading.review.routes.files import Signed
from grading.review.routes.parts import Parts


def add_changes_between(app: FastAPI, parts: Parts) -> None:
    """`/api/reviews/ALIAS/changes`, `/api/reviews/ALIAS/changes/INDEX` (GET); 404 where there is nothing before.

    An echo has the same answer as any other submission, in which nothing differs.
    """
    at = Signed(parts.secrets, parts.content_origin)
    comparisons = Comparisons()

    def files(request: Request, alias: str) -> tuple[FileChange, ...]:
        review = parts.desk(request).open(alias)
        with parts.book.database.read() as connection:
            former = former_item(connection, review.previous)
        if former is None:
            raise NoSuchReview("changes")
        return compare_files(former.deliverables, review.item.deliverables)

    @app.get("/api/reviews/{alias}/changes")
    def changes(request: Request, alias: str) -> Response:
        found = files(request, alias)
        body = [_file(index, change) for index, change in enumerate(found)]
        return JSONResponse({"files": body, "nothing": all(change.change == "same" for change in found)})

    @app.get("/api/reviews/{alias}/changes/{index}")
    async def change(request: Request, alias: str, index: int) -> Response:
        found = await in_thread(files, request, alias)
        if not 0 <= index < len(found):
            raise NoSuchReview(f"changes/{index}")
        differs = await comparisons.of(found[index], parts.blobs, None if parts.render is None else rendered)
        body = {
            "text": differs.text.rows,
            "cells": [cell.model_dump() for cell in differs.cells],
            "pages": [_page(differs, page, at) for page in differs.pages],
            "problem": " ".join(differs.problems) or None,
            "pending": differs.pending,
        }
        return JSONResponse(body, status_code=202 if differs.pending else 200)

    async def rendered(file: Deliverable) -> Rendered | None:
        assert parts.render is not None
        return await parts.render.within(file, WAIT_SECONDS)


def _page(differs: ContentChanges, page: PageChange, at: Signed) -> dict[str, Any]:
    def address(images: tuple[str, ...], number: int | None) -> str | None:
        return None if number is None else at.image(images[number - 1], f"page-{number}")

    return {
        "number": page.number,
        "before": address(differs.images_before, page.before),
        "after": address(differs.images_after, page.after),
        "differs": page.differs,
    }


def _file(index: int, change: FileChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "change": change.change,
        "was": change.was,
        "before": _size(change.before),
        "after": _size(change.after),
        "index": index,
        "deliverable": None if change.after is None else index,
    }


def _size(file: Deliverable | None) -> dict[str, int] | None:
    return None if file is None else {"size": file.size}
