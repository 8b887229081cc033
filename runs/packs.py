"""Snapshots of packs: the jobs of a run as they were when it was begun, so that any machine can execute them.

A snapshot is a manifest of all files of the jobs, itself a blob and known by its digest; each file is a blob. It
holds neither names of hosts nor dates, so that the same jobs are the same snapshot wherever they lay.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError, field_validator, model_validator

from core import BadInput, Blobs, Cause, Frozen, StoreFault, canonical_json, safe_relative, sha256_file
from jobs import Job

FORMAT = 1
PACK_FILE = "pack.toml"
MAX_MANIFEST = 256 << 20
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


class PackFile(Frozen):
    """One file of a snapshot.

    Attributes:
        path: POSIX path below the pack's folder. size: Bytes. sha256: Of the bytes; also the name of the blob.
        executable: Its owner may run it (an attachment may be a program).
    """

    path: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    executable: bool = False

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        return _inside(value)


class PackManifest(Frozen):
    """All that is needed to lay a pack's jobs out again.

    Attributes:
        format: Of this document; another one is of a newer UpBench.
        files: Sorted by path. folders: Empty ones, which count too (an empty reference is not a missing one).
    """

    format: int = FORMAT
    files: tuple[PackFile, ...]
    folders: tuple[str, ...] = ()

    @field_validator("folders")
    @classmethod
    def _all_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_inside(path) for path in value)

    @model_validator(mode="after")
    def _hangs_together(self) -> PackManifest:
        if self.format != FORMAT:
            raise ValueError(f"format {self.format}, not {FORMAT}")
        paths = [*(file.path for file in self.files), *self.folders]
        above = {parent.as_posix() for path in paths for parent in PurePosixPath(path).parents}
        if len(set(paths)) != len(paths) or above & set(paths):
            raise ValueError("two entries share a name")
        if PACK_FILE not in paths:
            raise ValueError(f"no {PACK_FILE}")
        return self

    @property
    def blobs(self) -> frozenset[str]:
        """The digests of all files."""
        return frozenset(file.sha256 for file in self.files)


def keep_pack(jobs: Iterable[Job], blobs: Blobs) -> str:
    """Put all files of the jobs among the blobs; returns the snapshot's digest, under which its manifest lies.

    Everything is kept that lies in the jobs' folders, what only graders may see included.

    Args:
        jobs: Of one pack.
        blobs: Where the files go. What is there already is left as it is.

    Raises:
        BadInput: A file cannot be read, or has changed since the jobs were loaded.
        StoreFault: The blobs cannot be written.
        ValueError: No jobs, or jobs of several packs.
    """
    chosen = {job.id: job for job in jobs}
    roots = {job.root.parent.parent for job in chosen.values()}
    if len(roots) != 1:
        raise ValueError("the jobs of a snapshot are of one pack")
    (root,) = roots
    paths = [root / PACK_FILE]
    folders: list[str] = []
    try:
        for name in sorted(chosen):
            for path, mode in _walk(chosen[name].root):
                if stat.S_ISDIR(mode):
                    folders.append(path.relative_to(root).as_posix())
                else:
                    paths.append(path)
        found = [_of(root, path) for path in paths]
        digests = blobs.put_files(paths)
        changed = next((path for path, file in zip(paths, found, strict=True) if _of(root, path) != file), None)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=error.filename or root) from error
    if changed is not None:
        raise _changed(changed)
    files = [file.model_copy(update={"sha256": sha256}) for file, sha256 in zip(found, digests, strict=True)]
    kept = {file.path: file.sha256 for file in files}
    for job in chosen.values():
        _refuse_changes(job, root, kept)
    files.sort(key=lambda file: file.path)
    manifest = PackManifest(files=tuple(files), folders=tuple(sorted(folders)))
    data = canonical_json(manifest.model_dump(mode="json", exclude_defaults=True)).encode()
    if len(data) > MAX_MANIFEST:
        raise BadInput("too many files for one run", file=root, mend="run fewer jobs, or put files into archives")
    return blobs.put_bytes(data)


def read_manifest(digest: str, blobs: Blobs) -> PackManifest:
    """The manifest of a snapshot. Raises `StoreFault`: it is not there, or is none that this UpBench can read."""
    try:
        return parse_manifest(blobs.get_bytes(digest))
    except ValueError as error:
        raise StoreFault(Cause.store_damaged, f"{digest} is no snapshot of a pack: {_said(error)}") from error


def parse_manifest(data: bytes) -> PackManifest:
    """A manifest from its bytes. Raises `ValueError`: it is none, or one whose paths lead elsewhere."""
    if len(data) > MAX_MANIFEST:
        raise ValueError(f"larger than {MAX_MANIFEST} bytes")
    return PackManifest.model_validate_json(data)


def open_pack(digest: str, blobs: Blobs, folder: Path) -> Path:
    """The snapshot laid out as a pack's folder (for `load_pack`), made where it is not there yet.

    Every file is compared with its digest, also when it is there already; what was damaged is made anew. Several
    processes may do this at once.

    Args:
        digest: As `keep_pack` returned it.
        blobs: Where its files are.
        folder: Of this machine's laid out packs; the snapshot gets a folder of its own in it.

    Raises:
        StoreFault: A blob is missing or damaged, or the folder cannot be written.
    """
    manifest = read_manifest(digest, blobs)
    target = folder / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _is_whole(target, manifest):
            return target
        new = folder / f".{digest[:16]}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            _lay_out(manifest, blobs, new)
            _move_in(new, target, manifest)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        cause = Cause.disk_full if error.errno in (errno.ENOSPC, errno.EDQUOT) else Cause.store_failed
        raise StoreFault(cause, f"{target}: {error}") from error
    return target


def _move_in(new: Path, target: Path, manifest: PackManifest) -> None:
    try:
        new.rename(target)
        return
    except OSError as error:
        if error.errno not in _TAKEN and target.is_dir():
            raise
    if _is_whole(target, manifest):  # another process was faster
        return
    damaged = new.with_name(f"{new.name}.damaged")
    try:
        target.rename(damaged)
        new.rename(target)
    finally:
        if damaged.is_dir():
            shutil.rmtree(damaged, ignore_errors=True)
        else:
            damaged.unlink(missing_ok=True)


def _lay_out(manifest: PackManifest, blobs: Blobs, root: Path) -> None:
    root.mkdir()
    root.chmod(0o755)
    for name in manifest.folders:
        _make_folder(root, root / name)
    for file in manifest.files:
        path = root / file.path
        _make_folder(root, path.parent)
        shutil.copyfile(blobs.fetch(file.sha256), path)
        if path.stat().st_size != file.size:
            raise StoreFault(Cause.store_damaged, f"blob {file.sha256} is not of the size that the snapshot tells")
        # Sandboxes run as another user, and nobody is to change what stands for a digest.
        path.chmod(0o555 if file.executable else 0o444)


def _make_folder(root: Path, folder: Path) -> None:
    """As `mkdir(parents=True)`, open to every reader whatever the umask."""
    if folder != root and not folder.exists():
        _make_folder(root, folder.parent)
        folder.mkdir()
        folder.chmod(0o755)


def _is_whole(root: Path, manifest: PackManifest) -> bool:
    if root.is_symlink() or not root.is_dir():
        return False
    files = {file.path: file for file in manifest.files}
    folders = set(manifest.folders)
    for path, mode in _walk(root):
        name = path.relative_to(root).as_posix()
        if stat.S_ISDIR(mode):
            if name not in folders:
                return False
            folders.remove(name)
        elif not (stat.S_ISREG(mode) and name in files and _is_same(path, files.pop(name))):
            return False
    return not files and not folders


def _is_same(path: Path, file: PackFile) -> bool:
    return path.stat().st_size == file.size and sha256_file(path) == file.sha256


def _walk(root: Path) -> Iterator[tuple[Path, int]]:
    """Empty folders, and all that is no folder, below `root`: sorted, each with its mode."""
    for path in sorted(root.iterdir()):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and any(path.iterdir()):
            yield from _walk(path)
        else:
            yield path, mode


def _of(root: Path, path: Path) -> PackFile:
    """A file without its digest."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise BadInput("not a regular file", file=path, mend="remove it")
    name = path.relative_to(root).as_posix()
    return PackFile(path=name, size=found.st_size, sha256="0" * 64, executable=bool(found.st_mode & stat.S_IXUSR))


def _refuse_changes(job: Job, root: Path, kept: dict[str, str]) -> None:
    told = {item.file: item.sha256 for item in job.inputs}
    for path, sha256 in told.items():
        if kept.get(path.relative_to(root).as_posix()) != sha256:
            raise _changed(path)


def _changed(path: Path) -> BadInput:
    return BadInput("has changed while it was read", file=path, mend="begin the run again")


def _inside(value: str) -> str:
    path = safe_relative(value)
    if path.as_posix() != PACK_FILE and (len(path.parts) < 3 or path.parts[0] != "jobs"):
        raise ValueError(f"{value!r} is no file of a job")
    if path.as_posix() != value:
        raise ValueError(f"{value!r} is not written plainly")
    return value


def _said(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False)[0]["msg"])
    return str(error)
