"""The journal of a run's calls, as it travels. Lanes stay: they tell of this project's accounts."""

from __future__ import annotations

import re

from core.bundle import BundleTable, Row
from core.digests import sha256_bytes
from core.llm.tables import CALLS, SPEND, WASTE

_NAMELESS = re.compile(r"w[0-9a-f]{12}")


def _nameless(row: Row) -> Row:
    """The names of workers tell of hosts; on their way they only need to differ."""
    worker = row["worker"]
    return row if _NAMELESS.fullmatch(worker) else row | {"worker": f"w{sha256_bytes(worker.encode())[:12]}"}


LLM_BUNDLE = (
    BundleTable(CALLS, "trial", "key", ("key",), early=True),
    BundleTable(WASTE, "trial", "key", ("key", "number"), early=True),
    BundleTable(SPEND, "run", "run", ("run", "worker"), few=True, leaves=_nameless),
)
LLM_AT_HOME = frozenset({"model_lanes", "model_lane_users"})
