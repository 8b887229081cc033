"""Finding deliverables by glob, and refusing bombs, encrypted and too large files before they are parsed."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

from .outcome import Broken, Missing, Unjudgeable

MIB = 1 << 20
MAX_FILE = 256 * MIB
MAX_TEXT_FILE = 64 * MIB
MAX_UNPACKED = 1024 * MIB
MAX_ENTRIES = 20_000
MAX_RATIO = 500
MAX_XML = 96 * MIB
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE = {".xlsx", ".xlsm", ".xltx", ".docx", ".docm", ".pptx", ".pptm", ".odt", ".ods", ".odp"}


def listing(root: Path) -> list[str]:
    """POSIX paths of the regular files below `root`, sorted; links are passed over."""
    found: list[str] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def _segment(glob: str) -> str:
    out, index = "", 0
    if glob[:1] in {"*", "?", "["}:
        out = r"(?!\.|~\$)"  # hidden files and the lock files of office programs are no deliverables
    while index < len(glob):
        char = glob[index]
        index += 1
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and "]" in glob[index + 1 :]:
            end = glob.index("]", index + 1)
            body = glob[index:end].replace("\\", r"\\")
            out += "[" + ("^" + body[1:] if body[:1] in {"!", "^"} else body) + "]"
            index = end + 1
        else:
            out += re.escape(char)
    return out


def matcher(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression over POSIX paths: `*` stays in its folder, `**` does not; case is ignored."""
    parts = [part for part in glob.split("/") if part not in {"", "."}]
    out = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            out += ".*" if last else "(?:[^/]+/)*"
        else:
            out += _segment(part) + ("" if last else "/")
    return re.compile(out + r"\Z", re.IGNORECASE)


def matching(root: Path, glob: str) -> list[str]:
    """Sorted paths below `root` that match."""
    wanted = matcher(glob)
    return [path for path in listing(root) if wanted.match(path)]


def first(root: Path, glob: str) -> str:
    """The first matching path. Raises `Missing`."""
    found = matching(root, glob)
    if not found:
        raise Missing(f"no file matches {glob!r}")
    return found[0]


def suffix(path: Path) -> str:
    """The lower-case extension with its dot."""
    return path.suffix.lower()


def guard(path: Path) -> None:
    """Refuse what must not be parsed.

    Raises:
        Broken: Empty, encrypted, not a zip where one is needed, or a zip bomb. Unjudgeable: Honest but too large.
    """
    size = path.stat().st_size
    if size == 0:
        raise Broken("the file is empty")
    if size > MAX_FILE:
        raise Unjudgeable(f"the file has {size} bytes, more than can be parsed here")
    if suffix(path) in OFFICE or suffix(path) == ".zip":
        _guard_zip(path, office=suffix(path) != ".zip")


def _guard_zip(path: Path, *, office: bool) -> None:
    with path.open("rb") as stream:
        if stream.read(8) == OLE:
            raise Broken("the file is encrypted, or in the old binary format under a new name")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Broken(f"the file cannot be opened: {error}") from error
    unpacked = sum(entry.file_size for entry in entries)
    if (
        len(entries) > MAX_ENTRIES
        or unpacked > MAX_UNPACKED
        or unpacked > MAX_RATIO * max(path.stat().st_size, MIB)
    ):
        raise Broken(f"the archive unpacks to {len(entries)} entries and {unpacked} bytes: refused as a zip bomb")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Broken("the file is encrypted")
    if office:
        xml = sum(entry.file_size for entry in entries if entry.filename.lower().endswith((".xml", ".rels")))
        if xml > MAX_XML:
            raise Unjudgeable(f"the document holds {xml} bytes of XML, more than can be parsed here")


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 (with its mark) or, failing those, Windows-1252.

    Raises:
        Broken: It holds NUL bytes, so it is no text. Unjudgeable: It is too large.
    """
    if path.stat().st_size > MAX_TEXT_FILE:
        raise Unjudgeable(f"the text has {path.stat().st_size} bytes, more than can be read here")
    data = path.read_bytes()
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise Broken("the file is binary, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
