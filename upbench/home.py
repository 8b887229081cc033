"""A project's data: one database with every room's tables, one blob store, one folder for sandboxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agents import AGENT_MIGRATIONS
from core import LLM_MIGRATIONS, STORE_MIGRATIONS, BadInput, Blobs, Database, Lanes, owner_of
from grading import (
    GRADING_MIGRATIONS,
    PEOPLE_MIGRATIONS,
    RENDER_MIGRATIONS,
    REVIEW_MIGRATIONS,
)
from runs import RUN_MIGRATIONS
from upbench.settings import Settings

FILE = "upbench.db"
"""The database of a project that names no other."""


@dataclass(frozen=True)
class Home:
    """An open project.

    Attributes:
        state: The folder under which database, blobs and workspaces lie.
    """

    settings: Settings
    state: Path
    database: Database
    blobs: Blobs

    @cached_property
    def lanes(self) -> Lanes:
        """Of this process's model calls; shared with every other process of the project."""
        return Lanes(self.database)

    def close(self) -> None:
        """Close the database."""
        if "lanes" in self.__dict__:
            self.lanes.close()
        self.database.close()


def open_home(settings: Settings, *, create: bool = True) -> Home:
    """Open (and where needed make) a project's data folder.

    Raises:
        BadInput: `create` is False and there is nothing yet, or folder or database cannot be made or used.
            A PostgreSQL database is never made, only its tables.
    """
    state = settings.state
    file = state / FILE
    if not create and settings.database is None and not file.exists():
        raise BadInput("no project is here yet", file=state, mend="begin with `upbench run`, or name --project")
    try:
        (state / "scratch").mkdir(parents=True, exist_ok=True)
        blobs = Blobs(state / "blobs", settings.blobs, owner=lambda: owner_of(database))
        migrations = [
            *STORE_MIGRATIONS,
            *LLM_MIGRATIONS,
            *AGENT_MIGRATIONS,
            *GRADING_MIGRATIONS,
            *PEOPLE_MIGRATIONS,
            *RENDER_MIGRATIONS,
            *REVIEW_MIGRATIONS,
            *RUN_MIGRATIONS,
        ]
        database = Database(settings.database or file, migrations)
        return Home(settings, state, database, blobs)
    except OSError as error:
        raise BadInput(
            f"cannot be made: {error.strerror}",
            file=error.filename or state,
            field="home",
            mend="choose a folder where you may write",
        ) from error
