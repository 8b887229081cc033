"""Reading a bundle from a file that nobody vouches for: bounded, and never by the names that stand in it."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core import BadInput, is_sha256
from upbench.bundle.manifest import (
    EVALUATIONS,
    MANIFEST,
    MAX_MANIFEST,
    NEWER,
    PARQUET,
    Manifest,
    Member,
    TableFacts,
    blob_member,
    digest_of_names,
    parse_manifest,
)
from upbench.bundle.tables import READ, ROOMS, Part

CHUNK = 1 << 20
MAX_LINE = 512 << 20
"""Bytes of one row: the largest reply of a model, several times over."""

DAMAGED = "fetch or write it again"
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
# What zipfile raises for contents, and for headers, that are damaged.
_CONTENTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
_HEADERS = (*_CONTENTS, struct.error, ValueError, OverflowError, OSError)


class Archive:
    """An open bundle. Its members are known by now, their bytes are not: each is checked as it is read.

    Attributes:
        blobs: Digest -> size in bytes, of every blob in it.
    """

    def __init__(self, file: Path, archive: zipfile.ZipFile) -> None:
        self.file, self._archive = file, archive
        infos = self._infos()
        if MANIFEST not in infos:
            raise BadInput("not a bundle", file=file, mend="`upbench runs export` writes bundles")
        if infos[MANIFEST].file_size > MAX_MANIFEST:
            raise BadInput("its manifest is too large", file=file)
        with self._open(infos.pop(MANIFEST).filename) as stream:
            self.manifest: Manifest = parse_manifest(stream.read(), file)
        self._check_rooms()
        self._tables = {(facts.room, facts.table): facts for facts in self.manifest.tables}
        self._members = {member.path: member for member in self._known_members()}
        self.blobs = self._known_blobs(infos)
        self._check_names(infos)

    def _infos(self) -> dict[str, zipfile.ZipInfo]:
        infos: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            if info.filename in infos:
                raise self._strange(info.filename, "is there twice")
            nameless = not info.filename or info.filename.endswith("/")  # `is_dir` wants a name
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _KINDS or nameless:
                raise self._strange(info.filename, "is not a member as bundles have them")
            infos[info.filename] = info
        return infos

    def _known_members(self) -> Iterator[Member]:
        for part in READ:
            facts = self._tables.get((part.room, part.name))
            if facts is not None:
                if facts.member.path != part.member:
                    raise self._strange(facts.member.path, "is not where rows are")
                yield facts.member
        for member in self.manifest.members:
            if member.path not in (EVALUATIONS, PARQUET):
                raise self._strange(member.path, "is not known")
            yield member

    def _known_blobs(self, infos: dict[str, zipfile.ZipInfo]) -> dict[str, int]:
        names = {
            name.rsplit("/", 1)[-1]: info.file_size for name, info in infos.items() if name.startswith("blobs/")
        }
        facts = self.manifest.blobs
        found = (len(names), sum(names.values()), digest_of_names(names))
        if found != (facts.count, facts.bytes, facts.digest):
            raise BadInput("its blobs are not those that its manifest tells of", file=self.file, mend=DAMAGED)
        return names

    def _check_names(self, infos: dict[str, zipfile.ZipInfo]) -> None:
        expected = set(self._members) | {blob_member(name) for name in self.blobs if is_sha256(name)}
        for name in sorted(infos.keys() ^ expected):
            raise self._strange(name, "is not told of by the manifest" if name in infos else "is missing")
        for name, member in self._members.items():
            if infos[name].file_size != member.size:
                raise self._strange(name, "is not of the size that the manifest tells")

    def _check_rooms(self) -> None:
        for room, number in self.manifest.rooms.items():
            if number > ROOMS.get(room, 0):
                raise BadInput(f"its rows of `{room}` are of a newer UpBench", file=self.file, mend=NEWER)
        here = {(part.room, part.name) for part in READ}
        for facts in self.manifest.tables:
            if (facts.room, facts.table) not in here:
                raise BadInput(f"its table `{facts.table}` is not known here", file=self.file, mend=NEWER)

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows."""
        return sum(facts.member.size for facts in self.manifest.tables)

    def facts(self, part: Part) -> TableFacts | None:
        """What the manifest says of a table; None: the bundle is older than the table."""
        return self._tables.get((part.room, part.name))

    def lines(self, part: Part) -> Iterator[tuple[int, Any]]:
        """Number and value of each line of a table's rows; at the end the member is known to be whole.

        Raises:
            BadInput: A line is no JSON, or the member is not what the manifest tells of.
        """
        facts = self.facts(part)
        if facts is None:
            return
        digest, number = hashlib.sha256(), 0
        with self._open(part.member) as stream:
            while line := stream.readline(MAX_LINE):
                number += 1
                digest.update(line)
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise BadInput("not valid JSON", file=self.file, field=part.member, line=number) from error
        if digest.hexdigest() != facts.member.sha256 or number != facts.rows:
            raise self._strange(part.member, "is not what the manifest tells of")

    def check(self, path: str) -> None:
        """See that a member which holds no rows is whole; nothing if there is none. Raises `BadInput`."""
        member = self._members.get(path)
        if member is None:
            return
        digest = hashlib.sha256()
        with self._open(path) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != member.sha256:
            raise self._strange(path, "is not what the manifest tells of")

    @contextmanager
    def blob(self, sha256: str) -> Iterator[IO[bytes]]:
        """The bytes of a blob, unchecked."""
        with self._open(blob_member(sha256)) as stream:
            yield stream

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            stream = self._archive.open(name)
        except _HEADERS as error:
            raise _damaged(self.file, error) from error
        with stream:
            yield stream

    def _strange(self, name: str, what: str) -> BadInput:
        return BadInput(what, file=self.file, field=name[:200], mend=DAMAGED)


@contextmanager
def open_archive(file: Path) -> Iterator[Archive]:
    """A bundle, its members known and none of them read.

    Raises:
        BadInput: No such file, no bundle, a newer one, or (found also later, in the block) a damaged one.
    """
    try:
        stream = file.open("rb")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"cannot be read: {why}", file=str(file)[:200]) from error
    with stream:
        if not zipfile.is_zipfile(stream):
            raise BadInput("not a bundle, or cut short", file=file, mend="`upbench runs export` writes bundles")
        try:
            archive = zipfile.ZipFile(stream)
        except _HEADERS as error:
            raise _damaged(file, error) from error
        try:
            with archive:
                yield Archive(file, archive)
        except _CONTENTS as error:
            raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> BadInput:
    return BadInput(f"is damaged: {str(error)[:200] or 'cut short'}", file=file, mend=DAMAGED)
