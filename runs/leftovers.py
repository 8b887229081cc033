"""Snapshots of workspaces whose executions have ended: whoever ended them was killed before removing them."""

from __future__ import annotations

from pathlib import Path

from core import Blobs
from runs.records import Records

SNAPSHOTS = "snapshots"


def snapshots_left(records: Records, state: Path, blobs: Blobs) -> list[str]:
    """The executions that have ended and of which snapshots lie here or in the bucket. Raises `StoreFault`.

    What the records know nothing of is left alone.
    """
    here = state / SNAPSHOTS
    found = {path.name for path in here.iterdir()} if here.is_dir() else set[str]()
    found |= set(blobs.folders(SNAPSHOTS))
    return [execution for execution in sorted(found) if records.has_ended(execution)]


def snapshot_store(state: Path, blobs: Blobs, execution: str) -> Blobs:
    """Where the snapshots of an execution's workspace are kept, apart from all else."""
    remote = None if blobs.remote is None else f"{blobs.remote}/{SNAPSHOTS}/{execution}"
    return Blobs(state / SNAPSHOTS / execution, remote)
