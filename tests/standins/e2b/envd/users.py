"""Whom a request acts for, and what its paths mean for them."""

from __future__ import annotations

import base64
import binascii
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_USER = "user"


class UnknownUser(Exception):
    """The sandbox has no user of this name."""


@dataclass(frozen=True)
class User:
    """An entry of the sandbox's `/etc/passwd`."""

    name: str
    uid: int
    gid: int
    home: str

    def resolve(self, path: str) -> str:
        """An absolute path; relative ones and `~` begin at the home folder."""
        if path in {"", "~"}:
            return self.home
        return os.path.normpath(os.path.join(self.home, path.removeprefix("~/")))

    def own(self, path: str) -> None:
        """Give a file or folder that was just made to this user."""
        os.lchown(path, self.uid, self.gid)

    def make_folders(self, path: str) -> None:
        """Make a folder and what is missing above it, all owned by this user."""
        missing = []
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            os.mkdir(folder)
            self.own(folder)


def user_named(name: str) -> User:
    """The user of this name; an empty one means the default user."""
    try:
        entry = pwd.getpwnam(name or DEFAULT_USER)
    except KeyError as error:
        raise UnknownUser(name) from error
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def user_of(headers: Mapping[str, str]) -> User:
    """The user named by HTTP basic authentication (its password is empty), else the default user."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return user_named("")
    try:
        name = base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnknownUser(value) from error
    return user_named(name.partition(":")[0])
