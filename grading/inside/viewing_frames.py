"""Pictures out of a film, spread over its length, for whoever looks without playing it."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .isolate import Died, answers
from .openers import MAX_PIXELS
from .outcome import toolbox
from .viewing_media import FORMATS, ffmpeg
from .viewing_pages import WIDTH, write_page

FRAMES = 8
FRAME_SECONDS, ALL_SECONDS = 20.0, 90.0


def write_frames(file: Path, seconds: float, out: Path, until: float) -> tuple[list[dict[str, Any]], list[str]]:
    """At most `FRAMES` pictures below `out`, labelled `t=00:31`; what was drawn, and what not and why.

    Args:
        file: The film.
        seconds: Its length, 0 where it is not known: then there is one picture, of its beginning.
        out: The folder.
        until: `time.monotonic()` at which all must be over.
    """
    program = ffmpeg()
    if program is None:
        return [], ["ffmpeg is not there in this sandbox: no pictures of the film"]
    until = min(until, time.monotonic() + ALL_SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="frames-"))
    taken: list[tuple[float, Path]] = []
    for number, at in enumerate(_moments(seconds)):
        left = min(FRAME_SECONDS, until - time.monotonic())
        picture = folder / f"{number}.png"
        if left > 1 and _take(program, file, at, picture, left):
            taken.append((at, picture))
    if not taken:
        return [], ["no picture could be taken of the film"]
    return _written(taken, out, until)


def _moments(seconds: float) -> list[float]:
    """When: the beginning, and equal steps from there that never reach the end."""
    if seconds < 1:
        return [0.0]
    count = min(FRAMES, max(2, int(seconds)))
    return [round(seconds * number / count, 2) for number in range(count)]


def _take(program: str, file: Path, at: float, picture: Path, seconds: float) -> bool:
    argv = [program, "-v", "error", "-nostdin", "-threads", "1", "-protocol_whitelist", "file,pipe"]
    argv += ["-format_whitelist", FORMATS, "-ss", f"{at:.2f}", "-i", f"file:{file}", "-an", "-sn", "-dn"]
    argv += ["-frames:v", "1", "-vf", f"scale='min({WIDTH},iw)':-2", "-f", "image2", "-c:v", "png", str(picture)]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and picture.is_file()


def _written(taken: list[tuple[float, Path]], out: Path, until: float) -> tuple[list[dict[str, Any]], list[str]]:
    def work() -> Iterator[dict[str, Any]]:
        pillow = toolbox("PIL.Image")
        pillow.MAX_IMAGE_PIXELS = MAX_PIXELS
        for number, (at, picture) in enumerate(taken, start=1):
            image = pillow.open(picture, formats=["PNG"])
            image.thumbnail((WIDTH, WIDTH * 2))
            yield write_page(out, number, _label(at), image, [])

    pages: list[dict[str, Any]] = []
    for answer in answers(work, FRAME_SECONDS, until + FRAME_SECONDS):
        if isinstance(answer, Died):
            return pages, [f"not all pictures of the film could be kept: {answer.why}"]
        pages.append(answer)
    return pages, []


def _label(at: float) -> str:
    hours, minutes = divmod(int(at) // 60, 60)
    return f"t={f'{hours}:' if hours else ''}{minutes:02d}:{int(at) % 60:02d}"
