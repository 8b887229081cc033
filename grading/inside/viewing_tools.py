"""What this sandbox has to draw with: the same file looks the same only where all of it is the same."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from .viewing_browser import chromium
from .viewing_media import ffmpeg, ffprobe
from .viewing_office import families, soffice


def tools() -> dict[str, Any]:
    """`office`, `media`, `browser` (a version, or None: it is not there), and `fonts`, a digest of families."""
    fonts = hashlib.sha256("\n".join(sorted(families())).encode()).hexdigest()[:16]
    return {"office": _office(), "media": _media(), "browser": _browser(), "fonts": fonts}


def _office() -> str | None:
    program = soffice()
    if program is None:
        return None
    # Asking the program itself takes a second.
    about = Path(program).resolve().with_name("versionrc")
    text = about.read_text("utf-8", "replace") if about.is_file() else ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _media() -> str | None:
    program = ffprobe()
    if program is None:
        return None
    said = _said(program, "-version")
    return said if ffmpeg() else f"{said}, alone"


def _browser() -> str | None:
    program = chromium()
    return None if program is None else _said(program, "--version")


def _said(*argv: str) -> str:
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return said.stdout.split("\n", 1)[0].strip()[:120]
