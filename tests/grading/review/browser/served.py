"""Both origins of the review app at work in a thread, with what tests put up for review."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page

from core import Blobs, Database, Deliverable, Migration, digest_of, sha256_bytes
from grading import (
    Book,
    Exports,
    OidcProvider,
    Oversight,
    People,
    ReviewDesk,
    ReviewItem,
    ReviewRenderer,
    Secrets,
    create_content_app,
    create_review_app,
    load_secrets,
    review_origins,
)
from grading.items import ReviewCriterion
from grading.review.drafts import Draft
from rubrics import Verdict
from tests.grading.adjudication.support import changer_of
from tests.support import free_port

WAIT = 60.0
Files = Mapping[str, tuple[bytes, str]]
"""Path -> (bytes, media type)."""

CRITERIA = (
    ("rows", "critical", "Holds `17` rows of companies, each with a web address"),
    ("sources", "important", "Names a source for each row"),
    ("tone", "important", "Speaks plainly to a reader who is not of the trade"),
    ("summary", "optional", "Begins with a summary of at most five lines"),
    ("no-ads", "pitfall", "Advertises the author's own services"),
)
INPUTS: Files = {"wishes.txt": (b"We sell pumps.\nWe look for farms.\n", "text/plain")}
DELIVERABLES: Files = {
    "leads.csv": (b"company,web\nAcker,acker.example\nBauer,bauer.example\n", "text/csv"),
    "notes.md": (b"# Notes\n\nThe list holds two farms.\nBoth keep cattle.\n", "text/markdown"),
}


@dataclass
class Served:
    """The app of a database, reached as a browser reaches it.

    Attributes:
        app: Its origin; `content` that of untrusted bytes. book, blobs: What it serves from.
        people: Accounts; None: only the local person comes in. oidc: Who vouches for some.
        pages: The app itself, once it was started.
        settled: Attempts whose last verdict is there.
    """

    folder: Path
    database: Database
    render: ReviewRenderer | None = None
    people: People | None = None
    oidc: OidcProvider | None = None
    exports: Exports | None = None
    oversight: Oversight | None = None
    settled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = review_origins("127.0.0.1", free_port(2))
        self.book, self.blobs = Book(self.database), Blobs(self.folder / "blobs")
        self.secrets: Secrets = load_secrets(self.folder / "review-secrets.json")
        self._numbers = count(1)
        self._stop: threading.Event = threading.Event()
        self._thread: threading.Thread | None = None
        self.token = ""

    @property
    def app(self) -> str:
        """The origin of pages."""
        return self.at.app

    def start(self) -> None:
        """Serve until `stop`; at the same addresses as before, where it was stopped."""
        self.token = secrets.token_urlsafe(12)
        self.pages = create_review_app(
            self.book,
            self.blobs,
            self.secrets,
            token=self.token,
            people=self.people,
            oidc=self.oidc,
            settled=lambda _connection, attempt: self.settled.append(attempt),
            render=self.render,
            exports=self.exports,
            oversight=self.oversight,
            changer=changer_of(self.folder, self.blobs),
            app_origin=self.at.app,
            content_origin=self.at.content,
        )
        content = create_content_app(
            self.blobs, self.secrets, app_origin=self.at.app, content_origin=self.at.content
        )
        listens = threading.Event()
        self._stop = threading.Event()
        both = ((self.pages, self.at.app_port), (content, self.at.content_port))
        self._thread = threading.Thread(target=lambda: asyncio.run(_serve(both, listens, self._stop)), daemon=True)
        self._thread.start()
        assert listens.wait(WAIT), "the app does not listen"

    def stop(self) -> None:
        """Answer nobody any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(WAIT)
            assert not self._thread.is_alive(), "the app does not stop"
            self._thread = None

    def desk(self) -> ReviewDesk:
        """The desk of the person who signs in."""
        return ReviewDesk(self.book, "local", lambda _connection, attempt: self.settled.append(attempt))

    def reviewed(self, alias: str) -> str:
        """The person who signs in has passed it; returns the attempt's id."""
        desk = self.desk()
        for name, _importance, _text in CRITERIA:
            desk.save(alias, name, 0, Draft(verdict=Verdict.passed))
        desk.judge(alias, 0, "pass")
        return desk.lock(alias)

    def sign_in(self, page: Page) -> None:
        """Enter by the address that opens once."""
        page.goto(f"{self.app}/enter?token={self.token}")

    def publish(
        self,
        *,
        title: str = "A list of farms",
        criteria: Iterable[tuple[str, str, str]] = CRITERIA,
        inputs: Files = INPUTS,
        deliverables: Files = DELIVERABLES,
        missing: Sequence[str] = (),
        brief: str = "Find **farms** that may need pumps.\n\n1. Name them\n2. Say where they are\n",
        **publishing: Any,
    ) -> str:
        """Put a submission up for review and return its alias."""
        attempt = f"{next(self._numbers):08x}.1.alone"
        made = self._files(deliverables)
        item = ReviewItem(
            job=title.lower().replace(" ", "-"),
            title=title,
            category=("Sales & Marketing", "Lead Generation"),
            brief=brief,
            inputs=self._files(inputs),
            deliverables=made,
            missing=tuple(missing),
            criteria=tuple(
                ReviewCriterion.model_validate({"id": name, "importance": importance, "text": text})
                for name, importance, text in criteria
            ),
            submission=digest_of([(file.path, file.sha256) for file in made]),
            grading_digest=sha256_bytes(title.encode()),
        )
        return self.book.publish(attempt, item, **publishing)

    def _files(self, files: Files) -> tuple[Deliverable, ...]:
        return tuple(
            Deliverable(path=path, size=len(data), media_type=media_type, sha256=self.blobs.put_bytes(data))
            for path, (data, media_type) in files.items()
        )


class _Server(uvicorn.Server):
    """One that leaves signals alone, and says when it listens."""

    def install_signal_handlers(self) -> None:
        """None: this is not the main thread."""


async def _serve(both: Iterable[tuple[FastAPI, int]], listens: threading.Event, stop: threading.Event) -> None:
    servers = [
        _Server(
            uvicorn.Config(
                app, port=port, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1
            )
        )
        for app, port in both
    ]
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    listens.set()
    await asyncio.to_thread(stop.wait)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def migrations() -> list[Migration]:
    """Of all that the app keeps."""
    from grading import GRADING_MIGRATIONS
    from grading.review.tables import REVIEW_MIGRATIONS

    return [*GRADING_MIGRATIONS, *REVIEW_MIGRATIONS]
