"""Changed copies of submissions, as gold: they are reviewed like any submission, and it is known what is wrong.

A copy is an item of its own, of an attempt that no run has: no figure ever counts it, it starts no rework, and it
waits for nobody. What checks said of the original is said of the copy as well, or a criterion that nobody need
judge on the one would have to be judged on the other, and the copy could be told by it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from core import Deliverable, Submission, canonical_json
from grading.adjudication.changing import Changed
from grading.adjudication.gold import GoldKey, keys_from_record, keys_of, set_gold_keys
from grading.adjudication.perturb import NotChanged
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.triggers import of_item
from grading.book import LOCKED, insert_evaluation, now, read_evaluations
from grading.evaluations import Evaluation
from grading.people.audit import append_audit
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict

PREFIX = "gold-"
"""Of the attempts of copies; no run makes such ids."""


def files_of_item(connection: Connection, item: str) -> tuple[Deliverable, ...]:
    """What was handed in. Raises `NoSuchReview`."""
    body = connection.execute(select(REVIEW_ITEMS.c.handed_in).where(REVIEW_ITEMS.c.alias == item)).scalar()
    if body is None:
        raise NoSuchReview(item)
    return tuple(Deliverable.model_validate(one) for one in json.loads(body).get("deliverables", ()))


def add_gold_copy(
    connection: Connection,
    origin: str,
    changed: Changed,
    wrong: Mapping[str, GoldKey],
    by: str,
    *,
    reason: str,
    exam: bool = False,
) -> str:
    """Put a changed copy of a submission among the gold, say so in the audit log, and return its alias.

    Args:
        connection: Of a write transaction.
        origin: Alias of the item that it is made from.
        changed: What the copy hands in, and how it was changed.
        wrong: Criterion -> what is right of it because of the change. The other keys are those of the original, or
            else what its record knows well enough.
        by: Who says so.
        reason: Why that is known.
        exam: See `set_gold_keys`.

    Raises:
        NoSuchReview: No such item or criterion; or nothing is known of it.
        NotChanged: It is what the original handed in.
    """
    row = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == origin)).one_or_none()
    if row is None:
        raise NoSuchReview(origin)
    handed_in = json.loads(row.handed_in)
    files = tuple(sorted(changed.files, key=lambda file: file.path))
    digest = Submission(files=files).digest
    there = [file.model_dump(mode="json") for file in files]
    if digest == row.submission or there == handed_in.get("deliverables"):
        raise NotChanged("it is what was handed in")
    handed_in |= {
        "deliverables": there,
        "missing": [*handed_in.get("missing", ()), *changed.missing],
        "submission": digest,
    }
    alias, attempt = secrets.token_hex(8), PREFIX + secrets.token_hex(8)
    same = ("grading_digest", "sheet", "previous", "pack", "job", "category")
    values = {name: getattr(row, name) for name in same} | {
        "alias": alias,
        "attempt_id": attempt,
        "submission": digest,
        "handed_in": canonical_json(handed_in),
        "state": LOCKED,
        "changed": now(),
        "settled": now(),
    }
    connection.execute(insert(REVIEW_ITEMS), values)
    for evaluation in of_item(row, read_evaluations(connection, [row.attempt_id])):
        if evaluation.grader_kind != "human":
            insert_evaluation(connection, _of_copy(evaluation, attempt, digest, wrong))
    keys = (keys_of(connection, origin) or keys_from_record(connection, origin)) | dict(wrong)
    set_gold_keys(connection, alias, keys, by, reason=reason, exam=exam, origin=origin, made=changed.made)
    detail = {"origin": origin, "made": changed.made, "reason": reason, "exam": exam}
    append_audit(connection, actor=by, action="gold.copy", subject=alias, detail=detail)
    return alias


def _of_copy(evaluation: Evaluation, attempt: str, submission: str, wrong: Mapping[str, GoldKey]) -> Evaluation:
    """What a check or judge said of the original; of what is wrong now, a check says what is right."""
    said = []
    for verdict in evaluation.verdicts:
        key = wrong.get(verdict.criterion)
        if key is None:
            said.append(verdict)
        elif evaluation.grader_kind == "check":
            right = Verdict.passed if key.verdict == "pass" else Verdict.failed
            said.append(verdict.model_copy(update={"verdict": right, "feedback": key.why, "evidence": ()}))
    changed = {"attempt_id": attempt, "submission": submission, "verdicts": tuple(said), "ts": now()}
    return evaluation.model_copy(update=changed)
