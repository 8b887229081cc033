"""The attic: where blobs lie for some days that nobody's records name, before they are removed for good.

A blob that nothing names may be named in the next moment, by somebody who has just put the same bytes and was told
that they are there. So none is ever removed from among the blobs: it is put away, and whoever asks for it finds it
in the attic and takes it back. See `core.store.sweep` for why nothing is lost.

What is put away gets a name of its own each time: who removes what he saw in the attic never removes what another
has put there since.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.causes import Cause
from core.errors import StoreFault
from core.store.bucket import Bucket

ATTIC = "attic"
LARGEST_COPY = 5 * (1 << 30)
"""Bytes of an object that a server copies in one request; a larger one stays where it is."""

LATE_SECONDS = 600.0
"""Who was held up so long between a copy into the attic and the removal leaves the blob where it is."""

_NAME = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{2}/([0-9a-f]{64})")
_IN_ATTIC = re.compile(ATTIC + r"/([0-9a-f]{64})/[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Lying:
    """A blob in a place.

    Attributes:
        size: Bytes. since: When it came there or was last asked for, in seconds, by the place's own clock.
        at: Of what was put away: what it is called in the attic.
    """

    sha256: str
    size: int
    since: float
    at: str = ""


class Place(Protocol):
    """A folder or a bucket with blobs, and its attic. Every method raises `StoreFault`."""

    name: str

    def now(self) -> float:
        """The time by the clock that tells how long something lies there, in seconds."""
        ...

    def lying(self) -> Iterator[Lying]:
        """Every blob, the attic's not among them."""
        ...

    def attic(self) -> Iterator[Lying]:
        """What was put away, and when."""
        ...

    def put_away(self, one: Lying, before: float) -> bool:
        """Put a blob away, unless it was asked for after `before`. Returns whether it is away."""
        ...

    def take_back(self, sha256: str) -> bool:
        """Bring a blob back that was put away. Returns whether it is there."""
        ...

    def remove(self, away: Sequence[Lying]) -> None:
        """Remove these from the attic for good."""
        ...


class FolderPlace:
    """See `Place`: a local folder.

    Attributes:
        copies: It holds copies of what a bucket has: they can be had again, and need no attic.
    """

    def __init__(self, root: Path, *, copies: bool = False) -> None:
        self.root, self.name, self.copies = root, str(root), copies

    def now(self) -> float:
        """See `Place`: a network file system has a clock of its own."""
        probe = self.root / f".{os.getpid()}.{secrets.token_hex(8)}"
        with _faults():
            try:
                probe.touch(exist_ok=False)
                return probe.stat().st_mtime
            finally:
                probe.unlink(missing_ok=True)

    def lying(self) -> Iterator[Lying]:
        """See `Place`."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                if _NAME.fullmatch(path.name):  # what others left there is not ours
                    yield Lying(path.name, status.st_size, _used(status))

    def attic(self) -> Iterator[Lying]:
        """See `Place`."""
        for path in self.root.glob(f"{ATTIC}/[0-9a-f][0-9a-f]/*.*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                # The move itself is told by `st_ctime`, however long whoever moved it was held up.
                since = max(status.st_mtime, status.st_ctime)
                if _NAME.fullmatch(path.stem):
                    yield Lying(path.stem, status.st_size, since, path.name)

    def put_away(self, one: Lying, before: float) -> bool:
        """See `Place`. Copies are removed at once."""
        path = self._path(one.sha256)
        with _faults(), suppress(FileNotFoundError):
            if _used(path.stat()) > before:
                return False
            if self.copies:
                path.unlink()
                return True
            away = self._attic(f"{one.sha256}.{secrets.token_hex(8)}")
            away.parent.mkdir(parents=True, exist_ok=True)
            os.utime(path)
            path.rename(away)
            return True
        return False

    def take_back(self, sha256: str) -> bool:
        """See `Place`."""
        path = self._path(sha256)
        with _faults():
            if path.exists():
                return True
            for away in self._attic(sha256).parent.glob(f"{sha256}.*"):
                with suppress(FileNotFoundError):  # another was faster
                    path.parent.mkdir(exist_ok=True)
                    os.utime(away)
                    away.rename(path)
                    return True
            return path.exists()

    def remove(self, away: Sequence[Lying]) -> None:
        """See `Place`."""
        with _faults():
            for one in away:
                self._attic(one.at).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def _attic(self, name: str) -> Path:
        return self.root / ATTIC / name[:2] / name


class BucketPlace:
    """See `Place`: a bucket. Putting away is a copy and then a removal: killed in between, both are there."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket, self.name = bucket, bucket.address

    def now(self) -> float:
        """See `Place`."""
        key = f"check/{secrets.token_hex(8)}"
        self._bucket.write(key, b"now")
        try:
            found = next((since for name, _, since in self._bucket.listed("check") if name == key), None)
        finally:
            self._bucket.remove([key])
        if found is None:
            raise StoreFault(Cause.store_failed, f"{self.name} does not list what was written")
        return found

    def lying(self) -> Iterator[Lying]:
        """See `Place`. What is larger than a server copies is left out."""
        for key, size, since in self._bucket.listed():
            name = _KEY.fullmatch(key)
            if name is not None and size <= LARGEST_COPY:
                yield Lying(name[1], size, since)

    def attic(self) -> Iterator[Lying]:
        """See `Place`."""
        for key, size, since in self._bucket.listed(ATTIC):
            name = _IN_ATTIC.fullmatch(key)
            if name is not None:
                yield Lying(name[1], size, since, key)

    def put_away(self, one: Lying, before: float) -> bool:
        """See `Place`."""
        key, begun = f"{one.sha256[:2]}/{one.sha256}", time.time()
        if not self._bucket.copy(key, f"{ATTIC}/{one.sha256}/{secrets.token_hex(8)}"):
            return False
        if time.time() - begun > LATE_SECONDS:
            return False
        self._bucket.remove([key])
        return True

    def take_back(self, sha256: str) -> bool:
        """See `Place`. It stays in the attic as well."""
        key = f"{sha256[:2]}/{sha256}"
        if self._bucket.size(key) is not None:
            return True
        return any(self._bucket.copy(away, key) for away, _, _ in self._bucket.listed(f"{ATTIC}/{sha256}"))

    def remove(self, away: Sequence[Lying]) -> None:
        """See `Place`."""
        self._bucket.remove([one.at for one in away])


def _used(status: os.stat_result) -> float:
    return max(status.st_atime, status.st_mtime)


@contextmanager
def _faults() -> Iterator[None]:
    """Turns what the file system says into a `StoreFault`."""
    try:
        yield
    except OSError as error:
        raise StoreFault(Cause.store_failed, str(error)) from error
