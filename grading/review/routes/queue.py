"""The JSON interface of the queue: the next review, leases on it, what its page shows, and active time."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from core import Frozen
from grading.queue.activity import MOST, Interval
from grading.review.briefs import brief_html
from grading.review.routes.parts import Parts
from grading.review.views import start_of


class Active(Frozen):
    """When somebody looked and typed."""

    intervals: tuple[Interval, ...] = Field(default=(), max_length=MOST)


def add_queue(app: FastAPI, parts: Parts) -> None:
    """`/api/queue/next` (POST), `/api/reviews/ALIAS` (GET), and of it lease, release and activity (POST)."""

    @app.post("/api/queue/next")
    def following(request: Request, after: str | None = None) -> Response:
        found = parts.desk(request).take_next_as(after)
        if found is None:
            return Response(status_code=204)
        alias, taken = found
        return JSONResponse({"alias": alias, "taken": taken})

    @app.get("/api/reviews/{alias}")
    def review(request: Request, alias: str) -> Response:
        desk = parts.desk(request)
        opened = desk.open(alias)
        shown = start_of(opened, desk.next_open(alias))
        item = opened.item
        return JSONResponse(shown | {"category": list(item.category), "brief_html": str(brief_html(item.brief))})

    @app.post("/api/reviews/{alias}/lease")
    def lease(request: Request, alias: str) -> Response:
        # A page that is open hears here, twice a minute, of criteria that count for nobody any more.
        desk = parts.desk(request)
        return JSONResponse({"expires": desk.lease(alias), "voided": sorted(desk.voided(alias))})

    @app.post("/api/reviews/{alias}/release")
    def release(request: Request, alias: str) -> Response:
        parts.desk(request).release(alias)
        return JSONResponse({"released": True})

    @app.post("/api/reviews/{alias}/activity")
    def activity(request: Request, alias: str, body: Active) -> Response:
        return JSONResponse({"taken": parts.desk(request).note_activity(alias, body.intervals)})
