"""Keeping the conversation within the model's window.

In this order, until little enough is left: old tool results become one line, old images go, and last the model
writes notes that stand for everything between the job's description and the latest replies. Each is an event;
nothing leaves the transcript. It is done rarely and much at a time, because every change of what was said before
costs the provider's prompt cache.
"""

from __future__ import annotations

from agents.react.asking import Unanswered, ask
from agents.react.config import prompt
from agents.react.session import Session
from core import Image, Message, Text, ToolResult

BEGIN_AT, GOAL, TAIL = 0.65, 0.4, 0.2
"""Shares of the window: where it begins, where it may stop, and what the summary leaves whole."""

RESULTS_KEPT, IMAGES_KEPT = 6, 2
SUMMARY_TOKENS = 4000


async def compact(session: Session, *, forced: bool = False) -> None:
    """Shorten the conversation if it is due, or `forced` because the model refused it for its length.

    Raises:
        ModelFault: The call for the summary failed for good.
    """
    window = session.window
    if not forced and session.talk.tokens() <= BEGIN_AT * window:
        return
    enough = GOAL * window
    results = [item.seq for item in session.talk.items if _is_result(item.message, ToolResult)]
    await _raise_mark(session, "stubs", results, 1 if forced else RESULTS_KEPT)
    if session.talk.tokens() > enough:
        pictures = [item.seq for item in session.talk.items if _is_result(item.message, Image)]
        await _raise_mark(session, "images", pictures, 0 if forced else IMAGES_KEPT)
    if session.talk.tokens() > enough:
        await _summarise(session)


async def _raise_mark(session: Session, level: str, seqs: list[int], kept: int) -> None:
    """Put the mark of `level` behind all of `seqs` but the last `kept`."""
    older = seqs[: len(seqs) - kept]
    mark = session.talk.stubs_before if level == "stubs" else session.talk.images_before
    if older and older[-1] + 1 > mark:
        body = {"level": level, "before": older[-1] + 1, "tokens_before": session.talk.tokens()}
        await session.record("compaction", body)


async def _summarise(session: Session) -> None:
    before = _tail_begins(session)
    if before is None:
        return
    tokens_before = session.talk.tokens()
    request = session.request()
    wish = Message(role="user", parts=(Text(text=prompt("summarise")),))
    messages = (*request.messages, wish)
    if request.messages[-1].role == "user":
        last = request.messages[-1]
        messages = (*request.messages[:-1], last.model_copy(update={"parts": last.parts + wish.parts}))
    request = request.model_copy(
        update={"messages": messages, "max_output_tokens": min(SUMMARY_TOKENS, request.max_output_tokens)}
    )
    key = f"{session.key}/summary"
    reply = await ask(session, key, request)
    said, paid = "", {"tokens": 0, "dollars": None, "waited": 0.0}
    if not isinstance(reply, Unanswered):
        said = "\n".join(part.text for part in reply.message.parts if isinstance(part, Text)).strip()
        paid = {"tokens": reply.usage.total, "dollars": reply.dollars, "waited": reply.waited_seconds}
    body = {"level": "summary", "before": before, "text": said or _own_words(session, before), "key": key}
    await session.record("compaction", {**body, **paid, "tokens_before": tokens_before})


def _tail_begins(session: Session) -> int | None:
    """The event of the reply at which the tail that stays whole begins; None: there is nothing to sum up."""
    room = TAIL * session.window / session.talk.scale
    begins, later = None, 0
    for item in reversed(list(session.talk.shown())):
        later += item.cost
        if item.is_reply:
            if begins is not None and later > room:
                break
            begins = item.seq
    earlier = [item for item in session.talk.items if item.is_reply and begins is not None and item.seq < begins]
    return begins if any(item.seq >= session.talk.summary_before for item in earlier) else None


def _own_words(session: Session, before: int) -> str:
    """What stands in when the model wrote no notes: the notes before, and the beginnings of what it said since."""
    lines = [session.talk.summary] if session.talk.summary else []
    for item in session.talk.items:
        if item.is_reply and session.talk.summary_before <= item.seq < before:
            lines += [part.text[:500] for part in item.message.parts if isinstance(part, Text)]
    return "\n".join(lines)[-8000:] or "(No notes. The files in /job show what has been done.)"


def _is_result(message: Message, kind: type[ToolResult] | type[Image]) -> bool:
    """The message is a tool's result (that holds an image)."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if kind is ToolResult:
        return bool(results)
    return any(isinstance(part, Image) for result in results for part in result.content)
