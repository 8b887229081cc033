"""The app origin: queue, grading page and the small JSON interface behind it."""

from __future__ import annotations

import hmac
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field

from core import Blobs, Deliverable, Frozen
from grading.book import Book
from grading.evaluations import Evidence, Judgement
from grading.review.briefs import brief_html, inline_code
from grading.review.content import signed_path
from grading.review.desk import Draft, Review, ReviewDesk, Settled
from grading.review.guard import COOKIE, HostGuard, SessionGuard, app_headers, host_of
from grading.review.preview import ReviewRenderer, kind_of, preview_of
from grading.review.problems import AlreadyLocked, Conflict, NoSuchReview, NotReady
from grading.review.signing import Secrets, sign
from grading.review.views import queue_groups, said_by_others, said_by_reviewer, size
from rubrics import Verdict

SESSION_SECONDS = 12 * 3600
HERE = Path(str(files("grading.review")))


class SaveDraft(Frozen):
    """A draft on one criterion, made from `revision` (0: the first)."""

    revision: int = Field(ge=0)
    verdict: Verdict | None = None
    feedback: str = Field(default="", max_length=20_000)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=20)
    active_ms: int = Field(default=0, ge=0)

    @property
    def draft(self) -> Draft:
        """What is saved of it."""
        return Draft(verdict=self.verdict, feedback=self.feedback, evidence=self.evidence)


class SaveJudgement(Frozen):
    """The overall judgement, made from `revision`."""

    revision: int = Field(ge=0)
    judgement: Judgement | None = None
    active_ms: int = Field(default=0, ge=0)


class Correction(Frozen):
    """A later change of one locked verdict."""

    criterion: str
    verdict: Verdict
    feedback: str = Field(default="", max_length=20_000)


class Door:
    """The one-time token that lets the local reviewer in."""

    def __init__(self, token: str) -> None:
        self._token = token

    def opens(self, token: str) -> bool:
        """Whether it is the token; it never opens twice."""
        if not self._token or not hmac.compare_digest(self._token.encode(), token.encode()):
            return False
        self._token = ""
        return True


