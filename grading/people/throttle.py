"""Slowing down whoever guesses passwords, without shutting anybody out.

Tries are counted in the database, so that a restart forgets nothing, and before the password is looked at, so that
many at one time count as many. Three counters, each with a pause that doubles from a free number of failures on:

- by name: at most half a minute, so that a stranger who keeps on failing cannot keep the person out for long;
- by network address (of IPv6 the first 64 bits): at most a quarter of an hour;
- by browser, instead of both, where somebody signs in with a browser that has signed in with this name before:
  strangers who exhaust a name or an address do not touch it (device cookies, as OWASP describes them).

A counter starts anew when nothing failed for a day.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update

from core import Database, insert_new
from grading.people.keys import Clock, moment_of, stamp
from grading.people.problems import TooMany
from grading.people.tables import FAILURES

_FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """How many failures are free, and the longest pause after that, in seconds."""

    free: int
    longest: int

    def pause(self, failures: int) -> timedelta:
        """Before the next try, after so many."""
        over = failures - self.free
        return timedelta(seconds=0 if over <= 0 else min(self.longest, 2 ** min(over - 1, 20)))


NAME, ADDRESS, BROWSER = Pace(5, 30), Pace(20, 900), Pace(5, 300)


@dataclass(frozen=True)
class Counted:
    """A try that was counted as failed until it is known to have succeeded.

    Attributes:
        failures: With the name, or in the browser that is known, this one included.
    """

    keys: tuple[str, ...]
    forgiven: tuple[str, ...]
    failures: int

    @property
    def tells(self) -> bool:
        """Whether it is written down if it fails: the first, the second, the fourth, the eighth ..."""
        return self.failures.bit_count() == 1


class Throttle:
    """Counts tries."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def begin(self, name: str, address: str, browser: str = "") -> Counted:
        """Count a try.

        Args:
            name: What was typed.
            address: Where it comes from, '' where nobody knows.
            browser: The key of a browser that has signed in with that name before, '' for any other.

        Raises:
            TooMany: It comes too early, and was not counted.
        """
        by_name, by_address = _key("name", name), _key("address", _network(address))
        paces = {_key("browser", browser): BROWSER} if browser else {by_name: NAME, by_address: ADDRESS}
        now = self._clock()
        with self._database.write() as connection:
            connection.execute(delete(FAILURES).where(FAILURES.c.last < stamp(now - _FORGOTTEN)))
            counts: dict[str, int] = {}
            for key in sorted(paces):  # in one order, so that nobody waits for somebody who waits for them
                fresh = {"key": key, "failures": 0, "last": stamp(now), "until": stamp(now)}
                connection.execute(insert_new(FAILURES).values(fresh))
                row = connection.execute(select(FAILURES).where(FAILURES.c.key == key).with_for_update()).one()
                if row.until > stamp(now):
                    raise TooMany(max(1, math.ceil((moment_of(row.until) - now).total_seconds())))
                counts[key] = row.failures + 1
            for key, count in counts.items():
                until = stamp(now + paces[key].pause(count))
                values = {"failures": count, "last": stamp(now), "until": until}
                connection.execute(update(FAILURES).where(FAILURES.c.key == key).values(values))
        forgiven = tuple(key for key in paces if key != by_address)
        return Counted(tuple(paces), forgiven, counts[forgiven[0]])

    def succeeded(self, counted: Counted) -> None:
        """Forget the failures of the name or the browser; of the address only this try.

        Else whoever has an account could guess at others' for ever.
        """
        now = stamp(self._clock())
        with self._database.write() as connection:
            for key in sorted(counted.keys):
                here = FAILURES.c.key == key
                row = connection.execute(select(FAILURES).where(here).with_for_update()).one_or_none()
                if row is None:
                    continue
                count = 0 if key in counted.forgiven else max(0, row.failures - 1)
                connection.execute(update(FAILURES).where(here).values(failures=count, until=now))


def _key(kind: str, what: str) -> str:
    return hashlib.sha256(f"{kind}:{what}".encode()).hexdigest()


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
