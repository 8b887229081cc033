"""What a check says: a verdict, the reason in one line, and the evidence; and the two ways not to get there."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

TEXT_CHARS = 500
EVIDENCE_ITEMS = 5


class Broken(Exception):
    """The deliverable is not what the check needs (missing, cannot be opened, lacks a sheet): the check fails."""


class Missing(Broken):
    """No file matches; `searched` says what was looked for."""


class Unjudgeable(Exception):
    """The check cannot tell."""


@dataclass
class Outcome:
    """A verdict on one criterion.

    Attributes:
        verdict: `pass`, `fail` or `cannot_judge`.
        feedback: One line for the one who reads the verdict.
        evidence: Dictionaries with `kind` (`fact`, `quote`, `absence`), `file`, `anchor` and `text`.
    """

    verdict: str
    feedback: str = ""
    evidence: list[dict[str, Any]] = field(default_factory=list)


def clip(text: object, chars: int = TEXT_CHARS) -> str:
    """`text` without control characters, cut to `chars`; lone surrogates become replacement characters."""
    shown = str(text).encode("utf-8", "replace").decode("utf-8")
    shown = "".join(char if char.isprintable() or char == "\n" else " " for char in shown)
    return shown if len(shown) <= chars else shown[: chars - 1] + "…"


def evidence(kind: str, text: object, file: str | None = None, anchor: str | None = None) -> dict[str, Any]:
    """One piece of evidence."""
    where = None if anchor is None else clip(anchor, 200)
    return {"kind": kind, "file": None if file is None else clip(file), "anchor": where, "text": clip(text)}


def passed(text: str, file: str | None = None, anchor: str | None = None, kind: str = "fact") -> Outcome:
    """The check passes; `text` is what was seen."""
    return Outcome("pass", "", [evidence(kind, text, file, anchor)])


def failed(text: str, file: str | None = None, anchor: str | None = None, kind: str = "fact") -> Outcome:
    """The check fails; `text` is what was seen, or (kind `absence`) searched."""
    return Outcome("fail", clip(text), [evidence(kind, text, file, anchor)])


def cannot_judge(text: str) -> Outcome:
    """The check cannot tell, for this reason."""
    return Outcome("cannot_judge", clip(text), [])


def toolbox(name: str) -> Any:
    """A package of the toolbox, loaded when it is first needed."""
    return importlib.import_module(name)
