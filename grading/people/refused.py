"""Sign-ins that were refused, in the audit log: enough to see that somebody guesses, bounded however much they do.

Of the failures with one name the first, second, fourth, eighth ... are told, and no more than a hundred of all in
an hour. What was typed is never told: names that were mistyped are passwords sometimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from grading.people.audit import append_audit
from grading.people.keys import Clock, stamp
from grading.people.tables import AUDIT

NOBODY = "nobody"
"""Stands for whoever tried, and for a name that is nobody's."""
ACTION = "session.refused"
IN_AN_HOUR = 100
_LOOKED_AT = 200


def note_refused(connection: Connection, subject: str, detail: Mapping[str, Any], clock: Clock) -> bool:
    """Write down that a sign-in was refused, in the caller's transaction; False: there are enough of this hour.

    Args:
        connection: Of a write transaction; nothing follows in it.
        subject: Id of the account, or `NOBODY`.
        detail: How and why, and from where; nothing that was typed.
        clock: Says what time it is.
    """
    since = stamp(clock() - timedelta(hours=1))
    last = select(AUDIT.c.action, AUDIT.c.ts).order_by(AUDIT.c.number.desc()).limit(_LOOKED_AT)
    told = sum(row.action == ACTION and row.ts > since for row in connection.execute(last))
    if told >= IN_AN_HOUR:
        return False
    append_audit(connection, actor=NOBODY, action=ACTION, subject=subject, detail=detail, clock=clock)
    return True
