"""The seam `Agent`: who works on a job, what it is told, what it works with, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from agents.transcript import Transcript
from core import Cause, ChatModel, ChatReply, ChatRequest, Frozen, ModelConfig, digest_of
from sandbox import NetworkPolicy, Sandbox

if TYPE_CHECKING:  # it costs start-up time
    from sandbox import PageFetcher


class AgentConfig(Frozen):
    """A named, frozen configuration; its digest is the agent's identity.

    Attributes:
        name: As the user calls it (reports show it; it is not part of the digest).
        scaffold: `react`, `nop`, `oracle`.
        preset: Of the react scaffold: `paper` or `standard`.
        settings: Anything else that changes what the agent does (prompt and tool digests included).
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$")
    scaffold: str
    preset: str | None = None
    model: ModelConfig | None = None
    settings: dict[str, Any] = {}

    @property
    def digest(self) -> str:
        """Of everything but the name and the model's address."""
        body = self.model_dump(mode="json", exclude={"name": True, "model": {"base_url"}})
        return digest_of(body)

    @property
    def scripted(self) -> bool:
        """Its words come from a script: everything it makes is labelled so."""
        return self.model is not None and self.model.provider == "scripted"


class AttemptLimits(Frozen):
    """Limits of one attempt. None: no limit of this kind.

    Attributes:
        wall_seconds: From the first step to the last.
        working_seconds: Without waiting for rate limits.
        steps: Model replies.
        tokens: All tokens, cached ones included.
        dollars: Needs a price for the model, or the run does not start.
    """

    wall_seconds: float | None = Field(default=3600.0, gt=0)
    working_seconds: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=100, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    dollars: float | None = Field(default=None, gt=0)


class Expected(Frozen):
    """A deliverable that the job declares: a glob below `/job/deliverables`."""

    path: str
    media_type: str | None = None
    required: bool = True


class Remark(Frozen):
    """What was said of a criterion that failed; never by whom.

    Attributes:
        criterion: Its text; None unless criteria are shown.
        text: As it was written down.
        places: Where in the deliverables that was seen, and what.
    """

    criterion: str | None
    text: str
    places: tuple[str, ...] = ()


class Rework(Frozen):
    """What a later attempt starts from: the previous submission's files are in `/job/previous`.

    Attributes:
        previous_files: POSIX paths below that folder.
        remarks: What was said of them; nothing where the agent is not told.
        continued: The conversation of the attempts before is carried on.
    """

    previous_files: tuple[str, ...]
    remarks: tuple[Remark, ...]
    continued: bool = False


class Assignment(Frozen):
    """All that the agent may see besides its sandbox.

    Attributes:
        key: Names the execution; keys of journalled calls begin with it.
        attempt: k, from 1.
        rubric: The rubric's text, only in a run that is `rubric_visible`.
        network: What can be reached from the sandbox.
    """

    key: str
    title: str
    brief: str
    inputs: tuple[str, ...]
    expected: tuple[Expected, ...]
    attempt: int = 1
    rubric: str | None = None
    rework: Rework | None = None
    limits: AttemptLimits = AttemptLimits()
    network: NetworkPolicy = NetworkPolicy()


@dataclass(frozen=True)
class Desk:
    """What the agent works with.

    Attributes:
        sandbox: Open, with the attachments in `/job/inputs`.
        transcript: This execution's append-only story; a resumed execution finds its earlier events in it.
        call: Asks the agent's model through the journal: a reply once received under a key is never paid again.
        model: The model's client, or None for agents without one.
        reference: The job's private reference deliverables; only for the oracle.
        fetch: Fetches pages under the run's network policy; None where that is `none`.
        earlier: The stories of the attempts whose conversation is carried on, oldest first.
        snapshot: Keeps `/job` as it is now, and returns what the event `snapshot` is to say of it (nothing where
            nothing has changed). Called after each tool call that may have changed something, before the call
            counts as done. None: this run keeps no snapshots.
        cancelled: True once the user or the run's budget wants the attempt to stop; asked between steps. Where a
            user cancels the run, the task of `work` is cancelled as well.
    """

    sandbox: Sandbox
    transcript: Transcript
    call: Callable[[str, ChatRequest], Awaitable[ChatReply]]
    model: ChatModel | None = None
    reference: Path | None = None
    fetch: PageFetcher | None = None
    earlier: tuple[Transcript, ...] = ()
    snapshot: Callable[[], Awaitable[dict[str, Any]]] | None = None
    cancelled: Callable[[], bool] = lambda: False


class AgentResult(Frozen):
    """How the attempt ended on the agent's side.

    Attributes:
        note: The agent's words at hand-in.
        detail: For people, of an end other than `submitted`.
        steps: Model replies. seconds, working_seconds: As `AttemptLimits`.
    """

    cause: Cause
    note: str = ""
    detail: str = ""
    steps: int = 0
    seconds: float = 0.0
    working_seconds: float = 0.0


class Agent(Protocol):
    """Someone who works on a job."""

    @property
    def config(self) -> AgentConfig:
        """What it is."""
        ...

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Work until hand-in, a limit, or an end. Called again after a crash, it goes on from the transcript.

        Raises:
            Fault: For what is not the agent's fault (sandbox lost, model unavailable ...).
        """
        ...
