"""When telemetry is exported, and what happens when the collector does not do its part."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import BadInput, Cause, StoreFault, event, gauge, span
from tests.standins.otlp import Collector
from upbench.telemetry.export import wanted
from upbench.telemetry.start import observed

BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


@pytest.mark.parametrize(
    ("environment", "signals"),
    [
        ({}, set()),
        (BASE, {"traces", "metrics"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, set()),
        (BASE | {"OTEL_SDK_DISABLED": "TRUE"}, set()),
        (BASE | {"OTEL_TRACES_EXPORTER": "none"}, {"metrics"}),
        (BASE | {"OTEL_METRICS_EXPORTER": "console"}, {"traces"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t.example/v1/traces"}, {"traces"}),
        (BASE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, {"traces", "metrics"}),
        (
            BASE
            | {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_METRICS_EXPORTER": "none",
            },
            {"traces"},
        ),
    ],
)
def test_signals_follow_the_standard_variables(environment: dict[str, str], signals: set[str]) -> None:
    assert wanted(environment) == signals


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:port"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (BASE | {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "grpc://a:1"}, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
        (BASE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ],
)
def test_what_cannot_be_exported_to_is_said(environment: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput, match=f"field `{field}`"):
        wanted(environment)


def test_without_an_endpoint_nothing_of_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    code = (
        "import sys, pathlib, core\nfrom upbench.telemetry.start import observed\n"
        "with observed(pathlib.Path(sys.argv[1]), 'run'):\n    with core.span('round'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentel')])"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
    assert not said.stderr


def test_metrics_of_what_happened(collector: Collector, tmp_path: Path) -> None:
    with observed(tmp_path, "run"):
        gauge("slots", lambda: [(3.0, {"state": "used"}), (1.0, {"state": "free"})])
        gauge("broken", _no_store)
        for dollars in (0.5, None):
            with span("model_call", provider="openai", model="m") as told:
                told.note(stop="end_turn", input_tokens=10, output_tokens=4, dollars=dollars, waited_seconds=2.0)
        with pytest.raises(StoreFault), span("sandbox_open", provider="bwrap", workspace="t1.k1.e1"):
            raise StoreFault(Cause.disk_full)
        for cause in ("submitted", "submitted", "sandbox_lost"):
            event("execution_ended", agent="react", cause=cause, trial="t1", dollars=1.0)
        event("breaker_opened", account="a")
    metrics = collector.metrics
    model = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.operation.name": "chat",
    }
    assert metrics["upbench.model.cost"] == [(0.5, model)]
    assert metrics["upbench.model.unpriced"] == [(1.0, model)]
    assert metrics["upbench.model.waited"] == [(4.0, model)]
    assert (20.0, model | {"gen_ai.token.type": "input"}) in metrics["gen_ai.client.token.usage"]
    assert (8.0, model | {"gen_ai.token.type": "output"}) in metrics["gen_ai.client.token.usage"]
    assert len(metrics["gen_ai.client.operation.duration"]) == 1
    assert metrics["upbench.sandbox_open.duration"][0][1] == {
        "upbench.provider": "bwrap",
        "error.type": "disk_full",
    }
    ended = {(value, told["upbench.cause"]) for value, told in metrics["upbench.executions.ended"]}
    assert ended == {(2.0, "submitted"), (1.0, "sandbox_lost")}, "ids tell no series apart"
    slots = sorted((value, told["upbench.state"]) for value, told in metrics["upbench.slots"])
    assert slots == [(1.0, "free"), (3.0, "used")]
    assert metrics["upbench.events"] == [(1.0, {"upbench.event": "breaker_opened"})]
    assert "upbench.broken" not in metrics


def _no_store() -> list[tuple[float, dict[str, str]]]:
    raise StoreFault(Cause.store_failed)


@pytest.mark.parametrize("how", ["gone", "failing", "hanging"])
def test_a_collector_that_fails_disturbs_nobody(
    collector: Collector,
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("upbench.telemetry.export.LAST_SECONDS", 0.5)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    collector.status = 503
    if how == "gone":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    elif how == "hanging":
        collector.hang.set()
    begun = time.monotonic()
    with observed(tmp_path, "run"):
        for number in range(3000):  # more than the exporter's queue
            with span("step", step="work", number=number):
                pass
    assert time.monotonic() - begun < 120
    assert not any(capfd.readouterr())
    assert not collector.bodies
    logging.getLogger("opentelemetry.exporter").error("what is said after the end")
    assert not any(capfd.readouterr())
