"""Prices: cache tiers, dates, the user's own file; and no price is never a price of nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import BadInput, ModelConfig, PriceTable, Usage, price_known

CLAUDE = ModelConfig(provider="anthropic", model="claude-opus-4-5")
NEW = ModelConfig(provider="openai", model="gpt-6.2-astra")
MILLION = 1_000_000


def test_every_kind_of_token_has_its_price() -> None:
    table = PriceTable()

    def price(**tokens: int) -> float | None:
        return table.price(CLAUDE, Usage(**tokens))

    assert price(input=MILLION) == pytest.approx(5.0)
    assert price(cache_read=MILLION) == pytest.approx(0.5)
    assert price(cache_write=MILLION) == pytest.approx(6.25)
    assert price(output=MILLION, reasoning=MILLION // 2) == pytest.approx(25.0)
    assert price() == 0.0


def test_an_hour_in_the_cache_costs_more() -> None:
    raw = {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": MILLION}}
    assert PriceTable().price(CLAUDE, Usage(cache_write=MILLION, raw=raw)) == pytest.approx(10.0)


def test_the_tier_of_the_reply_decides() -> None:
    sol = ModelConfig(provider="openai", model="gpt-5.6-sol")
    at = datetime(2026, 11, 1, tzinfo=UTC)
    prices = [
        PriceTable().price(sol, Usage(input=1000, raw={"service_tier": tier}), at=at)
        for tier in ("flex", "default", "priority")
    ]
    assert prices == [pytest.approx(0.002), pytest.approx(0.004), pytest.approx(0.008)]


def test_long_prompts_cost_more() -> None:
    sol = ModelConfig(provider="openai", model="gpt-5.6-sol")
    short, long = (PriceTable().price(sol, Usage(input=tokens)) for tokens in (100_000, 400_000))
    assert short is not None
    assert long is not None
    assert long > 4 * short


def test_an_unknown_model_has_no_price() -> None:
    assert PriceTable().price(NEW, Usage(input=5)) is None
    assert not price_known(NEW)
    assert price_known(CLAUDE)
    assert not price_known(ModelConfig(provider="else", model="where"))


def test_a_local_server_has_no_price_and_a_known_shop_has() -> None:
    def at(url: str) -> bool:
        return price_known(ModelConfig(provider="openai-chat", model="llama-3.3-70b-versatile", base_url=url))

    assert not at("http://localhost:8000/v1")
    assert at("https://api.groq.com/openai/v1")


def test_the_scripted_model_is_priced_at_nothing() -> None:
    scripted = ModelConfig(provider="scripted", model="any")
    assert PriceTable().price(scripted, Usage(input=MILLION, output=MILLION)) == 0.0
    assert price_known(scripted)


def table(tmp_path: Path, text: str) -> PriceTable:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return PriceTable.load(path)


def test_the_users_file_wins(tmp_path: Path) -> None:
    prices = table(
        tmp_path,
        """
        [[prices]]
        model = "openai/gpt-6.2-astra"
        from = 2026-10-01
        input = 4.0
        cache_read = 0.4
        output = 20.0

        [[prices]]
        model = "openai/gpt-6.2-astra"
        from = 2026-11-15
        input = 3.0
        output = 15.0

        [[prices]]
        model = "anthropic/*"
        input = 1.0
        output = 1.0

        [[prices]]
        model = "scripted/*"
        input = 1.0
        output = 1.0
        """,
    )
    usage = Usage(input=MILLION, cache_read=MILLION, output=MILLION)
    day = datetime(2026, 11, 1, tzinfo=UTC)
    assert prices.price(NEW, usage, at=day) == pytest.approx(24.4)
    assert prices.price(NEW, usage, at=day.replace(day=15)) == pytest.approx(21.0)
    assert prices.price(NEW, usage, at=day.replace(month=9)) is None
    assert prices.price(CLAUDE, Usage(input=MILLION)) == 1.0
    assert prices.price(ModelConfig(provider="scripted", model="x"), Usage(input=MILLION)) == 1.0


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[[prices]]\nmodel = "openai/x"\ninput = 1\n', "output"),
        ('[[prices]]\nmodel = "x"\ninput = 1\noutput = 1\n', "model"),
        ('[[prices]]\nmodel = "openai/x"\ninput = -1\noutput = 1\n', "input"),
        ('[[price]]\nmodel = "openai/x"\n', "price"),
        ("[[prices", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        table(tmp_path, text)
    assert "prices.toml" in str(caught.value)
    assert field in str(caught.value)
