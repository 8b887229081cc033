"""Which attempts may be executed again."""

from __future__ import annotations

from collections.abc import Callable

from core import BadInput, Cause, cause_row
from runs import AttemptRow


def retry_predicate(cause: str) -> Callable[[AttemptRow], bool]:
    """True for attempts that ended for `cause`.

    Raises:
        BadInput: No such cause, or one that is the agent's own and stands.
    """
    rerunnable = [c.value for c in Cause if cause_row(c).rerun or cause_row(c).fault == "harness"]
    if cause not in rerunnable:
        known = cause in [c.value for c in Cause]
        what = "the agent's own end; it stands" if known else "no such cause"
        raise BadInput(f"{cause!r}: {what}", field="--cause", mend=f"one of: {', '.join(rerunnable)}")
    wanted = Cause(cause)
    return lambda attempt: attempt.cause is wanted


def was_cancelled(attempt: AttemptRow) -> bool:
    """True for attempts that were at work when the user cancelled the run: a resume begins them anew."""
    return attempt.cause is Cause.user_cancelled
