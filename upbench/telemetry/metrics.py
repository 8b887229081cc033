"""Spans, events and gauges as OpenTelemetry metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider

from core import Fact, Reading, Span, StoreFault
from upbench.telemetry.errors import error_type
from upbench.telemetry.names import attributes

if TYPE_CHECKING:
    from types import TracebackType

# The conventions ask for these boundaries: tokens of a call, seconds of a call.
TOKENS = tuple(4.0**power for power in range(14))
SECONDS = tuple(0.01 * 2**power for power in range(14))
# Rounds and commands last from milliseconds to hours.
LONG_SECONDS = tuple(0.01 * 4**power for power in range(11))

# Kind of span -> its histogram, and the facts that tell its series apart: few values each, whatever agents do.
_DURATIONS: Mapping[str, tuple[str, tuple[float, ...], tuple[str, ...]]] = {
    "model_call": ("gen_ai.client.operation.duration", SECONDS, ("provider", "model")),
    "tool_call": ("gen_ai.execute_tool.duration", LONG_SECONDS, ("tool",)),
    "agent": ("gen_ai.invoke_agent.duration", LONG_SECONDS, ("agent",)),
    "sandbox_open": ("upbench.sandbox_open.duration", SECONDS, ("provider",)),
    "command": ("upbench.command.duration", LONG_SECONDS, ("timed_out",)),
    "step": ("upbench.step.duration", LONG_SECONDS, ("step",)),
    "round": ("upbench.round.duration", LONG_SECONDS, ("round", "cause")),
}
_COUNTED = {"execution_ended": ("agent", "cause", "ended", "fault")}


class Metrics:
    """Hears spans, events and gauges, and makes metrics of them."""

    def __init__(self, provider: MeterProvider) -> None:
        self._meter = provider.get_meter("upbench")
        self._durations: dict[str, Histogram] = {
            kind: self._meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=bounds)
            for kind, (name, bounds, _) in _DURATIONS.items()
        }
        self._tokens = self._meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=TOKENS
        )
        counter = self._meter.create_counter
        self._dollars = counter("upbench.model.cost", "{USD}", "Price of the replies that have one.")
        self._unpriced = counter("upbench.model.unpriced", "{call}", "Replies without a price.")
        self._waited = counter("upbench.model.waited", "s", "Waited for rate limits and between tries.")
        self._failed = counter("upbench.model.failed_tries", "{try}", "Tries that brought no reply.")
        self._executions = counter("upbench.executions.ended", "{execution}", "Executions that ended, by cause.")
        self._events = counter("upbench.events", "{event}", "What else happened, by kind.")

    def span(self, kind: str, facts: Mapping[str, Fact]) -> Span:
        """Measures it, where its kind is measured."""
        return _Measured(kind, dict(facts), self._ended) if kind in _DURATIONS else Span()

    def event(self, kind: str, facts: Mapping[str, Fact]) -> None:
        """Counts it."""
        if kind in _COUNTED:
            self._executions.add(1, attributes(kind, _chosen(facts, _COUNTED[kind])))
        else:
            self._events.add(1, {"upbench.event": kind})

    def gauge(self, name: str, read: Reading) -> None:
        """Reads it at every export. A store that fails at that moment leaves a gap."""

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            try:
                values = list(read())
            except StoreFault:
                return
            for value, facts in values:
                yield Observation(value, attributes(name, facts))

        self._meter.create_observable_gauge(f"upbench.{name}", callbacks=[observe])

    def _ended(self, kind: str, facts: Mapping[str, Fact], seconds: float) -> None:
        told = attributes(kind, _chosen(facts, (*_DURATIONS[kind][2], "error")))
        self._durations[kind].record(seconds, told)
        if kind == "model_call":
            self._model_call(facts)

    def _model_call(self, facts: Mapping[str, Fact]) -> None:
        told = attributes("model_call", _chosen(facts, ("provider", "model")))
        for name, direction in (("input_tokens", "input"), ("output_tokens", "output")):
            if (tokens := facts.get(name)) is not None:
                self._tokens.record(float(tokens), {**told, "gen_ai.token.type": direction})
        for name, counter in (
            ("dollars", self._dollars),
            ("waited_seconds", self._waited),
            ("failed_tries", self._failed),
        ):
            if amount := facts.get(name):
                counter.add(float(amount), told)
        if "stop" in facts and facts.get("dollars") is None:
            self._unpriced.add(1, told)


class _Measured(Span):
    __slots__ = ("_begun", "_ended", "_facts", "_kind")

    def __init__(
        self, kind: str, facts: dict[str, Fact], ended: Callable[[str, Mapping[str, Fact], float], None]
    ) -> None:
        self._kind, self._facts, self._ended, self._begun = kind, facts, ended, 0.0

    def note(self, **facts: Fact) -> None:
        self._facts.update(facts)

    def __enter__(self) -> Span:
        self._begun = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._facts["error"] = error_type(error) or "cancelled"
        self._ended(self._kind, self._facts, time.monotonic() - self._begun)


def _chosen(facts: Mapping[str, Fact], names: Iterable[str]) -> dict[str, Fact]:
    return {name: facts[name] for name in names if name in facts}
