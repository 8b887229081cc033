"""`upbench rubrics`: lint, import and score rubrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from rubrics import Finding, ImportedRubric, Judgement, RubricImport, RubricScore

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Lint, import and score rubrics.

    Example: upbench rubrics lint my-pack/jobs/invoices/rubric.toml
    """


@command.command(epilog="Example: upbench rubrics lint rubric.toml my-pack starter")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
def lint(paths: tuple[str, ...], as_json: bool) -> int:
    """Hold rubrics against the paper's rules.

    PATH is a rubric.toml or rubric.txt, a job's folder, a pack's folder, or the name of a built-in pack. Exit
    code 1 if there is an error; warnings are for a person to look at.
    """
    from rubrics import has_errors
    from rubrics import lint as lint_rubric
    from upbench.cli.sources import rubrics_at

    found: list[tuple[str, Finding]] = []
    total = 0
    for path in paths:
        for place, job, rubric in rubrics_at(path):
            total += 1
            found.extend((place, finding) for finding in lint_rubric(rubric, job))
    errors = sum(finding.level == "error" for _, finding in found)
    lines = [
        f"{place}: {finding.level}: {finding.criterion or '(rubric)'}: {finding.rule}: {finding.message}"
        for place, finding in found
    ]
    lines.append(f"{total} rubrics, {errors} errors, {len(found) - errors} warnings")
    body = {
        "rubrics": total,
        "errors": errors,
        "warnings": len(found) - errors,
        "findings": [{"file": place, **finding.model_dump(mode="json")} for place, finding in found],
    }
    emit(body, "\n".join(lines), as_json=as_json)
    return 1 if has_errors(tuple(finding for _, finding in found)) else 0


@command.command(
    name="import", epilog="Example: upbench rubrics import --from paperbench rubric.json --to rubric.toml"
)
@click.argument("path", metavar="PATH", type=PATH)
@click.option("--from", "kind", required=True, metavar="KIND", help="text, paperbench or ace.")
@click.option("--to", "target", required=True, type=PATH, metavar="FILE", help="The rubric.toml to write.")
@click.option("--only", metavar="NAME", help="Of a file with several rubrics: the one of this name.")
@json_option
def import_(path: Path, kind: str, target: Path, only: str | None, as_json: bool) -> None:
    """Carry a rubric over from elsewhere, and say line by line what could not be carried.

    A weighted tree is kept beside FILE as rubric.tree.json. A file with several rubrics (ace) is written into the
    folder FILE, one .toml for each, unless --only names one.
    """
    from rubrics import rubric_importer, write_rubric

    imported = rubric_importer(kind)(path)
    written: list[Path] = []
    for file, rubric in _targets(imported, target, only):
        written.extend(write_rubric(file, rubric.rubric, rubric.tree))
    lost = imported.not_carried
    for item in lost:
        place = f"{path}:{item.line}" if item.line else f"{path}"
        field = f" `{item.field}`" if item.field else ""
        say(f"not carried over: {place}{field}: {item.why}" + (f" ({item.count} times)" if item.count > 1 else ""))
    criteria = sum(len(rubric.rubric.criteria) for rubric in imported.rubrics if only in {None, rubric.name})
    body = {
        "written": [str(file) for file in written],
        "criteria": criteria,
        "not_carried": [
            {"line": item.line, "field": item.field, "why": item.why, "count": item.count} for item in lost
        ],
    }
    emit(body, f"{criteria} criteria -> {', '.join(map(str, written))}", as_json=as_json)


@command.command(epilog="Example: upbench rubrics score rubric.toml evaluations.jsonl --where attempt=2 --json")
@click.argument("rubric_path", metavar="RUBRIC", type=PATH)
@click.argument("verdicts_path", metavar="VERDICTS", type=PATH)
@click.option("--judgement", type=click.Choice(["pass", "fail"]), help="The reviewer's overall judgement.")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Of evaluations.jsonl: only these lines (agent, job, repeat, attempt, arm ...).",
)
@json_option
def score(
    rubric_path: Path, verdicts_path: Path, judgement: str | None, where: tuple[str, ...], as_json: bool
) -> None:
    """What verdicts on a rubric amount to: rubric score, completion by each policy, weighted and tree scores.

    VERDICTS is a JSON file {"criterion": "pass" | "fail" | "cannot_judge" | null}, a graded PaperBench tree (its
    own weights count), or an evaluations.jsonl with one attempt (its verdicts of record count). RUBRIC may also
    be a PaperBench rubric.json.
    """
    from core import BadInput
    from rubrics import score as score_rubric
    from upbench.cli.sources import attempt_of, rubric_and_tree, verdicts_and_tree

    rubric, tree = rubric_and_tree(rubric_path)
    overall: Judgement | None = None if judgement is None else "pass" if judgement == "pass" else "fail"
    if verdicts_path.suffix == ".jsonl":
        rubric, verdicts, recorded = attempt_of(verdicts_path, rubric, where)
        overall = overall or recorded
    elif where:
        raise BadInput("is for evaluations.jsonl only", field="--where")
    else:
        verdicts, graded = verdicts_and_tree(verdicts_path, rubric)
        if graded is not None and tree is not None and graded.shape != tree.shape:
            say("the graded tree is not weighted as the rubric's is: the tree score is by the graded tree")
        tree = graded or tree
    result = score_rubric(rubric, verdicts, judgement=overall, tree=tree)
    emit(result.model_dump(mode="json", by_alias=True), _told(result), as_json=as_json)


def _targets(imported: RubricImport, target: Path, only: str | None) -> list[tuple[Path, ImportedRubric]]:
    from core import BadInput

    names = [rubric.name for rubric in imported.rubrics]
    if only is not None and only not in names:
        raise BadInput(f"no rubric {only!r} in this file", field="--only", mend=f"it has {', '.join(names[:20])}")
    chosen = [rubric for rubric in imported.rubrics if only in {None, rubric.name}]
    if len(chosen) == 1 and not target.is_dir():
        if target.suffix != ".toml":
            raise BadInput("a rubric is written as .toml", file=target, field="--to", mend="name a .toml file")
        return [(target, chosen[0])]
    if target.suffix == ".toml":
        mend = "name a folder, or one of them by --only"
        raise BadInput(f"{len(chosen)} rubrics do not fit in one file", file=target, field="--to", mend=mend)
    if target.exists() and not target.is_dir():
        raise BadInput("not a folder", file=target, field="--to")
    return [(target / f"{rubric.name}.toml", rubric) for rubric in chosen]


def _told(result: RubricScore) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}"

    words = {True: "completed", False: "not completed", None: "undecided"}
    counts = result.counts
    low, high = result.bounds
    lines = [
        f"rubric score    {number(result.rubric_score)}  (between {low:.4f} and {high:.4f} once all is judged)",
        f"weighted score  {number(result.weighted_score)}",
        f"tree score      {number(result.tree_score)}",
        f"criteria        {counts.passed} pass, {counts.failed} fail, {counts.cannot_judge} cannot be judged, "
        f"{counts.awaiting} awaiting",
        *(f"by policy {name:7}{words[value]}" for name, value in result.completed.items()),
    ]
    if result.judgement is not None:
        lines.append(f"judgement       {result.judgement}")
    return "\n".join(lines)
