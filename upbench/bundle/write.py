"""Writes a run into one file: rows of every room, evaluations, blobs, a manifest. Equal runs make equal bytes."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import Connection

from core import BadInput, Cause, Frozen, StoreFault, encode_row
from grading import EvaluationLine, dump_line
from runs import Records, RunRow, evaluation_lines, read_manifest
from sandbox import SandboxInfo
from upbench.bundle.manifest import (
    EVALUATIONS,
    MANIFEST,
    PARQUET,
    BlobFacts,
    Manifest,
    Member,
    PackFacts,
    SandboxFacts,
    TableFacts,
    blob_member,
    digest_of_names,
    python_version,
)
from upbench.bundle.parquet import can_write, parquet_file
from upbench.bundle.rows import RunRows
from upbench.bundle.scrub import Scrubber
from upbench.bundle.tables import READ, ROOMS, Part
from upbench.home import Home
from upbench.unblinding import search_reviewed
from upbench.version import upbench_version

CHUNK = 1 << 20
LEVEL = 6
HEAD = 1 << 18
EPOCH = (1980, 1, 1, 0, 0, 0)


class Written(Frozen):
    """What was written. `removed` counts the secrets and paths that were taken out of rows."""

    run: str
    file: str
    bytes: int
    rows: int
    blobs: int
    removed: int


def write_bundle(home: Home, run: str, file: Path | None = None) -> Written:
    """Write a run into a new file, all or nothing.

    Args:
        home: Of the project.
        run: As users name it.
        file: Default: `<run>.zip` in the current folder.

    Raises:
        BadInput: No such run, the file is there already, or it cannot be written.
        StoreFault: A blob of the run is missing or damaged.
    """
    row = Records(home.database).run(run)
    target = (file or Path(f"{row.id}.zip")).absolute()
    search_reviewed(home, row.id)
    with _new_file(target) as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
            manifest = _Writer(home, row, archive).write()
        size = stream.tell()
    return Written(
        run=row.id,
        file=str(target),
        bytes=size,
        rows=sum(table.rows for table in manifest.tables),
        blobs=manifest.blobs.count,
        removed=manifest.removed,
    )


class RowsOut:
    """The rows of a run as the lines of each table's member.

    Attributes:
        blobs: Digests of all blobs that the rows named so far.
        sandboxes: What executions ran in.
    """

    def __init__(self, connection: Connection, run: str, scrubber: Scrubber) -> None:
        self._rows, self._scrubber = RunRows(connection, run), scrubber
        self.blobs: set[str] = set()
        self.sandboxes: Counter[tuple[str, str, str | None, str | None]] = Counter()

    def lines(self, part: Part) -> Iterator[bytes]:
        """The lines of one table; the tables must be asked for in the order of `READ`.

        Raises:
            StoreFault: A row is damaged: nobody could take it in.
        """
        for row in self._rows.of(part):
            try:
                part.table.check(row)
                self.blobs.update(part.table.blobs(row))
            except (ValueError, KeyError) as error:
                which = row.get("id", part.name)
                raise StoreFault(Cause.store_damaged, f"the record of {which} is damaged") from error
            if part.name == "executions" and row["sandbox"]:
                info = SandboxInfo.model_validate_json(row["sandbox"])
                self.sandboxes[info.provider, info.version, info.runtime, info.image] += 1
            yield (self._scrubber.line(_dump(encode_row(part.table, row))) + "\n").encode()


class _Writer:
    def __init__(self, home: Home, run: RunRow, archive: zipfile.ZipFile) -> None:
        self._home, self._run, self._archive = home, run, archive
        self._scrubber = Scrubber(home.settings)

    def write(self) -> Manifest:
        with self._home.database.read() as connection:
            rows = RowsOut(connection, self._run.id, self._scrubber)
            tables = [self._table(part, rows) for part in READ]
        blobs = rows.blobs
        if self._run.pack is not None:
            blobs |= read_manifest(self._run.pack, self._home.blobs).blobs
        members = self._evaluations()
        total = sum(self._blob(name) for name in sorted(blobs))
        manifest = self._manifest(
            tables, members, rows, BlobFacts(count=len(blobs), bytes=total, digest=digest_of_names(blobs))
        )
        self._member(MANIFEST, [manifest.model_dump_json(indent=1).encode()])
        return manifest

    def _table(self, part: Part, rows: RowsOut) -> TableFacts:
        count = 0

        def counted() -> Iterator[bytes]:
            nonlocal count
            for line in rows.lines(part):
                count += 1
                yield line

        member = self._member(part.member, counted())
        columns = tuple(column.name for column in part.table.columns)
        return TableFacts(room=part.room, table=part.name, columns=columns, rows=count, member=member)

    def _evaluations(self) -> list[Member]:
        with TemporaryDirectory(dir=self._home.state / "scratch") as scratch:
            flat = Path(scratch) / PARQUET
            with parquet_file(flat) if can_write() else nullcontext() as table:

                def lines() -> Iterator[bytes]:
                    for line in evaluation_lines(self._home.database, self._run.id):
                        text = self._scrubber.line(dump_line(line))
                        if table is not None:
                            table.add(EvaluationLine.model_validate_json(text))
                        yield (text + "\n").encode()

                members = [self._member(EVALUATIONS, lines())]
            if flat.exists():
                with flat.open("rb") as stream:
                    members.append(self._member(PARQUET, iter(lambda: stream.read(CHUNK), b"")))
        return members

    def _member(self, path: str, chunks: Iterable[bytes]) -> Member:
        digest, size = hashlib.sha256(), 0
        with self._archive.open(_info(path), "w", force_zip64=True) as stream:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        return Member(path=path, size=size, sha256=digest.hexdigest())

    def _blob(self, name: str) -> int:
        """Writes a blob, compressed where that is worth it; returns its size."""
        with self._home.blobs.fetch(name).open("rb") as source:
            head = source.read(HEAD)
            info = _info(blob_member(name))
            if len(zlib.compress(head, 1)) > 0.95 * len(head):
                info.compress_type = zipfile.ZIP_STORED
            size = 0
            with self._archive.open(info, "w", force_zip64=True) as stream:
                chunk = head
                while chunk:
                    size += len(chunk)
                    stream.write(chunk)
                    chunk = source.read(CHUNK)
        return size

    def _manifest(
        self, tables: list[TableFacts], members: list[Member], rows: RowsOut, blobs: BlobFacts
    ) -> Manifest:
        run, config = self._run, self._run.config
        return Manifest(
            run=run.id,
            created=run.created,
            state=run.state,
            upbench=upbench_version(),
            python=python_version(),
            rooms=ROOMS,
            pack=PackFacts(name=config.pack, version=config.pack_version, snapshot=run.pack),
            toolbox=config.toolbox,
            agents={agent.name: agent.digest for agent in config.agents},
            jobs=dict(sorted(self._jobs().items())),
            sandboxes=tuple(
                SandboxFacts(provider=provider, version=version, runtime=runtime, image=image, executions=count)
                for (provider, version, runtime, image), count in sorted(rows.sandboxes.items(), key=str)
            ),
            removed=self._scrubber.removed,
            tables=tuple(tables),
            members=tuple(members),
            blobs=blobs,
        )

    def _jobs(self) -> dict[str, str]:
        from runs import sheets_of

        return {name: sheet.task_digest for name, sheet in sheets_of(self._home.database, self._run.id).items()}


def _info(path: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info._compresslevel = LEVEL  # type: ignore[attr-defined]
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _dump(row: dict[str, object]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """A file beside `target` to write into, which takes its name when the block ends well."""
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        if os.path.lexists(target):
            raise BadInput("is there already", file=target, field="--to", mend="name a new file")
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"cannot be written: {why}", file=str(target)[:200], field="--to") from error
    finally:
        temporary.unlink(missing_ok=True)
