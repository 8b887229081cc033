"""What every test may need: skipping for a missing tool, visibly, or failing where all tools are required."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import ExitStack
from typing import NoReturn

import pytest

PORTS = range(10_000, 32_000)
"""None that the kernel gives to whoever connects to something: one of those may be taken at any moment."""


def free_port(count: int = 1) -> int:
    """The first of so many ports in a row that nothing listens on, and that stay free while a server restarts."""
    for _ in range(200):
        first = PORTS.start + secrets.randbelow(len(PORTS) - count)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return first
    raise AssertionError(f"no {count} ports in a row are free")


def lacking(tool: str, why: str) -> NoReturn:
    """Skip the test for want of `tool`; where `UPBENCH_REQUIRE` is `all` or names it, fail instead."""
    required = os.environ.get("UPBENCH_REQUIRE", "").split(",")
    if "all" in required or tool in required:
        pytest.fail(f"{tool} is required here and missing: {why}", pytrace=False)
    pytest.skip(f"{tool} is missing: {why}")
