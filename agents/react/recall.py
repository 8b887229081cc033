"""Carrying a conversation on: what was said in earlier attempts comes before what is said in this one."""

from __future__ import annotations

from collections.abc import Sequence

from agents.react.conversation import Conversation
from agents.react.meter import Meter
from agents.react.session import Session
from agents.react.words import UNRUN
from agents.transcript import Event
from core import Text, ToolResult


async def recall(session: Session) -> None:
    """Put the conversations of the desk's earlier attempts before that of a session which has not begun.

    They are folded as they were, with what was hidden for length hidden; their replies come from the journal,
    unpaid. Their events get numbers below zero, so that this attempt's own come after them. Nothing else of them
    counts here: no step, no token, no time.
    """
    stories = [
        [event for event in await transcript.read() if event.kind != "network"]
        for transcript in session.desk.earlier
    ]
    begin = -sum(map(_span, stories))
    past = Session(session.config, session.assignment, session.desk, session.specs, Meter(session.meter.limits))
    past.talk = Conversation(
        stubs_before=begin, images_before=begin, summary_before=begin, fixed=session.talk.fixed
    )
    for story in stories:
        for event in story:
            reply = await past.desk.call(event.body["key"], past.request()) if event.kind == "reply" else None
            past.see(_moved(event, begin), reply)
        begin += _span(story)
        for call in past.open_calls:
            past.talk.user(begin - 1, ToolResult(call_id=call.id, content=(Text(text=UNRUN),), is_error=True))
        past.last, past.answered = None, 0
    session.talk, session.window = past.talk, past.window


def _span(story: Sequence[Event]) -> int:
    """How many numbers the events of an attempt take, and one more for what they leave open."""
    return story[-1].seq + 2 if story else 0


def _moved(event: Event, by: int) -> Event:
    body = event.body
    if event.kind == "compaction":
        body = {**body, "before": body["before"] + by}
    return event.model_copy(update={"seq": event.seq + by, "body": body})
