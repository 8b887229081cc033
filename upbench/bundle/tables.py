"""The tables of all rooms, in the order in which their rows are read and written."""

from __future__ import annotations

from dataclasses import dataclass

from agents import AGENT_BUNDLE, AGENT_MIGRATIONS
from core import LLM_BUNDLE, LLM_MIGRATIONS, BundleTable
from grading import ADJUDICATION_BUNDLE, GRADING_BUNDLE, GRADING_MIGRATIONS
from runs import RUN_BUNDLE, RUN_MIGRATIONS
from upbench.bundle.manifest import rows_member


@dataclass(frozen=True)
class Part:
    """A table and its room."""

    room: str
    table: BundleTable

    @property
    def name(self) -> str:
        """Of the table."""
        return self.table.name

    @property
    def member(self) -> str:
        """Where its rows are in a bundle."""
        return rows_member(self.room, self.name)


ROOMS = {
    "runs": len(RUN_MIGRATIONS),
    "core.llm": len(LLM_MIGRATIONS),
    "agents": len(AGENT_MIGRATIONS),
    "grading": sum(step.room == "grading" for step in GRADING_MIGRATIONS),
    "adjudication": sum(step.room == "adjudication" for step in GRADING_MIGRATIONS),
}
"""How far each room's tables have come."""

_BUNDLES = {
    "runs": RUN_BUNDLE,
    "core.llm": LLM_BUNDLE,
    "agents": AGENT_BUNDLE,
    "grading": GRADING_BUNDLE,
    "adjudication": ADJUDICATION_BUNDLE,
}

WRITTEN = tuple(Part(room, table) for room, tables in _BUNDLES.items() for table in tables)
"""A row that another refers to is written before it."""

READ = tuple(sorted(WRITTEN, key=lambda part: part.table.belongs == "parent"))
"""Whose rows belong to a run by rows of another table comes after that."""
