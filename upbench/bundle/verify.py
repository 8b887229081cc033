"""Looks at everything in a bundle before anything of it is written."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

from core import BadInput, Row, decode_row, is_sha256
from runs import parse_manifest as parse_pack
from upbench.bundle.archive import CHUNK, DAMAGED, Archive
from upbench.bundle.manifest import EVALUATIONS, PARQUET
from upbench.bundle.tables import READ, Part

MAX_UNPACKED = 256 << 20


class Verified:
    """A bundle whose every byte was looked at.

    Raises:
        BadInput: A member is damaged, a row cannot be or is of another run, or a blob is missing or too many.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._trials: set[str] = set()
        self._values: dict[tuple[str, str], set[Any]] = {}
        self._wanted: dict[tuple[str, str], set[Any]] = {}
        self._blobs: set[str] = set()
        self._packed: set[str] = set()
        self._snapshots: set[str | None] = set()
        for part in READ:
            for _, column in _noted(part):
                self._values[part.name, column] = set()
        for part in READ:
            self._table(part)
        self._references()
        self._packs()
        self._check_blobs()
        for path in (EVALUATIONS, PARQUET):
            archive.check(path)

    def rows(self, part: Part) -> Iterator[Row]:
        """The rows of a table, as they are written down."""
        for number, body in self._archive.lines(part):
            try:
                yield decode_row(part.table, body)
            except ValueError as error:
                raise self._wrong(part, number, str(error)) from error

    def _table(self, part: Part) -> None:
        table, run = part.table, self._archive.manifest.run
        noted = _noted(part)
        if table.absent is not None and self._archive.facts(part) is None:
            for _, column in noted:
                self._values[part.name, column] |= self._values[table.parent]
        last: tuple[Any, ...] = ()
        for number, row in enumerate(self.rows(part), start=1):
            if not self._belongs(part, row):
                raise self._wrong(part, number, "belongs to another run")
            place = tuple(row[name] for name in table.order)
            if last and place <= last:
                raise self._wrong(part, number, "is there twice, or out of order")
            last = place
            if part.name == "trials":
                self._trials.add(row["id"])
            if part.name == "runs":
                self._snapshots.add(row.get("pack"))
            for _, column in noted:
                self._values[part.name, column].add(row[column])
            for name, target in _references(part):
                if row.get(name) is not None:
                    self._wanted.setdefault(target, set()).add(row[name])
            self._blobs.update(table.blobs(row))
            self._packed.update(table.packed(row))
        if part.name == "runs" and self._values["runs", "id"] != {run}:
            raise BadInput(
                "does not hold the run that its manifest tells of", file=self._archive.file, mend=DAMAGED
            )

    def _belongs(self, part: Part, row: Row) -> bool:
        table, value = part.table, row[part.table.column]
        if table.belongs == "run":
            return bool(value == self._archive.manifest.run)
        if table.belongs == "trial":
            trial, dot, _ = str(value).partition(".")
            return bool(dot) and trial in self._trials
        return value in self._values[table.parent]

    def _references(self) -> None:
        for (table, column), wanted in self._wanted.items():
            for value in wanted - self._values.get((table, column), set()):
                what = f"a row refers to {str(value)[:100]!r}, which is not among its `{table}`"
                raise BadInput(what, file=self._archive.file, mend=DAMAGED)

    def _packs(self) -> None:
        told = self._archive.manifest.pack.snapshot
        if self._snapshots != {told}:
            raise BadInput("its run and its manifest name two packs", file=self._archive.file, mend=DAMAGED)
        if told is None:
            return
        if told not in self._archive.blobs:
            raise self._no_blob(told)
        if self._archive.blobs[told] > MAX_UNPACKED:
            raise BadInput("its snapshot of the pack is too large", file=self._archive.file)
        with self._archive.blob(told) as stream:
            data = stream.read()
        try:
            self._blobs |= parse_pack(data).blobs
        except ValueError as error:
            raise BadInput("its snapshot of the pack is none", file=self._archive.file, mend=DAMAGED) from error

    def _check_blobs(self) -> None:
        there = self._archive.blobs
        for name in sorted(self._blobs - there.keys()):
            raise self._no_blob(name)
        for name in sorted(there.keys() - self._blobs):
            what = "holds a blob that nothing of the run names"
            raise BadInput(what, file=self._archive.file, field=name[:100], mend=DAMAGED)
        for name in sorted(there):
            self._check_blob(name)

    def _check_blob(self, name: str) -> None:
        bound = _Bound() if name in self._packed else None
        digest, holds = hashlib.sha256(), True
        with self._archive.blob(name) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                holds = holds and (bound is None or bound.holds(chunk))
        if digest.hexdigest() != name:
            raise BadInput("a blob is damaged", file=self._archive.file, field=name, mend=DAMAGED)
        if not holds:
            what = "a packed event unpacks to too much, or to nothing"
            raise BadInput(what, file=self._archive.file, field=name)

    def _no_blob(self, name: str) -> BadInput:
        shown = name if is_sha256(name) else "of no name that a blob can have"
        return BadInput(f"lacks the blob {shown}", file=self._archive.file, mend=DAMAGED)

    def _wrong(self, part: Part, number: int, what: str) -> BadInput:
        return BadInput(what, file=self._archive.file, field=part.member, line=number)


class _Bound:
    """Whether what is unpacked without asking stays within bounds."""

    def __init__(self) -> None:
        self._machine, self._left = zlib.decompressobj(), MAX_UNPACKED

    def holds(self, chunk: bytes) -> bool:
        try:
            while chunk:
                self._left -= len(self._machine.decompress(chunk, CHUNK))
                chunk = self._machine.unconsumed_tail
                if self._left < 0:
                    return False
        except zlib.error:
            return False
        return True


def _references(part: Part) -> list[tuple[str, tuple[str, str]]]:
    """Each column that refers to a row of another table, and that table's name and column."""
    return [
        (column.name, (key.column.table.name, key.column.name))
        for column in part.table.table.columns
        for key in column.foreign_keys
    ]


def _noted(part: Part) -> list[tuple[str, str]]:
    """The columns of a table whose values others refer to."""
    targets = {target for other in READ for _, target in _references(other)}
    targets |= {other.table.parent for other in READ if other.table.belongs == "parent"}
    return sorted(target for target in targets if target[0] == part.name)
