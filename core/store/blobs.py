"""Blobs: immutable bytes known by their sha256, in a local folder and, for many machines, also in a bucket."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from core.causes import Cause
from core.digests import CHUNK, sha256_bytes, sha256_file
from core.errors import StoreFault
from core.store.aside import side_by_side
from core.store.attic import BucketPlace, FolderPlace, Place
from core.store.bucket import Bucket, Patience
from core.store.downloads import Downloads
from core.store.marks import Owner, leave_mark, refuse_others
from core.store.seen import Seen
from core.store.sweep import Swept, sweep

LOOK_FIRST = 64 * 1024
"""A new blob over this size is looked for in the bucket before it is sent: another machine may have it there."""

UPLOADS = 8
"""Small files sent at one time by `put_files`."""

LEFT_OVER_SECONDS = 24 * 3600.0
"""What is on its way and was not touched for so long is nobody's any more."""

IN_USE_SECONDS = 3600.0
"""A local copy asked for so lately may still be read: it is not dropped."""

KNOWN_SECONDS = 3600.0
"""So long a process believes that the bucket has what it had: it may have been swept since."""


class Blobs:
    """A folder of files named by sha256, two levels deep. Writing is all or nothing and idempotent.

    With a bucket, what a `put_` method returned is there too, so that any machine finds it, and the folder is a
    cache. Several processes may share a folder, many machines a bucket. All methods block; where a bucket is set
    they may do so for minutes (see `Patience`), so async code calls them with `core.in_thread`.

    Every method that writes or reads raises `StoreFault`: `disk_full`; `store_refused` where the bucket is not
    there or does not take the key; `store_damaged` for a blob that is missing or has other bytes, which no waiting
    mends; else `store_failed`.

    Attributes:
        root: The local folder. remote: The bucket's address, `s3://bucket/folder`; None: no bucket.
        owner: Says whose records name the blobs; asked before the first is put. None: they are never swept.
    """

    def __init__(
        self,
        root: Path,
        remote: str | None = None,
        *,
        patience: Patience | None = None,
        owner: Callable[[], Owner] | None = None,
    ) -> None:
        self.root, self.remote = root, remote
        self._bucket = None if remote is None else Bucket(remote, patience)
        self._folder = FolderPlace(root, copies=remote is not None)
        self._downloads = Downloads(root)
        self._owner, self._marked = owner, owner is None
        self._sound = Seen[tuple[int, int, int]]()
        self._uploaded = Seen[float]()
        root.mkdir(parents=True, exist_ok=True)

    def impatient(self) -> Blobs:
        """The same blobs for people who wait before a screen: a server that is away is given up after seconds."""
        patience = Patience(connect=2, silence=10, total=3, longest=1)
        return Blobs(self.root, self.remote, patience=patience, owner=self._owner)

    def path(self, sha256: str) -> Path:
        """Where the local copy lies (whether or not it is there). Raises `ValueError` for what is no sha256."""
        return self.root / _key(sha256)

    def has(self, sha256: str) -> bool:
        """Whether the blob is here or in the bucket (not whether it is sound)."""
        self._bring_back(sha256)
        return self.path(sha256).exists() or (
            self._bucket is not None and BucketPlace(self._bucket).take_back(sha256)
        )

    def put_bytes(self, data: bytes) -> str:
        """Store `data` and return its sha256."""
        sha256 = sha256_bytes(data)
        if not self.path(sha256).exists():
            return self.put_stream(io.BytesIO(data))
        _asked_for(self.path(sha256))
        self._upload(sha256, new=False)
        return sha256

    def put_stream(self, source: BinaryIO) -> str:
        """Store what `source` yields, in chunks of 1 MiB, and return its sha256."""
        sha256, new = self._write(source)
        self._upload(sha256, new=new)
        return sha256

    def put_file(self, path: Path, known: str | None = None) -> str:
        """Store a copy of the file and return its sha256; one that is `known` and here already is not read."""
        if known is not None and self.path(known).exists():
            _asked_for(self.path(known))
            self._upload(known, new=False)
            return known
        with path.open("rb") as stream:
            return self.put_stream(stream)

    def put_files(self, paths: Iterable[Path]) -> list[str]:
        """Store copies of the files and return their sha256, in order. Several are sent at one time."""
        written: list[tuple[str, bool]] = []
        for path in paths:
            with path.open("rb") as stream:
                written.append(self._write(stream))
        if self._bucket is not None:
            side_by_side(lambda one: self._upload(one[0], new=one[1]), list(dict.fromkeys(written)), UPLOADS)
        return [sha256 for sha256, _ in written]

    def get_bytes(self, sha256: str) -> bytes:
        """The bytes. Raises `StoreFault` when the blob is missing or damaged."""
        try:
            self._bring_back(sha256)
            data = self.path(sha256).read_bytes()
        except OSError:
            data = b""
        if sha256_bytes(data) == sha256:
            return data
        if self._bucket is None:
            raise self._unsound(sha256)
        return self._download(sha256).read_bytes()

    def fetch(self, sha256: str) -> Path:
        """A local copy, its sha256 checked; from the bucket where there is no sound one here.

        A download that breaks off goes on where it was, also in another process. The copy stays for at least an
        hour after it was asked for (see `trim`).
        """
        path = self.path(sha256)
        self._bring_back(sha256)
        if self._is_sound(sha256):
            return path
        if self._bucket is None:
            raise self._unsound(sha256)
        return self._download(sha256)

    def forget_local(self, sha256: str) -> bool:
        """Remove the local copy if the bucket has the blob. Returns whether it is gone."""
        path = self.path(sha256)
        if self._bucket is None or not path.exists():
            return False
        if self._bucket.size(_key(sha256)) != path.stat().st_size:
            return False
        with _disk_faults():
            path.unlink(missing_ok=True)
        return True

    def remove_all(self) -> None:
        """Remove every blob, here and in the bucket: only of a store that nothing else points into."""
        if self._bucket is not None:
            self._bucket.remove_all()
        shutil.rmtree(self.root, ignore_errors=True)

    def trim(self, size: int) -> int:
        """Remove local copies that the bucket has, the longest unused first, until at most `size` bytes are left.

        Those asked for within the last hour stay. Returns the bytes removed.
        """
        found = sorted((used, bytes_, path) for path, used, bytes_ in self._local())
        kept, removed = sum(bytes_ for _, bytes_, _ in found), 0
        for used, bytes_, path in found:
            if kept - removed <= size or time.time() - used < IN_USE_SECONDS:
                break
            if self.forget_local(path.name):
                removed += bytes_
        return removed

    def upload_all(self) -> int:
        """Send what is here and not in the bucket, as after a bucket was set. Returns how many blobs were sent."""
        if self._bucket is None:
            return 0
        return sum(side_by_side(lambda one: self._upload(one[0].name, new=False), list(self._local()), UPLOADS))

    def clean(self) -> int:
        """Remove what dead processes left on its way more than a day ago, here and in the bucket."""
        with _disk_faults():
            removed = self._downloads.clean(LEFT_OVER_SECONDS)
            for path in self.root.glob(".[0-9]*.*"):
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > LEFT_OVER_SECONDS:
                        path.unlink()
                        removed += 1
        if self._bucket is not None:
            removed += self._bucket.abort_unfinished(LEFT_OVER_SECONDS)
        return removed

    def folders(self, name: str) -> list[str]:
        """What lies in that folder of the bucket: stores of others' beside the blobs. None without a bucket."""
        return [] if self._bucket is None else self._bucket.folders(name)

    def refuse_others(self, gone: Sequence[str] = (), *, dry_run: bool = False) -> None:
        """See that no other database's records name blobs here or in the bucket. Raises `BadInput`: they do.

        The marks `gone` are of databases that are no more, and are removed (not by a dry run).
        """
        if self._owner is not None:
            with _disk_faults():
                refuse_others(self._owner(), self.root, self._bucket, gone, dry_run=dry_run)

    def sweep(self, named: Callable[[], Iterable[str]], *, seconds: float, dry_run: bool = False) -> list[Swept]:
        """Remove, in two steps days apart, what no records name, here and in the bucket: see `core.store.sweep`.

        Only after `refuse_others`.

        Args:
            named: Every sha256 that the records of the `owner` name; called once.
            seconds: In which whoever puts a blob has named it.
            dry_run: Only say what would be done.
        """
        places: list[Place] = [self._folder]
        if self._bucket is not None:
            places.append(BucketPlace(self._bucket))
        return sweep(places, named, seconds=seconds, dry_run=dry_run)

    def check(self) -> None:
        """Raises `BadInput` where a bucket is set that cannot be used, with what mends it."""
        if self._bucket is not None:
            self._bucket.check()

    def _local(self) -> Iterator[tuple[Path, float, int]]:
        """Every local copy, when it was asked for last, and its bytes."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield path, max(status.st_atime, status.st_mtime), status.st_size

    def _write(self, source: BinaryIO) -> tuple[str, bool]:
        """A local copy of what `source` yields: its sha256, and whether it was not there before."""
        self._leave_mark()
        temporary = self.root / f".{os.getpid()}.{secrets.token_hex(8)}"
        digest = hashlib.sha256()
        try:
            with _disk_faults(), temporary.open("xb") as stream:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    stream.write(chunk)
                stream.flush()
                sha256, target = digest.hexdigest(), self.path(digest.hexdigest())
                # Replacing a file by its equal would make some file systems write it out at once.
                new = not target.exists() or target.stat().st_size != stream.tell()
                if not new:
                    _asked_for(target)
                else:
                    target.parent.mkdir(exist_ok=True)
                    temporary.replace(target)
                    self._sound.note(sha256, _state(target))
        finally:
            temporary.unlink(missing_ok=True)
        return sha256, new

    def _upload(self, sha256: str, *, new: bool) -> bool:
        """Make sure that the bucket has the blob. Returns whether it was sent."""
        if self._bucket is None:
            return False
        if 0 <= time.time() - (self._uploaded.get(sha256) or 0.0) < KNOWN_SECONDS:
            return False
        self._leave_mark()
        key, path = _key(sha256), self.path(sha256)
        with _disk_faults():
            size = path.stat().st_size
            # An object of another size was damaged there: it is sent again.
            there = (not new or size > LOOK_FIRST) and self._bucket.size(key) == size
            if not there:
                self._bucket.upload(key, path)
        self._uploaded.note(sha256, time.time())
        return not there

    def _download(self, sha256: str) -> Path:
        assert self._bucket is not None
        path = self.path(sha256)
        with _disk_faults():
            self._downloads.get(self._bucket, sha256, _key(sha256), path, lambda: self._is_sound(sha256))
            self._sound.note(sha256, _state(path))
        return path

    def _is_sound(self, sha256: str) -> bool:
        """Whether there is a local copy with the right bytes; read once by each process, unless it changes."""
        path = self.path(sha256)
        try:
            state = _state(path)
            if self._sound.get(sha256) != state:
                if sha256_file(path) != sha256:
                    return False
                self._sound.note(sha256, state)
        except OSError:
            return False
        _asked_for(path)
        return True

    def _bring_back(self, sha256: str) -> None:
        """What was put away, and is asked for now, lies among the blobs again."""
        if not self.path(sha256).exists():
            self._folder.take_back(sha256)

    def _leave_mark(self) -> None:
        if not self._marked and self._owner is not None:
            with _disk_faults():
                leave_mark(self._owner(), self.root, self._bucket)
            self._marked = True

    def _unsound(self, sha256: str) -> StoreFault:
        """Why there is no sound local copy: of a folder that is away or cannot be read, no blob is missing."""
        path = self.path(sha256)
        try:
            path.open("rb").close()
        except FileNotFoundError:
            if self.root.is_dir():
                return StoreFault(Cause.store_damaged, f"blob {path} is missing")
            return StoreFault(Cause.store_failed, f"the folder {self.root} of the blobs is not there")
        except OSError as error:
            return StoreFault(Cause.store_failed, str(error))
        return StoreFault(Cause.store_damaged, f"blob {path} is damaged")


def _key(sha256: str) -> str:
    """The name below the folder. Raises `ValueError` for what is no sha256."""
    if len(sha256) != 64 or any(char not in "0123456789abcdef" for char in sha256):
        raise ValueError(f"{sha256!r} is not a sha256")
    return f"{sha256[:2]}/{sha256}"


def _asked_for(path: Path) -> None:
    """Note that it was asked for: what was so of late is neither dropped nor put away."""
    with suppress(OSError):  # it is another's, who only lets us read
        status = path.stat()
        if time.time() - status.st_atime > IN_USE_SECONDS / 2:
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Turns what the file system says into a `StoreFault`."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise StoreFault(Cause.disk_full if full else Cause.store_failed, str(error)) from error
