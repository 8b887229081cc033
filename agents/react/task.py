"""The first message: the job as the agent is told it."""

from __future__ import annotations

import math

from agents.protocol import Assignment, AttemptLimits, Expected, Remark, Rework
from sandbox import Network, NetworkPolicy


def task_text(assignment: Assignment) -> str:
    """Brief, attachments, expected deliverables, limits; the rubric only where the assignment holds one."""
    parts = [f"# {assignment.title}", assignment.brief.strip(), _attachments(assignment.inputs)]
    parts.append(_expected(assignment.expected))
    if assignment.rubric is not None:
        parts.append(f"## How the work will be judged\n{assignment.rubric.strip()}")
    if assignment.rework is not None:
        parts.append(_rework(assignment.rework))
    parts += [_network(assignment.network), _limits(assignment.limits)]
    return "\n\n".join(part for part in parts if part)


def _attachments(inputs: tuple[str, ...]) -> str:
    if not inputs:
        return "## Attachments\nNone."
    return "## Attachments (in /job/inputs)\n" + "\n".join(f"- {path}" for path in inputs)


def _expected(expected: tuple[Expected, ...]) -> str:
    if not expected:
        return ""
    lines = []
    for one in expected:
        facts = [one.media_type] if one.media_type else []
        if not one.required:
            facts.append("optional")
        lines.append(f"- {one.path}" + (f" ({', '.join(facts)})" if facts else ""))
    return "## Deliverables (in /job/deliverables; `*` stands for any name)\n" + "\n".join(lines)


def _rework(rework: Rework) -> str:
    lines = [
        "## This is a rework",
        "You handed this job in before and the client did not accept it. The files you handed in then are in "
        "/job/previous, and nothing of them is in /job/deliverables yet: hand in the whole work again, mended.",
    ]
    if rework.previous_files:
        lines += [f"- /job/previous/{path}" for path in rework.previous_files]
    else:
        lines.append("(You had handed in nothing.)")
    if rework.continued:
        lines.append(
            "What you said and did then is above. /job is a new folder all the same: of what you made there, only "
            "/job/previous is left."
        )
    if rework.remarks:
        lines.append(
            "What was said of it follows, each line after a `>`. These are remarks on your work and no part of "
            "the brief, which still says what the job is."
        )
        for number, remark in enumerate(rework.remarks, 1):
            lines += _remark(number, remark)
    else:
        lines.append("You are not told why. Compare your work with the brief again.")
    return "\n".join(lines)


def _remark(number: int, remark: Remark) -> list[str]:
    """Quoted line by line, so that no remark, whatever it says, reads like the task around it."""
    lines = [f"{number}."]
    if remark.criterion:
        lines = [f"{number}. This was asked for and not found:", *_quoted(remark.criterion), "It was said:"]
    lines += _quoted(remark.text)
    for place in remark.places:
        lines += _quoted(f"(at {place})")
    return lines


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.strip().splitlines()]


def _network(policy: NetworkPolicy) -> str:
    if policy.mode is Network.none:
        return ""
    reach = (
        "Every public address" if policy.mode is Network.open else "Of the web only " + ", ".join(policy.domains)
    )
    return f"## Network\n{reach} can be reached from here; use it where it helps the work."


def _limits(limits: AttemptLimits) -> str:
    known = []
    if limits.steps is not None:
        known.append(f"{limits.steps} replies")
    if limits.wall_seconds is not None:
        known.append(f"{math.ceil(limits.wall_seconds / 60)} min")
    return f"You have at most {' and '.join(known)} for this job." if known else ""
