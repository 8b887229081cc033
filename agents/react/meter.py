"""What an attempt has used so far, which limit it has met, and when the model should be warned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from agents.protocol import AttemptLimits
from agents.transcript import Event
from core import Cause

STEP_WARNINGS = (10, 3)
SHARE_WARNINGS = (0.2, 0.05)


@dataclass
class Meter:
    """Counts along the transcript, so that a resumed attempt goes on counting where it was.

    The time between a worker's death and the resumption is not the agent's and is not counted, nor is the time in
    which its workspace is kept.
    """

    limits: AttemptLimits
    steps: int = 0
    tokens: int = 0
    dollars: float = 0.0
    waited: float = 0.0
    _seconds: float = 0.0
    _last: datetime | None = None

    def see(self, event: Event) -> None:
        """Count the time up to `event`."""
        at = datetime.fromisoformat(event.at)
        if self._last is not None and event.kind not in {"restored", "resumed"}:
            ours = event.body["seconds"] if event.kind == "snapshot" else 0.0
            self._seconds += max(0.0, (at - self._last).total_seconds() - ours)
        self._last = at

    def pay(self, tokens: int, dollars: float | None, waited: float) -> None:
        """Count a model call. A call without a price adds no dollars."""
        self.tokens += tokens
        self.dollars += dollars or 0.0
        self.waited += waited

    @property
    def seconds(self) -> float:
        """Since the first event."""
        if self._last is None:
            return 0.0
        return self._seconds + max(0.0, (datetime.now(UTC) - self._last).total_seconds())

    @property
    def working_seconds(self) -> float:
        """Without the time slept for rate limits."""
        return self.worked(self.seconds)

    def worked(self, seconds: float) -> float:
        """How much of these seconds was not slept for rate limits."""
        return max(0.0, seconds - self.waited)

    @property
    def wall_left(self) -> float:
        """Seconds until the wall limit; infinite without one."""
        wall = self.limits.wall_seconds
        return float("inf") if wall is None else wall - self.seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the nearer of the two time limits."""
        working = self.limits.working_seconds
        return self.wall_left if working is None else min(self.wall_left, working - self.working_seconds)

    def used(self, cause: Cause) -> str:
        """For people: how much of the limit that `cause` names was used; empty when it names none."""
        limit, used = self._pairs().get(cause, (None, 0.0))
        return "" if limit is None else f"{used:,.6g} of {limit:,.6g} {cause.value.replace('_', ' ')} used"

    def exceeded(self) -> Cause | None:
        """The limit that has been met."""
        return next((cause for cause, share in self._shares_left().items() if share <= 0), None)

    def warnings(self) -> list[tuple[str, str]]:
        """(a name that is the same for the same warning, the words) of what is running out."""
        found = []
        for cause, share in self._shares_left().items():
            if cause is Cause.steps:
                left = (self.limits.steps or 0) - self.steps
                marks = [mark for mark in STEP_WARNINGS if left <= mark < (self.limits.steps or 0)]
                words = f"{left} replies are left"
            else:
                marks = [int(mark * 100) for mark in SHARE_WARNINGS if share <= mark]
                words = self._words(cause)
            if marks:
                found.append((f"{cause.value}-{min(marks)}", words))
        return found

    def _words(self, cause: Cause) -> str:
        if cause in {Cause.wall_time, Cause.working_time}:
            return f"about {max(self.seconds_left, 0) / 60:.1f} minutes are left"
        return "the budget for model calls is nearly used up"

    def _shares_left(self) -> dict[Cause, float]:
        return {cause: 1 - used / limit for cause, (limit, used) in self._pairs().items() if limit is not None}

    def _pairs(self) -> dict[Cause, tuple[float | None, float]]:
        """Of every kind of limit the limit and what was used."""
        return {
            Cause.wall_time: (self.limits.wall_seconds, self.seconds),
            Cause.working_time: (self.limits.working_seconds, self.working_seconds),
            Cause.steps: (self.limits.steps, self.steps),
            Cause.tokens: (self.limits.tokens, self.tokens),
            Cause.dollars: (self.limits.dollars, self.dollars),
        }
