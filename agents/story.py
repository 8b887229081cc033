"""The story of an execution, line by line: what `upbench runs why TRIAL` tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from agents.transcript import Event
from core import CallRecord, Cause, cause_row

WIDTH = 400
ARGUMENTS_WIDTH = 240
RESULT_WIDTH = 160
COMPACTED = {
    "stubs": "older tool results are no longer shown to the model",
    "images": "older images are no longer shown to the model",
    "summary": "the model's own notes take the place of the older part of the conversation",
}


def tell(events: Sequence[Event], calls: Sequence[CallRecord] = ()) -> list[str]:
    """The story, as lines for people.

    Args:
        events: The transcript of one execution.
        calls: Its model calls (`CallJournal.calls("<execution>/")`), for tokens, dollars and failed tries.
    """
    story = _Story({call.key: call for call in calls})
    lines: list[str] = []
    for event in events:
        lines += story.lines_of(event)
    return lines + story.totals(calls)


class _Story:
    def __init__(self, calls: dict[str, CallRecord]) -> None:
        self._calls = calls
        self._begun: datetime | None = None
        self._tellers: dict[str, Callable[[dict[str, Any]], list[str]]] = {
            "assignment": _assignment,
            "resumed": lambda _: ["the worker had stopped; another took over here"],
            "restored": lambda body: [f"the workspace had been lost: {body['files']} files were put back"],
            "snapshot": lambda _: [],
            "reply": self._reply,
            "tool_started": _tool_started,
            "tool_done": _tool_done,
            "network": _network,
            "note": lambda body: [f"told the model: {_short(body['text'])}"],
            "compaction": self._compaction,
            "overflow": lambda _: ["the model refused the conversation for its length"],
            "cancelled": lambda _: ["stopped from outside"],
            "ended": _ended,
        }

    def lines_of(self, event: Event) -> list[str]:
        at = datetime.fromisoformat(event.at)
        self._begun = self._begun or at
        tell_it = self._tellers.get(event.kind)
        lines = tell_it(event.body) if tell_it else [f"{event.kind}: {_short(str(event.body))}"]
        clock = f"{(at - self._begun).total_seconds():8.1f} s  "
        return [clock + lines[0], *(" " * len(clock) + line for line in lines[1:])] if lines else []

    def totals(self, calls: Sequence[CallRecord]) -> list[str]:
        """One line on all model calls together."""
        received = [call for call in calls if call.state == "received"]
        if not received:
            return []
        wasted = sum(len(call.waste) for call in calls)
        priced = [call.dollars for call in received if call.dollars is not None]
        unpriced = len(received) - len(priced)
        tokens = sum(call.usage.total for call in received if call.usage)
        parts = [f"{len(received)} model calls", f"{tokens:,} tokens", f"${sum(priced):.4f}"]
        if unpriced:
            parts.append(f"{unpriced} without a price")
        if wasted:
            parts.append(f"{wasted} failed tries")
        scripted = " (scripted: no model was asked)" if all(_scripted(call) for call in received) else ""
        return [f"in all: {', '.join(parts)}{scripted}"]

    def _reply(self, body: dict[str, Any]) -> list[str]:
        who = f"step {body['n']}"
        call = self._calls.get(body["key"])
        facts = []
        if call is not None:
            who += f" (scripted as {call.model})" if _scripted(call) else f" ({call.provider}/{call.model})"
            facts = _facts(call)
        stop = body["stop"]
        if stop not in {"tool_calls", "end_turn"}:
            facts.append(f"stopped: {stop}")
        lines = [f"{who}: {', '.join(facts)}" if facts else who]
        if body.get("says", "").strip():
            lines.append(f'  says: "{_short(body["says"])}"')
        return lines + _tries(call)

    def _compaction(self, body: dict[str, Any]) -> list[str]:
        lines = [f"made shorter at about {body['tokens_before']:,} tokens: {COMPACTED[body['level']]}"]
        if body["level"] == "summary":
            call = self._calls.get(body["key"])
            lines += [f"  {', '.join(_facts(call))}"] if call else []
            lines.append(f'  notes: "{_short(body["text"])}"')
        return lines


def _assignment(body: dict[str, Any]) -> list[str]:
    lines = [f"the job was given: {_short(body['task'], 80)}"]
    if "rework" in body:
        remarks = body["rework"]["remarks"]
        lines.append(f"  to be done again, {f'with {len(remarks)} remarks:' if remarks else 'without any remark'}")
        lines += [f'  remark: "{_short(remark["text"])}"' for remark in remarks]
    return lines


def _facts(call: CallRecord) -> list[str]:
    facts = [f"{call.seconds:.1f} s"] if call.seconds is not None else []
    if call.usage is not None:
        used = call.usage
        facts.append(f"{used.input + used.cache_read + used.cache_write:,} tokens in ({used.cache_read:,} cached)")
        facts.append(f"{used.output:,} out")
    return [*facts, "no price" if call.dollars is None else f"${call.dollars:.4f}"]


def _tries(call: CallRecord | None) -> list[str]:
    waste = call.waste if call is not None else ()
    return [
        f"  failed try: {one.kind}{f' (status {one.status})' if one.status else ''}, waited {one.waited:.1f} s"
        for one in waste
    ]


def _tool_started(body: dict[str, Any]) -> list[str]:
    # The arguments are JSON as it came, cut: its escapes are undone for the eye only.
    arguments = body.get("arguments", "").replace("\\n", " ").replace('\\"', '"')
    return [f"  {body['name']} {_short(arguments, ARGUMENTS_WIDTH)}"]


def _tool_done(body: dict[str, Any]) -> list[str]:
    facts = body.get("facts", {})
    if facts.get("submitted"):
        how = "accepted"
    elif facts.get("sent_back"):
        how = "sent back"
    elif facts.get("interrupted"):
        how = "interrupted, not run again"
    elif facts.get("exit_code"):
        how = f"exit code {facts['exit_code']}"
    else:
        how = "failed" if body.get("error") else "done"
    images = f", {len(body['images'])} image(s)" if body.get("images") else ""
    return [f"    {how} in {body['seconds']:.1f} s{images}: {_short(body['text'], RESULT_WIDTH)}"]


def _network(body: dict[str, Any]) -> list[str]:
    who = "fetch_page" if body["via"] == "fetch" else "a program"
    where = f"{body['host']}:{body['port']}" if body["port"] else body["host"]
    how = [body["verdict"], body.get("reason", "")]
    moved = body.get("up_bytes", 0), body.get("down_bytes", 0)
    how += [f"{moved[0]:,} bytes up, {moved[1]:,} down"] if any(moved) else []
    how += [f"{body['seconds']:.1f} s"] if body.get("seconds") else []
    asked = " ".join(part for part in (body["method"], where) if part)
    return [f"  network: {who} asked for {_short(asked, 120)}: {_short('; '.join(filter(None, how)))}"]


def _ended(body: dict[str, Any]) -> list[str]:
    lines = [f"end: {cause_row(Cause(body['cause'])).says}"]
    if body.get("steps"):
        lines[0] += f", after {body['steps']} steps and {body['seconds']:.1f} s"
    return lines + [f'  "{_short(body[key])}"' for key in ("note", "detail") if body.get(key)]


def _scripted(call: CallRecord) -> bool:
    return call.provider == "scripted"


def _short(text: str, width: int = WIDTH) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "\u2026"
