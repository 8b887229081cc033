"""Where every tool is required (`UPBENCH_REQUIRE=all`), a skipped test fails the session."""

from __future__ import annotations

import gc
import os

import pytest

from tests.browser import chromium, tab
from tests.schedule import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.standins.postgres import database_place, fresh_database, postgres

__all__ = [
    "chromium",
    "database_place",
    "fresh_database",
    "postgres",
    "pytest_collection_modifyitems",
    "pytest_xdist_make_scheduler",
    "tab",
]

gc.disable()  # what is imported and collected stays: looking for garbage among it is a fifth of the time it takes


def pytest_collection_finish() -> None:
    """Look for garbage again from now on, and only among what tests make."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Count what was skipped, on the process that reports."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or "all" not in os.environ.get("UPBENCH_REQUIRE", "").split(","):
        return
    if reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
