"""Rubrics and verdicts for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from rubrics import Criterion, Importance, Rubric, Verdict

WORDS = st.sampled_from([*Verdict, None])


@st.composite
def rubrics(draw: st.DrawFn, *, weighted: bool = False) -> Rubric:
    importances = draw(st.lists(st.sampled_from(Importance), min_size=1, max_size=12))
    weights = [draw(st.floats(0, 100)) if weighted else None for _ in importances]
    return Rubric(
        criteria=tuple(
            Criterion(id=f"c{number}", importance=importance, text=f"Cell A{number} is filled", weight=weight)
            for number, (importance, weight) in enumerate(zip(importances, weights, strict=True))
        )
    )


@st.composite
def graded(draw: st.DrawFn, *, weighted: bool = False) -> tuple[Rubric, dict[str, Verdict | None]]:
    rubric = draw(rubrics(weighted=weighted))
    return rubric, {criterion.id: draw(WORDS) for criterion in rubric.criteria}
