"""What a reader must know before trusting a figure: contradictions, selection, stand-ins, gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grading.figures.completion import completion_of
from grading.figures.contexts import context_warnings
from grading.figures.gather import Gathered
from grading.figures.model import AgentFigures, Warned
from grading.figures.policy import policy_warnings
from grading.figures.trials import Outcome, Trial
from grading.figures.unblinded import unblinded_warnings
from grading.record import Basis, Source
from rubrics import CompletionPolicy

FEW_JOBS = 10
MUCH_MISSING = 0.2


def warnings_of(
    by_agent: dict[str, list[Trial]],
    agents: dict[str, AgentFigures],
    gathered: Gathered,
    policy: CompletionPolicy,
    basis: Basis,
) -> tuple[Warned, ...]:
    """All warnings, agent by agent in a fixed order."""
    found = [
        warning
        for agent, trials in by_agent.items()
        for warning in (
            *_stand_ins(agent, agents[agent]),
            *_shown(agent, trials),
            *context_warnings(agent, trials),
            *_contradictions(agent, trials),
            *_impossible(agent, agents[agent]),
            *_selection(agent, trials),
            *_gaps(agent, agents[agent]),
            *_voided_flips(agent, trials),
            *_odd_attempts(agent, trials),
            *_grading(agent, trials, basis),
            *unblinded_warnings(agent, trials),
        )
    ]
    of_all = (*_voided(gathered), *_rubrics_differ(gathered), *_judgements(by_agent, policy))
    return (*policy_warnings(gathered, policy), *found, *of_all)


def _stand_ins(agent: str, figures: AgentFigures) -> Iterator[Warned]:
    if figures.scripted:
        yield Warned(
            kind="scripted", detail=f"{agent}: a scripted stand-in, no model; its figures measure nothing"
        )
    if figures.rubric_visible:
        yield Warned(kind="rubric_visible", detail=f"{agent}: was shown the rubric while it worked")


def _shown(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    shown = sum(any(attempt.criteria_shown for attempt in trial.executions) for trial in trials)
    if shown:
        detail = f"{agent}: in {shown} trials was shown the criteria that it had failed, when it tried again"
        yield Warned(kind="criteria_shown", detail=detail)


def _contradictions(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    both = [(o, _by_criteria(o)) for o in _outcomes(trials) if o.judgement is not None]
    generous = [o for o, passes in both if o.judgement == "pass" and passes is False]
    strict = [o for o, passes in both if o.judgement == "fail" and passes is True]
    for outcomes, judged, criteria in (
        (generous, "pass", "a critical or important criterion failed"),
        (strict, "fail", "every critical and important criterion passed"),
    ):
        if outcomes:
            yield Warned(
                kind="contradiction",
                detail=f"{agent}: {_attempts(len(outcomes))} judged `{judged}` overall although {criteria} "
                f"(for instance job {outcomes[0].attempt.key.trial.job}, attempt {outcomes[0].attempt.key.k})",
            )


def _by_criteria(outcome: Outcome) -> bool | None:
    if not outcome.known:
        return None
    return completion_of(CompletionPolicy.paper, outcome.rubric, outcome.records, None).completed


def _impossible(agent: str, figures: AgentFigures) -> Iterator[Warned]:
    score, completed = figures.rubric_1.value, figures.p1.value
    if score is not None and completed is not None and score < completed and figures.rubric_1.n == figures.p1.n:
        yield Warned(
            kind="rubric_below_completion",
            detail=f"{agent}: the mean rubric score {score:.3f} is below the completion rate {completed:.3f}; "
            "completed jobs must have failed many criteria, so the two probably do not rest on the same verdicts",
        )


def _selection(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    early = sum(trial.first is not None and trial.first.early for trial in trials)
    waiting = sum(trial.first is not None and trial.first.missing == "awaiting" for trial in trials)
    if early and waiting:
        yield Warned(
            kind="selection",
            detail=f"{agent}: first attempts already scored as failed while verdicts are open: {early}; still "
            f"awaiting verdicts that could pass them: {waiting}; until then rates are too low: read the bounds",
        )


def _gaps(agent: str, figures: AgentFigures) -> Iterator[Warned]:
    gap, n = figures.n.missing, figures.p1.n
    if gap and gap >= MUCH_MISSING * (gap + n):
        yield Warned(kind="missing", detail=f"{agent}: {gap} of {gap + n} first attempts are missing")
    if 0 < n < FEW_JOBS:
        yield Warned(kind="few_trials", detail=f"{agent}: only {n} first attempts are scored")


def _voided(gathered: Gathered) -> Iterator[Warned]:
    criteria = sum(len(rubric.criteria) for rubric in gathered.voided.values())
    if criteria:
        jobs = {job for job, _ in gathered.voided}
        yield Warned(
            kind="voided",
            detail=f"{criteria} criteria of {len(jobs)} jobs are voided (as of {min(jobs)}): what was said of "
            "them is kept, and counts in no figure",
        )


def _voided_flips(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    flipped = [t for t in trials if t.first is not None and t.first.flipped]
    reworked = sum(t.rework is not None for t in flipped)
    if flipped:
        yield Warned(
            kind="voided_flip",
            detail=f"{agent}: {len(flipped)} first attempts failed by criteria that are voided now, and no longer "
            f"do (as job {flipped[0].key.job}); {reworked} of them were tried again, and are not in M",
        )


def _odd_attempts(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    orphans = sum(t.first is None for t in trials)
    trials = [t for t in trials if t.first is not None and not t.first.flipped]  # those are warned of already
    reworked = sum(t.rework is not None and t.passed_1 is True for t in trials)
    early = sum(t.rework is not None and t.passed_1 is None for t in trials)
    for number, kind, what in (
        (orphans, "no_first_attempt", "have no first attempt, and count as missing"),
        (
            reworked,
            "rework_of_completed",
            "have a re-attempt although the first attempt completed the job; not in M",
        ),
        (early, "rework_of_missing", "have a re-attempt although the first attempt is not scored; not in M"),
    ):
        if number:
            yield Warned(kind=kind, detail=f"{agent}: {number} trials {what}")


def _grading(agent: str, trials: Sequence[Trial], basis: Basis) -> Iterator[Warned]:
    records = [record for outcome in _outcomes(trials) for record in outcome.records.values()]
    ties = sum(record.tie for record in records)
    if ties:
        yield Warned(kind="ties", detail=f"{agent}: on {ties} criteria the graders stand against each other")
    judged = sum(record.source == Source.judge for record in records)
    if basis == "judge" and judged:
        yield Warned(kind="judge_basis", detail=f"{agent}: {judged} verdicts are a judge model's, not a person's")
    seen = {
        outcome.attempt.key
        for outcome in _outcomes(trials)
        for words in outcome.attempt.words.values()
        for word in words
        if word.judge_seen and word.grader_kind == "human"
    }
    if seen:
        yield Warned(
            kind="judge_seen", detail=f"{agent}: {_attempts(len(seen))} reviewed after seeing a judge's verdicts"
        )


def _rubrics_differ(gathered: Gathered) -> Iterator[Warned]:
    digests: dict[str, set[str | None]] = {}
    for job, digest in gathered.rubrics:
        digests.setdefault(job, set()).add(digest)
    mixed = sorted(job for job, found in digests.items() if len(found) > 1)
    if mixed:
        yield Warned(
            kind="rubrics_differ",
            detail=f"{len(mixed)} jobs were graded by different rubrics in different attempts (as {mixed[0]})",
        )


def _judgements(by_agent: dict[str, list[Trial]], policy: CompletionPolicy) -> Iterator[Warned]:
    outcomes = [outcome for trials in by_agent.values() for outcome in _outcomes(trials)]
    if policy == CompletionPolicy.judgement and not any(outcome.judgement for outcome in outcomes):
        yield Warned(
            kind="no_judgements", detail="no grader gave an overall judgement, on which this policy rests"
        )


def _outcomes(trials: Sequence[Trial]) -> Iterator[Outcome]:
    for trial in trials:
        yield from trial.outcomes


def _attempts(number: int) -> str:
    return "1 attempt was" if number == 1 else f"{number} attempts were"
