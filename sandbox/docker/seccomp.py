"""The filter of system calls that containers get under runc, as the profile that the engine takes.

An engine's own default depends on its age. This one says what it allows: names that the engine's library does not
know yet are passed over by it, and such calls are then answered with ENOSYS or EPERM, never let through. Only the
processor's own interface is named, so that 32-bit calls end their process.
"""

from __future__ import annotations

import errno
import functools
import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.syscalls import ALLOWED, NEW_NAMESPACE, NOT_THERE, PERSONALITIES, TERMINAL

WORD = 32
LOWER = (1 << WORD) - 1  # all that the kernel reads of these arguments
POINTER = (1 << 64) - 1
KIND = 0xF  # of a socket, without SOCK_CLOEXEC and SOCK_NONBLOCK
Bits = tuple[int, int, int]
"""An argument's index, a mask, and what must be left of the argument below it."""


@functools.cache
def profile() -> str:
    """The profile, as the JSON text of a `seccomp=` security option."""
    rules = [_allow(sorted(ALLOWED))]
    rules += [_allow([name], bits) for name, choices in ARGUMENTS.items() for bits in choices]
    rules.append({"names": sorted(NOT_THERE), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS})
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}, separators=(",", ":"))


def _allow(names: list[str], bits: Iterable[Bits] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ALLOW"}
    arguments = [
        {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
        for index, mask, value in bits
    ]
    return found | ({"args": arguments} if arguments else {})


def _all_but(points: tuple[int, ...], below: int = 0, free: int = WORD) -> Iterator[tuple[int, int]]:
    """(mask, value) of the blocks that together are every number but `points`: no rule can say `and not`."""
    inside = [point for point in points if point >> free == below >> free]
    if not inside:
        yield LOWER & ~((1 << free) - 1), below
    elif free:
        half = free - 1
        yield from _all_but(tuple(inside), below, half)
        yield from _all_but(tuple(inside), below | 1 << half, half)


def _sockets() -> Iterator[list[Bits]]:
    yield [(0, LOWER, socket.AF_UNIX)]
    yield [(0, LOWER, socket.AF_NETLINK), (2, LOWER, 0)]  # NETLINK_ROUTE: what interfaces and addresses there are
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for protocol in (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                yield [(0, LOWER, family), (1, KIND, kind), (2, LOWER, protocol)]


# Call -> arguments of which one choice must hold; with others it is refused.
ARGUMENTS: dict[str, list[list[Bits]]] = {
    "clone": [[(0, NEW_NAMESPACE, 0)]],
    "ioctl": [[(1, mask, value)] for mask, value in _all_but(TERMINAL)],
    "personality": [[(0, LOWER, value)] for value in PERSONALITIES],
    # Limits of others may be read, not set: the supervisor is of the same user, and would be ended by a low one.
    "prlimit64": [[(0, LOWER, 0)], [(2, POINTER, 0)]],
    "socket": list(_sockets()),
    "socketpair": [[(0, LOWER, socket.AF_UNIX)]],
}
