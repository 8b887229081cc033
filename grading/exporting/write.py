"""Lines as JSONL, as CSV with a row a verdict, or as CSV with a column a grader; written while they are read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, groupby
from typing import Any

from grading.adjudication.pay_csv import guarded
from grading.evaluations import EvaluationLine
from grading.exporting.aliases import Aliases
from grading.exporting.flat import FLAT_COLUMNS, flat_line
from grading.exporting.source import Exports, Grader
from grading.lines import dump_line
from grading.record import judgement_of_record, verdict_of_record

NAMES = ("grader_name", "grader_login")
_UNIT = ("run", "agent", "job", "category", "repeat", "attempt", "arm", "submission")
_WIDE = (*_UNIT, "criterion", "importance", "voided", "record", "record_source")


class ExportForm(StrEnum):
    """What an export looks like."""

    jsonl = "jsonl"
    csv = "csv"
    wide = "wide"

    @property
    def suffix(self) -> str:
        """Of its file."""
        return ".jsonl" if self is ExportForm.jsonl else ".csv"

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return "application/x-ndjson" if self is ExportForm.jsonl else "text/csv; charset=utf-8; header=present"


def write_export(exports: Exports, runs: Sequence[str], form: ExportForm, aliases: Aliases) -> Iterator[str]:
    """The text of an export, in pieces of a line or row each.

    Args:
        exports: Where lines come from.
        runs: Ids, as `exports.find` gives them.
        form: What it looks like.
        aliases: What it says instead of names.
    """
    lines = chain.from_iterable(exports.lines(run) for run in runs)
    if form is ExportForm.wide:
        graders = {grader for run in runs for grader in exports.graders(run)}
        return _wide(lines, sorted(graders, key=_place), aliases)
    return (_jsonl if form is ExportForm.jsonl else _long)(lines, aliases)


def in_chunks(pieces: Iterable[str], size: int = 64 * 1024) -> Iterator[bytes]:
    """Text in few pieces of about that many characters, as UTF-8: each costs a server a turn."""
    held: list[str] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(held).encode()
            held, length = [], 0
    if held:
        yield "".join(held).encode()


def _jsonl(lines: Iterable[EvaluationLine], aliases: Aliases) -> Iterator[str]:
    for line in lines:
        said = aliases.line(line)
        name, login = aliases.person(line.grader, line.grader_kind)
        if not login:
            yield dump_line(said) + "\n"
            continue
        body = json.loads(dump_line(said)) | dict(zip(NAMES, (name, login), strict=True))
        yield json.dumps(body, ensure_ascii=False, allow_nan=False) + "\n"


def _long(lines: Iterable[EvaluationLine], aliases: Aliases) -> Iterator[str]:
    named = aliases.people is not None
    yield _row([*FLAT_COLUMNS, *(NAMES if named else ())])
    for line in lines:
        row = flat_line(aliases.line(line))
        person = aliases.person(line.grader, line.grader_kind) if named else ()
        yield _row([*(row[name] for name in FLAT_COLUMNS), *person])


def _wide(lines: Iterable[EvaluationLine], graders: Sequence[Grader], aliases: Aliases) -> Iterator[str]:
    """One row a criterion of a submission, and one with an empty criterion for the overall judgement."""
    heads = []
    for grader in graders:
        name, login = aliases.person(*grader)
        heads.append(" ".join(filter(None, (aliases.grader(*grader), name, f"<{login}>" if login else ""))))
    yield _row([*_WIDE, *heads])
    for _, of_attempt in groupby(lines, key=_attempt):
        found = list(of_attempt)
        unit = flat_line(aliases.line(found[0]))
        facts = [unit[name] for name in _UNIT]
        criteria: dict[str, list[EvaluationLine]] = {}
        for line in found:
            if line.criterion is not None:
                criteria.setdefault(line.criterion, []).append(line)
        for criterion, said in criteria.items():
            record = verdict_of_record(() if said[0].voided else said)
            about = (criterion, said[0].importance, said[0].voided, record.verdict, record.source)
            yield _row([*facts, *about, *_cells(said, graders, "verdict")])
        if any(line.judgement is not None for line in found):
            overall = ("", "", None, judgement_of_record(found), "")
            yield _row([*facts, *overall, *_cells(found, graders, "judgement")])


def _cells(said: Sequence[EvaluationLine], graders: Sequence[Grader], what: str) -> list[str]:
    """What each grader said first."""
    first: dict[tuple[str, Any], tuple[int, str]] = {}
    for line in said:
        word = getattr(line, what)
        key = (line.grader, line.grader_kind)
        if word is not None and (key not in first or line.revision < first[key][0]):
            first[key] = (line.revision, word)
    return [first.get(grader, (0, ""))[1] for grader in graders]


def _attempt(line: EvaluationLine) -> tuple[Any, ...]:
    return (line.run, line.agent, line.job, line.repeat, line.attempt, line.arm)


def _place(grader: Grader) -> tuple[int, str]:
    return (("human", "check", "judge").index(grader[1]), grader[0])


class _Echo:
    """Gives back what a CSV writer writes, so that nothing is gathered."""

    def write(self, text: str) -> str:
        return text


def _row(cells: Iterable[object]) -> str:
    return str(csv.writer(_Echo()).writerow([_cell(cell) for cell in cells]))


def _cell(cell: object) -> object:
    """As spreadsheets and statistics programs read it, and carry nothing out."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return guarded(cell) if isinstance(cell, str) else cell
