"""Telling what happens, to whoever listens: spans, events and gauges. By default nobody does, at no cost.

The rooms say what they do in words of their own (`span("model_call", model=...)`); the front door adds listeners
that make traces, metrics or log lines of it. Facts are ids, names, counts and causes, never what clients, models
or agents wrote: that goes through `Span.content`, and is heard only where a user has asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

Fact = str | bool | int | float | None
"""What may be told. None: not known, and left out."""

Reading = Callable[[], Iterable[tuple[float, Mapping[str, Fact]]]]
"""Reads a gauge: each value with the facts that tell it from the others. Called on another thread."""


class Span(AbstractContextManager["Span"]):
    """Something that takes time. This one is heard by nobody; listeners have children of it."""

    __slots__ = ()

    def note(self, **facts: Fact) -> None:
        """Add what is known only now. `error` (a cause, the name of an exception) says that it failed."""

    def content(self, **texts: Callable[[], str]) -> None:
        """Add what people, models or agents wrote; called only where a user has asked for it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The end. An exception goes on its way."""


class Listener(Protocol):
    """Hears what happens. It must neither raise nor wait."""

    def span(self, kind: str, facts: Mapping[str, Fact]) -> Span:
        """Something begins; it does when the span is entered."""
        ...

    def event(self, kind: str, facts: Mapping[str, Fact]) -> None:
        """Something happened."""
        ...

    def gauge(self, name: str, read: Reading) -> None:
        """Something can be read at any time."""
        ...


class _Several(Span):
    """The spans of several listeners."""

    __slots__ = ("_spans", "_stack")

    def __init__(self, spans: list[Span]) -> None:
        self._spans, self._stack = spans, ExitStack()

    def note(self, **facts: Fact) -> None:
        for one in self._spans:
            one.note(**facts)

    def content(self, **texts: Callable[[], str]) -> None:
        for one in self._spans:
            one.content(**texts)

    def __enter__(self) -> Span:
        for one in self._spans:
            self._stack.enter_context(one)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


_UNHEARD = Span()
_listeners: tuple[Listener, ...] = ()
_ids: ContextVar[Mapping[str, str]] = ContextVar("telemetry_ids", default=MappingProxyType({}))


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Within the block these listeners hear what this process does."""
    global _listeners  # noqa: PLW0603 - one process, one set of listeners: rooms need not carry them about
    before = _listeners
    _listeners = (*before, *listeners)
    try:
        yield
    finally:
        _listeners = before


@contextmanager
def within(**ids: str) -> Iterator[None]:
    """Within the block, and in tasks begun there, all belongs to these ids: `run`, `trial`, `execution`."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def work_ids() -> Mapping[str, str]:
    """What this work belongs to."""
    return _ids.get()


def span(kind: str, **facts: Fact) -> Span:
    """Something that takes time.

    Example:
        >>> with span("step", step="collect") as told:
        ...     told.note(files=3)
    """
    if not _listeners:
        return _UNHEARD
    if len(_listeners) == 1:
        return _listeners[0].span(kind, facts)
    return _Several([one.span(kind, facts) for one in _listeners])


def event(kind: str, **facts: Fact) -> None:
    """Something happened."""
    for one in _listeners:
        one.event(kind, facts)


def gauge(name: str, read: Reading) -> None:
    """Something that can be read at any time, for as long as the present listeners listen."""
    for one in _listeners:
        one.gauge(name, read)
