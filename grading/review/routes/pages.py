"""The reviewer's pages: the queue and the grading page."""

from __future__ import annotations

from collections import Counter

from fastapi import FastAPI, Request, Response

from grading.review.desk import Review, ReviewDesk
from grading.review.routes.parts import Parts
from grading.review.views import queue_groups, said_by_others, said_by_reviewer


def add_pages(app: FastAPI, parts: Parts) -> None:
    """`/`, `/review/ALIAS`."""

    @app.get("/")
    def queue(request: Request) -> Response:
        reviews = parts.desk(request).queue()
        states = Counter(review.state for review in reviews)
        values = {"groups": queue_groups(reviews), "states": states, "total": len(reviews)}
        return parts.page(request, "queue.html.j2", **values)

    @app.get("/review/{alias}")
    def review(request: Request, alias: str) -> Response:
        desk = parts.desk(request)
        opened = desk.open(alias)
        return parts.page(
            request,
            "review.html.j2",
            review=opened,
            item=opened.item,
            others=said_by_others(opened),
            own=said_by_reviewer(opened),
            following=_following(desk, opened),
        )


def _following(desk: ReviewDesk, review: Review) -> str | None:
    """The next review that still needs a person."""
    open_ones = [r.alias for r in desk.queue() if r.state != "locked" and r.needed]
    after = [alias for alias in open_ones if alias != review.alias]
    return after[0] if after else None
