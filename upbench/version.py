"""Which UpBench this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def upbench_version() -> str:
    """The installed version, or `from source`."""
    try:
        return version("upbench")
    except PackageNotFoundError:
        return "from source"
