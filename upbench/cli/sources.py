"""Where the `rubrics` commands find rubrics and verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import BadInput, read_json
from grading import EvaluationLine, judgement_of_record, read_lines, verdict_of_record
from jobs import builtin_packs, load_pack
from rubrics import (
    Judgement,
    Rubric,
    RubricTree,
    Verdict,
    import_paperbench,
    is_tree,
    load_rubric,
    load_tree,
    load_verdicts,
    read_graded_tree,
    refuse_unknown,
    tree_path,
)

_ATTEMPT = ("run", "agent", "job", "repeat", "attempt", "execution", "arm")


def rubrics_at(name: str) -> Iterator[tuple[str, str | None, Rubric]]:
    """File, job and rubric of each rubric at a path: a file, a job's folder, a pack's folder or name."""
    path = Path(name)
    is_pack = (path / "pack.toml").is_file()
    if is_pack or (name in builtin_packs() and not path.is_file()):
        for job in load_pack(name).jobs:
            yield str(job.rubric_file), job.id, job.rubric
        return
    if path.is_dir():
        files = [file for file in (path / "rubric.toml", path / "rubric.txt") if file.is_file()]
        if len(files) != 1:
            what = (
                "both rubric.toml and rubric.txt are there" if files else "no rubric.toml, rubric.txt or pack.toml"
            )
            raise BadInput(what, file=path, mend="name a rubric file, a job's folder or a pack's folder")
        yield str(files[0]), path.name, load_rubric(files[0])
        return
    yield name, None, rubric_and_tree(path)[0]


def rubric_and_tree(path: Path) -> tuple[Rubric, RubricTree | None]:
    """A rubric and the weighted tree beside it; a PaperBench `rubric.json` is both."""
    if path.suffix == ".json":
        if not is_tree(read_json(path)):
            raise BadInput(
                "not a PaperBench tree", file=path, mend="a rubric is a .toml, a .txt or a PaperBench .json"
            )
        imported = import_paperbench(path).rubrics[0]
        return imported.rubric, imported.tree
    rubric = load_rubric(path)
    beside = tree_path(path)
    return rubric, load_tree(beside, rubric) if beside.is_file() else None


def verdicts_and_tree(path: Path, rubric: Rubric) -> tuple[dict[str, Verdict | None], RubricTree | None]:
    """The verdicts in a JSON file, and the weighted tree that a graded tree brings with it."""
    verdicts = load_verdicts(path, rubric)
    data = read_json(path)
    return verdicts, read_graded_tree(path, data).tree if is_tree(data) else None


def attempt_of(
    path: Path, rubric: Rubric, where: tuple[str, ...]
) -> tuple[Rubric, dict[str, Verdict | None], Judgement | None]:
    """Verdicts and judgement of record of the one attempt in an `evaluations.jsonl` that `where` leaves.

    They come with the rubric that counts for it: without the criteria that the file calls voided.
    """
    conditions = [_condition(text) for text in where]
    lines = [line for line in read_lines(path) if all(_is(line, field, value) for field, value in conditions)]
    if not lines:
        raise BadInput("no line is so", file=path, field="--where", mend="look at the fields of the file")
    attempts = {tuple(getattr(line, field) for field in _ATTEMPT) for line in lines}
    if len(attempts) > 1:
        differing = [
            f"{field}={min(str(value) for value in values)}"
            for field, values in zip(_ATTEMPT, map(set, zip(*attempts, strict=True)), strict=True)
            if len(values) > 1
        ]
        raise BadInput(
            f"{len(attempts)} attempts",
            file=path,
            mend=f"choose one, for instance by --where {' --where '.join(differing)}",
        )
    words: dict[str, list[EvaluationLine]] = {}
    for line in lines:
        if line.criterion is not None:
            words.setdefault(line.criterion, []).append(line)
    refuse_unknown(path, words, rubric)
    voided = {line.criterion for line in lines if line.voided}
    counting = tuple(criterion for criterion in rubric.criteria if criterion.id not in voided)
    if not counting:
        raise BadInput("every criterion of the rubric is voided in it", file=path)
    verdicts = {name: verdict_of_record(said).verdict for name, said in words.items() if name not in voided}
    return rubric.model_copy(update={"criteria": counting}), verdicts, judgement_of_record(lines)


def _condition(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals or field not in EvaluationLine.model_fields:
        known = ", ".join(_ATTEMPT)
        raise BadInput(f"{text!r} is not FIELD=VALUE", field="--where", mend=f"fields are for instance {known}")
    return field, value


def _is(line: EvaluationLine, field: str, value: str) -> bool:
    held: Any = getattr(line, field)
    return str(held) == value
