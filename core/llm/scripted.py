"""The scripted model: a deterministic stand-in that plays a script, so that a run needs no key and no money.

Everything it makes is labelled scripted. It counts tokens as a real model would (about four characters a token,
what was sent before is read from the cache), so that limits and budgets can be tried with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from core.digests import digest_of
from core.errors import BadInput
from core.files import parse_model, read_json
from core.llm.estimate import fixed_size, size_of, tokens_of
from core.llm.prices import PriceTable
from core.llm.protocol import (
    ChatReply,
    ChatRequest,
    Message,
    ModelConfig,
    Part,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from core.models import Frozen

PROVIDER = "scripted"
FAREWELL = "The script is over."


class ScriptedCall(Frozen):
    """A tool call of the script."""

    tool: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    arguments: dict[str, Any] = {}


class ScriptedTurn(Frozen):
    """One reply of the script. `say` may be empty when there are calls."""

    say: str = ""
    calls: tuple[ScriptedCall, ...] = ()


class Script(Frozen):
    """What the scripted model says: for every attempt its turns, in order."""

    version: Literal[1]
    attempts: tuple[tuple[ScriptedTurn, ...], ...] = Field(min_length=1)

    @property
    def digest(self) -> str:
        """sha256 of the script."""
        return digest_of(self.model_dump(mode="json"))


def load_script(path: Path) -> Script:
    """Read a script.

    Raises:
        BadInput: It is missing, no JSON, or not a script (the field is named).
    """
    return parse_model(Script, read_json(path), file=path)


class ScriptedModel:
    """A `ChatModel` that plays one attempt of a script.

    The turn is chosen by the number of the assistant's messages in the request, so it needs no memory and a
    resumed conversation goes on where it was.
    """

    def __init__(
        self, script: Script, *, attempt: int = 1, name: str = "scripted/script", prices: PriceTable | None = None
    ) -> None:
        """Attempts count from 1; one beyond the script's last plays the last."""
        self._turns = script.attempts[min(max(attempt, 1), len(script.attempts)) - 1]
        self._prices = prices or PriceTable()
        model = name.removeprefix(f"{PROVIDER}/")
        self._config = ModelConfig(provider=PROVIDER, model=model, settings={"script": script.digest})

    @property
    def config(self) -> ModelConfig:
        """What it is; the script's digest is among its settings."""
        return self._config

    async def reply(self, request: ChatRequest) -> ChatReply:
        """The turn of the script."""
        number = sum(message.role == "assistant" for message in request.messages)
        turn = self._turns[number] if number < len(self._turns) else ScriptedTurn(say=FAREWELL)
        parts: list[Part] = [Text(text=turn.say)] if turn.say else []
        for index, call in enumerate(turn.calls):
            raw = json.dumps(call.arguments, ensure_ascii=False)
            parts.append(
                ToolCall(id=f"call_{number}_{index}", name=call.tool, arguments=call.arguments, raw_arguments=raw)
            )
        message = Message(role="assistant", parts=tuple(parts), provider=PROVIDER)
        usage = _usage(request, message)
        return ChatReply(
            message=message,
            stop=Stop.tool_calls if turn.calls else Stop.end_turn,
            usage=usage,
            model=self._config.model,
            dollars=self._prices.price(self._config, usage),
        )

    async def aclose(self) -> None:
        """Nothing to close."""


def _usage(request: ChatRequest, answer: Message) -> Usage:
    """What a caching provider would count: everything before the newest user message was cached."""
    sizes = [sum(map(size_of, message.parts)) for message in request.messages]
    newest = next((i for i in range(len(sizes) - 1, -1, -1) if request.messages[i].role == "assistant"), -1)
    fixed = fixed_size(request)
    before, after = sum(sizes[: newest + 1]), sum(sizes[newest + 1 :])
    cached = fixed + before if newest >= 0 else 0
    fresh = after + (0 if newest >= 0 else fixed)
    output = tokens_of(sum(map(size_of, answer.parts)))
    return Usage(input=tokens_of(fresh), cache_read=tokens_of(cached), output=output)


def open_scripted(config: ModelConfig, _api_key: str | None, prices: PriceTable) -> ScriptedModel:
    """Open `scripted/<name>` by its settings `script` (a path) and `attempt`.

    Raises:
        BadInput: No script is named, or it is wrong.
    """
    path, attempt = config.settings.get("script"), config.settings.get("attempt", 1)
    if not isinstance(path, str) or not isinstance(attempt, int):
        raise BadInput(
            f"{config.name} has no script",
            mend="the jobs of a pack bring their own; elsewhere give the setting `script`, a path",
        )
    return ScriptedModel(load_script(Path(path)), attempt=attempt, name=config.name, prices=prices)
