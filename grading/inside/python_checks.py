"""A job's own checks: loading `checks.py`, calling a function, and what its exceptions mean."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .context import Context
from .outcome import Broken, Missing, Outcome, Unjudgeable, cannot_judge, clip, failed, toolbox
from .submission import Submission

_PRELOADED = {
    "openpyxl": ("openpyxl", ".workbook(", ".formulas(", ".table(", ".xlsx"),
    "formualizer": ("openpyxl", ".workbook(", ".table(", ".xlsx"),
    "pandas": ("pandas", ".table("),
    "docx": ("docx",),
    "lxml.etree": ("docx", "pptx", ".html", "lxml"),
    "pptx": ("pptx",),
    "ezdxf": ("ezdxf",),
}
# What the parsers of broken documents raise, besides KeyError, ValueError, IndexError and the like.
_PARSER_ERRORS = (
    ("zipfile", "BadZipFile"), ("lxml.etree", "LxmlError"), ("openpyxl.utils.exceptions", "InvalidFileException"),
    ("docx.opc.exceptions", "OpcError"), ("pptx.exc", "PythonPptxError"), ("pypdfium2", "PdfiumError"),
    ("pypdf.errors", "PyPdfError"), ("PIL", "UnidentifiedImageError"), ("ezdxf", "DXFError"), ("csv", "Error"),
    ("xml.etree.ElementTree", "ParseError"), ("tomllib", "TOMLDecodeError"), ("yaml", "YAMLError"),
    ("sqlite3", "DatabaseError"),
)  # fmt: skip


def preload(checks: Path | None) -> None:
    """Import once, before the children are forked, what the checks seem to need: it costs each of them nothing."""
    try:
        source = "" if checks is None else checks.read_text("utf-8", "replace")
    except OSError:
        return
    for package, signs in _PRELOADED.items():
        if any(sign in source for sign in signs):
            try:
                toolbox(package)
            except ImportError:
                continue


def python_outcome(function: str, submission: Submission, checks: Path | None) -> Outcome:
    """What `function(ctx)` of the job's checks says."""
    if checks is None or not checks.is_file():
        return cannot_judge("the job has no private/checks.py")
    try:
        module = _load(checks)
    except (SystemExit, Exception) as error:  # noqa: BLE001 - the pack's code may raise anything at import
        return cannot_judge(f"checks.py cannot be imported: {type(error).__name__}: {error}")
    carry_out = getattr(module, function, None)
    if not callable(carry_out):
        return cannot_judge(f"checks.py has no function {function!r}")
    try:
        answer = carry_out(Context(submission))
    except (SystemExit, Exception) as error:  # noqa: BLE001 - the pack's code may raise anything
        return _raised(error)
    if not isinstance(answer, Outcome) or answer.verdict not in {"pass", "fail", "cannot_judge"}:
        kind = type(answer).__name__
        return cannot_judge(f"{function} returned {kind}, not ctx.passed, ctx.failed or ctx.cannot_judge")
    return answer


def _load(checks: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("job_checks", checks)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["job_checks"] = module
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def _raised(error: BaseException) -> Outcome:
    says = clip(f"{type(error).__name__}: {error}")
    if isinstance(error, Missing):
        return failed(str(error), kind="absence")
    if isinstance(error, Broken):
        return failed(str(error))
    if isinstance(error, Unjudgeable):
        return cannot_judge(str(error))
    if isinstance(error, _broken_errors()):
        return failed(f"the deliverable is not what the check needs: {says}")
    return cannot_judge(f"the check is broken or met what it does not expect: {says}{_line(error)}")


def _broken_errors() -> tuple[type[BaseException], ...]:
    known: list[type[BaseException]] = [KeyError, ValueError, IndexError, FileNotFoundError, EOFError]
    for module, name in _PARSER_ERRORS:
        if module in sys.modules:
            found: Any = getattr(sys.modules[module], name, None)
            if isinstance(found, type):
                known.append(found)
    return tuple(known)


def _line(error: BaseException) -> str:
    trace = error.__traceback__
    line = None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "job_checks":
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f" (checks.py, line {line})"
