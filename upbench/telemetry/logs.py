"""Spans and events as log lines with the ids of run, trial and execution: JSON in a file of the project, or shown.

The lines of libraries (from warnings upwards) go the same way. What is written is what `core.telemetry` allows:
never what clients, models or agents wrote.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pythonjsonlogger.json import JsonFormatter

from core import Fact, Reading, Span, work_ids
from upbench.telemetry.errors import error_type

if TYPE_CHECKING:
    from types import TracebackType

LogFormat = Literal["json", "plain"]
FOLDER = "logs"
FILE_BYTES, FILES_KEPT = 32 << 20, 4
"""A process's log goes on in a new file when it is so long; so many old ones are kept beside it."""

TOLD = ("run", "round")
"""Kinds of spans of which each beginning and end is a line; of the others only what failed."""

_log = logging.getLogger("upbench")


class LogLines:
    """Hears spans and events, and logs them."""

    def span(self, kind: str, facts: Mapping[str, Fact]) -> Span:
        """Something with a beginning and an end."""
        return _Logged(kind, {**work_ids(), **facts})

    def event(self, kind: str, facts: Mapping[str, Fact]) -> None:
        """Something happened."""
        _log.info(_line(kind, {**work_ids(), **facts}))

    def gauge(self, name: str, read: Reading) -> None:
        """Not for logs."""


class _Logged(Span):
    __slots__ = ("_begun", "_facts", "_kind")

    def __init__(self, kind: str, facts: dict[str, Fact]) -> None:
        self._kind, self._facts, self._begun = kind, facts, 0.0

    def note(self, **facts: Fact) -> None:
        self._facts.update(facts)

    def content(self, **texts: Callable[[], str]) -> None:
        """Never in a log."""

    def __enter__(self) -> Span:
        self._begun = time.monotonic()
        if self._kind in TOLD:
            _log.info(_line(f"{self._kind}_begun", self._facts))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        why = error_type(error) if error is not None else None
        facts: dict[str, Fact] = {**self._facts, "seconds": round(time.monotonic() - self._begun, 3)}
        if why:
            facts["error"] = why
        elif error is not None:
            facts["cancelled"] = True
        if facts.get("error") or facts.get("failed_tries"):
            _log.warning(_line(f"{self._kind}_ended", facts))
        elif self._kind in TOLD:
            _log.info(_line(f"{self._kind}_ended", facts))


def _line(event: str, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {"event": event, **{name: value for name, value in facts.items() if value is not None}}


@contextmanager
def logging_to(
    folder: Path, command: str, *, shown: LogFormat | None = None, worker: str | None = None
) -> Iterator[LogLines]:
    """Within the block what is heard, and what libraries warn of, is logged.

    Args:
        folder: The log files' folder. The file is made with the first line.
        command: What this process does, part of the file's name.
        shown: Also write the lines to standard error, as JSON or for people.
        worker: Name of this worker, in every line.
    """
    always: dict[str, Fact] = {"worker": worker, "pid": os.getpid()}
    known = {name: value for name, value in always.items() if value is not None}
    handlers: list[logging.Handler] = [_File(folder, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{command}-{os.getpid()}")]
    handlers[0].setFormatter(_json(known))
    if shown is not None:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[1].setFormatter(_json(known) if shown == "json" else _Plain())
    # What exporters say when this is over goes nowhere, instead of to the terminal.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    root, level = logging.getLogger(), _log.level
    for handler in handlers:
        root.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield LogLines()
    finally:
        _log.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


class _File(RotatingFileHandler):
    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(
            folder / f"{name}.jsonl", maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
        )

    def _open(self) -> logging._FileHandlerOpen:  # type: ignore[name-defined]
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written (the disk is full) must not disturb the work that it tells of."""


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%S}"
        if not isinstance(record.msg, dict):
            return f"{when} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        facts = " ".join(f"{name}={value}" for name, value in record.msg.items() if name != "event")
        return f"{when} {record.levelname.lower()} {record.msg['event']} {facts}"


def _json(always: Mapping[str, Fact]) -> JsonFormatter:
    return _Json(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields=dict(always),
        timestamp="ts",
    )


class _Json(JsonFormatter):
    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        """Our own lines have an event instead of a message."""
        if not log_data.get("message"):
            log_data.pop("message", None)
            log_data.pop("logger", None)
        return log_data
