"""Adjudications over HTTP: the list, the screen, the decision. A decision needs no script."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import TypeAdapter, ValidationError

from grading.adjudication.cases import Case, case_of, open_cases
from grading.adjudication.closing import MAX_TEXT, Decision, Reason, close
from grading.adjudication.disputes import Trigger
from grading.adjudication.problems import Decided, NotReady, OwnReview
from grading.adjudication.seats import note_activity
from grading.evaluations import Evidence
from grading.items import ReviewItem
from grading.people.audit import append_audit
from grading.people.person import Role
from grading.review.problems import NoSuchReview
from grading.review.routes.files import add_files_at
from grading.review.routes.parts import Parts, person_of
from grading.review.routes.queue import Active
from grading.review.signing import derive
from grading.review.views import LOOKING_KEYS, files_shown

ADJUDICATORS = (Role.adjudicator, Role.lead)
REASONS = {
    Reason.evidence_missed: "Somebody missed something that is there",
    Reason.error: "Somebody made a mistake",
    Reason.criterion_ambiguous: "The criterion can be read in several ways (opens a rubric ticket)",
    Reason.legitimately_subjective: "Both can be defended: it is a matter of taste",
    Reason.preview_fault: "The preview showed it wrongly",
    Reason.not_judged: "Nobody had judged it",
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


KEYS = (
    ("pass", "pass"),
    ("fail", "fail, and write why"),
    ("cannot_judge", "cannot judge"),
    ("feedback", "write feedback"),
    ("evidence", "take the place you look at as evidence"),
    *LOOKING_KEYS,
    ("leave", "leave a field"),
    ("submit", "decide"),
)
MAX_EVIDENCE = 20
_TAKEN: TypeAdapter[tuple[Evidence, ...]] = TypeAdapter(tuple[Evidence, ...])


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
        evidence: Annotated[str, Form(max_length=20 * MAX_TEXT)] = "",
    ) -> None:
        self.verdict, self.judgement, self.reason = verdict, judgement, reason
        self.feedback, self.note = feedback, note
        self.file, self.anchor, self.quote, self.evidence = file, anchor, quote, evidence

    def decision(self, case: Case) -> Decision | str:
        """What was decided; or what is lacking, in words."""
        if case.criterion is None and self.judgement not in ("pass", "fail"):
            return "Choose an overall judgement."
        if case.criterion is not None and self.verdict not in ("pass", "fail", "cannot_judge"):
            return "Choose a verdict."
        if self.reason not in _choices(case):
            return "Choose why the reviewers differ."
        try:
            evidence = self._evidence()
        except ValidationError:
            return "The evidence is not as the page sends it: take the places anew."
        if {one.file for one in evidence} - {None, *(found.path for found in case.item.deliverables)}:
            return "Choose a file that was handed in as evidence."
        of: Literal["verdict", "judgement"] = "judgement" if case.criterion is None else "verdict"
        return Decision.model_validate(
            {
                of: self.verdict or self.judgement,
                "reason": self.reason,
                "feedback": self.feedback,
                "note": self.note,
                "evidence": evidence[:MAX_EVIDENCE],
            }
        )

    def _evidence(self) -> tuple[Evidence, ...]:
        """What was taken in the viewers, and what was written by hand."""
        taken = _TAKEN.validate_json(self.evidence) if self.evidence else ()
        text, anchor = self.quote.strip(), self.anchor.strip()
        if not (text or anchor or self.file):
            return taken
        kind: Literal["quote", "region"] = "quote" if text else "region"
        return (*taken, Evidence(kind=kind, file=self.file or None, anchor=anchor or None, text=text))


def add_adjudication(app: FastAPI, parts: Parts) -> None:
    """`/adjudications`, `/adjudications/ALIAS`, the files beside it, and below `/api/` the time spent on it."""
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
                told = {"criterion": case.criterion.id if case.criterion else "", "reason": decision.reason.value}
                told["decided"] = str(decision.verdict or decision.judgement)
                append_audit(
                    connection,
                    actor=person_of(request).id,
                    action="adjudication.decide",
                    subject=alias,
                    detail=told,
                )
        except NotReady:
            return _screen(parts, request, case, typed, "A fail needs feedback: what is wrong, and where.", 422)
        except (Decided, OwnReview) as error:
            return _screen(parts, request, _case(parts, request, alias), typed, f"{error}".capitalize(), 409)
        return RedirectResponse("/adjudications?done=decided", status_code=303)

    @app.post("/api/adjudications/{alias}/activity")
    def activity(request: Request, alias: str, body: Active) -> Response:
        _case(parts, request, alias)  # one that the person may decide, or none
        with database.write() as connection:
            return JSONResponse({"taken": note_activity(connection, alias, person_of(request).id, body.intervals)})

    def item(request: Request, alias: str) -> ReviewItem:
        return _case(parts, request, alias).item

    add_files_at(app, parts, "/adjudications", "/api/adjudications", item)


def allowed(request: Request, *roles: Role) -> Any:
    """Whoever asks, where they have one of the roles; for others the address does not exist."""
    person = person_of(request)
    if not person.may(*roles):
        raise NoSuchReview(request.url.path)
    return person


def _case(parts: Parts, request: Request, alias: str) -> Case:
    person = allowed(request, *ADJUDICATORS)
    with parts.book.database.read() as connection:
        return case_of(connection, alias, person, key=derive(parts.secrets.session, "order of reviewers"))


def _choices(case: Case) -> dict[Reason, str]:
    """The reasons that there may be: nobody differs where nobody judged it."""
    unjudged = case.triggers == (Trigger.unjudged,)
    return {reason: text for reason, text in REASONS.items() if (reason == Reason.not_judged) == unjudged}


def _screen(
    parts: Parts, request: Request, case: Case, typed: Typed | None = None, error: str = "", status: int = 200
) -> Response:
    criterion = case.criterion.id if case.criterion else ""
    told = {"alias": case.alias, "criterion": criterion, "changed": False, "locked": case.state != "open"}
    start = json.dumps(told | files_shown(case.item))
    values = {"case": case, "item": case.item, "says": TRIGGERS, "reasons": REASONS, "error": error}
    values |= {"start": start, "keys": KEYS, "choices": _choices(case)}
    page = parts.page(request, "adjudication/case.html.j2", typed=typed or Typed(), **values)
    page.status_code = status
    return page
