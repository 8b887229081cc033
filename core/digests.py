"""Digests: sha256 of bytes, files, canonical JSON and folders; the names by which things are known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Lower-case hexadecimal sha256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Lower-case hexadecimal sha256 of a file, read in chunks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no NaN, so that equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """sha256 of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value).encode())


def digest_tree(root: Path) -> str:
    """sha256 over the sorted (relative path, sha256) pairs of every regular file under `root`.

    A missing folder digests like an empty one. Symbolic links are not followed and not counted, nor is what Python
    compiled: it comes and goes, and says nothing that its source does not.
    """
    rows = [
        (path.relative_to(root).as_posix(), sha256_file(path))
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.parent.name != "__pycache__"
    ]
    return digest_of(rows)
