"""What the stand-in answers: turns, chosen by a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A tool call. `raw` stands for the arguments' JSON text where it is to be malformed."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None

    @property
    def text(self) -> str:
        return json.dumps(self.arguments) if self.raw is None else self.raw


@dataclass(frozen=True)
class Turn:
    """One answer, or one fault.

    Attributes:
        think: Reasoning, as the API of the day wraps it.
        stop: The API's own word for why it stopped; chosen by the turn's content if None.
        status: Anything but 200 is an error with `code` (for Anthropic its type), `param` and `retry_after`.
        drop_after: The connection breaks after so many events.
        error_after: An error with `code` is told within the stream after so many events.
        failure: (Responses) the response fails with this code.
        delay: Seconds before the answer.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    think: str = ""
    refusal: str = ""
    stop: str | None = None
    status: int = 200
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    error_after: int | None = None
    failure: str | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Incoming:
    """A request as it came. `step`: assistant turns in it. `number`: how many requests came before."""

    api: str
    body: dict[str, Any]
    headers: dict[str, str]
    step: int
    number: int


Script = Callable[[Incoming], Turn]


def script_of(script: Script | Sequence[Turn]) -> Script:
    """A list of turns answers request by request; its last turn answers all that follow."""
    if callable(script):
        return script
    turns = tuple(script)
    return lambda request: turns[min(request.number, len(turns) - 1)]
