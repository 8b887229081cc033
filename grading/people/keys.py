"""Random keys that are shown once and stored as hashes only, and the times that they live."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Says what time it is, in UTC."""


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond: earlier times sort before later ones."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def moment_of(text: str) -> datetime:
    """The time that `stamp` wrote."""
    return datetime.fromisoformat(text)


def new_key(prefix: str = "") -> str:
    """256 random bits as text that may stand in an address."""
    return prefix + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """What is stored of a key. A plain hash is enough: there is no guessing 256 bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_id(prefix: str) -> str:
    """A random id that names nobody and may be shown, as `p-5f0c3a91be`."""
    return f"{prefix}-{secrets.token_hex(5)}"
