"""Marks: whose records name the blobs of a place.

A sweep knows one database. What another one's records name it would take for nobody's: so each process leaves a
mark of its database in the folder, and in the bucket, before it puts anything there, and a sweep refuses where
it finds another's. A copy of a database is another database: in a bucket a mark also tells where the database
lies.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from core.errors import BadInput
from core.store.bucket import Bucket

DATABASES = "databases"
MAX_SHOWN = 300


@dataclass(frozen=True)
class Owner:
    """A database whose records name blobs.

    Attributes:
        id: Which it shares with its copies. place: What tells it from its copies. shown: For people.
    """

    id: str
    place: str
    shown: str

    @property
    def alone(self) -> str:
        """A name that it shares with no copy."""
        return sha256(f"{self.id} {self.place}".encode()).hexdigest()[:16]


def leave_mark(owner: Owner, root: Path, bucket: Bucket | None) -> None:
    """Leave the marks of a database where it has none yet. Raises `OSError`, `StoreFault`."""
    mark = root / DATABASES / owner.id
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        fresh = root / f".{os.getpid()}.{secrets.token_hex(8)}"
        fresh.write_text(owner.shown, "utf-8")
        fresh.replace(mark)
    key = f"{DATABASES}/{owner.alone}"
    if bucket is not None and bucket.size(key) is None:
        bucket.write(key, owner.shown.encode())


def refuse_others(
    owner: Owner, root: Path, bucket: Bucket | None, gone: Sequence[str] = (), *, dry_run: bool = False
) -> None:
    """See that nobody else's records name blobs that lie there.

    Args:
        owner: Whose records are known.
        root: The folder.
        bucket: Where one is set.
        gone: Marks of databases that are no more; they are removed.
        dry_run: They are not.

    Raises:
        BadInput: There is a mark of another database, or none that was to be `gone`.
        OSError, StoreFault: It cannot be looked at.
    """
    found = {path.name: (str(root), path.read_text("utf-8")) for path in (root / DATABASES).glob("*")}
    found.pop(owner.id, None)
    if bucket is not None:
        for key, _, _ in bucket.listed(DATABASES):
            name = key.rsplit("/", 1)[-1]
            if name != owner.alone:
                found[name] = bucket.address, bucket.read(key).decode("utf-8", "replace")
    for name in gone:
        if name not in found:
            raise BadInput(f"no other database has left the mark {name[:40]!r}", field="--gone")
        place, _ = found.pop(name)
        if dry_run:
            continue
        if bucket is not None and place == bucket.address:
            bucket.remove([f"{DATABASES}/{name}"])
        else:
            (root / DATABASES / name).unlink(missing_ok=True)
    for name, (place, shown) in found.items():
        what = f"another database names files there too: {shown[:MAX_SHOWN]}"
        raise BadInput(what, file=place, mend=f"where that one is no more: --gone {name}")
