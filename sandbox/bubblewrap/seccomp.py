"""The filter of system calls, as the classic BPF program that `bwrap --seccomp` takes.

Every rule ends in a verdict, so the program reads from top to bottom: the architecture, calls beyond those known,
calls refused whatever their arguments, calls whose arguments are looked into, and the rest is allowed.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

from sandbox.syscalls import (
    HIGHEST,
    LOOKED_INTO,
    NEW_NAMESPACE,
    NOT_PERMITTED,
    NOT_THERE,
    PERSONALITIES,
    TERMINAL,
)

# A label, or (code, constant, label if it holds, label if it does not); no label: the next one.
Step = str | tuple[int, int, str, str]

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
LOAD, AND, RETURN = 0x20, 0x54, 0x06
EQUAL, GREATER, ANY_BIT = 0x15, 0x25, 0x45
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in `struct seccomp_data`

CHUNK = 16  # rules that are passed by at once: the kernel runs the program for every number when it takes it


def syscall_filter(machine: str | None = None) -> bytes | None:
    """The program for an architecture (default: this one's); None where it is not known."""
    machine = machine or os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 1 << 32 or sys.byteorder != "little":
        return None
    column = list(ARCHITECTURES).index(machine)
    steps: list[Step] = [
        _load(ARCHITECTURE),
        _if(EQUAL, ARCHITECTURES[machine], "ours", "foreign"),
        "foreign",  # 32-bit programs have other numbers
        _end(KILL),
        "ours",
        _load(NUMBER),
        _if(GREATER, HIGHEST, "unknown", "known"),  # those of the x32 interface as well
        "unknown",
        _refuse(errno.ENOSYS),
        "known",
    ]
    rules = sorted(_rules(column).items())
    for at in range(0, len(rules), CHUNK):
        chunk = rules[at : at + CHUNK]
        steps.append(_if(GREATER, chunk[-1][0], f"after {at}"))
        for number, rule in chunk:
            steps += [_if(EQUAL, number, "", f"not {number}"), *rule, f"not {number}"]
        steps += [_end(ALLOW), f"after {at}"]
    return assemble([*steps, _end(ALLOW)])


def _rules(column: int) -> dict[int, list[Step]]:
    """Number -> what happens with the call; each ends in a verdict on every path."""
    named = {name: [_refuse(errno.EPERM)] for name in NOT_PERMITTED}
    named |= {name: [_refuse(errno.ENOSYS)] for name in NOT_THERE}
    named |= RULES
    numbers = {name: row[column] for name, row in (NOT_PERMITTED | NOT_THERE | LOOKED_INTO).items()}
    return {number: named[name] for name, number in numbers.items() if number is not None}


def assemble(steps: list[Step]) -> bytes:
    """The program as the kernel takes it. Labels are looked for below the jump only."""
    found: list[tuple[int, int, str, str]] = []
    waiting: dict[tuple[int, int], str] = {}
    jumps: dict[tuple[int, int], int] = {}
    for step in steps:
        if isinstance(step, str):
            for place in [place for place, label in waiting.items() if label == step]:
                jumps[place] = len(found) - place[0] - 1
                del waiting[place]
        else:
            for side, label in enumerate(step[2:]):
                if label:
                    waiting[len(found), side] = str(label)
            found.append(step)
    assert not waiting, f"no such label: {waiting}"
    return b"".join(
        struct.pack("=HBBI", code, jumps.get((at, 0), 0), jumps.get((at, 1), 0), constant)
        for at, (code, constant, _, _) in enumerate(found)
    )


def _load(offset: int) -> Step:
    return LOAD, offset, "", ""


def _argument(index: int) -> Step:
    return _load(ARGUMENTS + 8 * index)  # its lower half: all that the kernel reads of these


def _if(code: int, constant: int, then: str, other: str = "") -> Step:
    return code, constant, then, other


def _end(verdict: int) -> Step:
    return RETURN, verdict, "", ""


def _refuse(error: int) -> Step:
    return _end(ERROR | error)


def _one_of(values: tuple[int, ...], label: str) -> list[Step]:
    return [_if(EQUAL, value, label) for value in values]


RULES: dict[str, list[Step]] = {
    "clone": [
        _argument(0),
        _if(ANY_BIT, NEW_NAMESPACE, "namespace", "plain"),
        "namespace",
        _refuse(errno.EPERM),
        "plain",
        _end(ALLOW),
    ],
    "ioctl": [_argument(1), *_one_of(TERMINAL, "terminal"), _end(ALLOW), "terminal", _refuse(errno.EPERM)],
    "personality": [_argument(0), *_one_of(PERSONALITIES, "usual"), _refuse(errno.EPERM), "usual", _end(ALLOW)],
    # Limits of others may be read, not set: the supervisor is of the same user, and would be ended by a low one.
    "prlimit64": [
        _argument(0),
        _if(EQUAL, 0, "fine"),
        _argument(2),
        _if(EQUAL, 0, "", "set"),
        _load(ARGUMENTS + 8 * 2 + 4),
        _if(EQUAL, 0, "fine", "set"),
        "set",
        _refuse(errno.EPERM),
        "fine",
        _end(ALLOW),
    ],
    "socket": [
        _argument(0),
        _if(EQUAL, socket.AF_UNIX, "fine"),
        _if(EQUAL, socket.AF_NETLINK, "netlink"),
        *_one_of((socket.AF_INET, socket.AF_INET6), "internet"),
        _refuse(errno.EAFNOSUPPORT),
        "internet",
        _argument(1),
        (AND, 0xF, "", ""),  # without SOCK_CLOEXEC and SOCK_NONBLOCK
        *_one_of((socket.SOCK_STREAM, socket.SOCK_DGRAM), "plain"),
        _refuse(errno.EPERM),
        "plain",
        _argument(2),
        *_one_of((0, socket.IPPROTO_TCP, socket.IPPROTO_UDP), "fine"),
        _refuse(errno.EPROTONOSUPPORT),
        "netlink",
        _argument(2),
        _if(EQUAL, 0, "fine"),  # NETLINK_ROUTE: what interfaces and addresses there are
        _refuse(errno.EPROTONOSUPPORT),
        "fine",
        _end(ALLOW),
    ],
    "socketpair": [
        _argument(0),
        _if(EQUAL, socket.AF_UNIX, "pair"),
        _refuse(errno.EOPNOTSUPP),
        "pair",
        _end(ALLOW),
    ],
}
