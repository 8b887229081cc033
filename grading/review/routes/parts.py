"""What all routes of the app origin work with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core import Blobs
from grading.adjudication.changing import Changer
from grading.adjudication.due import adjudications_due
from grading.book import Book
from grading.people.person import Person
from grading.queue.settle import Settling
from grading.review.briefs import brief_html, inline_code
from grading.review.desk import ReviewDesk, Settled
from grading.review.preview import ReviewRenderer
from grading.review.signing import Secrets
from grading.review.views import legible, place, size

HERE = Path(str(files("grading.review")))


@dataclass(frozen=True)
class Parts:
    """What all routes of the app origin work with.

    Attributes:
        book: What is up for review, and where verdicts go. blobs: Where the bytes of files lie.
        settled: Called in the transaction that stores the last verdict of an attempt.
        render: Reads documents in a grading sandbox; None: they can only be downloaded.
        changer: Makes changed copies for gold; None: none are made here.
    """

    book: Book
    blobs: Blobs
    secrets: Secrets
    content_origin: str
    templates: Environment
    settled: Settled | None = None
    render: ReviewRenderer | None = None
    changer: Changer | None = None

    def desk(self, request: Request) -> ReviewDesk:
        """The desk of whoever asks."""
        return ReviewDesk(self.book, person_of(request), self.settled, adjudications_due)

    @property
    def settling(self) -> Settling:
        """To be asked in the transaction that closes an adjudication, with the item's alias."""
        return Settling(self.settled, adjudications_due)

    def page(self, request: Request, name: str, **values: Any) -> Response:
        """A page: a template with some values, with who asks and for which address."""
        template = self.templates.get_template(name)
        who = {"csrf": request.state.csrf, "person": person_of(request), "here": request.url.path}
        return HTMLResponse(template.render(who | values))


def person_of(request: Request) -> Person:
    """Whoever asks, as the session says."""
    person: Person = request.state.person
    return person


def make_templates() -> Environment:
    """The templates of all pages: everything in them is escaped, and nothing may be undefined."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "size": size,
        "legible": legible,
        "place": place,
        "brief": brief_html,
        "code": inline_code,
    }
    return templates
