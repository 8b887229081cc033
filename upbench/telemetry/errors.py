"""What a failed span is told to have failed of: a cause or the name of an exception, never a message."""

from __future__ import annotations

import asyncio

from core import Fault


def error_type(error: BaseException) -> str | None:
    """The word for an exception; None for a cancellation, which is no failure."""
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
        return None
    return error.cause.value if isinstance(error, Fault) else type(error).__qualname__
