"""What lies in the workspace, as the sandbox tells it (its answers are not trusted)."""

from __future__ import annotations

from pydantic import Field, ValidationError

from agents.tools.base import ToolContext
from agents.tools.commands import run_inside, why
from core import Frozen

MOST = 400
BYTES = 32 * 1024  # of the answer: half of what a command may say in all


class Listing(Frozen):
    """(absolute path, `file`/`link`/`other`, bytes) of each file, and how many more there are."""

    files: tuple[tuple[str, str, int], ...]
    more: int = Field(ge=0)


async def listing(context: ToolContext, *roots: str) -> Listing | str:
    """The files below `roots`, at most 400; or, in words, why they cannot be listed.

    That is the agent's own doing (it left no process or memory free), so it is told and no fault is raised.

    Raises:
        SandboxFault: The sandbox is lost.
    """
    result = await run_inside(context, "list_files", {"roots": list(roots), "most": MOST, "bytes": BYTES})
    try:
        return Listing.model_validate_json(result.stdout.head + result.stdout.tail)
    except ValidationError:
        return f"The workspace cannot be listed: {why(result)}"
