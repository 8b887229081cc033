"""The journal of a run's calls, as it travels. Lanes stay: they tell of this project's accounts."""

from __future__ import annotations

from core.bundle import BundleTable
from core.llm.tables import CALLS, SPEND, WASTE

LLM_BUNDLE = (
    BundleTable(CALLS, "trial", "key", ("key",), early=True),
    BundleTable(WASTE, "trial", "key", ("key", "number"), early=True),
    BundleTable(SPEND, "run", "run", ("run", "worker")),
)
LLM_AT_HOME = frozenset({"model_lanes", "model_lane_users"})
