"""Blobs: immutable bytes known by their sha256, in a local folder."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from core.causes import Cause
from core.digests import CHUNK, sha256_bytes
from core.errors import StoreFault


class Blobs:
    """A folder of files named by sha256, two levels deep. Writing is all or nothing and idempotent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob lies (whether or not it is there). Raises `ValueError` for what is no sha256."""
        if len(sha256) != 64 or any(char not in "0123456789abcdef" for char in sha256):
            raise ValueError(f"{sha256!r} is not a sha256")
        return self.root / sha256[:2] / sha256

    def put_bytes(self, data: bytes) -> str:
        """Store `data` and return its sha256."""
        sha256 = sha256_bytes(data)
        if not self.path(sha256).exists():
            self.put_stream(io.BytesIO(data))
        return sha256

    def put_stream(self, source: BinaryIO) -> str:
        """Store what `source` yields, in chunks of 1 MiB, and return its sha256."""

        def copy(stream: BinaryIO) -> str:
            digest = hashlib.sha256()
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                stream.write(chunk)
            return digest.hexdigest()

        return self._write(copy)

    def put_file(self, path: Path) -> str:
        """Store a copy of the file and return its sha256."""
        with path.open("rb") as stream:
            return self.put_stream(stream)

    def get_bytes(self, sha256: str) -> bytes:
        """The bytes. Raises `StoreFault` when the blob is missing or damaged."""
        try:
            data = self.path(sha256).read_bytes()
        except OSError as error:
            raise StoreFault(Cause.store_failed, f"blob {self.path(sha256)} is missing") from error
        if sha256_bytes(data) != sha256:
            raise StoreFault(Cause.store_failed, f"blob {self.path(sha256)} is damaged")
        return data

    def _write(self, fill: Callable[[BinaryIO], str]) -> str:
        temporary = self.root / f".{os.getpid()}.{secrets.token_hex(8)}"
        try:
            with temporary.open("xb") as stream:
                sha256 = fill(stream)
            target = self.path(sha256)
            # Replacing a file by its equal would make some file systems write it out at once.
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                temporary.replace(target)
        except OSError as error:
            cause = Cause.disk_full if error.errno == errno.ENOSPC else Cause.store_failed
            raise StoreFault(cause, str(error)) from error
        finally:
            temporary.unlink(missing_ok=True)
        return sha256