def create_review_app(
    book: Book,
    blobs: Blobs,
    secrets: Secrets,
    *,
    app_origin: str,
    content_origin: str,
    token: str,
    reviewer: str = "local",
    settled: Settled | None = None,
    render: ReviewRenderer | None = None,
) -> FastAPI:
    """The app of the app origin.

    Args:
        book: What is up for review, and where verdicts go.
        blobs: Where the bytes of inputs and deliverables lie.
        secrets: Keys of sessions and of content addresses.
        app_origin: As the browser names it; other hosts are refused.
        content_origin: Where the bytes of files are served.
        token: Opens `/enter?token=` once, for a session of twelve hours.
        reviewer: Who this reviewer is in the record.
        settled: Called in the transaction that stores the last verdict of an attempt, see `Settled`.
        render: Reads documents in a grading sandbox; None: they can only be downloaded.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(SessionGuard, secrets=secrets, origin=app_origin)
    app.add_middleware(HostGuard, host=host_of(app_origin), headers=app_headers(content_origin))
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    _errors(app)
    _entrance(app, secrets, Door(token), reviewer)
    _pages(app, book, secrets)
    _files(app, book, blobs, secrets, content_origin, render)
    _changes(app, book, settled)
    return app


def _desk(book: Book, request: Request, settled: Settled | None = None) -> ReviewDesk:
    return ReviewDesk(book, request.state.reviewer, settled)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(NoSuchReview)
    def no_such(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=404)

    @app.exception_handler(AlreadyLocked)
    def locked(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error), "locked": True}, status_code=409)

    @app.exception_handler(Conflict)
    def conflict(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Conflict)
        there = {"revision": error.revision, "there": error.body.model_dump(mode="json")}
        return JSONResponse({"error": str(error), **there}, status_code=409)

    @app.exception_handler(NotReady)
    def not_ready(_request: Request, error: Exception) -> Response:
        assert isinstance(error, NotReady)
        problems = [{"criterion": p.criterion, "what": p.what} for p in error.problems]
        return JSONResponse({"error": str(error), "problems": problems}, status_code=422)


def _entrance(app: FastAPI, secrets: Secrets, door: Door, reviewer: str) -> None:
    @app.get("/enter")
    def enter(token: str = "") -> Response:
        if not door.opens(token):
            return PlainTextResponse(
                "This address has been used. Start `upbench review serve` again for another.", status_code=403
            )
        answer = RedirectResponse("/", status_code=303)
        session = sign(secrets.session, {"reviewer": reviewer}, SESSION_SECONDS)
        answer.set_cookie(COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/healthz")
    def healthz() -> Response:
        return PlainTextResponse("ok")


def _pages(app: FastAPI, book: Book, secrets: Secrets) -> None:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"size": size, "brief": brief_html, "code": inline_code}
    templates.globals |= {"kind_of": kind_of}

    def page(request: Request, name: str, **values: Any) -> Response:
        return HTMLResponse(templates.get_template(name).render(csrf=request.state.csrf, **values))

    @app.get("/")
    def queue(request: Request) -> Response:
        reviews = _desk(book, request).queue()
        states = Counter(review.state for review in reviews)
        return page(request, "queue.html.j2", groups=queue_groups(reviews), states=states, total=len(reviews))

    @app.get("/review/{alias}")
    def review(request: Request, alias: str) -> Response:
        opened = _desk(book, request).open(alias)
        return page(
            request,
            "review.html.j2",
            review=opened,
            item=opened.item,
            others=said_by_others(opened),
            own=said_by_reviewer(opened),
            following=_following(_desk(book, request), opened),
        )


def _following(desk: ReviewDesk, review: Review) -> str | None:
    """The next review that still needs a person."""
    open_ones = [r.alias for r in desk.queue() if r.state != "locked" and r.needed]
    after = [alias for alias in open_ones if alias != review.alias]
    return after[0] if after else None


def _files(
    app: FastAPI, book: Book, blobs: Blobs, secrets: Secrets, content_origin: str, render: ReviewRenderer | None
) -> None:
    def find(request: Request, alias: str, kind: str, index: int) -> Deliverable:
        item = _desk(book, request).open(alias).item
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
        return RedirectResponse(
            content_origin + signed_path(secrets, found, inline=how == "show"), status_code=303
        )

    @app.get("/api/reviews/{alias}/{kind}/{index}")
    async def preview(request: Request, alias: str, kind: str, index: int) -> Response:
        shown = await preview_of(find(request, alias, kind, index), blobs, render)
        return JSONResponse(shown.model_dump(mode="json"))


def _changes(app: FastAPI, book: Book, settled: Settled | None) -> None:
    @app.put("/api/reviews/{alias}/criteria/{criterion}")
    def save(request: Request, alias: str, criterion: str, body: SaveDraft) -> Response:
        revision = _desk(book, request).save(alias, criterion, body.revision, body.draft, body.active_ms)
        return JSONResponse({"revision": revision, "left": _desk(book, request).open(alias).left})

    @app.put("/api/reviews/{alias}/judgement")
    def judge(request: Request, alias: str, body: SaveJudgement) -> Response:
        revision = _desk(book, request).judge(alias, body.revision, body.judgement, body.active_ms)
        return JSONResponse({"revision": revision, "left": _desk(book, request).open(alias).left})

    @app.post("/api/reviews/{alias}/lock")
    def lock(request: Request, alias: str) -> Response:
        _desk(book, request, settled).lock(alias)
        return JSONResponse({"locked": True})

    @app.post("/api/reviews/{alias}/corrections")
    def correct(request: Request, alias: str, body: Correction) -> Response:
        draft = Draft(verdict=body.verdict, feedback=body.feedback)
        return JSONResponse({"revision": _desk(book, request).correct(alias, body.criterion, draft)})
