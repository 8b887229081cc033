"""Adjudications over HTTP: the list, the screen, the decision. All of it works without scripts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from grading.adjudication.cases import Case, case_of, open_cases
from grading.adjudication.closing import MAX_TEXT, Decision, Reason, close
from grading.adjudication.problems import Decided, NotReady, OwnReview
from grading.evaluations import Evidence
from grading.people.person import Role
from grading.review.content import signed_path
from grading.review.problems import NoSuchReview
from grading.review.routes.parts import Parts, person_of

ADJUDICATORS = (Role.adjudicator, Role.lead)
REASONS = {
    Reason.evidence_missed: "Somebody missed something that is there",
    Reason.error: "Somebody made a mistake",
    Reason.criterion_ambiguous: "The criterion can be read in several ways (opens a rubric ticket)",
    Reason.legitimately_subjective: "Both can be defended: it is a matter of taste",
    Reason.preview_fault: "The preview showed it wrongly",
}
TRIGGERS = {
    "critical": "a critical criterion on which reviewers differ",
    "tie": "as many say the one as the other",
    "flip": "whether the job is completed hangs on it",
    "judgement": "the overall judgements differ",
    "important_gap": "reviewers are far apart on important criteria",
    "cannot_judge": "somebody could not judge it",
    "unjudged": "it did not count when it was reviewed, and nobody has judged it",
}


class Typed:
    """The fields of the form, as they were sent."""

    def __init__(
        self,
        verdict: Annotated[str, Form()] = "",
        judgement: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
        feedback: Annotated[str, Form(max_length=MAX_TEXT)] = "",
        note: Annotated[str, Form(max_length=MAX_TEXT)] = "",
        file: Annotated[str, Form(max_length=1000)] = "",
        anchor: Annotated[str, Form(max_length=200)] = "",
        quote: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    ) -> None:
        self.verdict, self.judgement, self.reason = verdict, judgement, reason
        self.feedback, self.note = feedback, note
        self.file, self.anchor, self.quote = file, anchor, quote

    def decision(self, case: Case) -> Decision | str:
        """What was decided; or what is lacking, in words."""
        if case.criterion is None and self.judgement not in ("pass", "fail"):
            return "Choose an overall judgement."
        if case.criterion is not None and self.verdict not in ("pass", "fail", "cannot_judge"):
            return "Choose a verdict."
        if self.reason not in set(Reason):
            return "Choose why the reviewers differ."
        if self.file and self.file not in {found.path for found in case.item.deliverables}:
            return "Choose a file that was handed in as evidence."
        of: Literal["verdict", "judgement"] = "judgement" if case.criterion is None else "verdict"
        return Decision.model_validate(
            {
                of: self.verdict or self.judgement,
                "reason": self.reason,
                "feedback": self.feedback,
                "note": self.note,
                "evidence": self._evidence(),
            }
        )

    def _evidence(self) -> tuple[Evidence, ...]:
        text, anchor = self.quote.strip(), self.anchor.strip()
        if not (text or anchor or self.file):
            return ()
        kind: Literal["quote", "region"] = "quote" if text else "region"
        return (Evidence(kind=kind, file=self.file or None, anchor=anchor or None, text=text),)


def add_adjudication(app: FastAPI, parts: Parts) -> None:
    """`/adjudications`, `/adjudications/ALIAS` and the files beside it."""
    database = parts.book.database

    @app.get("/adjudications")
    def listed(request: Request, done: str = "") -> Response:
        person = allowed(request, *ADJUDICATORS)
        with database.read() as connection:
            cases = open_cases(connection, person)
        values = {"cases": cases, "says": TRIGGERS, "done": done == "decided"}
        return parts.page(request, "adjudication/list.html.j2", **values)

    @app.get("/adjudications/{alias}")
    def screen(request: Request, alias: str) -> Response:
        return _screen(parts, request, _case(parts, request, alias))

    @app.post("/adjudications/{alias}")
    def decide(request: Request, alias: str, typed: Annotated[Typed, Depends()]) -> Response:
        case = _case(parts, request, alias)
        decision = typed.decision(case)
        if isinstance(decision, str):
            return _screen(parts, request, case, typed, decision, 422)
        try:
            with database.write() as connection:
                close(connection, alias, person_of(request).id, decision, settle=parts.settling)
        except NotReady:
            return _screen(parts, request, case, typed, "A fail needs feedback: what is wrong, and where.", 422)
        except (Decided, OwnReview) as error:
            return _screen(parts, request, _case(parts, request, alias), typed, f"{error}".capitalize(), 409)
        return RedirectResponse("/adjudications?done=decided", status_code=303)

    # Addresses on the content origin live for minutes, a page for hours: each is made when it is asked for.
    @app.get("/adjudications/{alias}/{kind}/{index}/{how}")
    def file(request: Request, alias: str, kind: str, index: int, how: str) -> Response:
        item = _case(parts, request, alias).item
        found = {"inputs": item.inputs, "deliverables": item.deliverables}.get(kind, ())
        if not 0 <= index < len(found) or how not in ("show", "download"):
            raise NoSuchReview(f"{kind}/{index}")
        path = signed_path(parts.secrets, found[index], inline=how == "show")
        return RedirectResponse(parts.content_origin + path, status_code=303)


def allowed(request: Request, *roles: Role) -> Any:
    """Whoever asks, where they have one of the roles; for others the address does not exist."""
    person = person_of(request)
    if not person.may(*roles):
        raise NoSuchReview(request.url.path)
    return person


def _case(parts: Parts, request: Request, alias: str) -> Case:
    person = allowed(request, *ADJUDICATORS)
    with parts.book.database.read() as connection:
        return case_of(connection, alias, person)


def _screen(
    parts: Parts, request: Request, case: Case, typed: Typed | None = None, error: str = "", status: int = 200
) -> Response:
    values = {"case": case, "item": case.item, "says": TRIGGERS, "reasons": REASONS, "error": error}
    page = parts.page(request, "adjudication/case.html.j2", typed=typed or Typed(), **values)
    page.status_code = status
    return page
