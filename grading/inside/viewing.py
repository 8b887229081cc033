"""One deliverable as a person looks at it: page images, sheets in windows, a picture, beside its text and facts.

What is made is written below a folder, under names that this module chooses; the answer says what is there. Each
step runs in a child process: a file that kills one step leaves the others as they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import (
    viewing_frames,
    viewing_html,
    viewing_media,
    viewing_office,
    viewing_pages,
    viewing_pictures,
    viewing_prints,
    viewing_sheets,
)
from .files import suffix
from .isolate import Died, answers
from .openers import IMAGES
from .outcome import clip
from .rendering import render_file
from .submission import Submission
from .tables import DELIMITED
from .texts import HTML
from .viewing_flags import flags
from .workbooks import XLSX

TEXT_SECONDS = 120.0
WORKBOOK_SECONDS = 240.0
PICTURE_SECONDS = 120.0
TOTAL_SECONDS = 540.0
SHEETS = XLSX | DELIMITED | {".ods", ".xls"}
_NOTHING: dict[str, Any] = {
    "segments": [], "unseen": [], "facts": {}, "truncated": True, "pages": [], "sheets": [], "picture": None,
    "notes": [], "flags": [],
}  # fmt: skip
DOCUMENTS = viewing_office.WRITER | viewing_office.IMPRESS


def kind_of(path: Path) -> str:
    """How it is looked at: `pages`, `sheet`, `image`, `audio`, `video`, `html`, `archive` or `text`."""
    kind = suffix(path)
    if kind == ".pdf" or kind in DOCUMENTS | viewing_prints.PRINTED:
        return "pages"
    if kind in SHEETS:
        return "sheet"
    if kind in IMAGES or kind == ".svg":
        return "image"
    if kind in viewing_media.SOUND:
        return "audio"
    if kind in viewing_media.FILM:
        return "video"
    if kind in HTML:
        return "html"
    return "archive" if kind == ".zip" else "text"


def view(file: Path, out: Path) -> dict[str, Any]:
    """Everything about one file; whatever is in it, `problem` and `notes` say what cannot be shown."""
    until = time.monotonic() + TOTAL_SECONDS
    out.mkdir(parents=True, exist_ok=True)
    kind = kind_of(file)
    if suffix(file) == ".xls":
        made, why = viewing_office.to_workbook(file, until)
        if made is not None:
            return view(made, out)
        return _NOTHING | {"kind": kind, "problem": f"an old binary workbook could not be read: {why}"}
    found: dict[str, Any] = {"kind": kind, "pages": [], "sheets": [], "picture": None, "notes": [], "flags": []}
    found |= _first_answers(file, out, kind, until)
    broken = found["problem"] is not None
    if kind in {"audio", "video"}:
        _add_media(found, file, out, until)
    elif kind == "html" and not broken:
        found["pages"], notes, facts = viewing_html.write_shots(file, out, until)
        found["notes"] += notes
        found["facts"] = found["facts"] | facts
    elif kind == "image" and not (broken and suffix(file) != ".svg"):
        _add_picture(found, file, out, until)
    elif kind == "pages" and (not broken or suffix(file) in viewing_office.OLD):
        _add_pages(found, file, out, until)
    elif kind == "sheet" and not broken and suffix(file) not in DELIMITED:
        _add_look(found, file, out, until)
    return found


def _first_answers(file: Path, out: Path, kind: str, until: float) -> dict[str, Any]:
    """Text and facts; of a workbook its sheets too, which it is opened for only once."""

    def work() -> Iterator[dict[str, Any]]:
        submission = Submission(file.parent, file.parent)
        said = render_file(file.parent, file.name, submission=submission)
        yield said | {"flags": flags(file)}
        if kind == "sheet" and said["problem"] is None:
            yield from viewing_sheets.write_sheets(submission, file, out)

    said: dict[str, Any] = {}
    sheets: list[dict[str, Any]] = []
    seconds = WORKBOOK_SECONDS if kind == "sheet" else TEXT_SECONDS
    for answer in answers(work, seconds, until):
        if isinstance(answer, Died):
            if said:
                return said | {"sheets": sheets, "notes": [f"not all sheets could be read: {answer.why}"]}
            return {"segments": [], "unseen": [], "facts": {}, "problem": clip(answer.why), "truncated": True}
        if said:
            sheets.append(answer)
        else:
            said = answer
    return said | {"sheets": sheets}


def _add_media(found: dict[str, Any], file: Path, out: Path, until: float) -> None:
    # Nothing of it can be read as text, and that is no problem here.
    found["problem"] = None
    facts, problem, note = viewing_media.media_facts(file, until)
    found["facts"] = {"bytes": file.stat().st_size} | facts
    found["problem"] = problem
    found["notes"] += [note] if note else []
    if found["kind"] == "video" and facts:
        found["pages"], notes = viewing_frames.write_frames(file, facts.get("seconds", 0.0), out, until)
        found["notes"] += notes


def _add_picture(found: dict[str, Any], file: Path, out: Path, until: float) -> None:
    source = file
    if suffix(file) == ".svg":
        made, why = viewing_office.to_pdf(file, until)
        if made is None:
            found["notes"].append(f"the drawing could not be made into a picture: {why}")
            return
        source = made

    def work() -> Iterator[dict[str, Any]]:
        yield viewing_pictures.write_picture(source, out)

    for answer in answers(work, PICTURE_SECONDS, until):
        if isinstance(answer, Died):
            found["notes"].append(f"the picture could not be drawn: {answer.why}")
        elif "problem" in answer:
            found["notes"].append(answer["problem"])
        else:
            found["picture"] = answer
        break


def _add_pages(found: dict[str, Any], file: Path, out: Path, until: float) -> None:
    source: Path | None = file
    if suffix(file) in viewing_prints.PRINTED:
        source, why = viewing_prints.to_print(file, until)
        if source is None:
            found["notes"].append(f"shown as it is written: {why}")
            return
    elif suffix(file) != ".pdf":
        source, why = viewing_office.to_pdf(file, until)
        if source is None:
            found["notes"].append(f"its pages could not be drawn: {why}")
            return
        found["notes"] += viewing_office.font_notes(file)
        if suffix(file) in viewing_office.OLD:
            _read_from_pages(found, source, until)
    assert source is not None
    found["pages"], notes = viewing_pages.write_pages(source, out, until)
    found["notes"] += notes
    if suffix(file) in viewing_office.IMPRESS:
        viewing_office.name_slides(found["pages"], found["facts"])


def _read_from_pages(found: dict[str, Any], pages: Path, until: float) -> None:
    """An old binary document: its text is that of its pages."""

    def work() -> Iterator[dict[str, Any]]:
        yield render_file(pages.parent, pages.name)

    for answer in answers(work, TEXT_SECONDS, until):
        if not isinstance(answer, Died) and answer["problem"] is None:
            found |= {name: answer[name] for name in ("segments", "unseen", "facts", "problem", "truncated")}
        break


def _add_look(found: dict[str, Any], file: Path, out: Path, until: float) -> None:
    """The first pages of a workbook as they print, for its charts and its look; a large one is not printed."""
    cells = sum(int(sheet["cells"]) for sheet in found["sheets"])
    if cells > viewing_office.MAX_PRINTED_CELLS:
        found["notes"].append(f"no picture of its pages: it has {cells} cells")
        return
    if (
        sum(int(sheet["rows"]) * int(sheet["columns"]) for sheet in found["sheets"])
        > viewing_office.MAX_PRINTED_AREA
    ):
        found["notes"].append("no picture of its pages: its cells are too far apart")
        return
    source, why = viewing_office.to_pdf(file, until)
    if source is None:
        found["notes"].append(f"its pages could not be drawn: {why}")
        return
    found["notes"] += viewing_office.font_notes(file)
    found["pages"], notes = viewing_pages.write_pages(source, out, until)
    found["notes"] += notes
