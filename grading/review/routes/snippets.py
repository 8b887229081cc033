"""A reviewer's own comments over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from grading.review.routes.parts import Parts, person_of
from grading.review.snippets import MOST, Snippet, keep_snippets, snippets_of

Snippets = Annotated[list[Snippet], Body(max_length=MOST)]


def add_snippets(app: FastAPI, parts: Parts) -> None:
    """`/api/snippets`: all of them (GET), all of them anew (PUT)."""

    @app.get("/api/snippets")
    def snippets(request: Request) -> Response:
        found = snippets_of(parts.book.database, person_of(request).id)
        return JSONResponse([snippet.model_dump() for snippet in found])

    @app.put("/api/snippets")
    def keep(request: Request, body: Snippets) -> Response:
        keep_snippets(parts.book.database, person_of(request).id, body)
        return JSONResponse({"kept": len(body)})
