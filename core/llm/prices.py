"""What a call costs, in dollars. A model without a price costs None, never 0.

Prices come from `genai-prices` (a table shipped with that library, nothing is fetched) and from a TOML file of
the user's, which wins. The scripted model costs nothing because it is listed here with a price of 0.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from core.files import parse_model, read_toml
from core.llm.protocol import ModelConfig, Usage
from core.models import Frozen

MILLION = 1_000_000


class PriceRow(Frozen):
    """Dollars a million tokens of one model from a date on.

    Attributes:
        model: `provider/model`; a `*` at the end stands for anything.
        cache_read, cache_write: The price of `input` where not given.
    """

    model: str = Field(pattern=r"^[^/\s]+/\S+$")
    since: date = Field(default=date.min, alias="from")
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)

    def fits(self, name: str, day: date) -> bool:
        """Whether this row prices `name` on that day."""
        same = name.startswith(self.model[:-1]) if self.model.endswith("*") else name == self.model
        return same and self.since <= day

    def dollars(self, usage: Usage) -> float:
        """The price of `usage`."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        return (
            usage.input * self.input
            + usage.cache_read * read
            + usage.cache_write * write
            + usage.output * self.output
        ) / MILLION


class _PriceFile(Frozen):
    prices: tuple[PriceRow, ...] = ()


SCRIPTED = PriceRow.model_validate({"model": "scripted/*", "input": 0, "output": 0})


class PriceTable:
    """Prices by model and date."""

    def __init__(self, rows: tuple[PriceRow, ...] = ()) -> None:
        self.rows = rows

    @classmethod
    def load(cls, path: Path) -> PriceTable:
        """The user's price file: tables `[[prices]]` with the fields of `PriceRow` (`from` for `since`).

        Raises:
            BadInput: The file is missing, no TOML, or has a wrong field.
        """
        return cls(parse_model(_PriceFile, read_toml(path), file=path).prices)

    def price(self, config: ModelConfig, usage: Usage, *, at: datetime | None = None) -> float | None:
        """Dollars of `usage`, or None when there is no price for the model at that time."""
        moment = at or datetime.now(UTC)
        if (row := self._row(config.name, moment.date())) is not None:
            return row.dollars(usage)
        return _listed_price(config, usage, moment)

    def known(self, config: ModelConfig) -> bool:
        """Whether calls of the model have a price now."""
        return self.price(config, Usage(input=1, output=1)) is not None

    def _row(self, name: str, day: date) -> PriceRow | None:
        """The user's exact names come first, then their patterns, then ours; the latest date wins."""
        fitting = [row for row in (*self.rows, SCRIPTED) if row.fits(name, day)]
        return max(
            fitting, key=lambda row: (row in self.rows, not row.model.endswith("*"), row.since), default=None
        )


def price_known(config: ModelConfig, prices: PriceTable | None = None) -> bool:
    """Whether calls of the model have a price now (a limit or budget in dollars needs one)."""
    return (prices or PriceTable()).known(config)


def _listed_price(config: ModelConfig, usage: Usage, at: datetime) -> float | None:
    # Imported here: the table takes 20 ms and 10 MB that a run without paid models need not spend.
    from genai_prices import Usage as Amounts
    from genai_prices import calc_price

    hour_writes = _hour_writes(usage.raw)
    amounts: dict[str, Any] = {
        "input_tokens": usage.input + usage.cache_read + usage.cache_write,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "output_tokens": usage.output,
    }
    if hour_writes:
        amounts["cache_write_1h_tokens"] = hour_writes
    if (seller := _seller(config)) is None:
        return None
    try:
        found = calc_price(
            Amounts(**amounts),
            config.model,
            genai_request_timestamp=at,
            price_context=_context(usage.raw) or None,
            **seller,
        )
    except LookupError:
        return None
    return float(found.total_price)


def _seller(config: ModelConfig) -> dict[str, Any] | None:
    """Who sells the model: the provider, or for chat completions whoever lives at the address."""
    if config.provider == "openai-chat":
        return {"provider_api_url": config.base_url} if config.base_url else None
    return {"provider_id": config.provider}


def _context(raw: dict[str, Any]) -> dict[str, str]:
    """What the reply says that changes its price. `auto` is no tier of a reply."""
    keys = ("service_tier", "speed", "inference_geo")
    return {key: raw[key] for key in keys if isinstance(raw.get(key), str)}


def _hour_writes(raw: dict[str, Any]) -> int:
    """Tokens written to Anthropic's one-hour cache, which costs more."""
    split = raw.get("cache_creation")
    count = split.get("ephemeral_1h_input_tokens") if isinstance(split, dict) else None
    return count if isinstance(count, int) else 0
