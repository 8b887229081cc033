"""Review items and what people say of them, written into the book without a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from core import BadInput, Blobs, Database, canonical_json, digest_of, insert_new
from grading import GRADING_MIGRATIONS, CriterionVerdict, Evaluation, ReviewItem
from grading.adjudication.changing import Changer
from grading.adjudication.leniency import Sums
from grading.adjudication.triggers import open_due
from grading.book import insert_evaluation, read_evaluations
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS
from rubrics import Rubric, Verdict
from sandbox import SandboxProvider

MIGRATIONS = GRADING_MIGRATIONS
RUBRIC = Rubric.model_validate(
    {
        "criteria": [
            {"id": "rows", "importance": "critical", "text": "Holds 17 rows"},
            {"id": "tone", "importance": "important", "text": "Speaks plainly"},
            {"id": "style", "importance": "important", "text": "Follows the style sheet"},
            {"id": "extra", "importance": "optional", "text": "Gives a summary"},
            {"id": "ads", "importance": "pitfall", "text": "Advertises"},
        ]
    }
)
GOOD = dict.fromkeys((criterion.id for criterion in RUBRIC.criteria), "pass")


def changer_of(folder: Path, blobs: Blobs) -> Changer:
    """What makes changed copies where there is no sandbox."""

    def none() -> SandboxProvider:
        raise BadInput("there is none", field="sandbox", mend="have one")

    return Changer(blobs, folder, none, lambda path: f"any/{path.suffix[1:]}")


def publish(connection: Connection, alias: str = "item", *, rubric: str = "g") -> Row[Any]:
    """An item of which every primary review is there, as a row."""
    item = ReviewItem(
        job="lead-list",
        title="A lead list",
        brief="Do it.",
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission=f"s-{alias}",
        grading_digest=rubric,
    )
    digest = digest_of(item.sheet)
    connection.execute(insert_new(REVIEW_SHEETS), {"digest": digest, "body": canonical_json(item.sheet)})
    connection.execute(
        insert(REVIEW_ITEMS),
        {
            "alias": alias,
            "attempt_id": f"attempt-of-{alias}",
            "submission": item.submission,
            "grading_digest": rubric,
            "sheet": digest,
            "handed_in": canonical_json(item.handed_in),
            "state": "locked",
            "changed": "2026-01-01T00:00:00+00:00",
        },
    )
    return row_of(connection, alias)


def row_of(connection: Connection, alias: str = "item") -> Row[Any]:
    return connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == alias)).one()


def evaluation(
    row: Row[Any], grader: str, verdicts: Mapping[str, str], judgement: str | None = "pass", **more: Any
) -> Evaluation:
    said = [
        CriterionVerdict(criterion=name, verdict=Verdict(word), feedback="why" if word == "fail" else "")
        for name, word in verdicts.items()
    ]
    values: dict[str, Any] = {
        "attempt_id": row.attempt_id,
        "submission": row.submission,
        "grading_digest": row.grading_digest,
        "grader": grader,
        "grader_kind": "human",
        "judgement": judgement,
        "verdicts": more.pop("said", tuple(said)),
    }
    return Evaluation.model_validate(values | more)


def say(connection: Connection, row: Row[Any], grader: str, verdicts: Mapping[str, str], **more: Any) -> int:
    return insert_evaluation(connection, evaluation(row, grader, verdicts, **more))


def due(connection: Connection, row: Row[Any]) -> int:
    return open_due(connection, row, read_evaluations(connection, [row.attempt_id]))


def two_who_differ(database: Database, alias: str = "item") -> str:
    """An item with one open adjudication, on `rows`; returns that adjudication's alias."""
    from grading.adjudication.tables import ADJUDICATIONS

    with database.write() as connection:
        row = publish(connection, alias)
        say(connection, row, "anna", GOOD)
        say(connection, row, "bert", GOOD | {"rows": "fail"})
        due(connection, row)
        query = select(ADJUDICATIONS.c.alias).where(ADJUDICATIONS.c.item == alias)
        return str(connection.execute(query).scalar_one())


def residuals(said: Sequence[Mapping[str, bool]]) -> dict[str, Sums]:
    """Reviewer -> their residuals summed, from what each said (True: pass) of one criterion, many times."""
    found: dict[str, list[float]] = {}
    for of_criterion in said:
        for reviewer, passed in of_criterion.items():
            others = [word for name, word in of_criterion.items() if name != reviewer]
            if others:
                found.setdefault(reviewer, []).append(passed - sum(others) / len(others))
    return {name: Sums(len(all_), sum(all_), sum(one * one for one in all_)) for name, all_ in found.items()}
