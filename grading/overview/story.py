"""The transcript of an execution a page at a time, for those who lead: what was said and done, whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents import Event, SqlTranscript
from core import (
    Blobs,
    CallJournal,
    Cause,
    ChatReply,
    Database,
    StoreFault,
    Text,
    ToolCall,
    canonical_json,
    cause_row,
)

EVENTS = 50
"""Events on a page."""
LONGEST = 20_000
"""Characters of one text that are shown; the rest is counted."""


@dataclass(frozen=True)
class Passage:
    """A text of an event. cut: How many characters of it are not shown."""

    name: str
    text: str
    cut: int = 0


@dataclass(frozen=True)
class Told:
    """An event for people. at: ISO 8601. head: What happened. failed: A tool did not do what was asked."""

    seq: int
    at: str
    kind: str
    head: str
    passages: tuple[Passage, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class StoryPage:
    """Some events of an execution.

    Attributes:
        total: How many there are. skip: How many come before these.
        damaged: Of these, what cannot be told, and why.
    """

    events: tuple[Told, ...]
    total: int
    skip: int
    damaged: tuple[str, ...]

    @property
    def before(self) -> int | None:
        """Where the page before this one begins; None: there is none."""
        return max(0, self.skip - EVENTS) if self.skip else None

    @property
    def after(self) -> int | None:
        """Where the page after this one begins; None: there is none."""
        return self.skip + EVENTS if self.skip + EVENTS < self.total else None


def story_page(database: Database, blobs: Blobs, execution: str, skip: int) -> StoryPage:
    """Events of an execution from number `skip` (from 0) on."""
    transcript, journal = SqlTranscript(database, blobs, execution), CallJournal(database)
    total = transcript.count()
    skip = max(0, min(skip, (total - 1) // EVENTS * EVENTS))
    events, damaged = transcript.sound_events(skip=skip, most=EVENTS)
    return StoryPage(tuple(_told(event, journal) for event in events), total, skip, tuple(damaged))


def _told(event: Event, journal: CallJournal) -> Told:
    try:
        head, passages, failed = _TELLERS[event.kind](event.body, journal)
    except (KeyError, TypeError, ValueError):  # of an agent whose events we do not know, or that lack something
        head, passages, failed = event.kind.replace("_", " "), _rest(event.body), False
    return Told(event.seq, event.at, event.kind, head, tuple(passages), failed)


_Telling = tuple[str, list[Passage], bool]


def _assignment(body: dict[str, Any], _: CallJournal) -> _Telling:
    passages = [_passage("The task as it was told", body["task"])]
    again = ""
    if "rework" in body:
        remarks = body["rework"]["remarks"]
        again = f", to be done again with {len(remarks)} remarks"
        passages += [_passage("Remark", remark["text"]) for remark in remarks]
    return f"The job was given{again}", passages, False


def _reply(body: dict[str, Any], journal: CallJournal) -> _Telling:
    head = f"Step {body['n']}: the model answered"
    try:
        reply = journal.reply(body["key"])
    except StoreFault as fault:
        return head, [Passage("Its reply cannot be read", fault.detail)], False
    if reply is None:
        return head, [_passage("Its first words", body.get("says", ""))], False
    return f"{head} ({_figures(reply)})", _said(reply), False


def _figures(reply: ChatReply) -> str:
    used = reply.usage
    price = "no price" if reply.dollars is None else f"${reply.dollars:.4f}"
    read = used.input + used.cache_read + used.cache_write
    tokens = f"{read:,} tokens in, {used.output:,} out"
    return f"{reply.model}, {reply.seconds:.1f} s, {tokens}, {price}, {reply.stop.value}"


def _said(reply: ChatReply) -> list[Passage]:
    found = []
    for part in reply.message.parts:
        if isinstance(part, Text) and part.text.strip():
            found.append(_passage("Says", part.text))
        elif isinstance(part, ToolCall):
            found.append(_passage(f"Calls {part.name}", _arguments(part)))
    return found


def _arguments(call: ToolCall) -> str:
    """The arguments of a call, texts among them as they are."""
    if call.arguments is None:
        return call.raw_arguments
    told = (
        f"{name}: {value if isinstance(value, str) else canonical_json(value)}"
        for name, value in call.arguments.items()
    )
    return "\n".join(told)


def _started(body: dict[str, Any], _: CallJournal) -> _Telling:
    return f"{body['name']} begins", [], False


def _done(body: dict[str, Any], _: CallJournal) -> _Telling:
    facts = body.get("facts", {})
    failed = bool(body.get("error") or facts.get("exit_code"))
    how = f"exit code {facts['exit_code']}" if facts.get("exit_code") else "failed" if failed else "done"
    images = f", {len(body['images'])} images" if body.get("images") else ""
    head = f"{body.get('name', 'The tool')}: {how} in {body['seconds']:.1f} s{images}"
    return head, [_passage("Its result", body["text"])], failed


def _network(body: dict[str, Any], _: CallJournal) -> _Telling:
    where = f"{body['host']}:{body['port']}" if body["port"] else body["host"]
    who = "fetch_page" if body["via"] == "fetch" else "a program"
    return f"{who} asked for {body['method']} {where}: {body['verdict']}", _rest(body), False


def _note(body: dict[str, Any], _: CallJournal) -> _Telling:
    return "The model was told besides", [_passage("Note", body["text"])], False


def _compaction(body: dict[str, Any], _: CallJournal) -> _Telling:
    head = f"The conversation was made shorter at about {body['tokens_before']:,} tokens ({body['level']})"
    return head, [_passage("Notes", body["text"])] if body.get("text") else [], False


def _ended(body: dict[str, Any], _: CallJournal) -> _Telling:
    passages = [_passage(name, body[name]) for name in ("note", "detail") if body.get(name)]
    return f"The end: {cause_row(Cause(body['cause'])).says}", passages, False


_TELLERS: dict[str, Callable[[dict[str, Any], CallJournal], _Telling]] = {
    "assignment": _assignment,
    "reply": _reply,
    "tool_started": _started,
    "tool_done": _done,
    "network": _network,
    "note": _note,
    "compaction": _compaction,
    "ended": _ended,
}


def _rest(body: dict[str, Any]) -> list[Passage]:
    return [_passage("All of it", canonical_json(body))] if body else []


def _passage(name: str, text: str) -> Passage:
    return Passage(name, text[:LONGEST], max(0, len(text) - LONGEST))
