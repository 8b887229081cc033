"""Finding a supervisor again over a new connection, in whatever an earlier one has left in the stream."""

from __future__ import annotations

import re
import secrets

from sandbox.supervisor.frames import Nonsense

SYNC, HERE = b"\nUPBENCH-SYNC ", b"\nUPBENCH-HERE "
MAX_SKIPPED = 128 << 20
"""Bytes that may come before the answer: what was under way, and what others write into the stream."""


def is_token(text: bytes) -> bool:
    """Whether `text` is the token of a hello."""
    return re.fullmatch(rb"[0-9a-f]{32}", text) is not None


class Search:
    """Asks for the supervisor with `token`, and skips everything before its answer.

    Attributes:
        request: What is sent first on the new connection.
    """

    def __init__(self, token: str) -> None:
        nonce = secrets.token_hex(16)
        self.request = SYNC + token.encode() + nonce.encode()
        self._answer = HERE + token.encode() + nonce.encode()
        self._tail = b""
        self._skipped = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take in bytes; what follows the answer, or None while it has not come.

        Raises:
            Nonsense: Too much came before it.
        """
        window = self._tail + data
        at = window.find(self._answer)
        if at >= 0:
            return window[at + len(self._answer) :]
        self._skipped += len(data)
        if self._skipped > MAX_SKIPPED:
            raise Nonsense("no answer to a new connection, but much else")
        self._tail = window[1 - len(self._answer) :]
        return None
