"""`python`: a Python program."""

from __future__ import annotations

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext
from agents.tools.commands import run_merged
from core import Frozen


class PythonArguments(Frozen):
    """Arguments of `python`."""

    code: str = Field(min_length=1, description="A whole program; print what you want to see.")
    timeout_seconds: float | None = Field(default=None, gt=0, description="Default 120.")


async def _run(arguments: PythonArguments, context: ToolContext) -> Outcome:
    return await run_merged(
        context,
        "exec python3 -u - 2>&1",
        "",
        stdin=arguments.code.encode(),
        seconds=arguments.timeout_seconds,
    )


PYTHON = Tool(
    name="python",
    description=(
        "Run a Python 3 program in /job. Every call is a fresh process. Installed are, among others: openpyxl, "
        "python-docx, python-pptx, pandas, matplotlib, pillow, pypdf, pypdfium2, reportlab, scipy, scikit-learn, "
        "ezdxf, beautifulsoup4, jinja2."
    ),
    arguments=PythonArguments,
    run=_run,
)
