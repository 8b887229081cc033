"""What would end the blindness of somebody who judges is shown once they have said that they do so no more."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response

from grading.overview.looks import has_looked, may_judge, reviews_now
from grading.people.person import Person
from grading.review.routes.parts import Parts


@dataclass(frozen=True)
class Asking:
    """What the question says.

    Attributes:
        tells: What the page behind it tells. look: Where the answer goes.
        back: Where there is nothing to know; `back_says`: what that is.
    """

    tells: str
    look: str
    back: str
    back_says: str


def withheld(parts: Parts, request: Request, person: Person, job: str, asking: Asking) -> Response | None:
    """Instead of the page: a question to somebody who may judge the job, or that they have to wait; else None."""
    if not may_judge(person):
        return None
    with parts.book.database.read() as connection:
        busy = reviews_now(connection, person.id, job)
        if not busy and has_looked(connection, person.id, job):
            return None
    page = parts.page(request, "overview/withheld.html.j2", job=job, busy=busy, asking=asking)
    page.status_code = 409 if busy else 200
    return page
