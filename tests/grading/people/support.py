"""What tests of people need: a clock that stands still, and passwords that take no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher

from grading.people.passwords import Passwords

GOOD = "five oak trees"
OTHER = "nine tall ships"


class Time:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **parts: float) -> None:
        self.now += timedelta(**parts)


def quick_passwords() -> Passwords:
    """Argon2 with the least memory it takes: what is tested is the rules, not the machine."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
