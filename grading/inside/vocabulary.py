"""The deterministic checks, by kind: each takes the submission and its arguments and gives an outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import vocabulary_files as files
from . import vocabulary_tables as tables
from . import vocabulary_texts as texts
from .outcome import Outcome
from .submission import Submission

Args = dict[str, Any]

KINDS: dict[str, Callable[[Submission, Args], Outcome]] = {
    "file_count": files.file_count,
    "opens": files.opens,
    "page_count": files.page_count,
    "slide_count": files.slide_count,
    "image_size": files.image_size,
    "links_resolve": files.links_resolve,
    "json_keys": files.json_keys,
    "html_elements": files.html_elements,
    "sheet_names": tables.sheet_names,
    "row_count": tables.row_count,
    "columns": tables.columns,
    "cell": tables.cell,
    "column_sum": tables.column_sum,
    "column_values": tables.column_values,
    "formulas": tables.formulas,
    "word_count": texts.word_count,
    "text_matches": texts.text_matches,
    "text_contains": texts.text_contains,
    "headings": texts.headings,
    "language": texts.language,
}
