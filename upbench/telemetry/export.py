"""The exporters of OpenTelemetry, as the standard `OTEL_*` variables ask for them; without an endpoint none."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core import BadInput, Listener

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

SIGNALS = ("traces", "metrics")
LAST_SECONDS = 5.0
"""What is still to be sent when the work is done is waited for so long: a dead collector holds nobody up."""


def wanted(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Which of the signals are to be exported.

    Raises:
        BadInput: An endpoint is no http address, or the protocol is one that we do not speak.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    return frozenset(signal for signal in SIGNALS if _is_wanted(signal, environment))


def _is_wanted(signal: str, environment: Mapping[str, str]) -> bool:
    exporter = f"OTEL_{signal.upper()}_EXPORTER"
    if environment.get(exporter, "otlp").strip() != "otlp":
        return False
    name, endpoint = _said(signal, "ENDPOINT", environment)
    if not endpoint:
        return False
    _check(name, endpoint)
    name, protocol = _said(signal, "PROTOCOL", environment)
    if protocol not in {"", "http/protobuf"}:
        mend = "set it to http/protobuf and the endpoint to that port of the collector (mostly 4318)"
        raise BadInput(f"{protocol!r} is not spoken", field=name, mend=mend)
    return True


def _said(signal: str, what: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """What the variable of the signal, or that of all signals, says; and which one it was."""
    both = f"OTEL_EXPORTER_OTLP_{what}"
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", both):
        if value := environment.get(name, "").strip():
            return name, value
    return both, ""


def _check(name: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BadInput("is no http address", field=name, mend="for instance http://localhost:4318")


@contextmanager
def exporting(signals: frozenset[str], *, worker: str | None = None) -> Iterator[list[Listener]]:
    """Listeners that export these signals; at the end of the block what is left is sent."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    listeners: list[Listener] = []
    providers: list[TracerProvider | MeterProvider] = []
    resource = _resource(worker)
    if "traces" in signals:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from upbench.telemetry.traces import TraceIds, Traces

        tracing = TracerProvider(resource=resource, id_generator=TraceIds(), shutdown_on_exit=False)
        tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        listeners.append(Traces(tracing, content=_content_wanted()))
        providers.append(tracing)
    if "metrics" in signals:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        from upbench.telemetry.metrics import Metrics

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        metering = MeterProvider([reader], resource, shutdown_on_exit=False)
        listeners.append(Metrics(metering))
        providers.append(metering)
    try:
        yield listeners
    finally:
        last = [threading.Thread(target=provider.shutdown, daemon=True) for provider in providers]
        for thread in last:
            thread.start()
        for thread in last:
            thread.join(LAST_SECONDS)


def _resource(worker: str | None) -> Resource:
    """Who tells: what the environment says goes before our own."""
    from importlib.metadata import version

    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {
        "service.name": "upbench",
        "service.version": version("upbench"),
        "service.instance.id": worker or str(uuid.uuid4()),
    }
    return Resource.create().merge(Resource(ours)).merge(OTELResourceDetector().detect())


def _content_wanted() -> bool:
    said = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().lower()
    return said in {"true", "span_only", "span_and_event"}
