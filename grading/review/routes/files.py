"""The files of a review: addresses on the content origin, and what is shown of them beside the criteria."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from core import Deliverable
from grading.review.content import signed_path
from grading.review.preview import preview_of
from grading.review.problems import NoSuchReview
from grading.review.routes.parts import Parts


def add_files(app: FastAPI, parts: Parts) -> None:
    """`/review/ALIAS/KIND/INDEX/show|download`, `/api/reviews/ALIAS/KIND/INDEX`; KIND: inputs or deliverables."""

    def find(request: Request, alias: str, kind: str, index: int) -> Deliverable:
        item = parts.desk(request).open(alias).item
        found = {"inputs": item.inputs, "deliverables": item.deliverables}.get(kind, ())
        if not 0 <= index < len(found):
            raise NoSuchReview(f"{kind}/{index}")
        return found[index]

    # Addresses on the content origin live for ten minutes, a page for hours: so each is made when it is asked for.
    @app.get("/review/{alias}/{kind}/{index}/{how}")
    def file(request: Request, alias: str, kind: str, index: int, how: str) -> Response:
        found = find(request, alias, kind, index)
        if how not in ("show", "download"):
            raise NoSuchReview(how)
        path = signed_path(parts.secrets, found, inline=how == "show")
        return RedirectResponse(parts.content_origin + path, status_code=303)

    @app.get("/api/reviews/{alias}/{kind}/{index}")
    async def preview(request: Request, alias: str, kind: str, index: int) -> Response:
        shown = await preview_of(find(request, alias, kind, index), parts.blobs, parts.render)
        return JSONResponse(shown.model_dump(mode="json"))
