"""The reviewer's pages: the queue and the grading page."""

from __future__ import annotations

import json

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from grading.adjudication.exam import PAUSES
from grading.adjudication.qualifying import qualifying
from grading.review.desk import Review
from grading.review.problems import NoSuchReview
from grading.review.routes.parts import Parts
from grading.review.views import (
    LOOKING_KEYS,
    files_shown,
    queue_groups,
    said_by_others,
    said_by_reviewer,
    start_of,
    tally_of,
)

# Of the page of a locked review.
KEYS = (("next", "next criterion"), ("previous", "previous criterion"), *LOOKING_KEYS, ("leave", "leave a field"))


def add_pages(app: FastAPI, parts: Parts) -> None:
    """`/`, `/review/ALIAS`."""

    @app.get("/")
    def queue(request: Request) -> Response:
        desk = parts.desk(request)
        counts = desk.counts()
        with parts.book.database.read() as connection:
            told = qualifying(connection, desk.person)
        return parts.page(
            request,
            "queue.html.j2",
            groups=queue_groups(desk.queue(), counts),
            counts=counts,
            waiting=counts["open"] + counts["claimed"] > 0,
            following=desk.next_open(),
            qualifying=told,
            pauses=PAUSES,
        )

    @app.get("/review/{alias}")
    def review(request: Request, alias: str) -> Response:
        desk = parts.desk(request)
        try:
            opened, following = desk.open(alias), desk.next_open(alias)
        except NoSuchReview:
            kept = desk.kept_as(alias)
            if kept is not None:  # handed in after its time was over, and kept elsewhere
                return RedirectResponse(f"/review/{kept}", status_code=303)
            gone = parts.page(request, "gone.html.j2")
            gone.status_code = 404
            return gone
        if opened.state == "locked":
            return _locked(parts, request, opened, following)
        start = json.dumps(start_of(opened, following))
        return parts.page(
            request, "review.html.j2", review=opened, item=opened.item, start=start, earlier=opened.earlier
        )


def _locked(parts: Parts, request: Request, review: Review, following: str | None) -> Response:
    own, others = said_by_reviewer(review), said_by_others(review)
    told = {"alias": review.alias, "changed": review.changed, "locked": True}
    values = {"own": own, "others": others, "tally": tally_of(own, others), "following": following, "keys": KEYS}
    start = json.dumps(told | files_shown(review.item))
    return parts.page(request, "locked.html.j2", review=review, item=review.item, start=start, **values)
