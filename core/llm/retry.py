"""The one retry policy of every model client: what is tried again, how long is waited, when it is given up.

A provider makes one try and raises `TryFailed` in our words; nothing else decides about another try (the SDKs run
with `max_retries=0`). Every failed try is kept as a `Failure`, because some of them were paid for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from core.causes import Cause
from core.errors import ModelFault
from core.llm.progress import Progress, progress_now
from core.llm.protocol import ChatReply, Failure, Usage

if TYPE_CHECKING:
    from core.llm.lanes import Lane


class TryFailed(Exception):
    """One try failed. Raised by providers, handled by `ask_with_retries` alone.

    Args:
        kind: `status`, `connection`, `timeout`, `dropped` (a stream cut short), `malformed` (not
            the API's protocol), `circuit` (not made, because the account failed too often).
        cause: What the call ends with if this try was the last.
        again: Another try may help.
        status: HTTP status, where there is one.
        retry_after: Seconds the provider asks us to wait.
        usage: Tokens of the failed try, as far as known.
    """

    def __init__(
        self,
        kind: str,
        cause: Cause,
        detail: str,
        *,
        again: bool,
        status: int | None = None,
        retry_after: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.kind, self.cause, self.detail, self.again = kind, cause, detail, again
        self.status, self.retry_after, self.usage = status, retry_after, usage
        super().__init__(f"{kind}: {detail}")


class ModelCallFailed(ModelFault):
    """A model call failed for good. `failures` are its tries, the last one included."""

    def __init__(self, cause: Cause, detail: str, failures: tuple[Failure, ...]) -> None:
        self.failures = failures
        super().__init__(cause, detail)


@dataclass(frozen=True)
class Clock:
    """Time, so that tests need not wait: `now` in seconds, `sleep`, and `jitter` from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = field(default=random.random)


@dataclass(frozen=True)
class RetryPolicy:
    """How long a call may go on. All times in seconds.

    Attributes:
        budget: Wall time from the first try to the start of the last one, waits for a turn in the account's lane
            left out; and how long is waited for an account whose circuit is open.
        tries: At most so many.
        first_wait: Doubled after every try, up to `longest_wait`; a random half of it is left out.
        longest_retry_after: A provider that asks for a longer wait has its call given up at once.
    """

    budget: float = 900.0
    tries: int = 10
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    clock: Clock = Clock()

    def wait(self, tries_made: int, retry_after: float | None) -> float:
        """Seconds until the next try. Never less than the provider asked for, plus a little jitter."""
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** (tries_made - 1))
        if retry_after is not None:
            return retry_after + self.clock.jitter() * min(1.0, self.first_wait)
        return backoff * (0.5 + 0.5 * self.clock.jitter())


async def ask_with_retries(
    ask: Callable[[], Awaitable[ChatReply]], policy: RetryPolicy, lane: Lane | None = None
) -> ChatReply:
    """Make tries until one succeeds, each in its turn where there is a lane.

    The reply gets its `seconds`, `waited_seconds` and `failures`. Whoever follows the call's `Progress` knows of
    them even if it is cut off.

    Raises:
        ModelCallFailed: No try succeeded; the cause is the last one's.
    """
    clock, progress = policy.clock, progress_now()
    began, queued = clock.now(), 0.0
    while True:
        patience = began + queued + policy.budget - clock.now()
        turn = None if lane is None else lane.enter(patience, progress.wait)
        started = clock.now()
        try:
            async with turn or nullcontext():
                if turn is not None:
                    queued += turn.waited - turn.outage
                started = clock.now()
                progress.sending()
                reply = await ask()
        except TryFailed as failed:
            seconds = 0.0 if progress.tried_at is None else clock.now() - started
            progress.tried_at = None
            tries = len(progress.failures) + 1
            wait = policy.wait(tries, failed.retry_after)
            progress.failures.append(_failure(failed, seconds))
            if why := _no_more(policy, failed, tries, clock.now() - began - queued + wait):
                detail = f"{failed.detail} ({why})"
                raise ModelCallFailed(failed.cause, detail, tuple(progress.failures)) from failed
            await _sleep(clock, wait, progress)
        else:
            return reply.model_copy(
                update={
                    "seconds": clock.now() - started,
                    "waited_seconds": progress.waited_in_all,
                    "failures": tuple(progress.failures),
                }
            )


async def _sleep(clock: Clock, seconds: float, progress: Progress) -> None:
    """Wait for the next try; what was waited is told even if the wait is cut off."""
    begun = clock.now()
    try:
        await clock.sleep(seconds)
    except asyncio.CancelledError:
        progress.wait(min(seconds, clock.now() - begun))
        raise
    progress.wait(seconds)


def _no_more(policy: RetryPolicy, failed: TryFailed, tries: int, until_next: float) -> str | None:
    """Why there is no other try, or None."""
    if not failed.again:
        return "not worth another try"
    if failed.retry_after is not None and failed.retry_after > policy.longest_retry_after:
        return f"asked to wait {failed.retry_after:.0f} s, longer than {policy.longest_retry_after:.0f} s"
    if tries >= policy.tries:
        return f"given up after {tries} tries"
    if until_next > policy.budget:
        return f"given up: another try would come after {policy.budget:.0f} s"
    return None


def _failure(failed: TryFailed, seconds: float) -> Failure:
    return Failure(
        status=failed.status,
        kind=failed.kind,
        seconds=seconds,
        waited_seconds=0.0,
        usage=failed.usage,
    )


def retry_after_of(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or an HTTP date) ask for, or None."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (value := headers.get("retry-after")) is None:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            moment = parsedate_to_datetime(value).timestamp()
            return max(0.0, moment - (time.time() if now is None else now))
    except ValueError:
        return None


def cause_of_status(status: int) -> tuple[Cause, bool]:
    """The cause of an HTTP status, and whether another try may help."""
    if status in (401, 402, 403):
        return Cause.model_unauthorised, False
    if status == 429:
        return Cause.model_rate_limited, True
    if status in (408, 409) or status >= 500:
        return Cause.model_unavailable, True
    return Cause.model_rejected_request, False
