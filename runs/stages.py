"""The effects of a round. Each takes the execution's id, finds the rest in the records, and is idempotent."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agents import (
    Agent,
    AgentResult,
    AttemptLimits,
    Desk,
    SqlTranscript,
    Transcript,
)
from core import (
    BadInput,
    CallTotals,
    Cause,
    ChatModel,
    ChatReply,
    ChatRequest,
    Fault,
    MissingTool,
    SandboxFault,
    StoreFault,
    Submission,
    UpBenchError,
    cause_row,
    in_thread,
    span,
)
from grading import CheckOutcome, CriterionVerdict, run_checks
from runs.assigning import assignment_of, previous_of, stories_before
from runs.cutting import UnlessCancelled
from runs.echo import show_again
from runs.engine.port import Json
from runs.limits import TrialLimits, effective_limits, trial_used_up, used_by_trial
from runs.manifest import build_submission, lay_out
from runs.options import Stop
from runs.review import review_item
from runs.rows import AttemptRow
from runs.snapshots import Snapshots, deliverables_kept, open_where_left
from runs.workplace import Workplace
from sandbox import (
    Audit,
    Network,
    NetworkEvent,
    Sandbox,
    SandboxInfo,
    SandboxSpec,
    Taken,
    TreeLimits,
)

if TYPE_CHECKING:  # it costs start-up time
    from sandbox import PageFetcher

Call = Callable[[str, ChatRequest], Awaitable[ChatReply]]


class TrialStages:
    """The stages of one execution, over a `Workplace`."""

    def __init__(self, place: Workplace, attempt: AttemptRow) -> None:
        self._place, self._attempt = place, attempt
        self._job = place.jobs[attempt.job]
        self._kept: Submission | None = None
        self._collected = False

    @property
    def _labels(self) -> dict[str, str]:
        return {"run": self._place.run_id, "trial": self._attempt.trial}

    @property
    def has_checks(self) -> bool:
        """See `Stages`."""
        return any(criterion.check for criterion in self._job.rubric.criteria)

    def unless_cancelled(self) -> AbstractAsyncContextManager[None]:
        """See `Stages`."""
        return UnlessCancelled(self._place)

    async def work(self, payload: Json) -> Json:
        """Open the workspace, let the agent work (or go on), close. Returns an `AgentResult`.

        Raises:
            Fault: For what is not the agent's; `user_cancelled` and the like when it was stopped at its work.
        """
        execution = str(payload["execution"])
        result, self._collected = self._place.records.work_of(execution)
        if result is not None:
            return AgentResult.model_validate_json(result).model_dump(mode="json")
        if self._attempt.arm == "echo":
            shown, self._kept = await in_thread(show_again, self._place, self._attempt, execution)
            self._collected = True
            return shown.model_dump(mode="json")
        limits = self._limits()
        if isinstance(limits, Cause):
            return (await self._not_begun(execution, limits)).model_dump(mode="json")
        worked = await self._work(execution, limits)
        if worked.cause is Cause.user_cancelled:
            stop = self._place.stop or Stop(reason="user_cancelled")
            raise Fault(stop.cause, stop.detail)
        return worked.model_dump(mode="json")

    def _limits(self) -> AttemptLimits | Cause:
        """The limits of this attempt within its trial's, or the cause for which there is nothing left of those."""
        config, records = self._place.config, self._place.records
        if config.trial_limits == TrialLimits():
            return config.limits
        attempts = [attempt.id for attempt in records.attempts_of_trial(self._attempt.trial)]
        used = used_by_trial(
            self._place.journal, self._attempt.trial, records.executions(attempts), self._attempt.id
        )
        gone = trial_used_up(config.trial_limits, used)
        return gone if gone is not None else effective_limits(config.limits, config.trial_limits, used)

    async def _not_begun(self, execution: str, cause: Cause) -> AgentResult:
        result = AgentResult(cause=cause, detail="the trial has nothing left of it")
        self._place.records.note_execution(execution, result=result.model_dump_json(), detail=result.detail)
        with TemporaryDirectory(dir=self._place.scratch) as nothing:
            await in_thread(self.keep, Path(nothing), Taken(), execution=execution)
        self._collected = True
        return result

    async def _work(self, execution: str, limits: AttemptLimits) -> AgentResult:
        place, job = self._place, self._job
        agent = place.agents[self._attempt.agent]
        model = self._model(agent)
        shown, rework = await in_thread(previous_of, place, self._attempt)
        earlier = await in_thread(stories_before, place, self._attempt)
        spec = SandboxSpec(
            workspace=execution,
            inputs=job.inputs_dir,
            mounts=shown,
            limits=place.config.sandbox_limits,
            network=place.config.network,
            labels=self._labels,
        )
        transcript = SqlTranscript(place.database, place.blobs, execution)
        audit = _audit(transcript)
        fetcher = await self._fetcher(spec, audit, transcript)
        store = place.snapshots_of(execution)
        sandbox = await open_where_left(
            lambda: self._open(spec, audit),
            lambda: place.provider.discard(execution),
            transcript,
            store or place.blobs,
        )
        try:
            keeping = None if store is None else Snapshots(sandbox, await transcript.read(), store)
            desk = Desk(
                sandbox=sandbox,
                transcript=transcript,
                fetch=fetcher,
                earlier=earlier,
                call=self._call(model),
                model=model,
                reference=job.reference_dir if agent.config.scaffold == "oracle" else None,
                cancelled=place.stopped,
                snapshot=keeping.take if keeping else None,
            )
            assignment = assignment_of(place, self._attempt, execution, limits, rework)
            with span("agent", agent=agent.config.name, model=model.config.model if model else None):
                result = await agent.work(assignment, desk)
        finally:
            await sandbox.close()
            if fetcher is not None:
                fetcher.close()
        self._note(execution, result, sandbox.info, model)
        return result

    async def _open(self, spec: SandboxSpec, audit: Audit) -> Sandbox:
        try:
            return await self._place.provider.open(spec, audit=audit)
        except (BadInput, MissingTool) as error:  # all was there when the run began: an image was removed since
            raise SandboxFault(Cause.sandbox_start, str(error)) from error

    async def collect(self, payload: Json) -> Json:
        """Take what lies in `/job/deliverables`, however the attempt ended. Returns the submission's digest."""
        execution = str(payload["execution"])
        if self._collected:
            submission = self._submission()
            return {"submission": submission.digest, "files": len(submission.files)}
        with TemporaryDirectory(dir=self._place.scratch) as folder:
            taken = await self._collect(execution, Path(folder))
            note = str(payload.get("note", ""))
            submission = await in_thread(self.keep, Path(folder), taken, note, execution=execution)
        return {"submission": submission.digest, "files": len(submission.files)}

    async def _collect(self, execution: str, folder: Path) -> Taken:
        """From the workspace, or where that is gone (or on another machine) from the last snapshot of it."""
        place = self._place
        store = place.snapshots_of(execution)
        try:
            return await place.provider.collect(execution, folder, TreeLimits())
        except (SandboxFault, FileNotFoundError) as error:
            lost = isinstance(error, FileNotFoundError) or error.cause is Cause.sandbox_lost
            if store is None or not lost:
                raise
            transcript = SqlTranscript(place.database, place.blobs, execution)
            taken = await in_thread(deliverables_kept, transcript, store, folder, TreeLimits())
            if taken is None:
                raise
            return taken

    def keep(self, folder: Path, taken: Taken, note: str = "", *, execution: str | None = None) -> Submission:
        """Freeze collected files as the attempt's submission; with an execution, as the work that is graded."""
        submission = build_submission(folder, taken, self._job, self._place.blobs, note=note)
        self._place.records.keep_submission(self._attempt.id, submission, execution)
        self._kept = submission
        return submission

    async def check(self, payload: Json) -> Json:
        """Run the rubric's checks in a grading sandbox and keep their verdicts; an empty hand-in fails."""
        submission, rubric, place = self._submission(), self._job.rubric, self._place
        facts = {"submission": submission.digest, "grading_digest": self._job.grading_digest}
        if not submission.files:
            place.book.record_empty(self._attempt.id, rubric, **facts)
            return {"verdicts": {"fail": len(rubric.criteria)}}
        outcomes = await self._run_checks(str(payload["execution"]), submission)
        if outcomes:
            verdicts = {
                o.criterion: CriterionVerdict(
                    criterion=o.criterion, verdict=o.verdict, feedback=o.feedback, evidence=o.evidence
                )
                for o in outcomes
            }
            minutes = sum(outcome.seconds for outcome in outcomes) / 60
            place.book.record_checks(self._attempt.id, rubric, verdicts, minutes=minutes, **facts)
        return {"verdicts": dict(Counter(outcome.verdict.value for outcome in outcomes))}

    async def _run_checks(self, execution: str, submission: Submission) -> list[CheckOutcome]:
        if not self.has_checks:
            return []
        with TemporaryDirectory(dir=self._place.scratch) as folder:
            await in_thread(lay_out, submission, self._place.blobs, Path(folder))
            try:
                return await run_checks(
                    self._place.provider,
                    key=f"{execution}.check",
                    rubric=self._job.rubric,
                    deliverables=Path(folder),
                    inputs=self._job.inputs_dir or self._place.no_inputs,
                    checks_file=self._job.checks_file,
                    labels=self._labels,
                )
            except SandboxFault as fault:
                if cause_row(fault.cause).graded:  # what would be the agent's fault in its sandbox is ours here
                    raise SandboxFault(Cause.check_failed_to_run, fault.detail) from fault
                raise

    async def publish(self, payload: Json) -> Json:
        """Put the submission up for review, end the execution, and clear its workspace away."""
        execution, cause = str(payload["execution"]), Cause(payload["cause"])
        place = self._place
        if cause_row(cause).graded and self._submission().files:
            item = await in_thread(review_item, self._job, self._submission(), place.blobs)
            place.book.publish(
                self._attempt.id,
                item.model_copy(update={"pack": place.config.pack, "policy": place.config.policy}),
                reviewing=place.options.reviewing,
                previous=self._attempt.parent,
            )
        if place.config.agent(self._attempt.agent).model is not None:
            place.journal.settle(f"{execution}/")
        place.records.finish(execution, cause, str(payload.get("detail", "")))
        await self.clear(execution)
        return {"cause": cause.value}

    async def clear(self, execution: str) -> None:
        """Remove the workspace of an execution that has ended: what cannot be removed now must not change that."""
        if self._place.keep_workspaces:
            return
        if self._place.options.snapshots:
            await in_thread(self._place.forget_snapshots, execution)
        shutil.rmtree(self._place.previous_of(self._attempt.id), ignore_errors=True)
        try:
            await self._place.provider.discard(execution)
        except (UpBenchError, OSError):
            return

    async def _fetcher(self, spec: SandboxSpec, audit: Audit, transcript: Transcript) -> PageFetcher | None:
        config = self._place.config
        if config.network.mode is Network.none:
            return None
        from sandbox import Cassette, PageFetcher  # only such runs need them, and they cost start-up time

        cassette = Cassette(Path(config.cassette), replay=config.replay) if config.cassette else None
        told = [event.body for event in await transcript.read() if event.kind == "network"]
        up, down = (sum(body.get(name, 0) for body in told) for name in ("up_bytes", "down_bytes"))
        return PageFetcher(
            config.network,
            workspace=spec.workspace,
            limits=spec.limits,
            audit=audit,
            cassette=cassette,
            used=(up, down),
        )

    def _model(self, agent: Agent) -> ChatModel | None:
        if agent.config.scripted:
            return self._place.script_model(self._job, self._attempt.k)
        return self._place.models.get(self._attempt.agent)

    def _call(self, model: ChatModel | None) -> Call:
        async def call(key: str, request: ChatRequest) -> ChatReply:
            if model is None:
                raise ValueError("this agent has no model")
            return await self._place.journal.call(model, key, request)

        return call

    def _note(self, execution: str, result: AgentResult, info: SandboxInfo, model: ChatModel | None) -> None:
        usage = CallTotals() if model is None else self._place.journal.usage_of(f"{execution}/")
        self._place.records.note_execution(
            execution,
            result=result.model_dump_json() if result.cause is not Cause.user_cancelled else None,
            detail=result.detail or None,
            steps=result.steps,
            seconds=round(result.seconds, 3),
            # Waits of a call that was cut off are known to the journal alone.
            working_seconds=round(min(result.working_seconds, max(0.0, result.seconds - usage.waited)), 3),
            sandbox=info.model_dump_json(),
            dollars=None if usage.unpriced_calls else usage.dollars,
        )

    def _submission(self) -> Submission:
        """What was collected; read back from the records where another process collected it."""
        if self._kept is None:
            self._kept = self._place.records.attempt(self._attempt.id).handed_in
        return self._kept


def _audit(transcript: Transcript) -> Audit:
    """Writes audit lines into the transcript. It must not raise: the agent will find that the store fails."""

    def write(event: NetworkEvent) -> None:
        with suppress(StoreFault):
            transcript.append("network", event.model_dump(mode="json", exclude_defaults=True))

    return write
