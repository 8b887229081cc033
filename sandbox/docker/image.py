"""The image of the docker provider: named after everything of ours that goes into it."""

from __future__ import annotations

import functools
import hashlib
import io
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from core import MissingTool, UpBenchError
from sandbox.docker.engine import engine
from sandbox.supervisor.program import PROGRAM, program_digest
from sandbox.toolbox import toolbox_digest, toolbox_installed, toolbox_path

DOCKERFILE = Path(__file__).parents[1] / "images" / "Dockerfile"
PYTHON_TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
MEND = "upbench toolbox image"


@functools.cache
def image_tag() -> str:
    """`upbench-sandbox:<digest of Dockerfile, toolbox lock, supervisor and Python>`; the base is provenance."""
    parts = [DOCKERFILE.read_text(), toolbox_digest(), program_digest(), PYTHON_TAG]
    return "upbench-sandbox:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def build_image(base: str, say: Callable[[str], None]) -> str:
    """Build the image on `base` and give its name. The base needs Debian's apt-get, or Python and fonts already.

    Raises:
        MissingTool: No Docker engine answers, or the toolbox is not installed.
        UpBenchError: The build failed.
    """
    if not toolbox_installed():
        raise MissingTool("the toolbox is not installed", mend="upbench toolbox install")
    client = engine()
    tag = image_tag()
    say(f"building {tag} on {base}")
    with tempfile.TemporaryFile() as context:
        _pack(context)
        context.seek(0)
        lines: list[str] = []
        for event in client.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            network_mode="host",
            decode=True,
            buildargs={"BASE": base, "PYTHON_TAG": PYTHON_TAG},
            labels={"app": "upbench"},
        ):
            if text := (event.get("stream") or event.get("error") or "").strip():
                lines.append(text)
            if "error" in event:
                raise UpBenchError(f"the sandbox image could not be built: {' / '.join(lines[-4:])[-800:]}")
    return tag


def _pack(context: object) -> None:
    """The build context: Dockerfile, the supervisor's program and the installed toolbox, owned by root."""
    with tarfile.open(fileobj=context, mode="w") as archive:  # type: ignore[call-overload]
        for source in (DOCKERFILE, *PROGRAM):
            data = source.read_bytes()
            row = tarfile.TarInfo(source.name)
            row.size, row.mode = len(data), 0o644
            archive.addfile(row, io.BytesIO(data))
        archive.add(toolbox_path(), "toolbox", filter=_as_root)


def _as_root(row: tarfile.TarInfo) -> tarfile.TarInfo:
    row.uid = row.gid = 0
    row.uname = row.gname = ""
    return row
