"""The tools of the preset `paper`: read attachments and write files, nothing else (the published scaffold)."""

from __future__ import annotations

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_inside, why
from agents.tools.folders import listing
from agents.tools.paths import DELIVERABLES, in_deliverables, in_job
from agents.tools.read_document import read_as_text
from agents.tools.view_image import show_image
from core import Frozen

FOLDERS = ("/job/inputs", "/job/previous", DELIVERABLES)
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
TARGET = "Below /job/deliverables: absolute, or relative to it."
PARAGRAPHS = (
    "One string a paragraph. `# `, `## `, `### ` begin a heading, `- ` a bullet; a paragraph whose every line "
    "begins with `|` is a table, its first line the header."
)
Cell = str | int | float | bool | None


class ListFilesArguments(Frozen):
    """Arguments of `list_files`: none."""


class ReadFileArguments(Frozen):
    """Arguments of `read_file`."""

    path: str = Field(min_length=1, description="Absolute, or relative to /job, for instance `inputs/x.pdf`.")


class WriteFileArguments(Frozen):
    """Arguments of `write_file`."""

    path: str = Field(min_length=1, description=TARGET)
    text: str


class WriteDocumentArguments(Frozen):
    """Arguments of `write_docx` and `write_pdf`."""

    path: str = Field(min_length=1, description=TARGET)
    title: str | None = None
    paragraphs: tuple[str, ...] = Field(description=PARAGRAPHS)


class Sheet(Frozen):
    """One worksheet."""

    name: str = Field(min_length=1, max_length=31)
    rows: tuple[tuple[Cell, ...], ...]


class WriteXlsxArguments(Frozen):
    """Arguments of `write_xlsx`."""

    path: str = Field(min_length=1, description=TARGET)
    sheets: tuple[Sheet, ...] = Field(min_length=1, description="A text that begins with `=` is a formula.")


class WriteCsvArguments(Frozen):
    """Arguments of `write_csv`."""

    path: str = Field(min_length=1, description=TARGET)
    rows: tuple[tuple[Cell, ...], ...]


async def _list(arguments: ListFilesArguments, context: ToolContext) -> Outcome:
    found = await listing(context, *FOLDERS)
    if isinstance(found, str):
        return error(found)
    lines = [f"{size:>12}  {path}" for path, _kind, size in found.files]
    if found.more:
        lines.append(f"... and {found.more} more")
    return Outcome("\n".join(lines) or "There are no files yet.")


async def _read(arguments: ReadFileArguments, context: ToolContext) -> Outcome:
    path = in_job(arguments.path)
    if not path.startswith(tuple(folder + "/" for folder in FOLDERS)):
        return error(f"{path} is not among the job's files; `list_files` shows them.")
    if path.lower().endswith(IMAGES):
        return await show_image(path, 1, context)
    return await read_as_text(path, None, context)


async def _write_text(arguments: WriteFileArguments, context: ToolContext) -> Outcome:
    path = in_deliverables(arguments.path)
    if path is None:
        return error(f"{arguments.path} is not below {DELIVERABLES}.")
    try:
        await context.sandbox.write(path, arguments.text.encode())
    except (OSError, ValueError) as problem:
        return error(f"{path} cannot be written: {problem}")
    return Outcome(f"Wrote {path}.")


async def _write_document(
    arguments: WriteDocumentArguments | WriteXlsxArguments | WriteCsvArguments, kind: str, context: ToolContext
) -> Outcome:
    path = in_deliverables(arguments.path)
    if path is None:
        return error(f"{arguments.path} is not below {DELIVERABLES}.")
    if not path.lower().endswith(f".{kind}"):
        return error(f"the name of a {kind} file ends in .{kind}")
    request = {**arguments.model_dump(mode="json"), "path": path, "kind": kind}
    result = await run_inside(context, "write_document", request)
    if result.exit_code != 0:
        return error(f"{path} cannot be written: {why(result)}")
    return Outcome(f"Wrote {path}.")


async def _docx(arguments: WriteDocumentArguments, context: ToolContext) -> Outcome:
    return await _write_document(arguments, "docx", context)


async def _pdf(arguments: WriteDocumentArguments, context: ToolContext) -> Outcome:
    return await _write_document(arguments, "pdf", context)


async def _xlsx(arguments: WriteXlsxArguments, context: ToolContext) -> Outcome:
    return await _write_document(arguments, "xlsx", context)


async def _csv(arguments: WriteCsvArguments, context: ToolContext) -> Outcome:
    return await _write_document(arguments, "csv", context)


LIST_FILES = Tool(
    "list_files",
    "List the job's attachments and what you have written so far.",
    ListFilesArguments,
    _list,
    changes=False,
)
READ_FILE = Tool(
    "read_file",
    "Read an attachment or a file of yours: documents and tables as text, images as you would see them.",
    ReadFileArguments,
    _read,
)
WRITE_FILE = Tool("write_file", "Write a text file.", WriteFileArguments, _write_text)
WRITE_DOCX = Tool("write_docx", "Write a Word document.", WriteDocumentArguments, _docx)
WRITE_PDF = Tool("write_pdf", "Write a PDF.", WriteDocumentArguments, _pdf)
WRITE_XLSX = Tool("write_xlsx", "Write an Excel workbook.", WriteXlsxArguments, _xlsx)
WRITE_CSV = Tool("write_csv", "Write a CSV file.", WriteCsvArguments, _csv)
