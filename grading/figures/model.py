"""What a report says, as models: one `Figure` is a value that tells how far to trust it."""

from __future__ import annotations

from core import Frozen
from grading.record import Basis
from rubrics import CompletionPolicy

Bounds = tuple[float | None, float | None]


class Figure(Frozen):
    """One figure.

    Attributes:
        value: None where it is undefined; `why` says so.
        low, high: 95 % interval; None until intervals are computed.
        n: What the value rests upon (trials, re-attempts or criteria).
        missing: What it could not rest upon: crashed by our fault, cancelled, awaiting or undecided.
        bounds: The least and the greatest value that the missing could make of it; None inside: no bound.
        why: Why there is no value, or what to know about it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    missing: int = 0
    bounds: Bounds | None = None
    why: str | None = None


class ValueFigures(Frozen):
    """Payouts in one currency: of the jobs completed at first, completed at all, and tried."""

    captured_1: Figure
    captured: Figure
    offered: Figure


class AgentFigures(Frozen):
    """The paper's Table 2 for one agent (formulas: `docs/figures.md`), and some that belong beside it."""

    n: Figure
    a: Figure
    f: Figure
    m: Figure
    b: Figure
    p1: Figure
    p_overall: Figure
    absolute_lift: Figure
    relative_lift: Figure
    rescue_rate: Figure
    rubric_1: Figure
    rubric_overall: Figure
    rubric_lift: Figure
    rubric_1_given_m: Figure
    rubric_2_given_m: Figure
    rubric_relative_lift_given_m: Figure
    value_captured_1: Figure
    value_captured: Figure
    value_offered: Figure
    value_by_currency: dict[str, ValueFigures]
    scripted: bool = False
    rubric_visible: bool = False


class CategoryFigures(Frozen):
    """One agent's jobs of one category."""

    n: Figure
    a: Figure
    m: Figure
    b: Figure
    p1: Figure
    p_overall: Figure
    rubric_1: Figure
    value_captured: Figure


class ImportanceFigures(Frozen):
    """How often criteria of one importance pass: at the first attempt, and at the last that counts."""

    pass_rate_1: Figure
    pass_rate_overall: Figure


class Agreement(Frozen):
    """How two kinds of graders agree on the same criteria: raw, and on `pass` and on `fail` apart."""

    raw: Figure
    positive: Figure
    negative: Figure


class Economics(Frozen):
    """Money and time of one agent. Every execution is counted, also those that crashed."""

    attempts: int
    executions: int
    cost_model: Figure
    cost_per_trial: Figure
    cost_per_completed: Figure
    cost_review: Figure
    minutes_work: Figure
    median_minutes_work: Figure
    minutes_review: Figure


class RetryControl(Frozen):
    """Whether remarks help more than another try does: rescue rates of both arms, and their difference.

    Attributes:
        echo: Of the failures that were shown to reviewers once more, unchanged: the share that passed then. So
            much of a rescue rate may be the noise of verdicts.
        contexts: Arm -> what its attempts went on from (`submission`, `transcript`) -> how many did.
    """

    feedback: Figure
    retry: Figure
    difference: Figure
    echo: Figure
    contexts: dict[str, dict[str, int]] = {}


class Missing(Frozen):
    """What is missing, by cause."""

    first: dict[str, int]
    rework: dict[str, int]


class Warned(Frozen):
    """Something a reader must know before trusting a figure."""

    kind: str
    detail: str


class Figures(Frozen):
    """Everything a report says, by agent."""

    policy: CompletionPolicy
    basis: Basis
    runs: tuple[str, ...]
    jobs: int
    scripted: tuple[str, ...]
    agents: dict[str, AgentFigures]
    categories: dict[str, dict[str, CategoryFigures]]
    importance: dict[str, dict[str, ImportanceFigures]]
    agreement: dict[str, Agreement]
    economics: dict[str, Economics]
    retry_control: dict[str, RetryControl]
    missing: dict[str, Missing]
    warnings: tuple[Warned, ...]
