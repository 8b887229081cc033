"""The reviewer's pages: the queue and the grading page."""

from __future__ import annotations

import json
from collections import Counter

from fastapi import FastAPI, Request, Response

from grading.review.desk import Review, ReviewDesk
from grading.review.routes.parts import Parts
from grading.review.views import queue_groups, said_by_others, said_by_reviewer, start_of, tally_of


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
        following = _following(desk, opened)
        if opened.state == "locked":
            return _locked(parts, request, opened, following)
        start = json.dumps(start_of(opened, following))
        return parts.page(request, "review.html.j2", review=opened, item=opened.item, start=start, earlier={})


def _locked(parts: Parts, request: Request, review: Review, following: str | None) -> Response:
    own, others = said_by_reviewer(review), said_by_others(review)
    values = {"own": own, "others": others, "tally": tally_of(own, others), "following": following}
    return parts.page(request, "locked.html.j2", review=review, item=review.item, **values)


def _following(desk: ReviewDesk, review: Review) -> str | None:
    """The next review that still needs a person."""
    open_ones = [r.alias for r in desk.queue() if r.state != "locked" and r.needed]
    after = [alias for alias in open_ones if alias != review.alias]
    return after[0] if after else None
