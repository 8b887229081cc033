"""One attempt in memory: everything here is a fold over the transcript's events.

A live event and an event read back after a crash go through the same `see`, so a resumed attempt is in the same
state as one that never stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from agents.protocol import AgentConfig, AgentResult, Assignment, Desk
from agents.react.config import prompt, settings_of
from agents.react.conversation import CHARACTERS_PER_TOKEN, Conversation
from agents.react.meter import Meter
from agents.react.task import task_text
from agents.react.words import NOT_KEPT, RESTORED, RESUMED
from agents.tools.base import Outcome, ToolContext
from agents.transcript import Event
from core import Cause, ChatReply, ChatRequest, Image, Stop, Text, ToolCall, ToolResult, ToolSpec

SCALE = (0.5, 3.0)
"""Bounds of the correction of estimated tokens by counted ones: a provider's odd count must not mislead us."""

WINDOW_SHOWN = 0.9
"""Of the tokens that a model refused: how many it is then thought to take."""

NAMED = 5
"""Files that were lost, as the model is told them; of more it is told how many."""

EXCERPT = 400
"""Characters of a reply or of a call's arguments that the transcript holds itself, to be readable alone."""


@dataclass
class Session:
    """The state of an attempt.

    Attributes:
        replies: Model replies so far; the next call's number is one more.
        last: The last reply.
        answered: How many tool calls of the last reply have a result.
        started: The next tool call was started (and, if the worker died, not finished).
        silent: Replies in a row without a tool call. overflows: Refusals in a row because of length.
        window: Tokens that the model takes, as far as is known: a refusal shows that it is less than was thought.
        noted: Names of the notes given, each once.
        news: A note that is still to be given, once no tool call is open.
        restored: What was put back, while the model has not been told.
        sent_back: Hand-ins that were sent back.
        pages: Addresses of fetched pages -> their files in the sandbox.
        handed_in: The summary of the accepted hand-in.
        ended: The result, once there is one.
    """

    config: AgentConfig
    assignment: Assignment
    desk: Desk
    specs: tuple[ToolSpec, ...]
    meter: Meter
    talk: Conversation = field(default_factory=Conversation)
    replies: int = 0
    last: ChatReply | None = None
    answered: int = 0
    started: bool = False
    silent: int = 0
    overflows: int = 0
    noted: set[str] = field(default_factory=set)
    news: tuple[str, str] | None = None
    restored: dict[str, Any] | None = None
    tool_calls: int = 0
    sent_back: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    handed_in: str | None = None
    ended: AgentResult | None = None

    def __post_init__(self) -> None:
        self.settings = settings_of(self.config)
        self.window = self.settings.context_tokens
        self.system = prompt(self.config.preset or "standard")
        words = self.system + "".join(json.dumps(spec.model_dump(mode="json")) for spec in self.specs)
        self.talk.fixed = len(words) // CHARACTERS_PER_TOKEN

    @property
    def key(self) -> str:
        """Of the next model call: the same after a crash, so that its reply is found in the journal."""
        return f"{self.assignment.key}/{self.replies + 1}"

    @property
    def open_calls(self) -> list[ToolCall]:
        """Tool calls of the last reply that have no result yet."""
        return calls_of(self.last)[self.answered :]

    def request(self) -> ChatRequest:
        """The next request."""
        return ChatRequest(
            system=self.system,
            messages=self.talk.messages(),
            tools=self.specs,
            max_output_tokens=self.settings.max_output_tokens,
            cache_key=self.assignment.key,
        )

    def context(self) -> ToolContext:
        """What the next tool call works with."""
        return ToolContext(
            sandbox=self.desk.sandbox,
            number=self.tool_calls,
            expected=self.assignment.expected,
            seconds_left=self.meter.seconds_left,
            sent_back=self.sent_back,
            fetch=self.desk.fetch,
            pages=self.pages,
        )

    async def restore(self) -> None:
        """Begin the transcript, or take up what it holds. Received replies come from the journal, unpaid."""
        events = [event for event in await self.desk.transcript.read() if event.kind != "network"]
        for event in events:
            reply = await self.desk.call(event.body["key"], self.request()) if event.kind == "reply" else None
            self.see(event, reply)
        if not events:
            body: dict[str, Any] = {"task": task_text(self.assignment), "agent": self.config.digest}
            if self.assignment.rework is not None:
                body["rework"] = self.assignment.rework.model_dump(mode="json")
            await self.record("assignment", body | self._workspace())
        elif self.ended is None:
            adopted = self.desk.sandbox is not None and self.desk.sandbox.info.adopted
            await self.record("resumed", {"adopted": True} if adopted else {})

    def _workspace(self) -> dict[str, str]:
        """The name of what lies in `/job` as the work begins, where it has one."""
        name = self.desk.sandbox.info.workspace if self.desk.sandbox is not None else None
        return {"workspace": name} if name else {}

    async def record(self, kind: str, body: dict[str, Any], reply: ChatReply | None = None) -> None:
        """Write an event, then take note of it."""
        self.see(await self.desk.transcript.add(kind, body), reply)

    async def record_reply(self, reply: ChatReply) -> None:
        """Write that the reply came. It stays in the journal; the event points there and holds its first words."""
        said = " ".join(part.text for part in reply.message.parts if isinstance(part, Text))
        body = {"n": self.replies + 1, "key": self.key, "stop": reply.stop.value, "says": said[:EXCERPT]}
        await self.record("reply", body, reply)

    async def record_start(self, call: ToolCall, *, changes: bool = True) -> None:
        """Write that a tool is about to run, and where it is so that it changes nothing."""
        body = {"name": call.name, "call_id": call.id, "arguments": call.raw_arguments[:EXCERPT]}
        await self.record("tool_started", body if changes else {**body, "changes": False})

    async def record_outcome(self, call: ToolCall, outcome: Outcome, seconds: float) -> None:
        """Write what a tool answered."""
        body: dict[str, Any] = {"name": call.name, "call_id": call.id, "text": outcome.text}
        if outcome.is_error:
            body["error"] = True
        if outcome.images:
            body["images"] = [image.model_dump(mode="json") for image in outcome.images]
        if outcome.facts:
            body["facts"] = outcome.facts
        await self.record("tool_done", {**body, "seconds": round(seconds, 3)})

    async def note(self, why: str, text: str) -> None:
        """Tell the model something, once for each `why`."""
        if why not in self.noted:
            await self.record("note", {"why": why, "text": text})

    def last_words(self) -> str:
        """What the model said last, or the beginning of it."""
        parts = self.last.message.parts if self.last is not None else ()
        return " ".join(part.text for part in parts if isinstance(part, Text))[:EXCERPT]

    def result(self, cause: Cause, detail: str = "") -> AgentResult:
        """How the attempt ended, as of now."""
        seconds = self.meter.seconds  # read once: time goes on
        return AgentResult(
            cause=cause,
            note=self.handed_in or "",
            detail=detail,
            steps=self.meter.steps,
            seconds=round(seconds, 3),
            working_seconds=round(self.meter.worked(seconds), 3),
        )

    def see(self, event: Event, reply: ChatReply | None = None) -> None:
        """Take note of an event."""
        self.meter.see(event)
        body = event.body
        if event.kind == "assignment":
            self.talk.task = event.seq
            self.talk.user(event.seq, Text(text=body["task"]))
        elif event.kind == "reply" and reply is not None:
            self._see_reply(event, reply)
        elif event.kind == "tool_started":
            self.tool_calls, self.started = self.tool_calls + 1, True
        elif event.kind == "tool_done":
            self._see_result(event)
        elif event.kind == "note":
            self.noted.add(body["why"])
            if self.news and self.news[0] == body["why"]:
                self.news = self.restored = None
            self.talk.user(event.seq, Text(text=body["text"]))
        elif event.kind == "restored":
            self.restored = body
        elif event.kind == "resumed":
            self._see_resumed(event)
        elif event.kind == "compaction":
            self._see_compaction(body)
        elif event.kind == "overflow":
            self._see_overflow()
        elif event.kind == "ended":
            self.ended = AgentResult.model_validate(body)

    def _see_reply(self, event: Event, reply: ChatReply) -> None:
        usage = reply.usage
        wasted = sum(failure.usage.total for failure in reply.failures if failure.usage is not None)
        self.meter.pay(usage.total + wasted, reply.dollars, reply.waited_seconds)
        self.meter.steps += 1
        sent = usage.total - usage.output
        if sent > 0:
            self.talk.scale = min(max(sent / max(self.talk.raw_tokens(), 1), SCALE[0]), SCALE[1])
        self.talk.reply(event.seq, reply)
        self.replies += 1
        self.last, self.answered, self.started = reply, 0, False
        self.silent = 0 if calls_of(reply) else self.silent + 1
        if reply.stop is Stop.context_overflow:
            self._see_overflow()
        else:
            self.overflows = 0

    def _see_resumed(self, event: Event) -> None:
        if not self.tool_calls or (event.body.get("adopted") and self.restored is None):
            return  # there is nothing that could have been lost
        text, put_back = RESUMED, self.restored
        if put_back is not None:
            text = RESTORED
            left_out = put_back.get("left_out", ())
            more = put_back.get("left_out_more", 0) + max(0, len(left_out) - NAMED)
            names = ", ".join(path for path, _ in left_out[:NAMED])
            text += NOT_KEPT.format(what=f"{names} and {more} more" if more else names) if names else ""
        self.news = (f"resumed-{event.seq}", text)

    def _see_overflow(self) -> None:
        self.overflows += 1
        self.window = min(self.window, int(WINDOW_SHOWN * self.talk.tokens()))

    def _see_result(self, event: Event) -> None:
        body, facts = event.body, event.body.get("facts", {})
        self.answered, self.started = self.answered + 1, False
        images = tuple(Image.model_validate(image) for image in body.get("images", ()))
        result = ToolResult(
            call_id=body["call_id"], content=(Text(text=body["text"]), *images), is_error=body.get("error", False)
        )
        self.talk.user(event.seq, result, kept=facts.get("kept", ""))
        self.sent_back += bool(facts.get("sent_back"))
        if page := facts.get("page"):
            self.pages[page["url"]] = page["path"]
        if facts.get("submitted"):
            self.handed_in = facts["note"]

    def _see_compaction(self, body: dict[str, Any]) -> None:
        if body["level"] == "stubs":
            self.talk.stubs_before = body["before"]
        elif body["level"] == "images":
            self.talk.images_before = body["before"]
        else:
            self.talk.summary, self.talk.summary_before = body["text"], body["before"]
            self.meter.pay(body["tokens"], body["dollars"], body["waited"])


def calls_of(reply: ChatReply | None) -> list[ToolCall]:
    """The tool calls in a reply."""
    return [] if reply is None else [part for part in reply.message.parts if isinstance(part, ToolCall)]
