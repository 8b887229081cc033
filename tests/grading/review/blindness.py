"""A searcher of everything that a reviewer's browser is sent: bodies, headers, redirects, addresses, tokens."""

from __future__ import annotations

import asyncio
import base64
import binascii
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

Response = Any
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
SAFE = ("GET", "HEAD")


class Client:
    """Sends requests to an app, all in one loop of this thread: there are thousands of them."""

    def __init__(self, app: FastAPI, origin: str, runner: asyncio.Runner) -> None:
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=origin)
        self.cookies, self.headers, self._runner = self._http.cookies, self._http.headers, runner

    def request(self, method: str, path: str, **more: Any) -> Response:
        """The answer, wherever it leads."""
        return self._runner.run(self._http.request(method, path, **more))


@dataclass
class Searcher:
    """Sends requests as one person and looks through all that comes back.

    Attributes:
        never: Words that may not be in any answer.
        not_yet: Words that may not be in an answer before this person's own lock.
        shown: Words found of those that are allowed, so that a test can tell that it looked at the right place.
    """

    app: Client
    content: Client
    content_origin: str
    never: tuple[str, ...]
    not_yet: tuple[str, ...] = ()
    found: list[str] = field(default_factory=list)
    answers: int = 0
    fetched: set[str] = field(default_factory=set)

    def ask(self, method: str, path: str, **more: Any) -> Response:
        """Send a request; what it says is searched, and so is every file whose address it gives."""
        answer = self.app.request(method, path, **more)
        self._look(answer, f"{method} {path}", asked=path)
        texts = (answer.text, *answer.headers.values())
        for address in re.findall(
            re.escape(self.content_origin) + r"(/(?:f|read)/[^\s\"'<>\\]+)", "\n".join(texts)
        ):
            name = address.split(".")[0]  # what is signed; the rest differs by the time it is signed at
            if name not in self.fetched:
                self.fetched.add(name)
                self._look(
                    self.content.request("GET", html.unescape(address)), f"{method} {path} -> content", asked=""
                )
        return answer

    def _look(self, answer: Response, where: str, *, asked: str) -> None:
        self.answers += 1
        # An address that was asked for is told back in "no such review".
        words = [word for word in (*self.never, *self.not_yet) if word not in asked]
        for text in _readings(answer):
            for word in words:
                if word.casefold() in text:
                    self.found.append(f"{word!r} in the answer to {where} ({answer.status_code})")


def _readings(answer: Response) -> Iterator[str]:
    """An answer in every spelling that a browser would undo, and what is packed in its tokens."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.multi_items())
    body = answer.content.decode("utf-8", errors="replace")
    for text in (headers, body):
        yield text.casefold()
        yield html.unescape(unquote(text)).casefold()
        for token in set(_TOKEN.findall(text)):
            try:
                yield (
                    base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace").casefold()
                )
            except (binascii.Error, ValueError):
                continue


@dataclass(frozen=True)
class Ask:
    """One request that a route takes."""

    route: str
    method: str
    path: str
    values: Mapping[str, str]


def requests_of(app: FastAPI, values: Mapping[str, tuple[str, ...]]) -> list[Ask]:
    """Every route of an app with every combination of values, and every file of what is mounted.

    A route with a part of its path for which there are no values cannot be searched, and fails the test.
    """
    found = []
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, StaticFiles):
            folder = Path(str(route.app.directory))
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            found += [_static(route, path.relative_to(folder).as_posix()) for path in paths]
            continue
        assert isinstance(route, APIRoute), f"{route!r}: say in this test how such a route is searched"
        names = sorted(route.param_convertors)
        unknown = [name for name in names if name not in values]
        assert not unknown, f"{route.path}: say in VALUES what {unknown} may be, so that its answers are searched"
        for some in product(*(values[name] for name in names)):
            chosen = dict(zip(names, some, strict=True))
            path = route.path
            for name, value in chosen.items():
                path = re.sub(rf"{{{name}(:\w+)?}}", value, path)
            found += [Ask(route.path, method, path, chosen) for method in sorted(route.methods or ())]
    return found


def _static(route: Mount, name: str) -> Ask:
    return Ask(route.path, "GET", f"{route.path}/{name}", {})
