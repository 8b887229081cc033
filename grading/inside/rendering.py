"""Every deliverable as text with anchors and machine facts; what cannot be rendered says why."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import rendering_facts as facts
from . import rendering_office as office
from .files import guard, listing, read_text, suffix
from .isolate import Died, answers
from .openers import IMAGES
from .outcome import Broken, Unjudgeable, clip
from .segments import Segment
from .spoken import ZERO_WIDTH, speaks_to_a_grader
from .submission import Submission
from .tables import DELIMITED
from .texts import HTML, document_text
from .workbooks import XLSX

FILE_SECONDS = 30.0
TOTAL_SECONDS = 300.0
FILE_CHARS = 200_000
TOTAL_CHARS = 3_000_000
SEGMENT_CHARS = 20_000
MAX_FILES = 1000
HIDDEN_ITEMS = 40
UNSEEN_ITEMS = 200
UNSEEN_CHARS = 1000
Rendered = tuple[list[Segment], dict[str, Any]]


def render_folder(root: Path) -> list[dict[str, Any]]:
    """One rendering a file, sorted by path; `segments` are [anchor, text], `unseen` [anchor, why, text]."""
    paths = listing(root)
    until = time.monotonic() + TOTAL_SECONDS
    rendered: list[dict[str, Any]] = []
    budget = TOTAL_CHARS
    while len(rendered) < len(paths):
        rest = paths[len(rendered) :]
        if len(rendered) >= MAX_FILES or budget <= 0 or time.monotonic() >= until:
            rendered += [_nothing(path, "left out: the submission is larger than is rendered") for path in rest]
            break
        for path, answer in zip(rest, answers(_work(root, rest, budget), FILE_SECONDS, until), strict=False):
            one = _nothing(path, answer.why) if isinstance(answer, Died) else {"path": path, **answer}
            budget -= sum(len(text) for _, text in one["segments"])
            rendered.append(one)
            if budget <= 0 or len(rendered) >= MAX_FILES:
                break
    return rendered


def _nothing(path: str, why: str) -> dict[str, Any]:
    return {"path": path, "segments": [], "unseen": [], "facts": {}, "problem": clip(why), "truncated": True}


def _work(root: Path, paths: list[str], budget: int) -> Callable[[], Iterator[dict[str, Any]]]:
    def work() -> Iterator[dict[str, Any]]:
        left = budget
        for path in paths:
            one = render_file(root, path, min(FILE_CHARS, left))
            left -= sum(len(text) for _, text in one["segments"])
            yield one

    return work


def render_file(
    root: Path, path: str, chars: int = FILE_CHARS, *, submission: Submission | None = None
) -> dict[str, Any]:
    """The rendering of one file, at most `chars` characters of text; `submission` keeps what it opened."""
    file = root / path
    found: dict[str, Any] = {"bytes": file.stat().st_size}
    segments: list[Segment] = []
    problem = None
    try:
        guard(file)
        segments, more = _render(submission or Submission(root, root), file)
        found |= more
    except (Broken, Unjudgeable) as error:
        problem = str(error)
    except (MemoryError, RecursionError) as error:
        problem = f"too large or too deep to be rendered ({type(error).__name__})"
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on a hostile file
        problem = f"could not be rendered: {type(error).__name__}: {error}"
    found |= _flags(segments, [path, json.dumps(found, default=str, ensure_ascii=False)])
    seen, unseen = _part(segments)
    kept, truncated = _cut(seen, chars)
    return {
        "segments": kept,
        "unseen": unseen,
        "facts": found,
        "problem": None if problem is None else clip(problem),
        "truncated": truncated or bool(found.get("rows_left_out")),
    }


def _render(submission: Submission, file: Path) -> Rendered:
    kind = suffix(file)
    if kind in XLSX:
        return office.workbook(submission.book(file))
    if kind in {".docx", ".docm"}:
        return office.document(file)
    if kind in {".pptx", ".pptm"}:
        return office.presentation(file)
    if kind == ".pdf":
        return facts.pdf(file)
    if kind in DELIMITED:
        return facts.delimited(file)
    if kind in IMAGES:
        return [], facts.image(file)
    if kind == ".zip":
        return facts.archive(file)
    text = document_text(file, submission.book)
    found: dict[str, Any] = {"words": sum(len(segment.text.split()) for segment in text.segments)}
    if kind in HTML:
        found |= facts.page(read_text(file))
        text.segments += [Segment("hidden", item["text"], hidden=item["why"]) for item in found.pop("unseen")]
    elif kind in {".json", ".jsonl", ".ndjson"}:
        try:
            found |= facts.json_facts(file)
        except Broken as error:
            found["not_valid"] = str(error)
    elif kind == ".dxf":
        found |= facts.drawing(file)
    else:
        found["lines"] = len(text.segments)
    return text.segments, found


def _flags(segments: list[Segment], metadata: list[str]) -> dict[str, Any]:
    """What a reader does not see, and what seems to speak to a grader."""
    hidden = [_flag(segment, segment.hidden) for segment in segments if segment.hidden]
    suspect = [_flag(segment, segment.suspect) for segment in segments if segment.suspect]
    zero_width = sum(len(ZERO_WIDTH.findall(segment.text)) for segment in segments)
    spoken = [
        {"anchor": segment.anchor, "text": clip(said, 200)}
        for segment in [*segments, *(Segment("metadata", text) for text in metadata)]
        if (said := speaks_to_a_grader(segment.text))
    ]
    found: dict[str, Any] = {}
    if hidden:
        found |= {"hidden": hidden[:HIDDEN_ITEMS], "hidden_count": len(hidden)}
    if suspect:
        found |= {"suspicious": suspect[:HIDDEN_ITEMS], "suspicious_count": len(suspect)}
    if zero_width:
        found["zero_width_characters"] = zero_width
    if spoken:
        found |= {"instruction_like": spoken[:HIDDEN_ITEMS]}
    return found


def _flag(segment: Segment, why: str | None) -> dict[str, Any]:
    return {"anchor": segment.anchor, "why": why, "text": clip(segment.text, 200)}


def _part(segments: list[Segment]) -> tuple[list[Segment], list[list[str]]]:
    """What a reader sees, and what not as [anchor, why, text], which is taken out of what is seen."""
    seen = [segment for segment in segments if not segment.hidden and not segment.suspect]
    unseen = [segment for segment in segments if segment.hidden]
    for one in unseen:
        text = one.text.strip()
        home = next((segment for segment in seen if segment.anchor == one.anchor and text in segment.text), None)
        if home is not None:
            home.text = home.text.replace(text, " ", 1)
    pairs = [[clip(one.anchor, 200), str(one.hidden), clip(one.text, UNSEEN_CHARS)] for one in unseen]
    return seen, pairs[:UNSEEN_ITEMS]


def _cut(segments: list[Segment], chars: int) -> tuple[list[list[str]], bool]:
    """The segments as pairs, the middle left out (and said) where they are too long."""
    truncated = any(len(segment.text) > SEGMENT_CHARS for segment in segments)
    pairs = [[clip(segment.anchor, 200), _whole(segment.text)] for segment in segments]
    total = sum(len(text) for _, text in pairs)
    if total <= chars:
        return pairs, truncated
    head: list[list[str]] = []
    tail: list[list[str]] = []
    room = chars * 4 // 5
    while pairs and len(pairs[0][1]) <= room:
        room -= len(pairs[0][1])
        head.append(pairs.pop(0))
    room = chars // 5
    while pairs and len(pairs[-1][1]) <= room:
        room -= len(pairs[-1][1])
        tail.insert(0, pairs.pop())
    return [*head, ["", f"[... {len(pairs)} passages left out here ...]"], *tail], True


def _whole(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return clean if len(clean) <= SEGMENT_CHARS else clean[:SEGMENT_CHARS] + " [... the rest is left out ...]"
