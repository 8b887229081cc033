"""Carries out a list of checks: each in isolation, none able to spoil another, all within a bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .isolate import Died, answers
from .outcome import Broken, Missing, Outcome, Unjudgeable, cannot_judge, clip, failed
from .python_checks import preload, python_outcome
from .submission import Submission

KIND_SECONDS = 30.0
PYTHON_SECONDS = 60.0
TOTAL_SECONDS = 480.0

Item = tuple[str, dict[str, Any]]


def run_checks(
    items: list[Item],
    deliverables: Path,
    inputs: Path,
    checks: Path | None,
    *,
    kind_seconds: float = KIND_SECONDS,
    python_seconds: float = PYTHON_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
) -> list[dict[str, Any]]:
    """One outcome a criterion, in the order asked.

    Args:
        items: (criterion id, check with its `kind`).
        deliverables: The submission.
        inputs: The job's attachments.
        checks: The job's `checks.py`, if it has one.
        kind_seconds: For each check of the vocabulary.
        python_seconds: For each Python check.
        total_seconds: For all together.
    """
    until = time.monotonic() + total_seconds
    outcomes: dict[str, dict[str, Any]] = {}
    waiting = [item for item in items if item[1].get("kind") != "python"]
    tries = 0
    while waiting:
        # A file that kills one check likely kills the next: each child that died leaves less patience.
        tries += 1
        waiting = _batch(waiting, Submission(deliverables, inputs), (kind_seconds / tries, until), outcomes)
    python = [item for item in items if item[1].get("kind") == "python"]
    if python:
        preload(checks)
    for name, check in python:
        started = time.monotonic()
        work = _one_python(str(check.get("function")), deliverables, inputs, checks)
        answer = next(iter(answers(work, min(python_seconds, until - started), until)), Died("it gave no answer"))
        outcomes[name] = _died(answer, started) if isinstance(answer, Died) else answer | _seconds(started)
    return [{"id": name, **outcomes[name]} for name, _ in items]


def _seconds(started: float) -> dict[str, float]:
    return {"seconds": round(time.monotonic() - started, 4)}


def _died(died: Died, started: float) -> dict[str, Any]:
    return asdict(cannot_judge(f"the check could not be carried out: {died.why}")) | _seconds(started)


def _batch(
    items: list[Item], submission: Submission, times: tuple[float, float], outcomes: dict[str, dict[str, Any]]
) -> list[Item]:
    """Run `items` in one child; when it dies at one of them, say so and return those that follow."""

    def work() -> Iterator[dict[str, Any]]:
        for _, check in items:
            yield asdict(kind_outcome(submission, check))

    position, started = 0, time.monotonic()
    for answer in answers(work, *times):
        name = items[position][0]
        outcomes[name] = _died(answer, started) if isinstance(answer, Died) else answer | _seconds(started)
        position, started = position + 1, time.monotonic()
    return items[position:]


def _one_python(function: str, deliverables: Path, inputs: Path, checks: Path | None) -> Any:
    def work() -> Iterator[dict[str, Any]]:
        yield asdict(python_outcome(function, Submission(deliverables, inputs), checks))

    return work


def kind_outcome(submission: Submission, check: dict[str, Any]) -> Outcome:
    """The outcome of one check of the vocabulary."""
    from .vocabulary import KINDS

    carry_out = KINDS.get(str(check.get("kind")))
    if carry_out is None:
        return cannot_judge(f"there is no check {check.get('kind')!r}")
    try:
        return carry_out(submission, check)
    except Missing as error:
        return failed(str(error), kind="absence")
    except Broken as error:
        found = submission.matching(str(check.get("file", "")))
        return failed(str(error), found[0] if found else None)
    except Unjudgeable as error:
        return cannot_judge(str(error))
    except MemoryError:
        return cannot_judge("the deliverable needs more memory than a check has")
    except RecursionError:
        return cannot_judge("the deliverable is nested too deeply")
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on a hostile file; the rest goes on
        return cannot_judge(clip(f"the check could not be carried out: {type(error).__name__}: {error}"))
