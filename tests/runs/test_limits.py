"""Nested limits: an attempt's within its trial's, and the run's budget around all."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import AgentConfig, AttemptLimits
from core import (
    LLM_MIGRATIONS,
    BadInput,
    CallJournal,
    Cause,
    ChatRequest,
    Database,
    Message,
    ModelConfig,
    PriceTable,
    ScriptedModel,
    Spent,
    Text,
)
from core.llm.scripted import Script
from runs.limits import (
    BudgetWatch,
    RunBudget,
    TrialLimits,
    Used,
    check_prices,
    effective_limits,
    trial_used_up,
    used_by_trial,
)
from runs.rows import ExecutionRow

REQUEST = ChatRequest(system="s", messages=(Message(role="user", parts=(Text(text="go " * 100),)),))


def test_a_budget_is_read_from_pairs() -> None:
    budget = RunBudget.parse(["dollars=12.5", "tokens=1000000", "hours=8"])
    assert budget == RunBudget(dollars=12.5, tokens=1_000_000, hours=8)
    assert budget.given
    assert not RunBudget.parse([]).given


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("dollars", "NAME=VALUE"),
        ("euros=3", "nothing is called 'euros'"),
        ("dollars=0", "greater than 0"),
        ("dollars=-1", "greater than 0"),
        ("dollars=nan", "finite"),
        ("hours=inf", "finite"),
        ("tokens=1.5", "valid integer"),
        ("tokens=", "valid integer"),
        ("dollars=much", "valid number"),
    ],
)
def test_a_wrong_budget_is_refused_by_name(pair: str, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        RunBudget.parse([pair])
    assert told in str(refused.value)
    assert "--budget" in str(refused.value)


def test_a_budget_is_met_by_the_first_bound() -> None:
    budget = RunBudget(dollars=10, tokens=1000, hours=2)
    assert budget.met(Spent(dollars=9.99, tokens=999, hours=1.99)) is None
    assert budget.met(Spent(dollars=10.5)) == "10.5 of 10 dollars spent"
    assert budget.met(Spent(tokens=1000)) == "1,000 of 1,000 tokens spent"
    assert budget.met(Spent(hours=3.0)) == "3 of 2 hours spent"
    assert RunBudget().met(Spent(dollars=1e9, tokens=10**12, hours=1e6, unpriced=3)) is None


def test_a_budget_in_dollars_does_not_hold_without_prices() -> None:
    spent = Spent(dollars=0.5, unpriced=2)
    told = RunBudget(dollars=10).met(spent)
    assert told is not None
    assert "2 calls have no known price" in told
    assert "`prices` file" in told
    assert RunBudget(tokens=1000).met(spent) is None


def test_the_nearer_limit_counts() -> None:
    trial = TrialLimits(wall_seconds=100, steps=50, tokens=1000, dollars=2.0)
    used = Used(wall_seconds=70, working_seconds=60, steps=10, tokens=400, dollars=1.5)
    got = effective_limits(AttemptLimits(wall_seconds=60, steps=100, tokens=None, dollars=1.0), trial, used)
    assert got == AttemptLimits(wall_seconds=30, steps=40, tokens=600, dollars=0.5)
    own = AttemptLimits(working_seconds=9)
    assert effective_limits(own, TrialLimits(), used) == own


@pytest.mark.parametrize(
    ("used", "cause"),
    [
        (Used(), None),
        (Used(wall_seconds=99.9, tokens=999), None),
        (Used(wall_seconds=100), Cause.wall_time),
        (Used(working_seconds=50), Cause.working_time),
        (Used(steps=51), Cause.steps),
        (Used(tokens=1000), Cause.tokens),
        (Used(dollars=2.0, tokens=1000), Cause.tokens),
        (Used(dollars=2.5), Cause.dollars),
    ],
)
def test_a_trial_is_used_up_by_any_of_its_limits(used: Used, cause: Cause | None) -> None:
    trial = TrialLimits(wall_seconds=100, working_seconds=50, steps=50, tokens=1000, dollars=2.0)
    assert trial_used_up(trial, used) is cause
    limits = effective_limits(AttemptLimits(), trial, used)
    assert AttemptLimits.model_validate(limits.model_dump()) == limits  # a limit of nothing is no limit


def execution(attempt: str, e: int, *, steps: int, seconds: float) -> ExecutionRow:
    return ExecutionRow(
        id=f"{attempt}.e{e}",
        attempt=attempt,
        e=e,
        started="",
        cause=None,
        detail="",
        steps=steps,
        seconds=seconds,
        working_seconds=seconds / 2,
        work_minutes=None,
        dollars=None,
        sandbox=None,
    )


async def test_what_a_trial_used(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[[prices]]\nmodel = "scripted/*"\ninput = 1000\noutput = 1000\n')
    prices = PriceTable.load(file)
    database = Database(tmp_path / "d.db", LLM_MIGRATIONS)
    journal = CallJournal(database, prices, run="r", worker="w")
    model = ScriptedModel(Script.model_validate({"version": 1, "attempts": [[{"say": "word"}]]}), prices=prices)
    keys = ("t1.k1.e1/1", "t1.k1.e2/1", "t1.k2retry.e1/1", "t1.k2retry.e2/1", "t1.k2retry.e2/2", "t10.k1.e1/1")
    for key in keys:
        await journal.call(model, key, REQUEST)
    rows = [
        execution("t1.k1", 1, steps=3, seconds=10),
        execution("t1.k1", 2, steps=5, seconds=20),
        execution("t1.k2retry", 1, steps=7, seconds=40),
        execution("t1.k2retry", 2, steps=0, seconds=0),
    ]
    each = journal.usage_of("t10.")
    used = used_by_trial(journal, "t1", rows, "t1.k2retry")
    # Of attempt 1 the execution that counts; of the money all, but for what is counted by the agent at work.
    assert (used.steps, used.wall_seconds, used.working_seconds) == (5, 20, 10)
    assert used.tokens == 3 * each.usage.total
    assert used.dollars == pytest.approx(3 * each.dollars)
    assert used.dollars > 0

    watch = BudgetWatch(journal, "r", RunBudget(dollars=6.5 * each.dollars), every=0)
    assert watch.met() is None
    await journal.call(model, "t2.k1.e1/1", REQUEST)
    told = watch.met()
    assert told is not None
    assert "dollars spent" in told
    assert watch.met() == told
    assert BudgetWatch(journal, "r", RunBudget(), every=0).met() is None
    database.close()


def agent(model: ModelConfig | None) -> AgentConfig:
    return AgentConfig(name="a", scaffold="react", model=model)


def test_dollars_need_prices_before_anything_starts() -> None:
    unknown = [agent(ModelConfig(provider="openai-chat", model="mine", base_url="http://127.0.0.1:1/v1"))]
    asked: list[tuple[str, dict[str, object]]] = [
        ("--limit dollars", {"limits": AttemptLimits(dollars=1)}),
        ("--limit trial_dollars", {"trial": TrialLimits(dollars=1)}),
        ("--budget dollars", {"budget": RunBudget(dollars=1)}),
    ]
    for field, limits in asked:
        with pytest.raises(BadInput) as refused:
            check_prices(unknown, None, **limits)  # type: ignore[arg-type]
        assert field in str(refused.value)
        assert "openai-chat/mine" in str(refused.value)
        assert "`prices` file" in str(refused.value)
    check_prices(unknown, None, limits=AttemptLimits(), budget=RunBudget(tokens=5, hours=1))
    check_prices([agent(None)], None, budget=RunBudget(dollars=1))
    check_prices([agent(ModelConfig(provider="scripted", model="s"))], None, budget=RunBudget(dollars=1))


def test_a_price_of_the_users_is_a_price(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[[prices]]\nmodel = "openai-chat/*"\ninput = 0\noutput = 0\n')
    model = ModelConfig(provider="openai-chat", model="mine", base_url="http://127.0.0.1:1/v1")
    check_prices([agent(model)], PriceTable.load(file), budget=RunBudget(dollars=1))
    assert PriceTable.load(file).known(model)
