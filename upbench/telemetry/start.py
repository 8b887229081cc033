"""Begins to listen to what this process does: log lines always, OpenTelemetry where an endpoint is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core import Listener, listening
from upbench.telemetry.export import exporting, wanted

if TYPE_CHECKING:
    from upbench.telemetry.logs import LogFormat


@contextmanager
def observed(
    state: Path, command: str, *, log_format: LogFormat | None = None, worker: str | None = None
) -> Iterator[None]:
    """Within the block what this process does is logged, and exported as the `OTEL_*` variables say.

    Args:
        state: The project's data folder; the log files are in its `logs/`.
        command: What this process does: `run`, `worker`.
        log_format: Also write log lines to standard error.
        worker: Its name, where it is one of many.

    Raises:
        BadInput: An `OTEL_*` variable is wrong.
    """
    signals = wanted()
    from upbench.telemetry.logs import FOLDER, logging_to  # only commands that execute something need it

    with ExitStack() as stack:
        log = stack.enter_context(logging_to(state / FOLDER, command, shown=log_format, worker=worker))
        heard: list[Listener] = [log]
        if signals:
            heard += stack.enter_context(exporting(signals, worker=worker))
        with listening(*heard):
            yield
