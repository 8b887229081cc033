"""The JSON interface behind the grading page: drafts, the lock, corrections."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

from core import Frozen
from grading.evaluations import Evidence, Judgement
from grading.review.desk import Draft
from grading.review.problems import AlreadyLocked
from grading.review.routes.parts import Parts
from rubrics import Verdict

# Halves of characters, and the one that not every database keeps: they may stand in what is quoted from a file.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def _keepable(value: Any) -> Any:
    """The same with `U+FFFD` for what cannot be kept: no words are refused for a character that nobody sees."""
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value)
    if isinstance(value, list):
        return [_keepable(one) for one in value]
    return {name: _keepable(one) for name, one in value.items()} if isinstance(value, dict) else value


class _Words(Frozen):
    """What somebody wrote or quoted."""

    _keepable = model_validator(mode="before")(_keepable)


class SaveDraft(_Words):
    """A draft on one criterion, made from `revision` (0: the first)."""

    revision: int = Field(default=0, ge=0)
    verdict: Verdict | None = None
    feedback: str = Field(default="", max_length=20_000)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=20)
    active_ms: int = Field(default=0, ge=0)
    uuid: str = Field(default="", max_length=64)

    @property
    def draft(self) -> Draft:
        """What is saved of it."""
        return Draft(verdict=self.verdict, feedback=self.feedback, evidence=self.evidence)


class SaveJudgement(Frozen):
    """The overall judgement, made from `revision`."""

    revision: int = Field(default=0, ge=0)
    judgement: Judgement | None = None
    active_ms: int = Field(default=0, ge=0)
    uuid: str = Field(default="", max_length=64)


_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def _made_from(request: Request, body: SaveDraft | SaveJudgement) -> int:
    """The revision that a change was made from: by its header `If-Match: "3"`, else by its body."""
    tag = _TAG.fullmatch(request.headers.get("if-match", ""))
    return int(tag[1]) if tag else body.revision


class Correction(_Words):
    """A later change of one locked verdict."""

    criterion: str
    verdict: Verdict
    feedback: str = Field(default="", max_length=20_000)


def add_changes(app: FastAPI, parts: Parts) -> None:
    """`/api/reviews/ALIAS/...`: criteria/ID and judgement (PUT), lock and corrections (POST)."""

    @app.put("/api/reviews/{alias}/criteria/{criterion}")
    def save(request: Request, alias: str, criterion: str, body: SaveDraft) -> Response:
        desk, made_from = parts.desk(request), _made_from(request, body)
        revision = desk.save(alias, criterion, made_from, body.draft, body.active_ms, body.uuid or None)
        return JSONResponse({"revision": revision, "left": desk.open(alias).left})

    @app.put("/api/reviews/{alias}/judgement")
    def judge(request: Request, alias: str, body: SaveJudgement) -> Response:
        desk, made_from = parts.desk(request), _made_from(request, body)
        revision = desk.judge(alias, made_from, body.judgement, body.active_ms, body.uuid or None)
        return JSONResponse({"revision": revision, "left": desk.open(alias).left})

    @app.post("/api/reviews/{alias}/lock")
    def lock(request: Request, alias: str) -> Response:
        # Sent again because the answer was lost, or by a second tab: what was asked for is so.
        try:
            _, alias = parts.desk(request).lock_as(alias)
        except AlreadyLocked as known:
            alias = known.alias
        return JSONResponse({"locked": True, "alias": alias})

    @app.post("/api/reviews/{alias}/corrections")
    def correct(request: Request, alias: str, body: Correction) -> Response:
        draft = Draft(verdict=body.verdict, feedback=body.feedback)
        return JSONResponse({"revision": parts.desk(request).correct(alias, body.criterion, draft)})
