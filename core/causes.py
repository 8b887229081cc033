"""How an attempt ends, and why: the one table from which retrying, grading and counting all follow.

Statistics, `upbench runs show`, retry policies and reports read this table; none keeps a list of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ended(StrEnum):
    """How an attempt ended."""

    submitted = "submitted"
    limit = "limit"
    agent_crash = "agent_crash"
    harness_crash = "harness_crash"
    cancelled = "cancelled"


class Cause(StrEnum):
    """Why an attempt ended as it did."""

    submitted = "submitted"
    wall_time = "wall_time"
    working_time = "working_time"
    steps = "steps"
    tokens = "tokens"
    dollars = "dollars"
    agent_error = "agent_error"
    agent_gave_up = "agent_gave_up"
    model_refused = "model_refused"
    context_overflow = "context_overflow"
    model_rejected_request = "model_rejected_request"
    model_unauthorised = "model_unauthorised"
    model_rate_limited = "model_rate_limited"
    model_unavailable = "model_unavailable"
    sandbox_start = "sandbox_start"
    sandbox_lost = "sandbox_lost"
    sandbox_protocol = "sandbox_protocol"
    sandbox_unauthorised = "sandbox_unauthorised"
    sandbox_rate_limited = "sandbox_rate_limited"
    workspace_full = "workspace_full"
    collect_failed = "collect_failed"
    check_failed_to_run = "check_failed_to_run"
    store_failed = "store_failed"
    store_refused = "store_refused"
    store_damaged = "store_damaged"
    disk_full = "disk_full"
    worker_died = "worker_died"
    harness_bug = "harness_bug"
    user_cancelled = "user_cancelled"
    run_budget = "run_budget"
    run_stopped = "run_stopped"


@dataclass(frozen=True, slots=True)
class CauseRow:
    """What follows from a cause.

    Attributes:
        ended: How the attempt ended.
        fault: Whose fault it is: `none`, `agent`, `harness`, `infrastructure` or `user`.
        rerun: A new execution of the same attempt may be made (only harness and infrastructure faults).
        graded: What was handed in is graded (an empty hand-in fails). False means the attempt is missing.
        says: One line for people.
    """

    ended: Ended
    fault: str
    rerun: bool
    graded: bool
    says: str


def _agent(ended: Ended, says: str) -> CauseRow:
    return CauseRow(ended, "agent", rerun=False, graded=True, says=says)


def _ours(fault: str, says: str, *, rerun: bool = True) -> CauseRow:
    return CauseRow(Ended.harness_crash, fault, rerun=rerun, graded=False, says=says)


TABLE: dict[Cause, CauseRow] = {
    Cause.submitted: CauseRow(Ended.submitted, "none", rerun=False, graded=True, says="the agent handed in"),
    Cause.wall_time: _agent(Ended.limit, "the attempt's wall time was used up"),
    Cause.working_time: _agent(Ended.limit, "the attempt's working time was used up"),
    Cause.steps: _agent(Ended.limit, "the attempt's steps were used up"),
    Cause.tokens: _agent(Ended.limit, "the attempt's tokens were used up"),
    Cause.dollars: _agent(Ended.limit, "the attempt's dollars were used up"),
    Cause.agent_error: _agent(Ended.agent_crash, "the agent's own code failed"),
    Cause.agent_gave_up: _agent(Ended.agent_crash, "the agent stopped without handing in"),
    Cause.model_refused: _agent(Ended.agent_crash, "the model refused the job"),
    Cause.context_overflow: _agent(Ended.agent_crash, "the conversation outgrew the model's context"),
    Cause.model_rejected_request: _ours("harness", "the model's API rejected our request", rerun=False),
    Cause.model_unauthorised: _ours("infrastructure", "the model's API did not accept the key", rerun=False),
    Cause.model_rate_limited: _ours("infrastructure", "the model stayed rate limited past the bound"),
    Cause.model_unavailable: _ours("infrastructure", "the model's API did not answer"),
    Cause.sandbox_start: _ours("infrastructure", "the sandbox did not start"),
    Cause.sandbox_lost: _ours("infrastructure", "the sandbox died"),
    Cause.sandbox_protocol: _ours("infrastructure", "the sandbox's supervisor answered nonsense"),
    Cause.sandbox_unauthorised: _ours("infrastructure", "the sandbox's API did not accept the key", rerun=False),
    Cause.sandbox_rate_limited: _ours("infrastructure", "no sandbox could be had within the account's rate"),
    Cause.workspace_full: _agent(Ended.limit, "the workspace outgrew its bytes or files"),
    Cause.collect_failed: _ours("harness", "the deliverables could not be collected"),
    Cause.check_failed_to_run: _ours("harness", "the checks could not be run"),
    Cause.store_failed: _ours("infrastructure", "records or blobs could not be written"),
    Cause.store_refused: _ours("infrastructure", "the bucket is not there or did not accept the key", rerun=False),
    Cause.store_damaged: _ours("infrastructure", "something that was kept is damaged or gone"),
    Cause.disk_full: _ours("infrastructure", "the disk is full"),
    Cause.worker_died: _ours("infrastructure", "the worker died"),
    Cause.harness_bug: _ours("harness", "UpBench itself failed", rerun=False),
    Cause.user_cancelled: CauseRow(
        Ended.cancelled, "user", rerun=True, graded=False, says="cancelled by the user"
    ),
    Cause.run_budget: CauseRow(
        Ended.cancelled, "user", rerun=True, graded=False, says="the run's budget was used up"
    ),
    Cause.run_stopped: CauseRow(
        Ended.cancelled, "harness", rerun=True, graded=False, says="the run was stopped: crashes, or no room"
    ),
}


def cause_row(cause: Cause) -> CauseRow:
    """What follows from `cause`."""
    return TABLE[cause]
