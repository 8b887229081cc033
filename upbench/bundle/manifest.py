"""What a bundle says of itself, and how its members are called."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from core import BadInput, Frozen

FORMAT = 1
MANIFEST = "manifest.json"
EVALUATIONS = "evaluations.jsonl"
PARQUET = "evaluations.parquet"
MAX_MANIFEST = 64 << 20
SHA256 = r"^[0-9a-f]{64}$"
NEWER = "update UpBench"


def rows_member(room: str, table: str) -> str:
    """The member that holds the rows of a table."""
    return f"rows/{room}/{table}.jsonl"


def blob_member(sha256: str) -> str:
    """The member that holds a blob."""
    return f"blobs/{sha256[:2]}/{sha256}"


class Member(Frozen):
    """A member that is no blob. Size in bytes, sha256 of them."""

    path: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=SHA256)


class TableFacts(Frozen):
    """The rows of one table: which columns travelled, how many rows there are, and their member."""

    room: str
    table: str
    columns: tuple[str, ...]
    rows: int = Field(ge=0)
    member: Member


class BlobFacts(Frozen):
    """All blobs: how many, their bytes together, and the digest of their sorted names."""

    count: int = Field(ge=0)
    bytes: int = Field(ge=0)
    digest: str = Field(pattern=SHA256)


class PackFacts(Frozen):
    """The run's pack; `snapshot` is the digest of its snapshot, None: none was kept."""

    name: str
    version: str
    snapshot: str | None = Field(default=None, pattern=SHA256)


class SandboxFacts(Frozen):
    """What executions ran in: the provider, its version, runtime and image, and how many executions."""

    provider: str
    version: str
    runtime: str | None = None
    image: str | None = None
    executions: int = Field(ge=1)


class Manifest(Frozen):
    """What a bundle holds and where it came from. No names of hosts, no paths, no keys.

    Attributes:
        upbench, python: Versions by which it was written. rooms: How far each room's tables had come.
        agents: Digest by name. jobs: Task digest by id.
        removed: How often a secret of whoever wrote it, or a path of its machine, was taken out of a row.
    """

    kind: Literal["upbench-bundle"] = "upbench-bundle"
    format: int = FORMAT
    run: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    created: str
    state: str
    upbench: str
    python: str
    rooms: dict[str, int]
    pack: PackFacts
    toolbox: str
    agents: dict[str, str]
    jobs: dict[str, str]
    sandboxes: tuple[SandboxFacts, ...] = ()
    removed: int = 0
    tables: tuple[TableFacts, ...]
    members: tuple[Member, ...] = ()
    blobs: BlobFacts


def digest_of_names(names: Iterable[str]) -> str:
    """The digest of the sorted names of blobs."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def parse_manifest(data: bytes, file: Path) -> Manifest:
    """The manifest. Raises `BadInput`: it is none, or one of a newer UpBench."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput("its manifest is not JSON", file=file, field=MANIFEST) from error
    if not isinstance(body, dict) or body.get("kind") != "upbench-bundle":
        raise BadInput("not a bundle", file=file, field=MANIFEST, mend="`upbench runs export` writes bundles")
    if body.get("format") != FORMAT:
        what = f"format {str(body.get('format'))[:20]}; this UpBench reads format {FORMAT}"
        raise BadInput(what, file=file, field="format", mend=NEWER)
    try:
        return Manifest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"its manifest is wrong: {first['msg']}", file=file, field=field) from error


def python_version() -> str:
    """Of this interpreter, to the minor."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
