"""Spans as OpenTelemetry traces: one trace an execution, whichever workers carry it, and one a run's command."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span, use_span
from opentelemetry.trace import Span as OtelSpan

from core import Fact, Reading, Span, work_ids
from upbench.telemetry.errors import error_type
from upbench.telemetry.names import Attribute, attributes, title

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

ROOTS = ("run", "round")
"""Kinds of spans that begin a trace of their own: one of thousands of trials would be of no use to anybody."""

_key: ContextVar[str | None] = ContextVar("trace_key", default=None)


class TraceIds(RandomIdGenerator):
    """Trace ids that follow from the execution: a round that another worker takes up stays in its trace."""

    def generate_trace_id(self) -> int:
        """16 bytes, from the execution's name where there is one."""
        key = _key.get()
        return trace_id(key) if key else super().generate_trace_id()


def trace_id(key: str) -> int:
    """The trace of the execution called `key`."""
    return int.from_bytes(hashlib.sha256(f"upbench {key}".encode()).digest()[:16], "big")


class Traces:
    """Hears spans and makes traces of them.

    Args:
        provider: Where spans go.
        content: Also tell what people, models and agents wrote.
    """

    def __init__(self, provider: TracerProvider, *, content: bool = False) -> None:
        self._tracer, self._content = provider.get_tracer("upbench"), content

    def span(self, kind: str, facts: Mapping[str, Fact]) -> Span:
        """A span, child of the one that is open here."""
        return _Traced(kind, {**work_ids(), **facts}, self._begin, content=self._content)

    def event(self, kind: str, facts: Mapping[str, Fact]) -> None:
        """A mark in the span that is open here; without one it is not told."""
        get_current_span().add_event(title(kind, facts), attributes(kind, {**work_ids(), **facts}))

    def gauge(self, name: str, read: Reading) -> None:
        """Traces have none."""

    def _begin(self, kind: str, facts: Mapping[str, Fact]) -> OtelSpan:
        context, links = None, []
        key = work_ids().get("execution") if kind in ROOTS else None
        if kind in ROOTS:
            context = Context()
            around = get_current_span().get_span_context()
            links = [Link(around)] if around.is_valid else []
        token = _key.set(key)
        try:
            return self._tracer.start_span(
                title(kind, facts),
                context=context,
                kind=SpanKind.CLIENT if kind == "model_call" else SpanKind.INTERNAL,
                attributes=attributes(kind, facts),
                links=links,
            )
        finally:
            _key.reset(token)


class _Traced(Span):
    __slots__ = ("_begin", "_content", "_current", "_facts", "_kind", "_span")

    def __init__(
        self,
        kind: str,
        facts: Mapping[str, Fact],
        begin: Callable[[str, Mapping[str, Fact]], OtelSpan],
        *,
        content: bool,
    ) -> None:
        self._kind, self._facts, self._begin, self._content = kind, facts, begin, content
        self._span: OtelSpan | None = None
        self._current: AbstractContextManager[object] | None = None

    def note(self, **facts: Fact) -> None:
        self._set(attributes(self._kind, facts), failed=bool(facts.get("error")))

    def content(self, **texts: Callable[[], str]) -> None:
        if self._content:
            self.note(**{name: text() for name, text in texts.items()})

    def _set(self, named: Mapping[str, Attribute], *, failed: bool) -> None:
        if self._span is None:
            return
        self._span.set_attributes(dict(named))
        if failed:
            self._span.set_status(StatusCode.ERROR)

    def __enter__(self) -> Span:
        self._span = self._begin(self._kind, self._facts)
        # Messages of exceptions may quote what agents wrote: what failed is told below.
        self._current = use_span(
            self._span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        )
        self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            why = error_type(error)
            self.note(**({"error": why} if why else {"cancelled": True}))
        if self._current is not None:
            self._current.__exit__(None, None, None)
