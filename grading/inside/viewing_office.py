"""Office files as PDF by LibreOffice, where it is there: a fresh profile each time, no macros, no links."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from .files import suffix
from .outcome import clip

WRITER = {".docx", ".docm", ".dotx", ".odt", ".ott", ".doc", ".rtf"}
IMPRESS = {".pptx", ".pptm", ".ppsx", ".odp", ".otp", ".ppt"}
OLD = {".doc", ".ppt", ".rtf"}
SECONDS = 180.0
MAX_PRINTED_CELLS = 30_000
MAX_PRINTED_AREA = 1_000_000
"""Rows times columns: empty pages up to a far cell take as long as full ones."""

PRINTED_PAGES = 20
WITHOUT = "LibreOffice is not there in this sandbox"
_FONTS_NAMED = 12
# Free fonts whose every letter is as wide as that of the one they stand for: lines break where they did.
_AS_WIDE = {
    "arial": "liberation sans", "helvetica": "liberation sans", "arial narrow": "liberation sans narrow",
    "times new roman": "liberation serif", "courier new": "liberation mono", "calibri": "carlito",
    "cambria": "caladea",
}  # fmt: skip
# What `soffice` is told by its profile, which is used once. Links are never updated (Writer 0, Calc 2).
_SETTINGS: dict[str, dict[str, object]] = {
    "/org.openoffice.Office.Common/Security/Scripting": {
        "MacroSecurityLevel": 3,
        "DisableMacrosExecution": True,
        "DisablePythonRuntime": True,
        "DisableActiveContent": True,
        "BlockUntrustedRefererLinks": True,
        "SecureURL": None,
    },
    "/org.openoffice.Office.Common/Load": {"UserDefinedSettings": False},
    "/org.openoffice.Office.Writer/Content/Update": {"Link": 0},
    "/org.openoffice.Office.Calc/Content/Update": {"Link": 2},
    "/org.openoffice.Office.Calc/Formula/Load": {"OOXMLRecalcMode": 1, "ODFRecalcMode": 1},
    "/org.openoffice.Office.Java/VirtualMachine": {"Enable": False},
}
_TYPEFACE = re.compile(rb'(?:w:ascii|w:hAnsi|w:cs|typeface|svg:font-family|rFont val|name val)="([^"+&]{1,60})"')


def soffice() -> str | None:
    """Where LibreOffice is; None where it is not."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def to_pdf(file: Path, until: float) -> tuple[Path | None, str]:
    """The file as a PDF in a folder of its own, or None and why not."""
    return _converted(file, _target(suffix(file)), "pdf", until)


def to_workbook(file: Path, until: float) -> tuple[Path | None, str]:
    """An old binary workbook as an xlsx in a folder of its own, or None and why not."""
    return _converted(file, "xlsx:Calc MS Excel 2007 XML", "xlsx", until)


def _converted(file: Path, target: str, kind: str, until: float) -> tuple[Path | None, str]:
    program = soffice()
    if program is None:
        return None, WITHOUT
    folder = Path(tempfile.mkdtemp(prefix="office-"))
    source = folder / f"file{suffix(file)}"
    shutil.copyfile(file, source)
    _write_profile(folder / "profile" / "user")
    argv = [program, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore", "--nologo"]
    argv += ["--nolockcheck", "--nodefault", "--convert-to", target, "--outdir", str(folder)]
    seconds = min(SECONDS, until - time.monotonic())
    if seconds <= 1:
        return None, "the time for all was used up"
    why = _run([*argv, str(source)], folder, seconds)
    made = folder / f"file.{kind}"
    if made.is_file() and made.stat().st_size:
        return made, ""
    return None, why or "LibreOffice could not open it"


def _target(kind: str) -> str:
    if kind in IMPRESS:
        # Hidden slides too, so that the number of a page is the number of a slide.
        return 'pdf:impress_pdf_Export:{"ExportHiddenSlides":{"type":"boolean","value":"true"}}'
    if kind == ".svg":
        return "pdf:draw_pdf_Export"
    if kind in WRITER:
        return "pdf:writer_pdf_Export"
    return f'pdf:calc_pdf_Export:{{"PageRange":{{"type":"string","value":"1-{PRINTED_PAGES}"}}}}'


def _run(argv: list[str], folder: Path, seconds: float) -> str:
    """Run LibreOffice as a group of its own, which is ended whole. Returns why it failed, or nothing."""
    home = {"HOME": str(folder), "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
    home |= {"TMPDIR": str(folder), "SAL_USE_VCLPLUGIN": "svp"}
    process = subprocess.Popen(
        argv, env=home, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"LibreOffice took longer than {seconds:.0f} s"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"LibreOffice ended with code {code}" if code else ""


def _write_profile(folder: Path) -> None:
    folder.mkdir(parents=True)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    )
    for path, settings in _SETTINGS.items():
        for name, value in settings.items():
            text = "" if value is None else str(value).lower()
            item = f'<prop oor:name="{name}" oor:op="fuse"><value>{text}</value></prop>'
            lines.append(f'<item oor:path="{path}">{item}</item>')
    (folder / "registrymodifications.xcu").write_text("\n".join([*lines, "</oor:items>"]))


def families() -> set[str]:
    """The families of fonts that are here, in lower case; empty where nobody can tell."""
    if shutil.which("fc-list") is None:
        return set()
    said = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, timeout=30, check=False)
    return {name.strip().lower() for line in said.stdout.splitlines() for name in line.split(",")}


def font_notes(file: Path) -> list[str]:
    """Which fonts a document asks for that are not here: its look, line breaks and page count may differ."""
    if not zipfile.is_zipfile(file) or not (here := families()):
        return []
    wanted: set[str] = set()
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if name in _FONT_PARTS or name.startswith(("ppt/slides/slide", "ppt/slideMasters/")):
                with contextlib.suppress(zipfile.BadZipFile, OSError, EOFError, NotImplementedError):
                    wanted |= {one.decode("utf-8", "replace") for one in _TYPEFACE.findall(archive.read(entry))}
    missing = sorted(
        one for one in wanted if not {one.lower(), _AS_WIDE.get(one.lower())} & here and one[:1].isalpha()
    )
    if not missing:
        return []
    named = ", ".join(missing[:_FONTS_NAMED]) + (" ..." if len(missing) > _FONTS_NAMED else "")
    return [clip(f"fonts that are not here were replaced, so lines and pages may break elsewhere: {named}", 400)]


_FONT_PARTS = {"word/document.xml", "word/styles.xml", "content.xml", "styles.xml", "xl/styles.xml"}


def name_slides(pages: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Call pages slides, and say which are hidden."""
    hidden = {str(one.get("anchor")) for one in facts.get("hidden", ()) if one.get("why") == "hidden slide"}
    for page in pages:
        number = page["number"]
        page["label"] = f"Slide {number} (hidden)" if f"slide={number}" in hidden else f"Slide {number}"
