"""The review app over a test's own records, and who has come in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from core import Blobs
from grading import Book, create_review_app, load_secrets, review_origins

AT = review_origins("127.0.0.1", 9000)


def app_in(folder: Path, book: Book, **more: Any) -> FastAPI:
    """The app, with blobs and secrets in a folder; nobody comes in by a link unless it is given a `token`."""
    blobs, secrets = Blobs(folder / "blobs"), load_secrets(folder / "secrets.json")
    asked = {"app_origin": AT.app, "content_origin": AT.content, "token": ""} | more
    return create_review_app(book, blobs, secrets, **asked)


def browser(app: FastAPI) -> TestClient:
    """A browser that nobody has signed in with; it says where it was led, and does not go there."""
    return TestClient(app, base_url=AT.app, follow_redirects=False)


def entered(app: FastAPI, token: str = "once") -> TestClient:
    """A browser in which the local person has come in by the app's link."""
    made = browser(app)
    assert made.get("/enter", params={"token": token}).status_code == 303
    found = re.search(r'name="csrf" content="([^"]+)"', made.get("/").text)
    assert found is not None
    made.headers |= {"origin": AT.app, "x-csrf-token": found[1]}
    return made
