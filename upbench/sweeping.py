"""Sweeping a project: what is of no use any more goes, beside everything that is at work.

Of the rooms is only asked what they name; what is removed, and when, is decided by `core.store.sweep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import Field

from agents import AGENT_REFERENCES
from core import BadInput, Frozen, References, Swept, named_blobs
from grading import GRADING_REFERENCES, forget_renderings, render_references, retired_renderers
from runs import RUN_REFERENCES, Records, snapshot_store, snapshots_left
from upbench.home import FILE, Home
from upbench.unblinding import search_reviewed

DAY = 86400.0
REFERENCES = (*RUN_REFERENCES, *AGENT_REFERENCES, *GRADING_REFERENCES)
"""Of all rooms but for renderings."""


class Sweeping(Frozen):
    """What a sweep did, or with `dry_run` would do.

    Attributes:
        days: What was put, asked for or used less long ago stays.
        renderers: With which nothing was rendered for so long, while another was in use.
        renderings: Of those, removed.
        snapshots: Of workspaces whose executions have ended, removed: how many executions.
        places: Files, in the folder and in the bucket.
    """

    dry_run: bool
    days: int = Field(ge=1)
    renderers: int
    renderings: int
    snapshots: int
    places: tuple[Swept, ...]


def sweep_project(home: Home, *, days: int, dry_run: bool = False, gone: Sequence[str] = ()) -> Sweeping:
    """Remove old renderings, snapshots that nobody needs, and files that no record names. It may take minutes.

    Args:
        home: The project; runs, workers and servers may be at work.
        days: In which whoever keeps a file has written its name into the records; at least one.
        dry_run: Only say what would be done.
        gone: Marks of databases that are no more, and whose files may go.

    Raises:
        BadInput: Another database names files there too.
        StoreFault: The store does not answer, or it is not known what some record names. Nothing is lost by it.
    """
    if home.database.path != home.state / FILE and (home.state / FILE).exists():
        mend = "move it away where nobody needs it any more"
        raise BadInput("its records may name files here too", file=home.state / FILE, mend=mend)
    home.blobs.refuse_others(gone, dry_run=dry_run)
    before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    retired = retired_renderers(home.database, before)
    renderings, records = sum(retired.values()), Records(home.database)
    left = snapshots_left(records, home.state, home.blobs)
    if not dry_run:
        for execution in left:
            snapshot_store(home.state, home.blobs, execution).remove_all()
        if retired:
            for run in records.runs():  # what is to be found in them is found now
                search_reviewed(home, run.id)
            renderings = forget_renderings(home.database, retired, before)
    rooms: tuple[References, ...] = (*REFERENCES, *render_references(retired if dry_run else ()))
    places = home.blobs.sweep(
        lambda: named_blobs(home.database, home.blobs, rooms), seconds=days * DAY, dry_run=dry_run
    )
    return Sweeping(
        dry_run=dry_run,
        days=days,
        renderers=len(retired),
        renderings=renderings,
        snapshots=len(left),
        places=tuple(places),
    )
