"""What the clients of real APIs share: the retry policy around one try, prices, and the reading of settings."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from core.causes import Cause
from core.errors import BadInput
from core.llm.lanes import Lane
from core.llm.prices import PriceTable
from core.llm.protocol import ChatReply, ChatRequest, ModelConfig, ToolCall, Usage
from core.llm.retry import RetryPolicy, TryFailed, ask_with_retries, cause_of_status, retry_after_of

# Seconds without a single byte. Long, because a reasoning model may be silent for minutes.
SILENCE = 600.0
# Characters of an error's text that are kept: a gateway may answer with a page.
LONGEST_DETAIL = 400
# Where a provider wants arguments to be an object and the model wrote none, they travel back under this name
# (the wording of Anthropic's guide to fine-grained tool streaming).
INVALID_JSON = "INVALID_JSON"


class ApiModel(ABC):
    """A `ChatModel` over an SDK: the child makes one try, this makes the rest."""

    def __init__(
        self,
        config: ModelConfig,
        api_key: str | None = None,
        prices: PriceTable | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._config = config
        self._prices = prices or PriceTable()
        self._policy = policy or RetryPolicy()
        self._lane: Lane | None = None
        self._open(api_key)

    def use(self, lane: Lane) -> None:
        """From now on every try waits for its turn in the lane of its account."""
        self._lane = lane

    @property
    def config(self) -> ModelConfig:
        """What it is."""
        return self._config

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer, with retries.

        Raises:
            ModelCallFailed: With the cause and the failed tries.
        """
        reply = await ask_with_retries(lambda: self._try(request), self._policy, self._lane)
        return reply.model_copy(update={"dollars": self._prices.price(self._config, reply.usage)})

    @abstractmethod
    def _open(self, api_key: str | None) -> None:
        """Make the SDK's client. Raises `BadInput` for unknown settings."""

    @abstractmethod
    async def _try(self, request: ChatRequest) -> ChatReply:
        """Ask once. Raises `TryFailed`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close its connections."""


def check_settings(config: ModelConfig, known: Iterable[str], ours: Iterable[str]) -> None:
    """Settings are the SDK's own parameters, but for those that requests are made of.

    Raises:
        BadInput: Another setting.
    """
    allowed = {*known, "extra_body"} - set(ours)
    for name in config.settings:
        if name not in allowed:
            raise BadInput(
                f"{config.name} has no setting `{name}`", mend="settings are parameters of the provider's API"
            )


def tool_call(call_id: str, name: str, raw: str) -> ToolCall:
    """A tool call whose arguments are the JSON text `raw`; None where that is malformed or no object."""
    try:
        parsed = json.loads(raw or "{}")
    except (json.JSONDecodeError, RecursionError):
        parsed = None
    arguments = parsed if isinstance(parsed, dict) else None
    return ToolCall(id=call_id, name=name, arguments=arguments, raw_arguments=raw or "{}")


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object, whatever the model wrote."""
    return {INVALID_JSON: call.raw_arguments} if call.arguments is None else call.arguments


def refused(
    status: int,
    detail: str,
    headers: Mapping[str, str],
    *,
    cause: Cause | None = None,
    again: bool | None = None,
    usage: Usage | None = None,
) -> TryFailed:
    """The provider answered with an error status. Its own word on retrying (`x-should-retry`) is heeded."""
    by_status, helps = cause_of_status(status)
    asked = {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
    if again is None:
        again = helps if asked is None else asked
    return TryFailed(
        "status",
        cause or by_status,
        f"HTTP {status}: {detail[:LONGEST_DETAIL]}",
        again=again and cause is None,
        status=status,
        retry_after=retry_after_of(headers),
        usage=usage,
    )


def cut_short(kind: str, error: BaseException, usage: Usage | None = None) -> TryFailed:
    """No connection, none that lasted, or nonsense on it."""
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return TryFailed(kind, Cause.model_unavailable, detail[:LONGEST_DETAIL], again=True, usage=usage)
