"""Reading packs and jobs from disk. Nothing of a pack is ever imported or run here."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import BadInput, read_text
from jobs.facts import ID, Baseline, JobFacts, PackInfo
from jobs.folder import attachments, refuse_strangers
from jobs.model import Job, JobPack, unknown_job
from rubrics import Rubric, TomlDocument, load_rubric, load_tree

PACKS = Path(__file__).parent / "packs"
TREE_FILE = "rubric.tree.json"
MAX_TEXT = 4 << 20


def builtin_packs() -> tuple[str, ...]:
    """Names of the packs that come with UpBench."""
    return tuple(sorted(path.parent.name for path in PACKS.glob("*/pack.toml")))


def load_pack(name_or_path: str | Path) -> JobPack:
    """The pack in a folder, or a built-in pack by its name (a bare name means the built-in one).

    Raises:
        BadInput: Anything in the pack is wrong; file, line or field and the mend are named.
    """
    with _readable(name_or_path):
        root = _pack_root(name_or_path)
        info = TomlDocument(root / "pack.toml").parse(PackInfo)
        jobs = tuple(_load_job(info, root, folder) for folder in _job_folders(root))
    if not jobs:
        raise BadInput(
            "the pack has no jobs", file=root / "jobs", mend="make a folder with a job.toml for each job"
        )
    return JobPack(info, jobs, root)


def find_job(name: str | Path) -> Job:
    """The job `PACK/JOB`, PACK being as in `load_pack`; the path of a job's folder is fine too.

    Only this job is read.

    Raises:
        BadInput: There is no such job, or it is wrong.
    """
    with _readable(name):
        pack, job_id = _parted(name)
        root = _pack_root(pack)
        info = TomlDocument(root / "pack.toml").parse(PackInfo)
        folders = {folder.name: folder for folder in _job_folders(root)}
        if job_id not in folders:
            raise unknown_job(job_id, list(folders), root)
        return _load_job(info, root, folders[job_id])


def _parted(name: str | Path) -> tuple[str, str]:
    path = Path(name)
    if (path / "job.toml").is_file() and (path.parent.parent / "pack.toml").is_file():
        return str(path.parent.parent), path.name
    pack, _, job_id = str(name).rstrip("/").rpartition("/")
    if not pack or not job_id:
        raise BadInput(f"{str(name)!r} names no job", mend="write PACK/JOB")
    return pack, job_id


@contextmanager
def _readable(name: str | Path) -> Iterator[None]:
    """Folders that may not be listed and names that no file can have are the user's to mend, not ours."""
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else str(name)
        raise BadInput(f"cannot be read: {error.strerror}", file=place[:200]) from error


def _pack_root(name_or_path: str | Path) -> Path:
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and "/" not in text and (PACKS / text / "pack.toml").is_file():
        return PACKS / text
    path = Path(text)
    if (path / "pack.toml").is_file():
        return path
    if path.is_dir():
        raise BadInput("no such file", file=path / "pack.toml", mend="a pack has a pack.toml and a folder jobs/")
    if path.exists():
        raise BadInput("not a folder", file=path, mend="name the folder that holds pack.toml")
    known = ", ".join(builtin_packs()) or "none"
    raise BadInput("no such pack", file=path, mend=f"name a folder, or a built-in pack ({known})")


def _job_folders(root: Path) -> Iterator[Path]:
    folder = root / "jobs"
    for path in (root / "pack.toml", folder):
        if path.is_symlink():
            raise BadInput("a symbolic link", file=path, mend="put the thing itself there")
    if not folder.is_dir():
        raise BadInput("no such folder", file=folder, mend="put each job into jobs/<id>/")
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path.is_dir() or path.is_symlink()):
            continue
        if path.is_symlink():
            raise BadInput("a symbolic link", file=path, mend="put the job's folder itself there")
        if not re.fullmatch(ID, path.name):
            raise BadInput(
                f"{path.name!r} is not a job id",
                file=path,
                field="id",
                mend="at most 64 of a-z 0-9 . _ -, beginning with a letter or digit",
            )
        yield path


