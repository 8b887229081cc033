"""From a folder of collected files to a Submission: sizes, media types, digests, blobs, and what is missing."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from core import Blobs, Deliverable, Submission
from jobs import Job
from sandbox import Taken

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF8",),
    "application/zip": _ZIP,
}
_BY_NAME = mimetypes.MimeTypes(filenames=())
for _suffix, _type in {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".srt": "application/x-subrip",
    ".ipynb": "application/x-ipynb+json",
    ".dxf": "image/vnd.dxf",
    ".webp": "image/webp",
}.items():
    _BY_NAME.add_type(_type, _suffix)
    if "openxml" in _type or "oasis" in _type:
        _SIGNATURES[_type] = _ZIP


def media_type(path: Path) -> str:
    """The type its name promises, if its first bytes do not contradict it; else what the bytes say."""
    named = _BY_NAME.guess_type(path.name)[0]
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    signatures = _SIGNATURES.get(named or "", ())
    if named and (not signatures or head.startswith(signatures)):
        return named
    return _by_content(head)


def _by_content(head: bytes) -> str:
    import puremagic  # only for files whose name does not tell: start-up stays cheap

    try:
        return str(puremagic.from_string(head, mime=True)) or UNKNOWN
    except (puremagic.PureError, ValueError):
        return UNKNOWN


def build_submission(folder: Path, taken: Taken, job: Job, blobs: Blobs, *, note: str = "") -> Submission:
    """Store what was taken into `folder` as blobs and freeze the manifest. Blocks while they are sent."""
    names = sorted(taken.files)
    deliverables = [
        Deliverable(
            path=name,
            size=(folder / name).stat().st_size,
            media_type=media_type(folder / name),
            sha256=sha256,
        )
        for name, sha256 in zip(names, blobs.put_files(folder / name for name in names), strict=True)
    ]
    return Submission(
        files=tuple(deliverables),
        left_out=taken.left_out,
        missing=missing_of(job, [file.path for file in deliverables]),
        note=note[:4000],
    )


def missing_of(job: Job, paths: Iterable[str]) -> tuple[str, ...]:
    """The declared, required globs that match none of the paths."""
    found = [PurePosixPath(path) for path in paths]
    return tuple(
        expected.path
        for expected in job.deliverables
        if expected.required and not any(path.match(expected.path) for path in found)
    )


def lay_out(submission: Submission, blobs: Blobs, folder: Path) -> None:
    """Put a submission's files into an empty folder, as hard links to the blobs where possible.

    Blocks while blobs that are not here are fetched. Every file's sha256 was checked (`StoreFault` where wrong).
    The folder is opened for reading to everybody, as sandboxes run as another user.
    """
    folder.chmod(0o755)
    for file in submission.files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = blobs.fetch(file.sha256)
        try:
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
