"""Passwords: what may be one, and Argon2id hashes of them (parameters of RFC 9106, for little memory)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from grading.people.problems import WeakPassword
from grading.people.turns import Turns

SHORTEST, LONGEST = 12, 1000
_AT_ONCE, _WAITING, _WAIT_SECONDS = 4, 12, 10
_FEWEST = 5
"""Different characters that a password has at least."""


@dataclass(frozen=True)
class Checked:
    """Whether a password is the one, and its hash by today's parameters where the stored one is outdated."""

    right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and checks passwords, a few at one time: each takes 64 MiB and a good part of a second.

    Args:
        hasher: Other parameters than the library's recommended ones, for tests.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = Turns(_AT_ONCE, _WAITING, _WAIT_SECONDS)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("the password of nobody")

    def hash(self, password: str, *, login: str = "") -> str:
        """The hash to store.

        Raises:
            WeakPassword: It may not be a password. TooBusy: Too many are waiting.
        """
        text = _normal(password)
        _refuse_weak(text, _normal(login))
        with self._turns.one():
            return self._hasher.hash(text)

    def check(self, stored: str | None, password: str) -> Checked:
        """Whether it is the password of the hash; without one (nobody, or no password) as much work, and False.

        Raises:
            TooBusy: Too many are waiting.
        """
        text = _normal(password)[:LONGEST]
        with self._turns.one():
            right = self._verify(stored or self._nobodys, text) and stored is not None
            if right and stored is not None and self._hasher.check_needs_rehash(stored):
                return Checked(True, self._hasher.hash(text))
        return Checked(right)

    def _verify(self, stored: str, text: str) -> bool:
        try:
            return self._hasher.verify(stored, text)
        except (VerificationError, InvalidHashError):
            return False


def _normal(text: str) -> str:
    """The same characters however a keyboard puts them together (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", text)


def _refuse_weak(password: str, login: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(password.casefold())) < _FEWEST:
        raise WeakPassword(f"a password has at least {_FEWEST} different characters")
    name = login.partition("@")[0].casefold()
    if len(name) >= 4 and len(password.casefold().replace(name, "")) < SHORTEST - 4:
        raise WeakPassword("a password is more than the own name")
    if _is_common(password.casefold()):
        raise WeakPassword("this password is one of those that are tried first")


_COMMON = (
    "password",
    "passwort",
    "qwerty",
    "letmein",
    "welcome",
    "changeme",
    "iloveyou",
    "admin",
    "upbench",
    "secret",
)
_ROWS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)


def _is_common(password: str) -> bool:
    """A common word with ornaments, or keys in their order: what is left without those is short."""
    left = password
    for word in _COMMON:
        left = left.replace(word, "")
    for row in _ROWS:
        for start in range(len(row) - 3):
            left = left.replace(row[start : start + 4], "")
    return len(left.strip("0123456789!?.-_ ")) < 3 and left != password
