"""What a tool is: a name, words for the model, validated arguments, and one async function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from agents.protocol import Expected
from agents.tools.schema import parameters_of
from core import Frozen, Image, ToolCall, ToolSpec
from sandbox import Sandbox

if TYPE_CHECKING:  # it costs start-up time
    from sandbox import PageFetcher

OUTPUT_BYTES = 16 * 1024
"""What of a tool's text the model sees: the first and last halves of so many bytes."""


@dataclass(frozen=True)
class ToolContext:
    """What a tool works with.

    Attributes:
        number: Of this tool call in the execution, from 1; names its files in `/job/.runs`.
        expected: The deliverables that the job declares.
        seconds_left: Of the attempt; no command may take longer.
        sent_back: How often a hand-in was sent back so far.
        fetch: Fetches pages of the web; None where there is no network.
        pages: Addresses of pages fetched so far -> their files in the sandbox.
    """

    sandbox: Sandbox
    number: int
    expected: tuple[Expected, ...] = ()
    seconds_left: float = float("inf")
    sent_back: int = 0
    fetch: PageFetcher | None = None
    pages: Mapping[str, str] = field(default_factory=dict)

    def file(self, suffix: str) -> str:
        """This call's own file among the kept outputs, e.g. `/job/.runs/0042.out`."""
        return f"/job/.runs/{self.number:04d}.{suffix}"


@dataclass(frozen=True)
class Outcome:
    """What the tool answers the model.

    Attributes:
        facts: Small JSON that is kept in the transcript and not shown to the model.
    """

    text: str
    images: tuple[Image, ...] = ()
    is_error: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


A = TypeVar("A", bound=Frozen)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One tool. The description and the schema are the same for every provider.

    Attributes:
        changes: It may change what lies in the workspace.
        repeatable: To run it twice is to run it once: where it was interrupted, it is run again.
    """

    name: str
    description: str
    arguments: type[A]
    run: Callable[[A, ToolContext], Awaitable[Outcome]]
    changes: bool = True
    repeatable: bool = False

    @property
    def spec(self) -> ToolSpec:
        """The tool as the model sees it."""
        return ToolSpec(name=self.name, description=self.description, parameters=parameters_of(self.arguments))


async def use(tools: dict[str, Tool[Any]], call: ToolCall, context: ToolContext) -> Outcome:
    """Run the tool that `call` names. What is wrong with the call is told to the model, never raised.

    Raises:
        SandboxFault: The sandbox is lost.
    """
    tool = tools.get(call.name)
    if tool is None:
        return error(f"There is no tool `{call.name}`. The tools are: {', '.join(tools)}.")
    if call.arguments is None:
        return error(
            f"The arguments of `{call.name}` are not a JSON object, so it was not run. They began with: "
            f"{call.raw_arguments[:200]!r}"
        )
    if not _encodable(call.arguments):
        return error(f"`{call.name}` was not run: its arguments hold a NUL character or half a character.")
    try:
        arguments = tool.arguments.model_validate(_without_nulls(call.arguments))
    except ValidationError as problem:
        return error(f"`{call.name}` was not run. {_problems(problem)}")
    return capped(await tool.run(arguments, context))


def error(text: str, **facts: Any) -> Outcome:
    """An outcome that tells the model what went wrong."""
    return Outcome(text, is_error=True, facts=facts)


def capped(outcome: Outcome) -> Outcome:
    """`outcome` with at most `OUTPUT_BYTES` of text (and a line on the gap), and with what every API takes.

    Some take neither a NUL nor a text that is only blanks.
    """
    text = outcome.text.replace("\0", "\ufffd")
    outcome = replace(outcome, text=text if text.strip() else "(nothing)")
    data = outcome.text.encode("utf-8", "replace")
    slack = 1024  # for the lines that a tool adds to an output that was capped in the sandbox
    if len(data) <= OUTPUT_BYTES + slack:
        return outcome
    half = OUTPUT_BYTES // 2
    gap = f"\n[... {len(data) - 2 * half} bytes omitted ...]\n"
    text = data[:half].decode("utf-8", "ignore") + gap + data[-half:].decode("utf-8", "ignore")
    return replace(outcome, text=text)


def _encodable(value: Any) -> bool:
    """Every text in `value` can be passed to a program."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return all(_encodable(key) and _encodable(item) for key, item in value.items())
    return all(map(_encodable, value)) if isinstance(value, list) else True


def _without_nulls(value: Any) -> Any:
    """`value` without the keys that are null: some providers make models send every optional argument."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _problems(problem: ValidationError) -> str:
    lines = []
    for one in problem.errors(include_url=False, include_context=False)[:5]:
        where = ".".join(str(part) for part in one["loc"]) or "arguments"
        lines.append(f"`{where}`: {one['msg']}")
    return "; ".join(lines)
