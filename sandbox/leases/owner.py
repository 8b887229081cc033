"""Whose sandboxes they are: a name for one installation, so that nobody removes another's."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from core import BadInput

NAME = "owner"
_FORM = re.compile(r"[0-9a-f]{16}")


def owner_of(state: Path) -> str:
    """The owner's name (16 hexadecimal digits) of the project data in `state`, drawn by chance once.

    A copy of the folder has the same name; whoever goes on with both removes the file from one of them.

    Raises:
        BadInput: The file that keeps it was changed, or cannot be read or made.
    """
    file = state / NAME
    try:
        try:
            text = _read(file)
        except FileNotFoundError:
            text = _draw(file)
    except OSError as error:
        raise BadInput(f"the name of the owner: {error.strerror}", file=file) from error
    if not _FORM.fullmatch(text):
        mend = "remove it; a new name is drawn, and what the old owner left must be removed by hand"
        raise BadInput("is not the name of an owner", file=file, mend=mend)
    return text


def _draw(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    fresh.write_text(secrets.token_hex(8) + "\n")
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass  # another process was first, and its name counts
    finally:
        fresh.unlink()
    return _read(file)


def _read(file: Path) -> str:
    # Not to wait at a pipe that somebody put there.
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(handle, 100).decode("ascii", "replace").strip()
    finally:
        os.close(handle)
