"""What this room's tests share: an office in which an agent works on an assignment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, cast

from agents import (
    AGENT_MIGRATIONS,
    Agent,
    AgentResult,
    Assignment,
    Desk,
    Event,
    Expected,
    SqlTranscript,
    agent_config,
    open_agent,
)
from core import (
    LLM_MIGRATIONS,
    Blobs,
    CallJournal,
    ChatModel,
    ChatReply,
    ChatRequest,
    Database,
    Message,
    ModelConfig,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from sandbox import Sandbox

KEY = "run-trial-1"


def transcript(folder: Path, execution: str = KEY, place: Path | str | None = None) -> SqlTranscript:
    database = Database(place or folder / "records.db", AGENT_MIGRATIONS)
    return SqlTranscript(database, Blobs(folder / "blobs"), execution)


def assignment(**changes: Any) -> Assignment:
    values: dict[str, Any] = {
        "key": KEY,
        "title": "Tidy the price list",
        "brief": "Please make report.txt with the word done in it.",
        "inputs": ("prices.csv",),
        "expected": (Expected(path="*.txt", media_type="text/plain"),),
    }
    return Assignment(**{**values, **changes})


def call(name: str, /, **arguments: Any) -> ToolCall:
    return ToolCall(id=f"c-{name}", name=name, arguments=arguments, raw_arguments=json.dumps(arguments))


def reply(*parts: str | ToolCall, stop: Stop | None = None, usage: Usage | None = None, **more: Any) -> ChatReply:
    made = tuple(Text(text=part) if isinstance(part, str) else part for part in parts)
    calls = any(isinstance(part, ToolCall) for part in made)
    return ChatReply(
        message=Message(role="assistant", parts=made),
        stop=stop or (Stop.tool_calls if calls else Stop.end_turn),
        usage=usage or Usage(input=100, output=10),
        model="player",
        **more,
    )


Answer = ChatReply | Exception


class Player:
    """A model that answers as it is told, and counts what it was asked."""

    def __init__(self, script: Callable[[ChatRequest], Answer] | Sequence[Answer]) -> None:
        self.config = ModelConfig(provider="player", model="player")
        self.asked: list[ChatRequest] = []
        self._script = script

    async def reply(self, request: ChatRequest) -> ChatReply:
        self.asked.append(request)
        if callable(self._script):
            answer = self._script(request)
        else:
            said = sum(message.role == "assistant" for message in request.messages)
            answer = self._script[min(said, len(self._script) - 1)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Nothing to close."""


class Office:
    """Records, a journal, and desks at which agents work."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "office.db", (*AGENT_MIGRATIONS, *LLM_MIGRATIONS))
        self.blobs = Blobs(folder / "blobs")
        self.journal = CallJournal(self.database)

    def transcript(self, execution: str = KEY) -> SqlTranscript:
        return SqlTranscript(self.database, self.blobs, execution)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.transcript().events()]

    def events(self, kind: str) -> list[Event]:
        return [event for event in self.transcript().events() if event.kind == kind]

    def desk(self, model: ChatModel, sandbox: Sandbox | None, **more: Any) -> Desk:
        async def ask(key: str, request: ChatRequest) -> ChatReply:
            return await self.journal.call(model, key, request)

        return Desk(sandbox=cast(Sandbox, sandbox), transcript=self.transcript(), call=ask, model=model, **more)

    async def work(
        self,
        model: ChatModel,
        sandbox: Sandbox | None,
        *,
        agent: Agent | None = None,
        task: Assignment | None = None,
        **more: Any,
    ) -> AgentResult:
        agent = agent or react(model)
        return await agent.work(task or assignment(), self.desk(model, sandbox, **more))


def alive(sandbox: Sandbox) -> Sandbox:
    """An open sandbox, as whoever takes over from a dead worker finds one that has outlived it."""
    found = copy(sandbox)
    found._info = sandbox.info.model_copy(update={"adopted": True})  # type: ignore[attr-defined]
    return found


def react(model: ChatModel, name: str = "react", **settings: Any) -> Agent:
    return open_agent(agent_config(name, model=model.config, settings=settings))


def said_to(request: ChatRequest) -> str:
    """All that the model was told, as one text."""
    return "\n".join(message.model_dump_json() for message in request.messages if message.role == "user")
