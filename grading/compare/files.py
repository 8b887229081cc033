"""Which files of two submissions are the same."""

from __future__ import annotations

from collections.abc import Sequence

from core import Deliverable
from grading.compare.model import FileChange


def compare_files(before: Sequence[Deliverable], after: Sequence[Deliverable]) -> tuple[FileChange, ...]:
    """The files of today's submission in their order, then those that are gone.

    What has the same path is compared by digest. Of the rest, files with the same bytes are the same file renamed.
    """
    former = {file.path: file for file in before}
    kept = {file.path for file in after} & former.keys()
    gone: dict[str, list[Deliverable]] = {}
    for file in before:
        if file.path not in kept:
            gone.setdefault(file.sha256, []).append(file)
    changes = [_change(file, former.get(file.path), gone.get(file.sha256, [])) for file in after]
    left = [file for files in gone.values() for file in files]
    removed = [FileChange(path=f.path, change="removed", before=f) for f in sorted(left, key=lambda f: f.path)]
    return (*changes, *removed)


def _change(file: Deliverable, former: Deliverable | None, gone: list[Deliverable]) -> FileChange:
    if former is not None:
        same = former.sha256 == file.sha256
        return FileChange(path=file.path, change="same" if same else "changed", before=former, after=file)
    if gone and file.size:  # empty files have the same bytes, and tell nothing
        return FileChange(path=file.path, change="renamed", before=gone.pop(0), after=file)
    return FileChange(path=file.path, change="added", after=file)
