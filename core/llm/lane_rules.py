"""What is known of an account, and what each event makes of it: pure functions, the same for one worker or many.

Room for concurrent tries widens while tries succeed and is halved when the provider refuses (AIMD). A refusal that
says how long to wait blocks the account so long. A provider that fails again and again has its circuit opened: no
try is made for a while, then a single one, the probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

FIRST_ROOM, MOST_ROOM = 32.0, 2048.0
NARROWING = 0.5
LONGEST_BLOCK = 300.0
"""Seconds that an account is blocked at most; then one try finds out."""
LONGEST_UNASKED_BLOCK = 60.0
FAILURES_TO_OPEN = 5
FIRST_OPEN, LONGEST_OPEN = 5.0, 120.0
PROBE_SECONDS = 60.0
"""A probe that has neither failed nor succeeded by then does not keep others from probing."""
FORGOTTEN_AFTER = 900.0
"""Seconds without an event after which what was known of an account is out of date."""


@dataclass(frozen=True)
class LaneState:
    """What all workers know of an account. Times are seconds since 1970, by the clock that they share.

    Attributes:
        room: Tries that may be under way at one time, all workers together.
        narrowed_at: When `room` was last halved; 0: never, and it widens fast.
        refusals: Halvings in a row without a success between them.
        blocked_until: No try before.
        failures: Tries in a row that the provider failed.
        openings: How often the circuit was opened in a row; 0: it is closed.
        open_until: No probe before. prober: Whose probe is out, until `probe_until`.
        changed_at: The latest event.
    """

    room: float = FIRST_ROOM
    narrowed_at: float = 0.0
    refusals: int = 0
    blocked_until: float = 0.0
    failures: int = 0
    openings: int = 0
    open_until: float = 0.0
    prober: str = ""
    probe_until: float = 0.0
    changed_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """The circuit is open: only a probe may be sent."""
        return self.openings > 0

    @property
    def troubled(self) -> bool:
        """A success is worth telling the others at once."""
        return bool(self.failures or self.openings or self.refusals)

    def blocked(self, now: float) -> float:
        """Seconds until the next try, or probe, may be made. A clock that was set back must not block for ever."""
        until = max(self.blocked_until, self.open_until if self.is_open else 0.0)
        return min(max(0.0, until - now), LONGEST_BLOCK)

    def may_probe(self, now: float) -> bool:
        """No probe is out."""
        return not self.prober or self.probe_until <= now


def fresh(state: LaneState, now: float) -> LaneState:
    """The state as of now: what is out of date is forgotten."""
    return state if now - state.changed_at < FORGOTTEN_AFTER else LaneState(changed_at=now)


def reached(state: LaneState, now: float) -> LaneState:
    """The provider answered, be it with a refusal: its circuit is closed."""
    return replace(state, failures=0, openings=0, open_until=0.0, prober="", changed_at=now)


def answered(state: LaneState, now: float, widened: float = 0.0) -> LaneState:
    """A try succeeded; `widened` is the room that successes have earned."""
    room = min(MOST_ROOM, state.room + widened)
    return replace(reached(state, now), room=room, refusals=0)


def narrowed(state: LaneState, now: float, began: float, asked: float | None, used: float) -> LaneState:
    """The provider wants fewer tries.

    Args:
        state: Before.
        now: This moment.
        began: When the refused try began: refusals of tries that began before the last halving are one event.
        asked: Seconds to wait that the provider asks for, or None.
        used: Tries that were under way or wanted: room that nobody used is no room to halve.
    """
    again = began <= state.narrowed_at
    if asked is not None:
        wait = min(asked, LONGEST_BLOCK)
    else:
        wait = 0.0 if again or not state.refusals else min(LONGEST_UNASKED_BLOCK, 2.0 ** (state.refusals - 1))
    blocked = replace(state, blocked_until=max(state.blocked_until, now + wait), changed_at=now)
    if again:
        return blocked
    room = max(1.0, min(state.room, max(used, 1.0)) * NARROWING)
    return replace(blocked, room=room, narrowed_at=now, refusals=state.refusals + 1)


def failed(state: LaneState, now: float, *, probe: bool) -> LaneState:
    """The provider failed a try, or was not reached. Tries begun before the circuit opened change nothing."""
    if state.is_open and not probe:
        return state
    failures = state.failures + 1
    if failures < FAILURES_TO_OPEN and not probe:
        return replace(state, failures=failures, changed_at=now)
    pause = min(LONGEST_OPEN, FIRST_OPEN * 2.0**state.openings)
    return replace(
        state,
        failures=failures,
        openings=state.openings + 1,
        open_until=now + pause,
        prober="",
        changed_at=now,
    )


def claimed(state: LaneState, now: float, prober: str) -> LaneState:
    """`prober` sends the probe, unless someone else does."""
    if not state.is_open or state.blocked(now) > 0 or not state.may_probe(now):
        return state
    return replace(state, prober=prober, probe_until=now + PROBE_SECONDS, changed_at=now)


def released(state: LaneState, prober: str) -> LaneState:
    """The probe was called off."""
    return replace(state, prober="", probe_until=0.0) if state.prober == prober else state


def share_of(me: str, room: float, wants: Mapping[str, int], turn: int) -> int:
    """How many of the room's places are `me`'s, by max-min fairness: what one does not want, others get.

    Args:
        me: One of the names in `wants`.
        room: Places of all.
        wants: How many each would use.
        turn: Where there are fewer places than workers, who has one goes round with it.
    """
    names = sorted(wants)
    places = max(1, int(room))
    if places < len(names):
        return int((names.index(me) - turn * places) % len(names) < places)
    left, open_names = places, len(names)
    for name in sorted(names, key=lambda name: (wants[name], (names.index(name) - turn) % len(names))):
        given = min(wants[name], left // open_names)
        if name == me:
            return given
        left, open_names = left - given, open_names - 1
    raise KeyError(me)
