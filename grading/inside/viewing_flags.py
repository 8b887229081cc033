"""What to know before the original is opened: macros, references to other places, scripts, attachments."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from .files import OFFICE, read_text, suffix
from .outcome import Broken, Unjudgeable, clip, toolbox
from .tables import DELIMITED
from .texts import HTML, open_pdf

MAX_PART = 4 << 20
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_EXTERNAL = re.compile(rb'TargetMode\s*=\s*"External"')
_TARGET = re.compile(rb'Target\s*=\s*"([^"]*)"')
_TYPE = re.compile(rb'Type\s*=\s*"[^"]*/(\w+)"')
_FORMULA = re.compile(r"""(?:^|[,;\t|])["']?[=@](?=\w)""", re.MULTILINE)
_ELSEWHERE = re.compile(r"""(?:src|href|data|action)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)
_DAMAGED = (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error)


def flags(file: Path) -> list[str]:
    """A line for each."""
    try:
        if suffix(file) in OFFICE:
            return list(_office(file))
        if suffix(file) == ".pdf":
            return _pdf(file)
        if suffix(file) in HTML | {".svg"}:
            asked = "none runs unless you ask for it" if suffix(file) in HTML else "none is run here"
            return _page(read_text(file), asked)
        if suffix(file) in DELIMITED and (count := len(_FORMULA.findall(read_text(file)))):
            return [f"{count} cells begin like formulas, which a spreadsheet program would carry out"]
    except (Broken, Unjudgeable, *_DAMAGED):
        pass  # the rendering itself says so
    return []


def _office(file: Path) -> list[str]:
    found: list[str] = []
    elsewhere: Counter[str] = Counter()
    with zipfile.ZipFile(file) as archive:
        names = [entry.filename.lower() for entry in archive.infolist()]
        if any(name.endswith("vbaproject.bin") or name.startswith("basic/") for name in names):
            found.append("holds macros; none is run here")
        if any("/activex/" in name for name in names):
            found.append("holds ActiveX controls; none is run here")
        of_charts: set[str] = set()
        for entry in archive.infolist():
            if entry.filename.endswith(".rels") and entry.file_size <= MAX_PART:
                for relation in _RELATION.findall(archive.read(entry)):
                    target = _TARGET.search(relation)
                    if target and "/charts/" in entry.filename and target[1].endswith(b".xlsx"):
                        of_charts.add(PurePosixPath(target[1].decode(errors="replace").lower()).name)
                    kind = _TYPE.search(relation)
                    if _EXTERNAL.search(relation) and kind and kind[1] != b"hyperlink":
                        elsewhere[kind[1].decode()] += 1
    # The numbers of an ordinary chart lie in a workbook of its own.
    if any("/embeddings/" in name and PurePosixPath(name).name not in of_charts for name in names):
        found.append("holds files of other programs")
    for kind_, count in sorted(elsewhere.items()):
        found.append(clip(f"refers to {count} {kind_} elsewhere; nothing is fetched", 200))
    return found


def _pdf(file: Path) -> list[str]:
    raw = toolbox("pypdfium2.raw")
    document = open_pdf(file)
    try:
        found = []
        if (count := raw.FPDFDoc_GetJavaScriptActionCount(document.raw)) > 0:
            found.append(f"holds {count} scripts; none is run here")
        if (count := raw.FPDFDoc_GetAttachmentCount(document.raw)) > 0:
            found.append(f"holds {count} attached files")
        return found
    finally:
        document.close()


def _page(text: str, asked: str) -> list[str]:
    found = []
    if re.search(r"<script\b|\bon\w+\s*=|javascript:", text, re.IGNORECASE):
        found.append(f"holds scripts; {asked}")
    if count := len(_ELSEWHERE.findall(text)):
        found.append(f"refers to {count} places elsewhere; nothing is fetched")
    return found
