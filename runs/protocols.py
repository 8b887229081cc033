"""Which protocols there are, and how many attempts go with them."""

from __future__ import annotations

from typing import get_args

from core import BadInput
from runs.plan import MOST_ATTEMPTS, Protocol

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


def check_protocol(protocol: str, attempts: int | None = None) -> int:
    """How many attempts a trial has in an arm at most, the first included, under `--protocol` and `--attempts`.

    Raises:
        BadInput: No such protocol, or attempts that do not go with it.
    """
    if protocol not in PROTOCOLS:
        mend = f"one of: {', '.join(PROTOCOLS)}"
        raise BadInput(f"no protocol is called {protocol!r}", field="--protocol", mend=mend)
    if protocol == "single":
        if attempts not in (None, 1):
            what = f"{attempts} attempts, and under `single` there is one"
            raise BadInput(what, field="--attempts", mend="add --protocol retry")
        return 1
    most = 2 if attempts is None else attempts
    if not 2 <= most <= MOST_ATTEMPTS:
        mend = f"from 2 (the first is counted) to {MOST_ATTEMPTS}"
        what = f"{most} attempts leave nothing to try again" if most < 2 else f"{most} attempts are too many"
        raise BadInput(what, field="--attempts", mend=mend)
    return most
