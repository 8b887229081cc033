from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from sandbox import Network, NetworkPolicy


def test_rules_are_brought_into_one_form() -> None:
    policy = NetworkPolicy(
        mode=Network.allow, domains=("Example.org.", "example.org", "*.B\u00dcCHER.example", "a.org:8443", "*.gov")
    )
    assert policy.domains == ("*.gov", "*.xn--bcher-kva.example", "a.org:8443", "example.org")


@pytest.mark.parametrize(
    "rule",
    [
        *(
            "",
            "org",
            "*",
            "*.",
            "*.*.org",
            "ex*.org",
            "8.8.8.8",
            "*.8.8",
            "[::1]",
            "a.org:0",
            "a.org:99999",
            "a..org",
        ),
        *("http://a.org", "a.org/path", "u@a.org", "a.org:", "0x7f.1", "a b.org"),
    ],
)
def test_odd_rules_are_refused(rule: str) -> None:
    with pytest.raises(ValidationError):
        NetworkPolicy(mode=Network.allow, domains=(rule,))


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("example.org", 443, True),
        ("example.org", 80, True),
        ("example.org", 22, False),
        ("sub.example.org", 443, False),
        ("example.com", 443, False),
        ("a.b.example.com", 443, True),
        ("notexample.com", 443, False),
        ("ports.example.net", 8443, True),
        ("ports.example.net", 443, False),
        ("example.org.evil.net", 443, False),
    ],
)
def test_names_and_ports(host: str, port: int, allowed: bool) -> None:
    policy = NetworkPolicy(mode=Network.allow, domains=("example.org", "*.example.com", "ports.example.net:8443"))
    assert (policy.refusal(host, port) is None) is allowed


def test_modes() -> None:
    assert NetworkPolicy().refusal("example.org", 443) == "there is no network"
    assert NetworkPolicy(mode=Network.open).refusal("example.org", 25) is None
    assert json.loads(NetworkPolicy().model_dump_json()) == "none"
    with pytest.raises(ValidationError):
        NetworkPolicy(mode=Network.allow)
    with pytest.raises(ValidationError):
        NetworkPolicy(mode=Network.open, domains=("example.org",))
