"""The agent's loop as a LangGraph graph: plan -> act -> reflect -> plan ... -> submit.

The graph's own state is a cursor into the transcript and a phase. All that was said and done is in the transcript
and, folded, in the `Session` that is the graph's context, so nothing grows and no checkpointer is needed.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.presets import tools_of
from agents.react.asking import Unanswered, ask
from agents.react.compaction import compact
from agents.react.session import Session, calls_of
from agents.react.words import CUT, GO_ON, HURRY, INTERRUPTED, NUDGE
from agents.tools.base import error, use
from core import Cause, SandboxFault, Stop, ToolCall, cause_row, span

Phase = Literal["plan", "act", "reflect", "submit"]

SUPERSTEPS = 1_000_000
"""LangGraph's own bound on node visits; the attempt's limits are ours."""

OVERFLOWS = 2
"""Refusals for length in a row after which the conversation counts as too long for the model."""


class State(TypedDict):
    """What the graph itself remembers.

    Attributes:
        cursor: Replies so far. phase: The next node. cause: Why the attempt ends, when phase is `submit`.
    """

    cursor: int
    phase: Phase
    cause: str


Graph = CompiledStateGraph[State, Session, State, State]


async def plan(state: State, runtime: Runtime[Session]) -> State:
    """Ask the model what to do, unless the attempt is over."""
    session = runtime.context
    if session.desk.cancelled():
        return _state(session, "submit", Cause.user_cancelled)
    if (limit := session.meter.exceeded()) is not None:
        return _state(session, "submit", limit)
    if session.open_calls:
        return _state(session, "act")
    if session.news:
        await session.note(*session.news)
    await compact(session, forced=session.overflows > 0)
    reply = await ask(session, session.key, session.request())
    if not isinstance(reply, Unanswered):
        await session.record_reply(reply)
        return _state(session, "act" if calls_of(reply) else "reflect")
    if reply.cause is not Cause.context_overflow:
        return _state(session, "submit", reply.cause)
    await session.record("overflow", {"key": session.key})
    if session.overflows >= OVERFLOWS:
        return _state(session, "submit", Cause.context_overflow)
    return _state(session, "plan")


async def act(state: State, runtime: Runtime[Session]) -> State:
    """Run the tool calls of the last reply, in order."""
    session = runtime.context
    if session.last is not None and session.last.stop is Stop.refusal:
        return _state(session, "reflect")
    while session.open_calls:
        if session.desk.cancelled() or session.meter.seconds_left <= 0:
            return _state(session, "plan")
        try:
            await _run_tool(session, session.open_calls[0])
        except SandboxFault as fault:
            if not cause_row(fault.cause).graded:
                raise
            return _state(session, "submit", fault.cause)  # the agent's own doing, such as a full workspace
        if session.handed_in is not None:
            return _state(session, "submit", Cause.submitted)
    return _state(session, "reflect")


async def _run_tool(session: Session, call: ToolCall) -> None:
    last = session.last
    tools = tools_of(session.config.preset or "standard", network=session.desk.fetch is not None)
    tool, interrupted = tools.get(call.name), session.started
    if interrupted and not (tool and tool.repeatable):
        await _keep(session)  # it may have done something
        await session.record_outcome(call, error(INTERRUPTED, interrupted=True), 0.0)
        return
    if last is not None and last.stop is Stop.max_tokens and len(session.open_calls) == 1:
        await session.record_outcome(call, error(CUT), 0.0)
        return
    changes = tool is not None and tool.changes
    if not interrupted:
        await session.record_start(call, changes=changes)
    begun = time.monotonic()
    with span("tool_call", tool=call.name if call.name in tools else "unknown", call=call.id) as told:
        told.content(arguments=lambda: call.raw_arguments)
        outcome = await use(tools, call, session.context())
        told.note(error="tool_error" if outcome.is_error else None)
        told.content(result=lambda: outcome.text)
    seconds = time.monotonic() - begun
    if changes:
        await _keep(session)
    await session.record_outcome(call, outcome, seconds)


async def _keep(session: Session) -> None:
    """Have the workspace kept before a call counts as done: what the model is told of is never lost."""
    if session.desk.snapshot is None:
        return
    begun = time.monotonic()
    if body := await session.desk.snapshot():
        await session.record("snapshot", {**body, "seconds": round(time.monotonic() - begun, 4)})


async def reflect(state: State, runtime: Runtime[Session]) -> State:
    """Look at how the step went: end, or go on, perhaps with a word to the model."""
    session = runtime.context
    reply = session.last
    stop = reply.stop if reply is not None else Stop.end_turn
    if stop is Stop.refusal:
        return _state(session, "submit", Cause.model_refused)
    if session.overflows >= OVERFLOWS:
        return _state(session, "submit", Cause.context_overflow)
    if not calls_of(reply):
        # A paused reply is to be sent back as it is; but one that pauses for ever has given up as well.
        if session.silent >= session.settings.silent_replies * (5 if stop is Stop.paused else 1):
            return _state(session, "submit", Cause.agent_gave_up)
        if stop is Stop.paused:
            return _state(session, "plan")
        if stop is not Stop.context_overflow:
            await session.note(f"silent-{session.replies}", GO_ON if stop is Stop.max_tokens else NUDGE)
    if session.meter.exceeded() is None:
        for why, what in session.meter.warnings():
            await session.note(why, HURRY.format(what=what))
    return _state(session, "plan")


async def submit(state: State, runtime: Runtime[Session]) -> State:
    """Close the attempt. A cancelled one stays open: when the run is resumed, it goes on."""
    session, cause = runtime.context, Cause(state["cause"])
    kind = "cancelled" if cause is Cause.user_cancelled else "ended"
    silent = cause in {Cause.model_refused, Cause.agent_gave_up}
    detail = session.last_words() if silent else session.meter.used(cause)
    await session.record(kind, session.result(cause, detail).model_dump(mode="json"))
    return state


async def run(session: Session) -> Cause:
    """Work until the attempt ends, and say why it did.

    Raises:
        Fault: The model or the sandbox failed for good.
    """
    final = await _compiled().ainvoke(_entry(session), {"recursion_limit": SUPERSTEPS}, context=session)
    return Cause(final["cause"])


@lru_cache
def _compiled() -> Graph:
    """The compiled graph. It holds no state of its own: one serves all attempts."""
    graph: StateGraph[State, Session, State, State] = StateGraph(State, context_schema=Session)
    nodes: dict[str, Any] = {"plan": plan, "act": act, "reflect": reflect, "submit": submit}
    for name, node in nodes.items():
        graph.add_node(name, node)
    for name in (START, "plan", "act", "reflect"):
        graph.add_conditional_edges(name, _phase, list(nodes))
    graph.add_edge("submit", END)
    return graph.compile()


def _entry(session: Session) -> State:
    """Where a new or a resumed attempt begins."""
    if session.handed_in is not None:
        return _state(session, "submit", Cause.submitted)
    if session.open_calls:
        return _state(session, "act")
    return _state(session, "reflect" if session.last is not None else "plan")


def _phase(state: State) -> Phase:
    return state["phase"]


def _state(session: Session, phase: Phase, cause: Cause | None = None) -> State:
    return State(cursor=session.replies, phase=phase, cause=cause.value if cause is not None else "")
