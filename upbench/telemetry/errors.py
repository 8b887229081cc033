"""What a failed span is told to have failed of: a cause or the name of an exception, never a message."""

from __future__ import annotations

import asyncio

from core import Fault


def error_type(error: BaseException) -> str | None:
    """The word for an exception; None for what is no failure.

    That is a cancellation, and an exception of a module's own (`_Found`), by which it leaves what it was doing.
    """
    steers = isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit)
    if steers or type(error).__name__.startswith("_"):
        return None
    return error.cause.value if isinstance(error, Fault) else type(error).__qualname__
