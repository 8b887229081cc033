"""The points of a run at which something may die: wrapped in the tests' processes, and nowhere else."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

ENVIRONMENT = "UPBENCH_TESTS_POINT"
"""`POINT@N=DEED`: what is done when a process passes that point for the N-th time; `kill`, or a socket's path."""

FAULT = "UPBENCH_TESTS_FAULT"
"""Any value: the second tool call of each attempt's first execution loses the sandbox."""

POISON = "UPBENCH_TESTS_POISON"
"""An attempt whose work kills the process, whoever does it, after a moment."""

BEFORE, AFTER = ".before", ".after"

# Name of a point -> what is wrapped. `event` is several: see `_event`.
PLACES = {
    "run.create": "runs.records:Records.create_run",
    "run.begun": "runs.records:Records.go_on",
    "run.ended": "runs.records:Records.end_if_done",
    "pack.keep": "upbench.bench:keep_pack",
    "enqueue": "runs.engine.durable:DurableEngine.start",
    "dequeue": "dbos._sys_db:SystemDatabase.start_queued_workflows",
    "recover": "runs.engine.durable:DurableEngine.recover",
    "worker.enter": "runs.workers.registry:Registry.enter",
    "worker.leave": "runs.workers.registry:Registry.leave",
    "round": "runs.trial:AttemptRounds.carry",
    "round.ended": "dbos._sys_db:SystemDatabase.update_workflow_outcome",
    "round.next": "runs.records:Records.next_round",
    "begin": "runs.records:Records.begin",
    "sandbox.open": "sandbox.bubblewrap.provider:BubblewrapProvider.open",
    "sandbox.close": "sandbox.bubblewrap.box:BubblewrapSandbox.close",
    "call.begun": "core.llm.entries:Entries.begin",
    "call.sent": "core.llm.journal:traced_reply",
    "call.received": "core.llm.entries:Entries.receive",
    "call.settled": "core.llm.entries:Entries.settle",
    "tool": "agents.react.graph:use",
    "snapshot": "runs.snapshots:Snapshots.take",
    "note": "runs.records:Records.note_execution",
    "collect": "sandbox.bubblewrap.provider:BubblewrapProvider.collect",
    "keep": "runs.records:Records.keep_submission",
    "check": "runs.stages:run_checks",
    "check.kept": "grading.book:Book.record_checks",
    "step.kept": "dbos._sys_db:SystemDatabase.record_operation_result",
    "publish": "grading.book:Book.publish",
    "finish": "runs.records:Records.finish",
    "clear": "sandbox.bubblewrap.provider:BubblewrapProvider.discard",
}
EVENTS = ("assignment", "reply", "tool_started", "snapshot", "tool_done", "ended")
# Points in the middle of what takes a while, so many seconds after its beginning.
MIDST = {"call.sent": 0.03, "tool": 0.05}
WITHIN = ".within"


def install() -> None:
    """Wrap what the environment names; nothing where it names nothing."""
    if FAULT in os.environ:
        _wrap("fault", PLACES["tool"], _faulty)
    if POISON in os.environ:
        _wrap("poison", "runs.stages:TrialStages.work", _poisoned)
    if ENVIRONMENT not in os.environ:
        return
    point, _, deed = os.environ[ENVIRONMENT].partition("=")
    name, _, number = point.partition("@")
    here = _Here(name, int(number), deed)
    if name.startswith("event."):
        _wrap(name, "agents.store:SqlTranscript.append", functools.partial(_event, here))
    else:
        base = name.rpartition(".")[0]
        _wrap(base, PLACES[base], functools.partial(_passing, here, base))


class _Here:
    """The point, and how often it was passed."""

    def __init__(self, point: str, number: int, deed: str) -> None:
        self.point, self._number, self._deed = point, number, deed
        self._passed: Counter[str] = Counter()

    def at(self, point: str) -> None:
        """This process is there now."""
        self._passed[point] += 1
        if point != self.point or self._passed[point] != self._number:
            return
        if self._deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        with socket.socket(socket.AF_UNIX) as ask:
            ask.connect(self._deed)
            ask.recv(1)  # it is done


def _wrap(name: str, place: str, wrapped: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if not callable(getattr(owner, last, None)):
        raise LookupError(f"{name}: there is no {place}")
    setattr(owner, last, wrapped(getattr(owner, last)))


def _passing(here: _Here, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def passed(*given: Any, **more: Any) -> Any:
            here.at(name + BEFORE)
            if here.point.endswith(WITHIN):
                asyncio.get_running_loop().call_later(MIDST[name], here.at, name + WITHIN)
            made = await call(*given, **more)
            here.at(name + AFTER)
            return made

        return passed

    @functools.wraps(call)
    def passed_at_once(*given: Any, **more: Any) -> Any:
        here.at(name + BEFORE)
        made = call(*given, **more)
        here.at(name + AFTER)
        return made

    return passed_at_once


def _event(here: _Here, append: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(append)
    def passed(self: Any, kind: str, body: dict[str, Any]) -> Any:
        here.at(f"event.{kind}{BEFORE}")
        event = append(self, kind, body)
        here.at(f"event.{kind}{AFTER}")
        return event

    return passed


def _faulty(use: Callable[..., Any]) -> Callable[..., Any]:
    from core import Cause, SandboxFault

    @functools.wraps(use)
    async def used(tools: Any, call: Any, context: Any) -> Any:
        if context.number >= 2 and context.sandbox._root.name.endswith(".e1"):  # the workspace's: an execution
            raise SandboxFault(Cause.sandbox_lost, "the test says so")
        return await use(tools, call, context)

    return used


def _poisoned(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    async def worked(self: Any, payload: Any) -> Any:
        if str(payload["execution"]).startswith(f"{os.environ[POISON]}."):
            await asyncio.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        return await work(self, payload)

    return worked
