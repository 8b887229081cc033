"""What sound and film are, as ffprobe tells it: nothing is decoded, and no address in a file is followed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from .outcome import clip

SOUND = {".mp3", ".wav", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aac"}
FILM = {".mp4", ".m4v", ".webm", ".mov", ".mkv", ".ogv", ".avi"}
SECONDS = 30.0
MAX_ANSWER = 1 << 20
MAX_STREAMS = 20
# No playlists: those name other files.
FORMATS = "mov,mp4,m4a,3gp,matroska,webm,ogg,mp3,wav,w64,flac,aac,avi"


def ffprobe() -> str | None:
    """Where ffprobe is; None where it is not."""
    return shutil.which("ffprobe")


def ffmpeg() -> str | None:
    """Where ffmpeg is; None where it is not."""
    return shutil.which("ffmpeg")


def media_facts(file: Path, until: float) -> tuple[dict[str, Any], str | None, str | None]:
    """(facts, why it does not open, what is missing here)."""
    program = ffprobe()
    if not file.stat().st_size:
        return {}, "the file is empty", None
    if program is None:
        return {}, None, "ffprobe is not there in this sandbox: nothing is known of sound and film but their size"
    argv = [program, "-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]
    argv += ["-print_format", "json", "-show_format", "-show_streams", f"file:{file}"]
    try:
        said = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(1.0, min(SECONDS, until - time.monotonic())),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"it took longer than {SECONDS:.0f} s to be looked at", None
    if said.returncode != 0 or len(said.stdout) > MAX_ANSWER:
        return {}, clip(f"it does not open as sound or film: {_reason(said.stderr)}", 300), None
    return _facts(json.loads(said.stdout)), None, None


def _reason(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].rpartition(": ")[2] if lines else "no word"


def _facts(told: dict[str, Any]) -> dict[str, Any]:
    about = told.get("format") or {}
    facts: dict[str, Any] = {"format": clip(about.get("format_name", ""), 80)}
    if seconds := _number(about.get("duration")):
        facts["seconds"] = round(seconds, 2)
    facts["streams"] = [_stream(one) for one in (told.get("streams") or [])[:MAX_STREAMS]]
    tags = about.get("tags") or {}
    facts["properties"] = {clip(name, 40): clip(value, 200) for name, value in list(tags.items())[:20]}
    return facts


def _stream(one: dict[str, Any]) -> dict[str, Any]:
    names = ("codec_type", "codec_name", "width", "height", "channels", "sample_rate")
    return {
        name: one[name] if isinstance(one[name], int) else clip(one[name], 40) for name in names if name in one
    }


def _number(text: object) -> float:
    try:
        return max(0.0, float(str(text)))
    except ValueError:
        return 0.0
