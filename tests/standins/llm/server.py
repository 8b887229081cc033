"""The server: its state, its routes, and running it in a thread on a port of the system's choice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.standins.llm.cache import PromptCache
from tests.standins.llm.script import Incoming, Script, Turn, script_of

KEY = "sk-standin"
HELLO = (Turn(text="hello"),)
SECRET = b"what only the provider knows"


@dataclass
class Standin:
    """A running stand-in.

    Attributes:
        script: Answers requests; may be replaced at any time.
        requests: Every request that passed validation, in order.
        usages: The usage of every answer, as it was told.
        rejected: What was wrong with requests that did not pass.
        context: Tokens that a model takes.
        required: For Responses: the reasoning item without which an item is refused.
    """

    script: Script
    url: str = ""
    context: int = 1_000_000
    requests: list[Incoming] = field(default_factory=list)
    usages: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    required: dict[str, str] = field(default_factory=dict)
    cache: PromptCache = field(default_factory=PromptCache)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def openai_url(self) -> str:
        """The base URL for the OpenAI SDK."""
        return f"{self.url}/v1"

    def reset(self, script: Script | Sequence[Turn] = HELLO) -> None:
        """Forget everything, as if newly started."""
        fresh = Standin(script_of(script), url=self.url)
        for name in ("script", "context", "requests", "usages", "rejected", "required", "cache"):
            setattr(self, name, getattr(fresh, name))

    def wait_for(self, number: int, seconds: float = 180.0) -> None:
        """Block until so many requests have come, or fail."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.requests)} of {number} requests came")
            time.sleep(0.01)

    def new_id(self, prefix: str) -> str:
        """An identifier that was not given before."""
        return f"{prefix}_{next(self._ids):08d}"

    def sign(self, text: str) -> str:
        """A signature that only this server can make."""
        return hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()

    async def turn(self, api: str, request: Request, body: dict[str, Any], step: int) -> Turn:
        """Log the request and ask the script."""
        with self._lock:
            incoming = Incoming(api, body, dict(request.headers), step, len(self.requests))
            self.requests.append(incoming)
        turn = self.script(incoming)
        if turn.delay:
            await asyncio.sleep(turn.delay)
        return turn

    def reject(self, why: str) -> str:
        """Note what was wrong with a request."""
        self.rejected.append(why)
        return why


def application(standin: Standin) -> Starlette:
    """The routes of the three APIs."""
    from tests.standins.llm import chat_api, messages_api, responses_api

    app = Starlette(
        routes=[
            Route("/v1/messages", messages_api.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", messages_api.count_tokens, methods=["POST"]),
            Route("/v1/models/{model:path}", messages_api.model, methods=["GET"]),
            Route("/v1/responses", responses_api.responses, methods=["POST"]),
            Route("/v1/chat/completions", chat_api.completions, methods=["POST"]),
        ]
    )
    app.state.standin = standin
    return app


@contextmanager
def serve(script: Script | Sequence[Turn] = HELLO) -> Iterator[Standin]:
    """Run a stand-in for the length of the block."""
    standin = Standin(script_of(script))
    config = uvicorn.Config(
        application(standin),
        host="127.0.0.1",
        port=0,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the stand-in did not start")
        time.sleep(0.005)
    standin.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield standin
    finally:
        server.should_exit = True
        thread.join(timeout=10)