def _load_job(info: PackInfo, pack_root: Path, root: Path) -> Job:
    refuse_strangers(root, pack_root)
    document = TomlDocument(root / "job.toml")
    facts = document.parse(JobFacts)
    if facts.id is not None and facts.id != root.name:
        raise document.fault(
            f"the id {facts.id!r} is not the folder's name {root.name!r}",
            ("id",),
            mend="drop it or rename the folder",
        )
    brief = read_text(root / "brief.md", max_bytes=MAX_TEXT)
    if not brief.strip():
        raise BadInput("the brief is empty", file=root / "brief.md", mend="write what the client wrote")
    rubric_file = _rubric_file(root)
    rubric = load_rubric(rubric_file)
    private = _folder(root / "private") or root / "private"
    checks_file = _file(private / "checks.py")
    _python_checks_exist(rubric, rubric_file, checks_file, private / "checks.py")
    baseline = _file(private / "baseline.toml")
    tree_file = _file(root / TREE_FILE)
    inputs_dir = _folder(root / "inputs")
    return Job(
        id=root.name,
        pack=info,
        facts=facts,
        brief=brief,
        inputs=attachments(inputs_dir) if inputs_dir else (),
        rubric=rubric,
        root=root,
        rubric_file=rubric_file,
        tree_file=tree_file,
        tree=load_tree(tree_file, rubric) if tree_file else None,
        inputs_dir=inputs_dir,
        reference_dir=_folder(private / "reference"),
        checks_file=checks_file,
        script_file=_file(private / "scripted.json"),
        baseline=TomlDocument(baseline).parse(Baseline) if baseline else None,
    )


def _rubric_file(root: Path) -> Path:
    found = [path for name in ("rubric.toml", "rubric.txt") if (path := root / name).exists()]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput("both rubric.toml and rubric.txt are there", file=root, mend="keep one of them")
    raise BadInput("no such file", file=root / "rubric.toml", mend="write rubric.toml or rubric.txt")


def _python_checks_exist(rubric: Rubric, rubric_file: Path, checks_file: Path | None, expected: Path) -> None:
    named = [item for item in rubric.criteria if item.check is not None and item.check.kind == "python"]
    if checks_file is None:
        if named:
            raise _unknown_function(named[0].id, rubric_file, "there is no private/checks.py", expected)
        return
    defined = _functions(checks_file)
    for criterion in named:
        function = getattr(criterion.check, "function", "")
        if function not in defined:
            why = f"private/checks.py has no function {function!r} that takes `ctx`"
            raise _unknown_function(criterion.id, rubric_file, why, checks_file)


def _unknown_function(criterion: str, rubric_file: Path, why: str, checks_file: Path) -> BadInput:
    document = TomlDocument(rubric_file)
    ids = [item.get("id") for item in document.data["criteria"]]
    loc = ("criteria", ids.index(criterion), "check", "function")
    return document.fault(why, loc, mend=f"write `def NAME(ctx)` in {checks_file}")


def _functions(path: Path) -> set[str]:
    """Names of the module's functions that can be called with one argument; the file is parsed, never run."""
    try:
        module = ast.parse(read_text(path, max_bytes=MAX_TEXT))
    except SyntaxError as error:
        raise BadInput(f"not valid Python: {error.msg}", file=path, line=error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadInput("not valid Python", file=path) from error
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef) and _takes_one(node.args)}


def _takes_one(args: ast.arguments) -> bool:
    positional = len(args.posonlyargs) + len(args.args)
    required = positional - len(args.defaults)
    keywords = any(default is None for default in args.kw_defaults)
    return required <= 1 and (positional >= 1 or args.vararg is not None) and not keywords


def _file(path: Path) -> Path | None:
    if path.exists() and not path.is_file():
        raise BadInput("not a regular file", file=path)
    return path if path.is_file() else None


def _folder(path: Path) -> Path | None:
    if path.exists() and not path.is_dir():
        raise BadInput("not a folder", file=path, mend="make it a folder")
    return path if path.is_dir() else None
