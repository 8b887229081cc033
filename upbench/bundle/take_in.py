"""Takes a bundle into a project: verified whole, then written so that the run is there entirely or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlalchemy import Connection, exc, insert, select, tuple_

from core import BadInput, Frozen, Landing, Row, encode_row, insert_new
from runs import open_pack
from upbench.bundle.archive import DAMAGED, Archive, open_archive
from upbench.bundle.scrub import Scrubber
from upbench.bundle.tables import READ, WRITTEN, Part
from upbench.bundle.verify import Verified
from upbench.bundle.write import RowsOut
from upbench.home import Home

ROWS_AT_ONCE = 200
KEYS_AT_ONCE = 100
ROOM_LEFT = 256 << 20
"""Bytes that are to stay free on the disk."""


class TakenIn(Frozen):
    """What was taken in.

    Attributes:
        already: The run was here before; nothing was written.
        changed: Tables in which the run that was here differs from the bundle, as after more reviews.
    """

    run: str
    already: bool
    changed: tuple[str, ...] = ()
    rows: int = 0
    blobs: int = 0


def take_in(home: Home, file: Path, *, owner: str | None = None) -> TakenIn:
    """Take a bundle into a project. Doing so again changes nothing.

    Args:
        home: Of the project.
        file: The bundle.
        owner: Whose run it is from now on.

    Raises:
        BadInput: It is damaged, of a newer UpBench, or at odds with what is here; nothing of it can be seen then.
        StoreFault: It cannot be written; taking it in again goes on.
    """
    with open_archive(file) as archive:
        verified = Verified(archive)
        landing = Landing(packs=home.state / "packs", owner=owner)
        taking = _Taking(home, archive, verified, landing)
        if taking.is_here():
            return TakenIn(run=archive.manifest.run, already=True, changed=tuple(taking.changed()))
        taking.check_disk()
        taking.blobs()
        taking.early()
        if not taking.rest():
            return TakenIn(run=archive.manifest.run, already=True, changed=tuple(taking.changed()))
        if archive.manifest.pack.snapshot is not None:
            open_pack(archive.manifest.pack.snapshot, home.blobs, landing.packs)
        return TakenIn(
            run=archive.manifest.run,
            already=False,
            rows=sum(facts.rows for facts in archive.manifest.tables),
            blobs=len(archive.blobs),
        )


class _Taking:
    def __init__(self, home: Home, archive: Archive, verified: Verified, landing: Landing) -> None:
        self._home, self._archive, self._verified, self._landing = home, archive, verified, landing
        self._numbers: dict[str, dict[int, int]] = {}

    def is_here(self) -> bool:
        """Whether a run of that name is here. Raises `BadInput`: another one is."""
        (runs,) = [part for part in READ if part.name == "runs"]
        (row,) = self._verified.rows(runs)
        table = runs.table.table
        query = select(table.c.created, table.c.id).where(table.c.id == row["id"])
        with self._home.database.read() as connection:
            here = connection.execute(query).one_or_none()
        if here is not None and here.created != row["created"]:
            raise BadInput(f"another run {row['id']} is here already", file=self._archive.file)
        return here is not None

    def changed(self) -> Iterator[str]:
        """The tables in which what is here differs from the bundle."""
        with self._home.database.read() as connection:
            rows = RowsOut(connection, self._archive.manifest.run, Scrubber(self._home.settings))
            for part in READ:
                digest = hashlib.sha256()
                for line in rows.lines(part):
                    digest.update(line)
                facts = self._archive.facts(part)
                if facts is not None and digest.hexdigest() != facts.member.sha256:
                    yield part.name

    def check_disk(self) -> None:
        """See that there is room. Raises `BadInput`."""
        needed = self._archive.manifest.blobs.bytes + 2 * self._archive.row_bytes
        free = shutil.disk_usage(self._home.state).free - ROOM_LEFT
        if needed > free:
            what = f"unpacks to {needed / 1e9:.1f} GB, and {max(free, 0) / 1e9:.1f} GB are free"
            raise BadInput(what, file=self._archive.file, mend="make room, or name another --project")

    def blobs(self) -> None:
        """Write the blobs; each has its own name, so nothing is ever written over."""
        for name in sorted(self._archive.blobs):
            with self._archive.blob(name) as stream:
                if self._home.blobs.put_stream(cast(BinaryIO, stream)) != name:
                    raise self._changed_meanwhile()

    def early(self) -> None:
        """Write the rows that nobody looks at before their run is here, a few at a time."""
        for part in WRITTEN:
            if part.table.early:
                for rows in self._batches(part):
                    with self._home.database.write() as connection:
                        self._add(connection, part, rows)

    def rest(self) -> bool:
        """Write all other rows at once. Returns False if another process has taken the run in meanwhile."""
        try:
            with self._home.database.write() as connection:
                if not self._is_first(connection):
                    return False
                for part in WRITTEN:
                    if not part.table.early:
                        for rows in self._batches(part):
                            self._add(connection, part, rows)
                        if part.table.absent is not None and self._archive.facts(part) is None:
                            part.table.absent(connection)
        except exc.IntegrityError as error:
            what = "its rows contradict each other, or what is here"
            raise BadInput(what, file=self._archive.file, mend=DAMAGED) from error
        return True

    def _is_first(self, connection: Connection) -> bool:
        """Write the run's own row, for which others who take it in wait."""
        (runs,) = [part for part in READ if part.name == "runs"]
        ((row,),) = self._batches(runs)
        return connection.execute(_adding(runs), [row]).rowcount == 1

    def _batches(self, part: Part) -> Iterator[list[Row]]:
        rows = self._verified.rows(part)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            yield [part.table.lands(row, self._landing) for row in batch]

    def _add(self, connection: Connection, part: Part, rows: list[Row]) -> None:
        table = part.table
        for row in rows:
            for name, target in table.refers.items():
                row[name] = self._numbers[target][row[name]]
        if table.number is not None:
            self._add_numbered(connection, part, rows)
            return
        for same in _alike(rows):
            if connection.execute(_adding(part), same).rowcount < len(same):
                self._refuse_others(connection, part, same)

    def _add_numbered(self, connection: Connection, part: Part, rows: list[Row]) -> None:
        table, name = part.table, cast(str, part.table.number)
        numbers = self._numbers.setdefault(part.name, {})
        for same in _alike(rows):
            told = [row.pop(name) for row in same]
            statement = insert(table.table).returning(table.table.c[name], sort_by_parameter_order=True)
            numbers.update(zip(told, connection.execute(statement, same).scalars(), strict=True))

    def _refuse_others(self, connection: Connection, part: Part, rows: list[Row]) -> None:
        """Of rows that were here already each must be the same."""
        table = part.table
        key = [table.table.c[name] for name in table.known_by]
        for start in range(0, len(rows), KEYS_AT_ONCE):
            batch = rows[start : start + KEYS_AT_ONCE]
            values = [tuple(row[column.name] for column in key) for row in batch]
            found = connection.execute(select(table.table).where(tuple_(*key).in_(values))).mappings()
            here = {tuple(one[column.name] for column in key): dict(one) for one in found}
            for row, value in zip(batch, values, strict=True):
                one = here.get(value)
                if one is None or not _same(part, one, row):
                    what = f"a row of `{part.name}` is here already, and is another one"
                    raise BadInput(what, file=self._archive.file, field=str(value[0])[:100])

    def _changed_meanwhile(self) -> BadInput:
        return BadInput("has changed while it was read", file=self._archive.file, mend=DAMAGED)


def _adding(part: Part) -> Any:
    return insert_new(part.table.table).execution_options(preserve_rowcount=True)


def _same(part: Part, here: Row, row: Row) -> bool:
    """Whether a row that is here is what the bundle tells, in all columns that it tells of."""
    whole, given = encode_row(part.table, here), encode_row(part.table, here | row)
    return all(whole[name] == given[name] for name in row if name in whole)


def _alike(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows of a bundle that lacks a column have one column less: each statement gets rows with the same ones."""
    by_columns: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        by_columns.setdefault(tuple(sorted(row)), []).append(row)
    yield from by_columns.values()
