"""`runs why TRIAL`: the story of a trial, from its first execution to its verdicts."""

from __future__ import annotations

from agents import SqlTranscript, tell
from core import CallJournal, Cause, Frozen, cause_row
from grading import Book
from runs import AttemptRow, Records, Stop
from sandbox import SandboxInfo
from upbench.going_on import resume_of
from upbench.home import Home


class Story(Frozen):
    """A trial told line by line."""

    trial: str
    agent: str
    job: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)


def story(home: Home, trial: str) -> Story:
    """The story of a trial. Raises `BadInput` when there is no such trial."""
    attempts = Records(home.database).attempts_of_trial(trial)
    lines: list[str] = []
    stop = Records(home.database).stop_of(attempts[0].run)
    for attempt in attempts:
        lines += _attempt(home, attempt, stop)
    first = attempts[0]
    return Story(trial=first.trial, agent=first.agent, job=first.job, lines=tuple(lines))


def _attempt(home: Home, attempt: AttemptRow, stop: Stop | None) -> list[str]:
    lines = [f"attempt {attempt.k} ({attempt.arm}) of {attempt.agent} on {attempt.job}, repeat {attempt.repeat}"]
    lines += [f"  {attempt.damaged}; it counts as missing"] if attempt.damaged else []
    journal = CallJournal(home.database)
    executions = Records(home.database).executions([attempt.id])
    if not executions:
        lines.append(f"  not begun{': ' if stop else ''}{_stopped(stop).removesuffix('; ')}")
    for execution in executions:
        lines.append(f"  execution {execution.e}, begun {execution.started}")
        lines += _sandbox(execution.sandbox)
        events, damaged = SqlTranscript(home.database, home.blobs, execution.id).sound_events()
        lines += [f"    {line}" for line in tell(events, journal.calls(f"{execution.id}/"))]
        lines += [f"    cannot be told: {what}" for what in damaged]
        if execution.cause is Cause.submitted and attempt.arm == "echo":
            lines.append("  ended: what had been handed in was shown again, and no agent worked")
        elif execution.cause is not None:
            lines.append(f"  ended: {cause_row(execution.cause).says} ({execution.cause.value})")
            lines += [f"    {line}" for line in execution.detail.splitlines()]
        else:
            lines.append(f"  not ended: {_stopped(stop)}`{resume_of(home, attempt.run)}` goes on with it")
    return lines + _hand_in(attempt) + _grades(home, attempt)


def _stopped(stop: Stop | None) -> str:
    return "" if stop is None else f"the run was stopped ({stop.reason}: {stop.detail}); "


def _sandbox(info: SandboxInfo | None) -> list[str]:
    if info is None:
        return []
    what = " ".join(part for part in (info.provider, info.version, info.runtime, info.image) if part)
    adopted = "; adopted alive from a process that had died" if info.adopted else ""
    enforced = ", ".join(f"{limit} by {how}" for limit, how in sorted(info.enforced.items()) if how != "not")
    open_ends = ", ".join(limit for limit, how in sorted(info.enforced.items()) if how == "not")
    return [
        f"    sandbox {what}{adopted}",
        f"    enforced: {enforced}" + (f"; not enforced: {open_ends}" if open_ends else ""),
    ]


def _hand_in(attempt: AttemptRow) -> list[str]:
    if attempt.submission is None:
        return []
    lines = [f"  handed in {len(attempt.submission.files)} files"]
    lines += [f"    {file.path}  {file.size} bytes  {file.media_type}" for file in attempt.submission.files]
    lines += [f"    not collected: {left.path}: {left.why}" for left in attempt.submission.left_out]
    lines += [f"    missing: {pattern}" for pattern in attempt.submission.missing]
    return lines


def _grades(home: Home, attempt: AttemptRow) -> list[str]:
    lines = []
    for evaluation in Book(home.database).verdicts_of(attempt.id):
        lines.append(f"  graded by {evaluation.grader} ({evaluation.grader_kind})")
        for verdict in evaluation.verdicts:
            said = f": {verdict.feedback}" if verdict.feedback else ""
            lines.append(f"    {verdict.verdict.value:12} {verdict.criterion}{said}")
    return lines
