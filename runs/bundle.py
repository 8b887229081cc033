"""Runs, trials, attempts and executions, as they travel. Workers stay at home."""

from __future__ import annotations

import json
import re
from typing import get_args

from core import BundleTable, Cause, Landing, Row
from grading import ReworkContext
from runs.options import RunOptions, Stop, own_queue
from runs.plan import RunConfig
from runs.references import blobs_of_attempt, blobs_of_run
from runs.rows import DONE, INTERRUPTED, REMARKS, STOPPED
from runs.sheets import JobSheet
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, SHEETS, TRIALS
from sandbox import SandboxInfo


def _run_leaves(row: Row) -> Row:
    """As if whoever executes it had stopped, and without what is of this machine alone."""
    return row | {
        "config": _anywhere(row["config"]),
        "queue": "own" if row["queue"] else None,
        "state": row["state"] if row["state"] in (DONE, STOPPED) else INTERRUPTED,
    }


def _run_lands(row: Row, landing: Landing) -> Row:
    """Whoever takes it in may go on with it; it reads and asks nothing that the bundle's writer chose."""
    return row | {
        "config": _anywhere(row["config"]),
        "pack_root": str(landing.packs / (row.get("pack") or "none")),
        "owner": landing.owner,
        "queue": own_queue(row["id"]) if row.get("queue") else None,
    }


def _anywhere(config: str) -> str:
    """A run's configuration without folders and addresses, which are no part of what it measures."""
    body = json.loads(config)
    for name, nothing in (("cassette", None), ("replay", False)):
        if name in body:
            body[name] = nothing
    for agent in body["agents"]:
        if agent.get("model"):
            agent["model"]["base_url"] = None
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_STATES = (DONE, STOPPED, INTERRUPTED)


def _check_run(row: Row) -> None:
    _check_name(row["id"])
    if row["state"] not in _STATES:
        raise ValueError("the state of the run is none that a bundle can tell of")
    RunConfig.model_validate_json(row["config"])
    for name, model in (("options", RunOptions), ("stop", Stop)):
        if row.get(name) is not None:
            model.model_validate_json(row[name])


def _check_trial(row: Row) -> None:
    _check_name(row["id"])
    if "." in row["id"]:
        raise ValueError(f"{row['id'][:100]!r} is no name of a trial")


def _check_name(name: str) -> None:
    """Folders and containers are called so."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is no name")


def _check_attempt(row: Row) -> None:
    blobs_of_attempt(row)
    _check_name(row["id"])
    if not row["id"].startswith(f"{row['trial']}.") or not (row.get("parent") or row["id"]).startswith(
        f"{row['trial']}."
    ):
        raise ValueError("an attempt is of another trial")
    if row.get("remarks") is not None:
        REMARKS.validate_json(row["remarks"])
    if row.get("context") not in (None, *get_args(ReworkContext)):
        raise ValueError("an attempt goes on from nothing that there is")
    _check_cause(row)


def _check_execution(row: Row) -> None:
    if row.get("sandbox") is not None:
        SandboxInfo.model_validate_json(row["sandbox"])
    _check_name(row["id"])
    if not row["id"].startswith(f"{row['attempt']}."):
        raise ValueError("an execution is of another attempt")
    _check_cause(row)


def _check_cause(row: Row) -> None:
    if row.get("cause") is not None:
        Cause(row["cause"])


RUN_BUNDLE = (
    BundleTable(
        RUNS,
        "run",
        "id",
        ("id",),
        stays=frozenset({"pack_root", "owner"}),
        leaves=_run_leaves,
        lands=_run_lands,
        blobs=blobs_of_run,
        check=_check_run,
    ),
    BundleTable(TRIALS, "run", "run", ("position", "id"), check=_check_trial),
    BundleTable(ATTEMPTS, "trial", "id", ("trial", "k", "id"), blobs=blobs_of_attempt, check=_check_attempt),
    BundleTable(EXECUTIONS, "trial", "id", ("attempt", "e"), check=_check_execution),
    BundleTable(
        SHEETS,
        "run",
        "run",
        ("job", "number"),
        check=lambda row: JobSheet.model_validate_json(row["body"]),
    ),
)
RUNS_AT_HOME = frozenset({"workers", "worker_refusals"})
