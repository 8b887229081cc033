"""What E2B's SDK raises, as causes. By the type of an exception (and the status it carries), never by its text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from connectrpc.errors import ConnectError
from e2b.exceptions import (
    AuthenticationException,
    RateLimitException,
    SandboxException,
    SandboxNotFoundException,
    SandboxNotRunningException,
    ServiceBusyException,
)
from pyqwest import ReadError, StreamError, WriteError

from core import Cause, SandboxFault

# What follows the first three comes from below the SDK, the last two where a reply is no reply.
ERRORS = (
    SandboxException,
    AuthenticationException,
    ServiceBusyException,
    httpx.HTTPError,
    ConnectError,
    ReadError,
    StreamError,
    WriteError,
    OSError,
    ValueError,
    KeyError,
)
GONE = (SandboxNotFoundException, SandboxNotRunningException)
CAUSES: tuple[tuple[type[Exception], Cause], ...] = (
    (AuthenticationException, Cause.sandbox_unauthorised),
    (RateLimitException, Cause.sandbox_rate_limited),
    (SandboxNotFoundException, Cause.sandbox_lost),
    (SandboxNotRunningException, Cause.sandbox_lost),
)


def fault_of(error: Exception, otherwise: Cause) -> SandboxFault:
    """The fault that an exception of the SDK stands for; `otherwise` where its type does not say."""
    cause = next((cause for kind, cause in CAUSES if isinstance(error, kind)), otherwise)
    return SandboxFault(cause, f"E2B: {str(error)[:300] or type(error).__name__}")


@contextmanager
def as_faults(otherwise: Cause) -> Iterator[None]:
    """Turn what the SDK raises in the block into `SandboxFault`s."""
    try:
        yield
    except ERRORS as error:
        raise fault_of(error, otherwise) from error
