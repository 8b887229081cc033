"""The app origin: pages, and the small JSON interface behind them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from core import Blobs
from grading.adjudication.changing import Changer
from grading.book import Book
from grading.exporting.source import Exports
from grading.overview.oversight import Oversight
from grading.people.oidc import OidcProvider
from grading.people.people import People
from grading.review.desk import Settled
from grading.review.guard import HostGuard, SessionGuard, app_headers, host_of
from grading.review.preview import ReviewRenderer
from grading.review.refusals import Refusals
from grading.review.routes.account import add_account
from grading.review.routes.adjudication import add_adjudication
from grading.review.routes.audit import add_audit
from grading.review.routes.changes import add_changes
from grading.review.routes.changes_between import add_changes_between
from grading.review.routes.entrance import Door, Entrance, add_entrance
from grading.review.routes.errors import add_errors
from grading.review.routes.exam import add_exam
from grading.review.routes.export import add_export
from grading.review.routes.files import add_files
from grading.review.routes.gold import add_gold
from grading.review.routes.oidc import add_oidc
from grading.review.routes.overview import add_overview
from grading.review.routes.pages import add_pages
from grading.review.routes.parts import HERE, Parts, make_templates
from grading.review.routes.pay import add_pay
from grading.review.routes.people import add_people
from grading.review.routes.queue import add_queue
from grading.review.routes.reviewers import add_reviewers
from grading.review.routes.session import add_session
from grading.review.routes.snippets import add_snippets
from grading.review.routes.tickets import add_tickets
from grading.review.routes.unblinded import add_unblinded
from grading.review.routes.work import add_work
from grading.review.signing import Secrets


def create_review_app(
    book: Book,
    blobs: Blobs,
    secrets: Secrets,
    *,
    app_origin: str,
    content_origin: str,
    token: str,
    reviewer: str = "local",
    people: People | None = None,
    oidc: OidcProvider | None = None,
    settled: Settled | None = None,
    render: ReviewRenderer | None = None,
    oversight: Oversight | None = None,
    exports: Exports | None = None,
    changer: Changer | None = None,
) -> FastAPI:
    """The app of the app origin.

    Args:
        book: What is up for review, and where verdicts go.
        blobs: Where the bytes of inputs and deliverables lie.
        secrets: Keys of sessions and of content addresses.
        app_origin: As the browser names it; other hosts are refused.
        content_origin: Where the bytes of files are served.
        token: Opens `/enter?token=` once, for a session; '' opens nothing.
        people: Accounts; None: there are none, and only the local person comes in.
        oidc: The identity provider that vouches for some of them.
        reviewer: Who this reviewer is in the record.
        settled: Called in the transaction that stores the last verdict of an attempt, see `Settled`.
        render: Reads documents in a grading sandbox; None: they can only be downloaded.
        oversight: The runs, as leads see them; None: they see only what is up for review.
        exports: The runs whose verdicts leads may export; None: there is nothing to export.
        changer: Makes changed copies of submissions for gold; None: none are made here.
    """
    parts = Parts(book, blobs, secrets, content_origin, make_templates(), settled, render, changer)
    parts.templates.globals["accounts"] = people is not None
    parts.templates.globals["exports"] = exports is not None
    # No redirects that a proxy's `http` would stand in: `/lead/` is no page.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    refusals = Refusals(parts.templates, accounts=people is not None, oidc=oidc is not None, local=bool(token))
    app.add_middleware(SessionGuard, secrets=secrets, origin=app_origin, refusals=refusals, people=people)
    headers = app_headers(content_origin)
    app.add_middleware(HostGuard, host=host_of(app_origin), headers=headers)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    add_errors(app, refusals, headers)
    entrance = Entrance(secrets, app_origin, refusals, people)
    add_entrance(app, entrance, Door(token), reviewer)
    if people is not None:
        _add_accounts(app, parts, entrance, people, oidc)
    _add_reviewing(app, parts)
    add_reviewers(app, parts, oversight)
    add_overview(app, parts, oversight)
    if exports is not None:
        add_export(app, parts, people, exports)
    return app


def _add_accounts(
    app: FastAPI, parts: Parts, entrance: Entrance, people: People, oidc: OidcProvider | None
) -> None:
    add_account(app, parts, entrance, people)
    add_people(app, parts, entrance, people)
    add_audit(app, parts, people)
    if oidc is not None:
        add_oidc(app, entrance, people, oidc)


def _add_reviewing(app: FastAPI, parts: Parts) -> None:
    add_pages(app, parts)
    add_changes_between(app, parts)  # before the files, whose paths would take its
    for add in (
        add_files,
        add_changes,
        add_queue,
        add_snippets,
        add_session,
        add_adjudication,
        add_tickets,
        add_work,
        add_pay,
        add_gold,
        add_exam,
        add_unblinded,
    ):
        add(app, parts)
