"""Signed file addresses: `v1_` and the SHA-256 of what they allow, with the sandbox's token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping


class SignatureRefused(Exception):
    """The address does not allow what was asked; the text says why."""


def signature(path: str, operation: str, user: str, token: str, expiration: str | None) -> str:
    """The signature of one file, operation (`read` or `write`), user and expiry (Unix seconds)."""
    raw = ":".join([path, operation, user, token, *([] if expiration is None else [expiration])])
    digest = hashlib.sha256(raw.encode()).digest()
    return "v1_" + base64.b64encode(digest).rstrip(b"=").decode()


def signed_by(token: str, operation: str, query: Mapping[str, str]) -> bool:
    """Whether an address was signed with this token for this operation, expired or not."""
    made = signature(
        query.get("path", ""), operation, query.get("username", ""), token, query.get("signature_expiration")
    )
    return hmac.compare_digest(made, query.get("signature", ""))


def check(token: str, operation: str, query: Mapping[str, str]) -> None:
    """Refuse an address that is unsigned, signed for something else, or expired.

    Raises:
        SignatureRefused: Why.
    """
    if not query.get("signature"):
        raise SignatureRefused("missing signature query parameter")
    if not signed_by(token, operation, query):
        raise SignatureRefused("invalid signature")
    expiration = query.get("signature_expiration")
    if expiration is not None and int(expiration) < time.time():
        raise SignatureRefused("signature is already expired")
