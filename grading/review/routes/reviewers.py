"""How well people review, for leads: everybody in a table, and a page for each."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response

from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.hasty import Haste, haste_of_all
from grading.adjudication.heeded import NONE, heeded
from grading.adjudication.quality import overturned, quality_of, quality_of_all, week_began
from grading.overview.grades import names_of
from grading.overview.oversight import Oversight
from grading.people.person import Person, Role
from grading.queue.open_to import may_review
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import allowed
from grading.review.routes.parts import Parts
from grading.review.routes.work import SAYS, weeks_of


def add_reviewers(app: FastAPI, parts: Parts, oversight: Oversight | None) -> None:
    """`/reviewers` and `/reviewers/PERSON`."""
    database = parts.book.database

    @app.get("/reviewers")
    def reviewers(request: Request) -> Response:
        until = _gold_until(allowed(request, Role.lead))
        with database.read() as connection:
            found = quality_of_all(connection, gold_until=until)
            names = names_of(connection, sorted(found))
        return parts.page(request, "adjudication/reviewers.html.j2", reviewers=found, names=names)

    @app.get("/reviewers/{person}")
    def reviewer(request: Request, person: str) -> Response:
        until = _gold_until(allowed(request, Role.lead))
        with database.read() as connection:
            quality = quality_of(connection, person, gold_until=until)
            if quality is None:
                raise NoSuchReview(person)
            values = {
                "quality": quality,
                "standing": quality.standing.state if until else standing_in_force(connection, person),
                "weeks": weeks_of(overturned(connection, person)),
                "called": names_of(connection, [person]).get(person, person),
            }
            # The one tells which review was gold, the other which rework went on from remarks.
            haste = None if until else haste_of_all(connection).get(person, Haste())
            mended = None
            if oversight is not None and not until:
                mended = heeded(connection, oversight.reworked(), [person]).get(person, NONE)
        values |= {"haste": haste, "heeded": mended}
        return parts.page(request, "adjudication/reviewer.html.j2", who=person, reasons=SAYS, **values)


def _gold_until(person: Person) -> str | None:
    """Leads who review are told of gold as reviewers are: what moved with a lock would tell which it was."""
    return week_began(datetime.now(UTC)) if may_review(person) else None
