"""Paths as models write them, made absolute."""

from __future__ import annotations

import posixpath

DELIVERABLES = "/job/deliverables"


def in_job(path: str) -> str:
    """`path` made absolute and tidy: relative ones start at `/job`."""
    return posixpath.normpath(posixpath.join("/job", path.strip()))


def in_deliverables(path: str) -> str | None:
    """`path` as an absolute path below the deliverables folder, or None when it lies elsewhere.

    A relative path starts there; `deliverables/x` and `job/deliverables/x` mean the same as `x`.
    """
    text = path.strip()
    for prefix in ("job/deliverables/", "deliverables/", "./deliverables/"):
        if text.startswith(prefix):
            text = text.removeprefix(prefix)
            break
    full = posixpath.normpath(posixpath.join(DELIVERABLES, text))
    return full if full.startswith(DELIVERABLES + "/") else None
