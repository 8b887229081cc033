"""The linter: the paper's rules for rubrics (UpBench, section 3.4 and appendix A.3), each with a name.

An error breaks a rule of the paper beyond doubt; a warning is for a person to look at. `docs/rubrics.md` lists
every rule with an example of each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from core import Frozen, canonical_json
from rubrics import wording
from rubrics.model import Criterion, Importance, Rubric

Level = Literal["error", "warning"]

FEWEST, MOST = 5, 20
LONGEST_WORDS = 60


class Finding(Frozen):
    """One thing the linter has to say.

    Attributes:
        job: Id of the job, where a pack is linted.
        criterion: Id, or None: it is about the whole rubric.
        rule: Name of the rule.
        message: What is wrong, and how to mend it.
    """

    job: str | None = None
    criterion: str | None = None
    rule: str
    level: Level
    message: str


class Rule(Frozen):
    """A rule of the wording: `find` gives the offending words, or None."""

    name: str
    level: Level
    find: Callable[[str], str | None]
    mend: str


WORDING_RULES = (
    Rule(
        name="deadline",
        level="error",
        find=wording.deadline,
        mend="a criterion speaks of the deliverable, not of when it is handed in",
    ),
    Rule(
        name="worker",
        level="error",
        find=wording.worker,
        mend="a criterion speaks of the deliverable, not of who made it",
    ),
    Rule(
        name="subjective",
        level="error",
        find=wording.subjective,
        mend="say what a reviewer can see, count or compare instead",
    ),
    Rule(
        name="indefinite",
        level="error",
        find=wording.indefinite,
        mend="say what is there: Contains ..., States ..., Sheet X has ...",
    ),
    Rule(
        name="subjective-hint",
        level="warning",
        find=wording.subjective_hint,
        mend="can two reviewers differ on it?",
    ),
    Rule(name="vague", level="warning", find=wording.vague, mend="give the number or the names"),
    Rule(
        name="slow", level="warning", find=wording.slow, mend="a reviewer has one or two minutes; ask for a sample"
    ),
    Rule(name="compound", level="warning", find=wording.compound, mend="two facts are two criteria"),
)

RULES: dict[str, Level] = {
    "count": "error",
    "no-critical": "error",
    "duplicate": "error",
    "duplicate-check": "warning",
    "weights": "warning",
    "definite": "warning",
    "long": "warning",
    "pitfall": "warning",
    **{rule.name: rule.level for rule in WORDING_RULES},
}
"""Name and level of every rule."""


def lint(rubric: Rubric, job: str | None = None) -> tuple[Finding, ...]:
    """What the rules say of a rubric: first of the whole, then of each criterion in order."""
    findings = list(_whole(rubric))
    for criterion in rubric.criteria:
        findings.extend(_one(criterion))
    return tuple(finding.model_copy(update={"job": job}) for finding in findings) if job else tuple(findings)


def has_errors(findings: tuple[Finding, ...]) -> bool:
    """Whether any of them is an error."""
    return any(finding.level == "error" for finding in findings)


def _finding(rule: str, message: str, criterion: str | None = None) -> Finding:
    return Finding(criterion=criterion, rule=rule, level=RULES[rule], message=message)


def _whole(rubric: Rubric) -> Iterator[Finding]:
    total = len(rubric.criteria)
    if not FEWEST <= total <= MOST:
        yield _finding("count", f"{total} criteria; a rubric has {FEWEST} to {MOST}")
    if not any(item.importance is Importance.critical for item in rubric.criteria):
        yield _finding("no-critical", "no criterion is critical; name what the client cannot do without")
    weighted = sum(item.weight is not None for item in rubric.criteria)
    if 0 < weighted < total:
        yield _finding("weights", f"{weighted} of {total} criteria have a weight: no weighted score can be given")
    texts: dict[str, str] = {}
    checks: dict[str, str] = {}
    for criterion in rubric.criteria:
        key = " ".join("".join(char if char.isalnum() else " " for char in criterion.text.lower()).split())
        if key in texts:
            yield _finding("duplicate", f"says the same as {texts[key]!r}", criterion.id)
        texts.setdefault(key, criterion.id)
        if criterion.check is not None:
            check = canonical_json(criterion.check.model_dump(mode="json"))
            if check in checks:
                yield _finding("duplicate-check", f"has the same check as {checks[check]!r}", criterion.id)
            checks.setdefault(check, criterion.id)


def _one(criterion: Criterion) -> Iterator[Finding]:
    for rule in WORDING_RULES:
        words = rule.find(criterion.text)
        if words is not None:
            yield _finding(rule.name, f"\u201c{' '.join(words.split())}\u201d: {rule.mend}", criterion.id)
    pitfall = criterion.importance is Importance.pitfall
    if pitfall and (words := wording.negated(criterion.text)) is not None:
        mend = "name the thing that must not be there; `pass` on a pitfall means that it was avoided"
        yield _finding("pitfall", f"\u201c{words}\u201d: {mend}", criterion.id)
    elif not pitfall and wording.lacks_verb(criterion.text):
        yield _finding(
            "definite", "says of nothing what it is: begin with Contains, States, Sheet X has ...", criterion.id
        )
    words_count = len(criterion.text.split())
    if words_count > LONGEST_WORDS:
        message = f"{words_count} words; what takes over {LONGEST_WORDS} to say is not verified in a minute or two"
        yield _finding("long", message, criterion.id)
