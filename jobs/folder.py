"""What lies in a job's folder: regular files only, inside the folder, under names and sizes that we can carry."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from core import BadInput, safe_relative
from jobs.model import Attachment

MIB = 1 << 20
MAX_ATTACHMENT = 200 * MIB
MAX_ATTACHMENTS = 1024 * MIB
MAX_FILES = 5000
MAX_DEPTH = 32


def refuse_strangers(root: Path, pack_root: Path) -> None:
    """Refuse links (wherever they lead), devices and unspeakable names anywhere in a job's folder.

    Raises:
        BadInput: Naming the first such entry.
    """
    for count, (path, mode) in enumerate(_walk(root, root, pack_root), start=1):
        if count > MAX_FILES:
            raise BadInput(f"more than {MAX_FILES} files", file=root, mend="put them into an archive")
        if not stat.S_ISREG(mode):
            raise BadInput("not a regular file", file=path, mend="remove it")


def attachments(inputs_dir: Path) -> tuple[Attachment, ...]:
    """The files of `inputs/`, sorted by path, measured but not read.

    Raises:
        BadInput: One is over 200 MiB, or all together are over 1 GiB.
    """
    found: list[Attachment] = []
    total = 0
    for path in sorted(inputs_dir.rglob("*")):
        if path.is_dir():
            continue
        size = path.stat().st_size
        total += size
        if size > MAX_ATTACHMENT:
            raise BadInput(
                f"an attachment of {size / MIB:,.0f} MiB; at most {MAX_ATTACHMENT // MIB} MiB are allowed",
                file=path,
                mend="make it smaller or split it",
            )
        if total > MAX_ATTACHMENTS:
            raise BadInput(
                f"attachments of more than {MAX_ATTACHMENTS // MIB} MiB together",
                file=inputs_dir,
                mend="remove some",
            )
        found.append(Attachment(path.relative_to(inputs_dir).as_posix(), size, path))
    return tuple(sorted(found, key=lambda item: item.path))


def _walk(folder: Path, root: Path, pack_root: Path, depth: int = 1) -> Iterator[tuple[Path, int]]:
    if depth > MAX_DEPTH:
        raise BadInput(f"folders more than {MAX_DEPTH} deep", file=folder)
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            path = Path(entry.path)
            _speakable(path, root)
            if entry.is_symlink():
                raise _link(path, pack_root)
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(path, root, pack_root, depth + 1)
            else:
                yield path, entry.stat(follow_symlinks=False).st_mode


def _speakable(path: Path, root: Path) -> None:
    try:
        safe_relative(path.relative_to(root).as_posix()).as_posix().encode()
    except UnicodeEncodeError as error:
        shown = path.name.encode("utf-8", "replace").decode()
        raise BadInput(f"the file name {shown!r} is not UTF-8", file=path.parent, mend="rename it") from error
    except ValueError as error:
        what = f"the file name {path.name!r} cannot be carried"
        raise BadInput(what, file=path.parent, mend="rename it") from error


def _link(path: Path, pack_root: Path) -> BadInput:
    target = Path(os.path.realpath(path))
    inside = target.is_relative_to(os.path.realpath(pack_root))
    what = "a symbolic link" if inside else "a symbolic link that leads outside the pack"
    return BadInput(what, file=path, mend="put the file itself there")
