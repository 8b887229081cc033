"""The one error tree of UpBench.

`UpBenchError` is shown to a user as one line and decides the exit code of the command line. `Fault` and its
children end an execution and carry a cause from `core.causes`; nothing is ever decided by matching the text of
a message.
"""

from __future__ import annotations

from pathlib import Path

from core.causes import Cause


class UpBenchError(Exception):
    """Anything that a user is told in one line. Exit code 1 unless a child says otherwise."""

    exit_code = 1


class BadInput(UpBenchError):
    """Wrong usage or a wrong file: names the file, line or field, and the mend. Exit code 2."""

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
        mend: str | None = None,
    ) -> None:
        self.what, self.file, self.line, self.field, self.mend = what, file, line, field, mend
        where = f"{file}" if file is not None else ""
        if line is not None:
            where += f":{line}"
        parts = [where] if where else []
        if field:
            parts.append(f"field `{field}`")
        text = ": ".join([*parts, what])
        super().__init__(_one_line(text + (f" ({mend})" if mend else "")))


class MissingTool(UpBenchError):
    """Something is not installed on this machine; `mend` is the command that installs it. Exit code 3."""

    exit_code = 3

    def __init__(self, what: str, *, mend: str) -> None:
        self.what, self.mend = what, mend
        super().__init__(_one_line(f"{what}; to mend it: {mend}"))


class Fault(UpBenchError):
    """Ends an execution for the named cause."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause, self.detail = cause, detail
        super().__init__(_one_line(f"{cause.value}: {detail}" if detail else cause.value))


class SandboxFault(Fault):
    """The sandbox could not start, was lost, or answered nonsense."""


class ModelFault(Fault):
    """A model call failed for good (after the retry policy)."""


class StoreFault(Fault):
    """Records or blobs could not be read or written. `problem` says it without naming the place."""

    def __init__(self, cause: Cause, detail: str = "", *, problem: str | None = None) -> None:
        super().__init__(cause, detail)
        self.problem = problem or detail


def _one_line(text: str) -> str:
    return " ".join(text.split())
