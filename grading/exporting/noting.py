"""An export is a row of the audit log: who took what, and whether names were in it."""

from __future__ import annotations

from collections.abc import Sequence

from core import Database
from grading.exporting.write import ExportForm
from grading.people.audit import append_audit
from grading.review.signing import Secrets, derive

_NAMED = 20


def note_export(
    database: Database, actor: str, runs: Sequence[str], form: ExportForm, *, reveal: bool, names: bool
) -> None:
    """Write down that `actor` (a person's id, or the operator) exports these runs."""
    subject = runs[0] if len(runs) == 1 else f"{len(runs)} runs"
    detail = {"format": form.value, "agents": reveal, "names": names, "runs": list(runs[:_NAMED])}
    with database.write() as connection:
        append_audit(connection, actor=actor, action="export", subject=subject, detail=detail)


def alias_key(secrets: Secrets) -> bytes:
    """The key of a project's aliases; it stays as long as `review-secrets.json` does."""
    return derive(secrets.session, "export: aliases").encode()
