"""The page of one submission and what is right of it: who may see it, what is typed there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from grading.adjudication.gold import GoldKey, knows, note_known
from grading.adjudication.gold_lists import GoldSheet, gold_sheet
from grading.adjudication.perturb import Flaw
from grading.adjudication.problems import NoSuchReview
from grading.people.person import Person, Role
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.withheld import Asking, withheld

MAX_TEXT = 4_000
OTHER_FILES = "files"
FLAWS = {
    Flaw.wrong_total.value: "the last number of a text or worksheet is another",
    Flaw.missing_sheet.value: "a worksheet is gone",
    Flaw.truncated_text.value: "the second half of a text is gone",
    Flaw.injected_text.value: "a line in a text tells whoever grades to pass everything",
    Flaw.missing_file.value: "the file is missing",
    OTHER_FILES: "what I changed myself, see below",
}
"""How a copy can differ -> in words."""
WORDS = {
    "": None,
    "pass": GoldKey(verdict="pass"),
    "fail": GoldKey(verdict="fail"),
    "absent": GoldKey(verdict="fail", absent=True),
}


@dataclass(frozen=True)
class Typed:
    """What stands in a form about a submission's keys; `of`: which form it is."""

    of: str
    keys: dict[str, GoldKey]
    reason: str
    exam: bool
    flaw: str = ""
    file: str = ""
    sheet: str = ""


def lead_of(request: Request) -> Person:
    """Whoever asks, where they lead; for others the address does not exist."""
    person: Person = allowed(request, Role.lead, Role.admin)
    return person


def opened(parts: Parts, request: Request, alias: str) -> GoldSheet | Response:
    """What is known of a submission, to somebody who judges its job no more; for others a page that asks them."""
    person = lead_of(request)
    with parts.book.database.read() as connection:
        sheet, seen = sheet_for(connection, alias), knows(connection, alias, person.id)
    asking = Asking("what is right of it", f"/lead/gold/{alias}/look", "/lead/gold", "gold")
    held = withheld(parts, request, person, sheet.job, asking)
    if held is not None:
        return held
    if not seen:
        with parts.book.database.write() as connection:
            note_known(connection, alias, person.id)  # from now on they know what is right of it
    return sheet


def sheet_for(connection: Any, alias: str) -> GoldSheet:
    """A submission that is settled or has keys; of others nobody is told what people say so far."""
    sheet = gold_sheet(connection, alias)
    if not sheet.settled and not sheet.keys:
        raise NoSuchReview(alias)
    return sheet


def typed_of(sheet: GoldSheet, form: Mapping[str, Any], of: str) -> Typed:
    """The fields by the number of their criterion: ids are the authors', names of fields are ours."""
    keys: dict[str, GoldKey] = {}
    for number, criterion in enumerate(sheet.criteria, start=1):
        key = WORDS.get(str(form.get(f"key-{number}", "")))
        if key is not None:
            why = str(form.get(f"why-{number}", "")).strip()[:MAX_TEXT]
            keys[criterion.id] = key.model_copy(update={"why": why})
    reason = str(form.get("reason", "")).strip()[:MAX_TEXT]
    more = {name: str(form.get(name, ""))[:MAX_TEXT] for name in ("flaw", "file", "sheet")}
    return Typed(of, keys, reason, bool(form.get("exam")), **more)


def sheet_page(
    parts: Parts,
    request: Request,
    sheet: GoldSheet,
    error: str = "",
    typed: Typed | None = None,
    status: int = 422,
) -> Response:
    """The page; with what was typed and what is wrong with it, where it was sent and not taken."""
    forms = {"keys": Typed("keys", sheet.keys or sheet.suggested, sheet.reason, sheet.exam), "copy": _NOTHING}
    if typed is not None:
        forms[typed.of] = typed
    values = {"sheet": sheet, "forms": forms, "flaws": FLAWS, "changes": parts.changer is not None, "error": error}
    page = parts.page(request, "adjudication/gold_item.html.j2", **values)
    page.status_code = status if error else 200
    return page


_NOTHING = Typed("copy", {}, "", exam=False)
