"""What is written down of every connection that a sandbox, or a page fetched for it, asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from core import Frozen


class NetworkEvent(Frozen):
    """One audit line; it goes into the transcript of the execution.

    Attributes:
        via: The gate (a program in the sandbox asked) or the page fetcher (the agent's tool asked).
        method: `CONNECT`, or the HTTP method of a plain request.
        host, port: As asked for.
        address: The address that was connected to, if any.
        verdict: `allowed`, `refused` (by the policy) or `failed` (allowed, but it could not be done).
        reason: Why it was refused or failed, or why it was cut.
        up_bytes, down_bytes: From and to the asker; a name that was looked up counts as sent. seconds: How long it
            was open.
    """

    via: Literal["gate", "fetch"]
    method: str
    host: str
    port: int
    verdict: Literal["allowed", "refused", "failed"]
    address: str | None = None
    reason: str = ""
    up_bytes: int = 0
    down_bytes: int = 0
    seconds: float = 0.0


Audit = Callable[[NetworkEvent], None]
"""Takes an audit line; must not raise and not wait."""


def unheard(_event: NetworkEvent) -> None:
    """The audit of those who keep none."""
    return
