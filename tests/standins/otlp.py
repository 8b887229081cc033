"""A collector that speaks OTLP over HTTP on a real socket, keeps what comes, and can be made to fail."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SeenSpan:
    """A span as it came; ids as hex digits, empty where there is none."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    attributes: dict[str, Any]
    failed: bool
    status: str
    events: tuple[str, ...]
    links: tuple[str, ...]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What came so far.

    Attributes:
        status: Answered to every request. hang: No answer at all while it is set.
    """

    port: int = 0
    status: int = 200
    hang: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[SeenSpan]:
        found = []
        for path, body in self.bodies:
            if path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                for group in request.resource_spans:
                    resource = _plain(group.resource.attributes)
                    found += [_span(s, resource) for scope in group.scope_spans for s in scope.spans]
        return found

    @property
    def metrics(self) -> dict[str, list[tuple[float, dict[str, Any]]]]:
        """Of the latest export of each: value (of a histogram its sum) and attributes."""
        found: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        for path, body in self.bodies:
            if path == "/v1/metrics":
                for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for scope in group.scope_metrics:
                        found |= {metric.name: _points(metric) for metric in scope.metrics}
        return found


def _span(span: Any, resource: dict[str, Any]) -> SeenSpan:
    return SeenSpan(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        attributes=_plain(span.attributes),
        failed=span.status.code == 2,
        status=span.status.message,
        events=tuple(event.name for event in span.events),
        links=tuple(link.trace_id.hex() for link in span.links),
        resource=resource,
    )


def _points(metric: Any) -> list[tuple[float, dict[str, Any]]]:
    data = getattr(metric, metric.WhichOneof("data"))
    return [(_value(point), _plain(point.attributes)) for point in data.data_points]


def _value(point: Any) -> float:
    return float(point.sum if hasattr(point, "bucket_counts") else getattr(point, point.WhichOneof("value")))


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: _any(one.value) for one in attributes}


def _any(value: Any) -> Any:
    kind = value.WhichOneof("value")
    held = getattr(value, kind)
    return [_any(item) for item in held.values] if kind == "array_value" else held


@contextmanager
def otlp_collector() -> Iterator[Collector]:
    """A collector on a free port of the loopback, until the end of the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            how = self.headers.get("Content-Encoding")
            body = gzip.decompress(body) if how == "gzip" else zlib.decompress(body) if how == "deflate" else body
            if collector.hang.is_set():
                collector.let_go.wait(60)
            if collector.status == 200:
                collector.bodies.append((self.path, body))
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
