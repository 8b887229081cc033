"""Downloads of blobs: one at a time for each blob of a folder, resumed where the last one broke off.

A download lies in `.part.<sha256>` beside the blobs, locked while somebody writes it. Others who want the same
blob wait at the lock and find it done; when the writer dies, the lock is free and the next one goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from core.causes import Cause
from core.digests import CHUNK
from core.errors import StoreFault
from core.store.attic import BucketPlace
from core.store.bucket import Bucket


class Downloads:
    """The downloads into one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, bucket: Bucket, sha256: str, key: str, target: Path, done: Callable[[], bool]) -> None:
        """Put the blob at `target`, unless `done` says that somebody else did.

        Raises:
            StoreFault: It is missing or damaged there, or the server did not give it. OSError: of this machine.
        """
        part = self._root / f".part.{sha256}"
        with _locked(part) as stream:
            if done():
                stream.truncate(0)
                return
            try:
                resumed = stream.seek(0, os.SEEK_END) > 0
                sound = self._fill(bucket, key, stream, sha256)
                if not sound and resumed:  # what was there before may not have been: a machine that lost power
                    stream.truncate(0)
                    sound = self._fill(bucket, key, stream, sha256)
                if not sound:
                    stream.truncate(0)
                    raise StoreFault(Cause.store_damaged, f"blob {bucket.address}/{key} is damaged")
                target.parent.mkdir(exist_ok=True)
                part.replace(target)
            except OSError:  # of this machine, its disk full most likely: the part gives its room back
                stream.truncate(0)
                raise

    def clean(self, age: float) -> int:
        """Remove parts that nobody wrote for `age` seconds. Returns how many."""
        removed = 0
        for part in self._root.glob(".part.*"):
            with suppress(FileNotFoundError, BlockingIOError):
                if time.time() - part.stat().st_mtime > age:
                    with _locked(part, wait=False):
                        part.unlink()
                        removed += 1
        return removed

    def _fill(self, bucket: Bucket, key: str, stream: FileIO, sha256: str) -> bool:
        """Read what is not there yet, over broken connections. Returns whether all is as it should be."""
        brought_back = False
        while True:
            at = stream.seek(0, os.SEEK_END)
            try:
                size = bucket.size(key) if at else None  # nothing is left to ask for where all is there
                if size is None or at < size:
                    bucket.download(key, stream, at)
                return _digest(stream) == sha256
            except FileNotFoundError as error:
                bucket.must_be_there()
                if not brought_back and BucketPlace(bucket).take_back(sha256):
                    brought_back = True
                    continue
                problem = f"blob {bucket.address}/{key} is missing"
                raise StoreFault(Cause.store_damaged, problem) from error
            except StoreFault as fault:
                if fault.cause is not Cause.store_failed or stream.seek(0, os.SEEK_END) == at:
                    raise  # the bucket has been patient already


def _digest(stream: FileIO) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[FileIO]:
    """The file at `path`, made where it is missing, for this thread alone.

    Raises:
        BlockingIOError: Another holds it, and `wait` is False.
    """
    while True:
        with path.open("a+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _lies_at(stream, path):
                continue  # whoever held it before moved or removed it: the lock is on nothing
            try:
                yield stream
            finally:
                if _lies_at(stream, path) and os.fstat(stream.fileno()).st_size == 0:
                    path.unlink()
            return


def _lies_at(stream: FileIO, path: Path) -> bool:
    try:
        return os.fstat(stream.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
