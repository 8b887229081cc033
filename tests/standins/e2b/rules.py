"""Which network rules the API takes. They are checked, kept and shown; a sandbox here has no network at all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

EVERYWHERE = "0.0.0.0/0"
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)


class RulesRefused(Exception):
    """The API answers 400 with this text."""


def _is_address(rule: str) -> bool:
    try:
        ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
    return True


def check(network: Mapping[str, Any]) -> None:
    """Refuse rules as E2B does.

    Raises:
        RulesRefused: A denied name, something that is neither name nor address, or names that nothing is denied
            beside.
    """
    denied = list(network.get("denyOut") or [])
    allowed = list(network.get("allowOut") or [])
    for rule in denied:
        if not _is_address(rule):
            raise RulesRefused(f"invalid denied CIDR {rule}")
    names = [rule for rule in allowed if not _is_address(rule)]
    for name in names:
        if not _NAME.fullmatch(name):
            raise RulesRefused(f"invalid allowed domain or CIDR {name}")
    if names and EVERYWHERE not in denied:
        raise RulesRefused(
            "When specifying allowed domains in allow out, you must include 'ALL_TRAFFIC' in deny out "
            "to block all other traffic."
        )
