"""`todo`: the agent's own list."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agents.tools.base import Outcome, Tool, ToolContext
from core import Frozen


class TodoItem(Frozen):
    """One thing to do."""

    text: str = Field(min_length=1)
    done: bool = False


def _item(value: Any) -> Any:
    """Models often write just the text."""
    return {"text": value} if isinstance(value, str) else value


class TodoArguments(Frozen):
    """Arguments of `todo`."""

    items: tuple[Annotated[TodoItem, BeforeValidator(_item)], ...] = Field(
        description="The whole list; it replaces the one before."
    )


async def _run(arguments: TodoArguments, context: ToolContext) -> Outcome:
    done = sum(item.done for item in arguments.items)
    lines = [f"[{'x' if item.done else ' '}] {item.text}" for item in arguments.items]
    return Outcome("\n".join([f"{done} of {len(lines)} done", *lines]))


TODO = Tool(
    name="todo",
    description="Write down what is to be done and what is done. Worth it for jobs of more than a few steps.",
    arguments=TodoArguments,
    run=_run,
    changes=False,
)
