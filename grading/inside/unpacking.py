"""One entry of an archive taken out by itself, to be looked at like any other file."""

from __future__ import annotations

import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .files import MIB, guard, suffix
from .isolate import Died, answers
from .outcome import Broken, Unjudgeable, clip

LISTED_ENTRIES = 2000
MAX_ENTRY = 64 * MIB
SECONDS = 60.0
PIECE = 1 << 20
MADE = "entry"
DAMAGED = (RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error)


def entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """All but folders, in the order by which they are listed and numbered, from 0."""
    return [entry for entry in archive.infolist() if not entry.is_dir()]


def is_link(entry: zipfile.ZipInfo) -> bool:
    """Whether it only leads to another place."""
    return stat.S_ISLNK(entry.external_attr >> 16)


def unpack(file: Path, number: int, out: Path) -> dict[str, Any]:
    """Write an entry below `out` as `entry`; its name (as it is listed), and why it could not be taken out."""
    out.mkdir(parents=True, exist_ok=True)

    def work() -> Iterator[dict[str, Any]]:
        try:
            guard(file)
            yield {"name": _taken(file, number, out / MADE), "problem": None}
        except (Broken, Unjudgeable) as error:
            yield _not(str(error))
        except DAMAGED as error:
            yield _not(f"it is damaged, or packed in a way that is not known here ({type(error).__name__})")

    for answer in answers(work, SECONDS, time.monotonic() + SECONDS):
        return _not(answer.why) if isinstance(answer, Died) else dict(answer)
    return _not("its process ended without an answer")


def _not(why: str) -> dict[str, Any]:
    return {"name": "", "problem": clip(why)}


def _taken(file: Path, number: int, to: Path) -> str:
    if suffix(file) != ".zip":
        raise Broken("only what lies in a zip archive can be taken out")
    with zipfile.ZipFile(file) as archive:
        listed = entries(archive)[:LISTED_ENTRIES]
        if not 0 <= number < len(listed):
            raise Broken("the archive has no such entry")
        entry = listed[number]
        if is_link(entry):
            raise Broken("the entry only leads to another place, which is not followed")
        left = MAX_ENTRY
        with archive.open(entry) as source, to.open("xb") as target:
            # What it really unpacks to counts, and not what it says.
            while piece := source.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise Unjudgeable(f"the entry is larger than {MAX_ENTRY // MIB} MiB")
                target.write(piece)
        return clip(entry.filename, 300)
