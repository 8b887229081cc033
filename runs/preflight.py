"""The preflight: before a large run, one trial of each agent, so that what is broken is found out once.

An agent has passed once one of its attempts ended as an agent's attempt may end, whatever it is worth; faults of
the harness or the infrastructure fail it. A small run needs none: its first trials are the preflight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core import Ended, cause_row
from runs.options import LARGE
from runs.rows import DONE, PLANNED, AttemptRow

_DETAIL = 200


def preflight_of(attempts: Iterable[AttemptRow], *, large: int = LARGE) -> tuple[AttemptRow, ...]:
    """The attempts to be made before all others, one for each agent that needs it; none is due: empty.

    Args:
        attempts: All attempts of a run that are executed here, in the order of the plan. Those that passed before
            (a resume) make a preflight of their agent needless.
        large: An agent with fewer attempts ahead of it needs none; 0: no agent needs one.
    """
    if not large:
        return ()
    passed: set[str] = set()
    ahead: dict[str, list[AttemptRow]] = {}
    for attempt in attempts:
        if attempt.state != DONE:
            ahead.setdefault(attempt.agent, []).append(attempt)
        elif attempt.graded:
            passed.add(attempt.agent)
    due = (waiting for agent, waiting in ahead.items() if agent not in passed and len(waiting) >= large)
    # One that was at work when the run was left goes on; otherwise the first of the plan.
    return tuple(min(waiting, key=lambda attempt: attempt.state == PLANNED) for waiting in due)


def preflight_failure(
    preflight: Sequence[AttemptRow], *, rest: int, details: Mapping[str, str] | None = None
) -> str | None:
    """Why the rest of the run is not begun, in a line; None: it may be begun.

    Args:
        preflight: The attempts of the preflight as they ended; one that has not ended, or was cancelled, stops
            nothing by itself.
        rest: How many attempts are not begun.
        details: What is known of a failure, by attempt; of a text of several lines the last one is told.
    """
    failed = [
        attempt
        for attempt in preflight
        if attempt.state == DONE and attempt.cause and cause_row(attempt.cause).ended is Ended.harness_crash
    ]
    if not failed:
        return None
    told = "; ".join(_told(attempt, (details or {}).get(attempt.id, "")) for attempt in failed)
    others = f"; {len(preflight) - len(failed)} of {len(preflight)} agents passed" if len(preflight) > 1 else ""
    return f"the preflight failed, so the other {rest} attempts were not begun: {told}{others}"


def _told(attempt: AttemptRow, detail: str) -> str:
    assert attempt.cause is not None
    last = detail.strip().splitlines()[-1:]
    said = f" ({' '.join(last[0].split())[:_DETAIL]})" if last else ""
    return f"{attempt.agent} on {attempt.job}: {cause_row(attempt.cause).says}{said} [{attempt.trial}]"
