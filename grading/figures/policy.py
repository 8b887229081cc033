"""Which policy figures are by: the one by which the runs themselves decided what had failed, unless one asks."""

from __future__ import annotations

from collections.abc import Iterator

from core import BadInput
from grading.figures.gather import Gathered
from grading.figures.model import Warned
from rubrics import CompletionPolicy


def own_policy(gathered: Gathered) -> CompletionPolicy:
    """The policy of the runs; `paper` where no line says any.

    Raises:
        BadInput: They have several.
    """
    found = _policies(gathered)
    if len(found) > 1:
        said = ", ".join(f"{policy.value} (as {runs[0]})" for policy, runs in sorted(found.items()))
        mend = "say by which the figures are to be: --policy"
        raise BadInput(f"the runs were made with different completion policies: {said}", field="policy", mend=mend)
    return next(iter(found), CompletionPolicy.paper)


def policy_warnings(gathered: Gathered, policy: CompletionPolicy) -> Iterator[Warned]:
    """Runs that were made with another policy than the figures are by."""
    for other, runs in sorted(_policies(gathered).items()):
        if other != policy:
            which = runs[0] if len(runs) == 1 else f"each of {len(runs)} runs (as {runs[0]})"
            yield Warned(
                kind="policy",
                detail=f"these figures are by policy {policy.value}, but what had failed and was tried again in "
                f"{which} was decided by its own, {other.value}: M and B are not of all that failed here",
            )


def _policies(gathered: Gathered) -> dict[CompletionPolicy, list[str]]:
    """Policy -> the runs that were made with it, in order; a run of foreign lines may have no name."""
    found: dict[CompletionPolicy, set[str]] = {}
    for executions in gathered.attempts.values():
        for attempt in executions:
            policy = attempt.facts.get("policy")
            if policy is not None:
                found.setdefault(policy, set()).add(attempt.key.trial.run or "a file")
    return {policy: sorted(runs) for policy, runs in found.items()}
