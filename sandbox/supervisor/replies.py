"""Replies as the harness believes them: each is as long as its request allows, and every field makes sense."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core import Cause, SandboxFault
from sandbox.protocol import CommandResult, Output
from sandbox.supervisor.adoption import is_token
from sandbox.supervisor.frames import PROTOCOL, Nonsense, number_in

SMALL = 1024
"""Bytes of an errno, an acknowledgement or a hello."""
LIST_BYTES = 9 << 20
"""Of a list of a tree; the supervisor cuts it short well below."""


@dataclass(slots=True)
class Awaited:
    """A reply that is waited for.

    Attributes:
        most: Bytes that it may have.
        future: Its kind and fields; None when nobody wants it any more.
    """

    most: int
    future: asyncio.Future[tuple[bytes, list[bytes]]] | None


@dataclass(frozen=True, slots=True)
class Hello:
    """What a supervisor says first: its token, and how many commands have background processes."""

    token: str
    background: int


def hello_in(fields: list[bytes]) -> Hello:
    """The hello of these fields.

    Raises:
        Nonsense: It is none.
        SandboxFault: Another version of the protocol (`sandbox_start`).
    """
    if not fields or len(fields[0]) > 4:
        raise Nonsense("a hello without a version")
    if (version := number_in(fields[0])) != PROTOCOL:
        what = f"the supervisor inside speaks protocol {version}, this UpBench speaks {PROTOCOL}"
        raise SandboxFault(Cause.sandbox_start, f"{what}: its image was made by another version, make it again")
    if len(fields) != 3 or not is_token(fields[1]):
        raise Nonsense("a hello without its fields")
    return Hello(fields[1].decode(), number_in(fields[2], high=1 << 20))


def result_bytes(cap: int) -> int:
    """Bytes of a command's result, of which `cap` bytes of each stream are kept."""
    return 2 * cap + SMALL


def result_in(fields: list[bytes], cap: int, waited: float) -> CommandResult:
    """The result of a command, which took no longer than the harness has `waited` (seconds).

    Raises:
        Nonsense: It is none.
    """
    if len(fields) != 9:
        raise Nonsense("an answer with the wrong number of fields")
    streams = []
    for head, tail, total in (fields[3:6], fields[6:9]):
        if len(head) + len(tail) > cap or number_in(total) < len(head) + len(tail):
            raise Nonsense("an answer with more output than was asked for")
        streams.append(Output.model_construct(head=head, tail=tail, total=int(total)))
    return CommandResult.model_construct(
        exit_code=number_in(fields[0], low=-127, high=255),
        timed_out=number_in(fields[1], high=1) == 1,
        seconds=min(number_in(fields[2]) / 1e6, waited),
        stdout=streams[0],
        stderr=streams[1],
    )


def rows_in(fields: list[bytes], most: int) -> list[tuple[bytes, int, bytes]]:
    """At most `most` rows (kind, size, path) of a list of a tree, and one that says that it was cut short.

    Raises:
        Nonsense: There are more, or they are none.
    """
    if len(fields) % 3 or len(fields) > 3 * (most + 1):
        raise Nonsense("a list of the wrong length")
    rows = zip(fields[0::3], fields[1::3], fields[2::3], strict=True)
    return [(kind, number_in(size), name) for kind, size, name in rows]


def scan_in(fields: list[bytes], most: int) -> tuple[int, list[tuple[bytes, bytes, bytes]]]:
    """The time and at most `most` rows of a look at folders.

    Raises:
        Nonsense: There are more, or they are none.
    """
    if len(fields) % 3 != 1 or len(fields) > 3 * most + 1:
        raise Nonsense("a look of the wrong length")
    return number_in(fields[0]), list(zip(fields[1::3], fields[2::3], fields[3::3], strict=True))
