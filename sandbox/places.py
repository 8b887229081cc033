"""Which paths inside a sandbox the harness may write to, and which names it takes out."""

from __future__ import annotations

import posixpath

from core import safe_relative

WORKSPACE = "/job"
SCRATCH = "/tmp"  # noqa: S108  # of the sandbox, not of the host
DELIVERABLES = "/job/deliverables"
INPUTS = "/job/inputs"
PREVIOUS = "/job/previous"
MAX_NAME = 1024
# Line and paragraph separators, and what turns the direction of text (`"\u202egnp.exe"` is shown as `exe.png`).
DECEIVING = frozenset("\u2028\u2029\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def writable(path: str, *, roots: bool = False) -> bytes:
    """`path` as bytes, when it lies below `/job` or `/tmp` (or, with `roots`, is one of them).

    Raises:
        ValueError: It lies elsewhere, or holds `..` or a NUL.
    """
    clean = absolute(path)
    if not clean.startswith((WORKSPACE + "/", SCRATCH + "/")) and not (roots and clean in (WORKSPACE, SCRATCH)):
        raise ValueError(f"{path!r} is not below {WORKSPACE} or {SCRATCH}")
    return clean.encode("utf-8", "surrogateescape")


def absolute(path: str) -> str:
    """`path` without doubled or trailing slashes.

    Raises:
        ValueError: It is relative, or holds `..` or a NUL.
    """
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ValueError(f"{path!r} is not an absolute path without `..`")
    return posixpath.normpath("/" + path.lstrip("/"))


def name_problem(path: str) -> str | None:
    """Why a relative path found in a sandbox is not taken as a deliverable's name, or None."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if len(path) > MAX_NAME:
        return "its name is too long"
    if any(char in DECEIVING for char in path):
        return "its name holds a character that turns text round or breaks lines unseen"
    try:
        plain = safe_relative(path).as_posix() == path
    except ValueError:
        plain = False
    return None if plain else "its name holds a backslash, a control character or an odd step"


def shown(path: str) -> str:
    """A name as it can be stored and printed: what is not UTF-8 or not printable is escaped, and it is cut."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    parts = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return "".join(parts)[:MAX_NAME]
