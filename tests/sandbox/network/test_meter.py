from __future__ import annotations

from typing import Literal

import pytest

from sandbox import NetworkEvent
from sandbox.network import meter
from sandbox.network.meter import Lines


def event(
    host: str, verdict: Literal["allowed", "refused", "failed"] = "allowed", port: int = 443
) -> NetworkEvent:
    return NetworkEvent(via="gate", method="CONNECT", host=host, port=port, verdict=verdict, up_bytes=1)


def places(told: list[NetworkEvent]) -> list[tuple[str, int, str]]:
    return [(one.host, one.port, one.verdict) for one in told]


def test_a_flood_hides_no_new_place() -> None:
    told: list[NetworkEvent] = []
    lines = Lines(told.append)
    for _ in range(meter.MAX_LINES + 500):
        lines.add(event("example.org"))
    for _ in range(2):
        lines.add(event("upload.example.org"))
        lines.add(event("example.org", port=8443))
        lines.add(event("example.org", "failed"))
    new = [
        ("upload.example.org", 443, "allowed"),
        ("example.org", 8443, "allowed"),
        ("example.org", 443, "failed"),
    ]
    assert places(told) == [("example.org", 443, "allowed")] * meter.MAX_LINES + new
    lines.sum_up()
    assert told[-1].reason.startswith("the last of 503 connections that have no line of their own")
    assert sum(one.up_bytes for one in told) == meter.MAX_LINES + 506


def test_a_flood_of_refusals_hides_no_new_place() -> None:
    told: list[NetworkEvent] = []
    lines = Lines(told.append)
    for _ in range(meter.MAX_REFUSED_LINES + 10):
        lines.add(event("other.org", "refused"))
    lines.add(event("secret.other.org", "refused"))
    assert places(told)[meter.MAX_REFUSED_LINES :] == [("secret.other.org", 443, "refused")]


def test_new_places_are_bounded_too_for_each_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "MAX_LINES", 5)
    monkeypatch.setattr(meter, "MAX_REFUSED_LINES", 2)
    monkeypatch.setattr(meter, "MAX_NEW_LINES", 3)
    told: list[NetworkEvent] = []
    lines = Lines(told.append)
    for number in range(100):
        lines.add(event(f"r{number}.org", "refused"))
    for number in range(100):
        lines.add(event(f"a{number}.org"))
    assert [one.host for one in told] == ["r0.org", "r1.org", "r2.org", "r3.org", "r4.org"] + [
        f"a{number}.org" for number in range(6)
    ]
