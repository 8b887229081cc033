"""What the call journal tells of past calls: one call's record, and the totals of many."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.llm.protocol import Usage
from core.models import Frozen

AnyRow = Row[*tuple[Any, ...]]
TOKEN_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")


class Waste(Frozen):
    """A try that brought no reply.

    Attributes:
        kind: As `Failure.kind`, or `in_flight` (the worker died before the reply came), `cancelled`, or
            `overtaken` (the reply came to a worker that was taken for dead, after another had asked again).
        seconds: Of the try. waited: Slept or queued after it. at: Written down, seconds since 1970.
        usage: None where the provider refused the try.
        dollars: 0 where the provider refused the try, None where it may have been charged for at an unknown price.
        estimated: Nobody told the tokens: they, and with them the dollars, are estimates.
    """

    kind: str
    status: int | None
    seconds: float
    waited: float
    at: float
    usage: Usage | None
    dollars: float | None
    estimated: bool = False


class CallRecord(Frozen):
    """One call, without its reply (see `CallJournal.reply`).

    Attributes:
        state: `started`, `received` or `failed`.
        tries: How often it was begun under its key (more than once only after a crash or a failure).
        request: Digest of the request.
        started_at: Seconds since 1970, of the latest beginning.
        stop: Why the model stopped. seconds: Of the successful try. waited: Before the first try.
        expected: Tokens of the request, estimated before it was sent.
        cause, detail: Why it failed; a call that was cancelled has no cause.
        waste: Its failed tries, in order.
    """

    key: str
    state: str
    tries: int
    provider: str
    model: str
    request: str
    started_at: float
    stop: str | None
    usage: Usage | None
    dollars: float | None
    seconds: float | None
    cause: str | None
    detail: str | None
    waited: float | None
    expected: int | None
    waste: tuple[Waste, ...]

    @classmethod
    def from_row(cls, row: AnyRow, waste: tuple[Waste, ...]) -> CallRecord:
        """A row of `model_calls`."""
        fields = {name: value for name, value in row._mapping.items() if name not in TOKEN_KINDS}
        return cls(**fields, usage=usage_from_row(row), waste=waste)


class CallTotals(Frozen):
    """Totals of many calls.

    Attributes:
        calls: Replies received. failed: Calls that failed for good. open: Begun, and neither yet.
        usage: Tokens of the replies.
        dollars: Of all replies and all waste, as far as known, estimates included.
        unpriced_calls: Replies and wasted tries that may have cost something whose price is not known.
        wasted_tries, wasted_usage, wasted_dollars: The share of tries without a reply.
        estimated_calls, estimated_dollars: The share of wasted tries whose tokens nobody told.
        seconds: In calls, wasted ones included. waited: Before, between and after tries, for rate limits, back-off
            and turns.
    """

    calls: int = 0
    failed: int = 0
    open: int = 0
    usage: Usage = Usage()
    dollars: float = 0.0
    unpriced_calls: int = 0
    wasted_tries: int = 0
    wasted_usage: Usage = Usage()
    wasted_dollars: float = 0.0
    estimated_calls: int = 0
    estimated_dollars: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0

    @classmethod
    def from_rows(cls, received: AnyRow, states: dict[str, tuple[int, float]], wasted: AnyRow) -> CallTotals:
        """Sums over `model_calls` and `model_waste`, and by state the number of calls and what they waited."""
        return cls(
            calls=received.number,
            failed=states.get("failed", (0, 0.0))[0],
            open=states.get("started", (0, 0.0))[0],
            usage=_summed(received),
            dollars=(received.dollars or 0.0) + (wasted.dollars or 0.0),
            unpriced_calls=(received.number - received.priced) + (wasted.number - wasted.priced),
            wasted_tries=wasted.number,
            wasted_usage=_summed(wasted),
            wasted_dollars=wasted.dollars or 0.0,
            estimated_calls=wasted.estimated or 0,
            estimated_dollars=wasted.guessed or 0.0,
            seconds=(received.seconds or 0.0) + (wasted.seconds or 0.0),
            waited=(wasted.waited or 0.0) + sum(waited for _, waited in states.values()),
        )


class Spent(Frozen):
    """What a run has spent, all its workers together.

    Attributes:
        dollars: Of all replies and all waste. estimated: The share of them that is an estimate.
        tokens: Of all replies and all waste.
        calls: Replies received. unpriced: Replies and wasted tries without a known price.
        hours: Of wall time in which at least one worker made calls, pauses of more than half an hour left out.
    """

    dollars: float = 0.0
    estimated: float = 0.0
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0
    hours: float = 0.0


def waste_from_row(row: AnyRow) -> Waste:
    """A row of `model_waste`."""
    return Waste(
        kind=row.kind,
        status=row.status,
        seconds=row.seconds,
        waited=row.waited,
        at=row.at,
        usage=usage_from_row(row),
        dollars=row.dollars,
        estimated=bool(row.estimated),
    )


def usage_from_row(row: AnyRow) -> Usage | None:
    """The tokens of a row, or None where they are not known."""
    return None if row.input is None else _summed(row)


def _summed(row: AnyRow) -> Usage:
    return Usage(**{kind: getattr(row, kind) or 0 for kind in TOKEN_KINDS})
