"""How people agree on the criteria of some submissions: in all, by importance, by domain, and where least."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from core import Frozen
from grading.adjudication.voids import voided_in
from grading.figures.counts import ratio
from grading.figures.model import Figure
from grading.overview.bottlenecks import same_submission
from grading.overview.coverage import meant, sheets_of
from grading.overview.oversight import Scope
from grading.statistics.coefficients import RESAMPLES, Coefficients, Unit, added, coefficients, raw, sums_of
from grading.tables import EVALUATIONS, REVIEW_ITEMS, VERDICTS
from rubrics import Importance, Verdict

ALL = "all"
WORST = 20
DOMAINS = 20
UNNAMED = "no category"
CANNOT = "nobody has judged anything"


Place = tuple[str, str]
"""A job, and a criterion of it."""


class Worst(Frozen):
    """A criterion on which people agree least. raw: Share of pairs that agree, `n` pairs."""

    job: str
    title: str
    criterion: str
    text: str
    importance: str
    raw: Figure


class AgreementReport(Frozen):
    """How people agree.

    Attributes:
        groups: `all`, then by importance of the criterion, where two people judged any.
        domains: The same by the first level of the job's category, those with most criteria first, `DOMAINS` at
            most; empty where there is one domain alone.
        cannot_judge: Of what people said first: the share that is `cannot_judge`.
        worst: Criteria of jobs, those on which people agree least first; none on which they always agree.
        shared: Submissions that two people reviewed.
    """

    groups: dict[str, Coefficients]
    domains: dict[str, Coefficients] = {}
    cannot_judge: Figure
    worst: tuple[Worst, ...]
    shared: int


@dataclass(slots=True)
class _Criterion:
    """One criterion of a job, and its units."""

    title: str
    text: str
    importance: str
    domain: str
    units: list[Unit] = field(default_factory=list)


def agreement_report(
    connection: Connection, scope: Scope = None, *, resamples: int = RESAMPLES
) -> AgreementReport:
    """How people agree in what they locked first, in primary and overlapping reviews of the same submissions.

    Criteria that are voided are left out; `cannot_judge` is no rating.

    Args:
        connection: Of the book.
        scope: Of which attempts; None: of all.
        resamples: Of the bootstrap.
    """
    found, shared = _criteria(connection, scope)
    groups = {ALL: _coefficients(found.items(), resamples)}
    for importance in Importance:
        some = _coefficients(_those(found, "importance", importance.value), resamples)
        if some.units:
            groups[importance.value] = some
    return AgreementReport(
        groups=groups,
        domains=_domains(found, resamples),
        cannot_judge=_cannot_judge(connection, scope),
        worst=tuple(_worst(found)),
        shared=shared,
    )


def _domains(found: Mapping[Place, _Criterion], resamples: int) -> dict[str, Coefficients]:
    units: dict[str, int] = {}
    for criterion in found.values():
        units[criterion.domain] = units.get(criterion.domain, 0) + len(criterion.units)
    judged = sorted((name for name, number in units.items() if number), key=lambda name: (-units[name], name))
    if len(judged) < 2:
        return {}
    return {name: _coefficients(_those(found, "domain", name), resamples) for name in judged[:DOMAINS]}


def _those(found: Mapping[Place, _Criterion], what: str, value: str) -> Iterator[tuple[Place, _Criterion]]:
    return ((place, one) for place, one in found.items() if getattr(one, what) == value)


def _coefficients(found: Iterable[tuple[Place, _Criterion]], resamples: int) -> Coefficients:
    by_job: dict[str, list[Unit]] = {}
    for (job, _), criterion in found:
        if criterion.units:
            by_job.setdefault(job, []).extend(criterion.units)
    return coefficients(by_job, resamples=resamples)


def _criteria(connection: Connection, scope: Scope) -> tuple[dict[Place, _Criterion], int]:
    """(job, criterion) -> its units, in a fixed order; and how many submissions two people reviewed."""
    said, item = EVALUATIONS.c, REVIEW_ITEMS.c
    several = func.count(func.distinct(said.grader)) > 1
    two = select(*_SUBMISSION).where(*_FIRST).group_by(*_SUBMISSION).having(several).subquery("shared")
    same = [two.c[column.name] == said[column.name] for column in _SUBMISSION]
    query = (
        select(item.job, item.sheet, item.alias, item.grading_digest, said.grader)
        .add_columns(VERDICTS.c.criterion, VERDICTS.c.verdict)
        .select_from(EVALUATIONS)
        .join(two, same[0] & same[1] & same[2])
        .join(REVIEW_ITEMS, same_submission())
        .join(VERDICTS, VERDICTS.c.evaluation == said.id)
        .where(*_FIRST, *meant(scope))
        .order_by(item.job, VERDICTS.c.criterion, item.alias, said.grader)
    )
    rows = connection.execute(query).all()
    voided = voided_in(connection, {row.grading_digest for row in rows})
    sheets = sheets_of(connection, sorted({row.sheet for row in rows}))
    known = {digest: {c["id"]: c for c in body["criteria"]} for digest, body in sheets.items()}
    found: dict[Place, _Criterion] = {}
    units: dict[tuple[str, str, str], dict[str, bool]] = {}
    for row in rows:
        of_rubric = known.get(row.sheet, {}).get(row.criterion)
        if of_rubric is None or row.criterion in voided.get(row.grading_digest, ()):
            continue
        job = row.job or sheets[row.sheet]["job"]
        found.setdefault(
            (job, row.criterion),
            _Criterion(
                title=sheets[row.sheet]["title"],
                text=of_rubric["text"],
                importance=of_rubric["importance"],
                domain=next(iter(sheets[row.sheet].get("category") or ()), UNNAMED),
            ),
        )
        if row.verdict != Verdict.cannot_judge.value:
            passes = row.verdict == Verdict.passed.value
            units.setdefault((job, row.criterion, row.alias), {}).setdefault(row.grader, passes)
    for (job, criterion, _), unit in units.items():
        if len(unit) > 1:
            found[job, criterion].units.append(unit)
    return found, len({row.alias for row in rows})


_SUBMISSION = (EVALUATIONS.c.attempt_id, EVALUATIONS.c.submission, EVALUATIONS.c.grading_digest)
_FIRST = (
    EVALUATIONS.c.grader_kind == "human",
    EVALUATIONS.c.stage.in_(("primary", "overlap")),
    EVALUATIONS.c.revision == 1,
)


def _cannot_judge(connection: Connection, scope: Scope) -> Figure:
    query = (
        select(VERDICTS.c.verdict, func.count())
        .select_from(EVALUATIONS)
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .where(*_FIRST)
        .group_by(VERDICTS.c.verdict)
    )
    if scope is not None:
        query = query.where(EVALUATIONS.c.attempt_id.in_(scope))
    counts = {str(verdict): int(number) for verdict, number in connection.execute(query)}
    n = sum(counts.values())
    value = ratio(counts.get(Verdict.cannot_judge.value, 0), n)
    return Figure(value=value, n=n, why=CANNOT if value is None else None)


def _worst(found: Mapping[Place, _Criterion]) -> list[Worst]:
    all_of_them = [
        Worst(
            job=job,
            title=criterion.title,
            criterion=name,
            text=criterion.text,
            importance=criterion.importance,
            raw=_raw(criterion.units),
        )
        for (job, name), criterion in found.items()
        if criterion.units
    ]
    differ = [one for one in all_of_them if one.raw.value is not None and one.raw.value < 1]
    return sorted(differ, key=_least)[:WORST]


def _least(one: Worst) -> tuple[float, int, str, str]:
    return one.raw.value or 0.0, -one.raw.n, one.job, one.criterion


def _raw(units: Sequence[Unit]) -> Figure:
    sums = added([sums_of(unit) for unit in units])
    return Figure(value=raw(sums), n=int(sums[3]))
