"""Schemas of pydantic models are taken by the APIs' structured output, whatever the model holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from core.llm.schemas import strict_schema
from tests.core.llm.support import PROVIDERS, ask, client
from tests.standins.llm import Standin
from tests.standins.llm.validation import not_strict


class Quote(BaseModel):
    kind: Literal["quote"] = "quote"
    text: str = Field(min_length=1, max_length=400)


class Absence(BaseModel):
    kind: Literal["absence"] = "absence"
    searched: list[str] = Field(min_length=1)


class Verdict(BaseModel):
    """A verdict with evidence."""

    verdict: Literal["pass", "fail", "cannot_judge"]
    confidence: float = Field(ge=0, le=1, description="From 0 to 1")
    best: Quote = Field(description="The best of all")
    title: str | None = None
    evidence: list[Annotated[Quote | Absence, Field(discriminator="kind")]] = []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_rich_model_is_taken(provider: str, standin: Standin) -> None:
    async with client(provider, standin) as model:
        reply = await model.reply(ask("judge", response_schema=Verdict.model_json_schema()))
    assert reply.message.parts
    assert standin.rejected == []


def test_a_plain_schema_is_not_strict() -> None:
    """The test above could not fail if the stand-in took any schema."""
    schema = Verdict.model_json_schema()
    assert not_strict(schema) is not None
    assert not_strict(strict_schema(schema)) is None


def test_nothing_is_lost_but_what_strict_mode_refuses() -> None:
    strict = strict_schema(Verdict.model_json_schema())
    assert strict["required"] == ["verdict", "confidence", "best", "title", "evidence"]
    assert strict["properties"]["verdict"]["enum"] == ["pass", "fail", "cannot_judge"]
    assert strict["properties"]["confidence"]["maximum"] == 1
    best: dict[str, Any] = strict["properties"]["best"]
    assert best["description"] == "The best of all"
    assert best["properties"]["text"] == {"type": "string"}
    assert len(strict["properties"]["evidence"]["items"]["anyOf"]) == 2


class Tree(BaseModel):
    children: list[Annotated[Tree, Field(description="Below")]] = []
    parent: Tree | None = Field(default=None, description="Above")


def test_a_recursion_comes_to_an_end() -> None:
    class Holder(BaseModel):
        tree: Tree = Field(description="The whole")

    assert not_strict(strict_schema(Holder.model_json_schema())) is None
