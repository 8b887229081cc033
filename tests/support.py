"""What every test may need: skipping for a missing tool, visibly, or failing where all tools are required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(tool: str, why: str) -> NoReturn:
    """Skip the test for want of `tool`; where `UPBENCH_REQUIRE` is `all` or names it, fail instead."""
    required = os.environ.get("UPBENCH_REQUIRE", "").split(",")
    if "all" in required or tool in required:
        pytest.fail(f"{tool} is required here and missing: {why}", pytrace=False)
    pytest.skip(f"{tool} is missing: {why}")
