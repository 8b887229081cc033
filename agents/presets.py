"""Presets of the react agent: which tools each has."""

from __future__ import annotations

from typing import Any

from agents.tools.base import Tool
from agents.tools.edit import EDIT
from agents.tools.fetch_page import FETCH_PAGE
from agents.tools.paper import LIST_FILES, READ_FILE, WRITE_CSV, WRITE_DOCX, WRITE_FILE, WRITE_PDF, WRITE_XLSX
from agents.tools.python import PYTHON
from agents.tools.read_document import READ_DOCUMENT
from agents.tools.shell import SHELL
from agents.tools.submit import SUBMIT
from agents.tools.todo import TODO
from agents.tools.view_image import VIEW_IMAGE

PRESETS: dict[str, tuple[Tool[Any], ...]] = {
    "standard": (SHELL, PYTHON, EDIT, READ_DOCUMENT, VIEW_IMAGE, TODO, SUBMIT),
    "paper": (LIST_FILES, READ_FILE, WRITE_FILE, WRITE_DOCX, WRITE_PDF, WRITE_XLSX, WRITE_CSV, SUBMIT),
}
"""Name of the preset -> its tools, in the order in which the model is shown them."""

WITH_NETWORK: dict[str, tuple[Tool[Any], ...]] = {"standard": (FETCH_PAGE,), "paper": ()}
"""Name of the preset -> the tools it has besides in a run with a network policy other than `none`."""


def tools_of(preset: str, *, network: bool = False) -> dict[str, Tool[Any]]:
    """The preset's tools by name; with `network` also those that need one."""
    tools = (*PRESETS[preset], *(WITH_NETWORK[preset] if network else ()))
    return {tool.name: tool for tool in tools}
