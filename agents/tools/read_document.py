"""`read_document`: any document as text."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_inside, shown, why
from agents.tools.pages import page_numbers
from agents.tools.paths import in_job
from core import Frozen


class ReadDocumentArguments(Frozen):
    """Arguments of `read_document`."""

    path: str = Field(min_length=1, description="Absolute, or relative to /job.")
    pages: Annotated[str | None, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)] = Field(
        default=None, description="Pages, slides or sheets by number, for instance `1-3,7`. Default: all."
    )


async def _run(arguments: ReadDocumentArguments, context: ToolContext) -> Outcome:
    try:
        pages = page_numbers(arguments.pages)
    except ValueError as problem:
        return error(str(problem))
    return await read_as_text(in_job(arguments.path), pages, context)


async def read_as_text(path: str, pages: list[int] | None, context: ToolContext) -> Outcome:
    """The text of the document at `path`, or what is wrong with it."""
    result = await run_inside(context, "read_document", {"path": path, "pages": pages}, spill=True)
    if result.exit_code != 0:
        return error(f"{path} cannot be read: {why(result)}")
    return Outcome(shown(result, context), facts={"kept": context.file("out")})


READ_DOCUMENT = Tool(
    name="read_document",
    description=(
        "Read a document as text: pdf, docx, pptx, xlsx (with formulas and their values), csv, odt, ods, html, "
        "ipynb, a zip's contents, any text file. Of long ones you see the beginning and the end; ask for pages."
    ),
    arguments=ReadDocumentArguments,
    run=_run,
)
