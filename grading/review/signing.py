"""Secrets of the review app: made at its first start, and what is signed with them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import BadInput

_BYTES = 32
_DIFFERENT = 20


@dataclass(frozen=True)
class Secrets:
    """Two keys: one for sessions of the app, one for addresses on the content origin."""

    session: bytes
    content: bytes


def load_secrets(path: Path) -> Secrets:
    """The keys in `path`, made when it is not there (readable by its owner only).

    Raises:
        BadInput: The file is damaged, or others can read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"session": secrets.token_hex(_BYTES), "content": secrets.token_hex(_BYTES)})
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return load_secrets(path)
        except OSError as error:
            raise BadInput(f"cannot be made: {error.strerror}", file=path) from error
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
    if path.stat().st_mode & 0o077:
        raise BadInput("can be read by others", file=path, mend=f"chmod 600 {path}, or remove it")
    try:
        body = json.loads(path.read_text())
        keys = Secrets(bytes.fromhex(body["session"]), bytes.fromhex(body["content"]))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BadInput("holds no keys", file=path, mend="remove it; the next start makes another") from error
    if min(len(keys.session), len(keys.content)) < _BYTES:
        raise BadInput("holds keys that are too short", file=path, mend="remove it")
    if keys.session == keys.content or any(_is_made_up(key) for key in (keys.session, keys.content)):
        raise BadInput(
            "holds keys that somebody made up", file=path, mend="remove it; the next start makes others"
        )
    return keys


def _is_made_up(key: bytes) -> bool:
    """An example, a default: of 32 random bytes at least 20 differ, but once in more starts than there will be."""
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return len(set(key)) < _DIFFERENT or len(steps) < _DIFFERENT or key.isascii()


def sign(key: bytes, body: dict[str, Any], seconds: float) -> str:
    """`body` as a token that `verify` accepts for so long."""
    text = json.dumps(body | {"exp": int(time.time() + seconds)}, separators=(",", ":"), sort_keys=True)
    return f"{_encode(text.encode())}.{_encode(_mac(key, text.encode()))}"


def verify(key: bytes, token: str) -> dict[str, Any] | None:
    """The body of a token that is whole and not expired; None otherwise."""
    text, dot, mac = token.partition(".")
    body, given = _decode(text), _decode(mac)
    if not dot or body is None or given is None or not hmac.compare_digest(_mac(key, body), given):
        return None
    values: dict[str, Any] = json.loads(body)
    return values if values["exp"] > time.time() else None


def derive(key: bytes, text: str) -> str:
    """A token that belongs to `text` (a session) and can be told from it only with the key."""
    return _encode(_mac(key, b"derive:" + text.encode()))


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
