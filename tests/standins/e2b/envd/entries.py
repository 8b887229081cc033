"""What envd tells about a file."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from e2b.envd.filesystem import filesystem_pb as pb
from protobuf.wkt import Timestamp

METADATA = "user.e2b."


def metadata_of(path: str) -> dict[str, str]:
    """What was stored with a file, from its extended attributes."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {
            name.removeprefix(METADATA): os.getxattr(path, name, follow_symlinks=False).decode()
            for name in names
            if name.startswith(METADATA)
        }
    except OSError:  # a file system without them
        return {}


def _kind(path: str, mode: int) -> tuple[pb.FileType, str | None]:
    if not stat.S_ISLNK(mode):
        return (pb.FileType.DIRECTORY if stat.S_ISDIR(mode) else pb.FileType.FILE), None
    target = os.path.realpath(path)
    if not os.path.exists(target):
        return pb.FileType.UNSPECIFIED, target
    return (pb.FileType.DIRECTORY if os.path.isdir(target) else pb.FileType.FILE), target


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def entry(path: str) -> pb.EntryInfo:
    """A file, a folder, or a symbolic link, which is shown as what it leads to."""
    found = os.lstat(path)
    kind, target = _kind(path, found.st_mode)
    return pb.EntryInfo(
        name=os.path.basename(path),
        type=kind,
        path=path,
        size=found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        permissions=stat.filemode(found.st_mode),
        owner=_user(found.st_uid),
        group=_group(found.st_gid),
        modified_time=Timestamp(seconds=found.st_mtime_ns // 10**9, nanos=found.st_mtime_ns % 10**9),
        symlink_target=target,
        metadata=metadata_of(path),
    )
