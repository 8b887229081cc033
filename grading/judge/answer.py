"""What a judge answers: the evidence first, the verdict second, and the right to abstain."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from core import Frozen
from rubrics import Verdict

ABSTAINS = (
    "missing_file",
    "unreadable_file",
    "truncated_input",
    "needs_external_knowledge",
    "ambiguous_criterion",
    "insufficient_evidence",
)
EvidenceKind = Literal["quote", "fact", "absence", "region"]


class Cited(Frozen):
    """A piece of evidence as the model gives it.

    Attributes:
        kind: `quote`: verbatim text of a file; `fact`: a line of its machine facts; `absence`: what was searched;
            `region`: what is seen on a page that is shown as an image.
    """

    kind: EvidenceKind
    file: str = Field(max_length=1000)
    anchor: str = Field(max_length=300)
    text: str = Field(max_length=4000)


class Requirement(Frozen):
    """One part of the criterion, put so that met is good."""

    requirement: str = Field(max_length=2000)
    met: bool


class JudgeAnswer(Frozen):
    """The structured answer to one criterion."""

    expectation: str = Field(max_length=4000)
    evidence: Annotated[tuple[Cited, ...], Field(max_length=20)]
    requirements: Annotated[tuple[Requirement, ...], Field(max_length=30)]
    verdict: Verdict
    abstain_reason: str = Field(max_length=60)
    feedback: str = Field(max_length=4000)


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer(kinds: list[str], text: str) -> dict[str, Any]:
    return _object(
        expectation=_text("What a deliverable must show for this criterion, before looking"),
        evidence={
            "type": "array",
            "description": "What the deliverables show, for and against",
            "items": _object(
                kind={"type": "string", "enum": kinds},
                file=_text("The deliverable's path as in the manifest; empty only for an absence over all files"),
                anchor=_text("The anchor in brackets before the passage, or empty"),
                text=_text(text),
            ),
        },
        requirements={
            "type": "array",
            "description": "The parts of the criterion, each put so that met is good",
            "items": _object(requirement=_text("One part"), met={"type": "boolean"}),
        },
        verdict={"type": "string", "enum": ["pass", "fail", "cannot_judge"]},
        abstain_reason={"type": "string", "enum": ["", *ABSTAINS], "description": "Only with cannot_judge"},
        feedback=_text("Two sentences at most, for the one who did the work"),
    )


_TEXT = "quote: verbatim text; fact: a verbatim `name = value` line; absence: what you searched"
ANSWER_SCHEMA = _answer(["quote", "fact", "absence"], _TEXT)
LOOKING_SCHEMA = _answer(
    ["quote", "fact", "absence", "region"], f"{_TEXT}; region: what is seen on the page of that anchor"
)


def parse_answer(text: str) -> JudgeAnswer | None:
    """The answer, or None when it is no such JSON."""
    try:
        return JudgeAnswer.model_validate_json(text.strip())
    except ValidationError:
        return None
