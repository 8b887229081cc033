"""Frames as the harness reads them: everything from inside a sandbox is untrusted, so every length is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

PROTOCOL = 3
"""The version that both ends must speak; every hello begins with it."""
HEADER = 9
KINDS = frozenset(b"HDE")
MAX_FIELDS = 1 << 17


class Nonsense(ValueError):
    """Bytes that no supervisor of ours sends."""


def encode(kind: bytes, number: int, fields: Sequence[bytes | int]) -> bytes:
    """A request frame: `kind`, `number` (its id), and fields; integers become decimal text."""
    parts: list[bytes] = []
    for field in fields:
        data = b"%d" % field if isinstance(field, int) else field
        parts += (len(data).to_bytes(4, "big"), data)
    body = b"".join(parts)
    return b"".join((kind, number.to_bytes(4, "big"), len(body).to_bytes(4, "big"), body))


def split_fields(payload: bytes) -> list[bytes]:
    """The fields of a payload.

    Raises:
        Nonsense: A field runs past the end, or there are too many.
    """
    found: list[bytes] = []
    at, end = 0, len(payload)
    while at < end:
        start = at + 4
        at = start + int.from_bytes(payload[at:start], "big")
        if start > end or at > end or len(found) >= MAX_FIELDS:
            raise Nonsense("a field runs past its frame")
        found.append(payload[start:at])
    return found


def number_in(field: bytes, *, low: int = 0, high: int = 1 << 62) -> int:
    """The decimal number of a field, between `low` and `high`.

    Raises:
        Nonsense: It is not a number, or out of bounds.
    """
    digits = field[1:] if field[:1] == b"-" else field
    if not digits.isdigit() or len(digits) > 19:
        raise Nonsense("a number is not a number")
    value = int(field)
    if not low <= value <= high:
        raise Nonsense("a number is out of bounds")
    return value


class FrameReader:
    """Cuts a byte stream into (kind, id, payload) frames of at most `max_frame` bytes each.

    Args:
        max_frame: Bytes of the longest payload of all.
        bound: Bytes of the longest payload of this kind and id; it may raise `Nonsense`. It is asked as soon as
            the header is there, so that nothing larger is ever held.
    """

    def __init__(self, max_frame: int, bound: Callable[[bytes, int], int] | None = None) -> None:
        self._max, self._bound = max_frame, bound
        self._box = bytearray()

    @property
    def between(self) -> bool:
        """No frame has begun that is not whole."""
        return not self._box

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Take in bytes, give the frames that are complete now.

        Raises:
            Nonsense: An unknown kind, an id that nobody waits for, or a length over the bound.
        """
        box = self._box
        box += data
        at = 0
        try:
            while len(box) - at >= HEADER:
                size = int.from_bytes(box[at + 5 : at + 9], "big")
                if box[at] not in KINDS or size > self._max:
                    raise Nonsense("not a frame of the supervisor")
                kind, number = bytes(box[at : at + 1]), int.from_bytes(box[at + 1 : at + 5], "big")
                if self._bound and size > self._bound(kind, number):
                    raise Nonsense("a frame longer than was asked for")
                end = at + HEADER + size
                if len(box) < end:
                    return
                payload = bytes(memoryview(box)[at + HEADER : end])
                at = end
                yield kind, number, payload
        finally:
            del box[:at]
