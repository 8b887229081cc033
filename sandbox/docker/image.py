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
from typing import Any

from core import BadInput, MissingTool, UpBenchError
from sandbox.docker.engine import Engine, engine, failures, gone, no_sense
from sandbox.supervisor.program import PROGRAM, program_digest
from sandbox.toolbox import toolbox_digest, toolbox_installed, toolbox_path

DOCKERFILE = Path(__file__).parents[1] / "images" / "Dockerfile"
RENDERERS = DOCKERFILE.with_name("renderers.Dockerfile")
_BASE_LINE = "FROM ${BASE}\n"
PYTHON_TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
MEND = "upbench toolbox image"
FIELD = "docker_image"
FORM = "3"  # of the labels
VERSION, TOOLBOX, SUPERVISOR, PYTHON = "upbench.version", "upbench.toolbox", "upbench.supervisor", "upbench.python"
BASE, BASE_ID, BASE_DIGEST = "upbench.base", "upbench.base.id", "upbench.base.digest"


@functools.cache
def image_tag() -> str:
    """`upbench-sandbox:<digest of all that is ours in it>`; the base is provenance."""
    parts = [DOCKERFILE.read_text(), toolbox_digest(), program_digest(), PYTHON_TAG, FORM]
    return "upbench-sandbox:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@functools.cache
def renderer_tag() -> str:
    """`upbench-renderer:<digest>`: the same with LibreOffice, Chromium and ffmpeg in it, to render files in."""
    whole = f"{image_tag()}\0{RENDERERS.read_text()}"
    return "upbench-renderer:" + hashlib.sha256(whole.encode()).hexdigest()[:16]


def renderer_image() -> str | None:
    """The name of the image to render files in; None: it is not built here, or no engine answers."""
    try:
        docker_engine = engine()
    except MissingTool:
        return None
    try:
        return None if _inspect(docker_engine, renderer_tag()) is None else renderer_tag()
    except failures():
        return None


def build_image(base: str, say: Callable[[str], None], *, renderers: bool = False) -> str:
    """Build the image on `base` and give its name. The base needs apt-get, or what is installed there already.

    Args:
        base: Name of a Docker image; pulled where it is not there.
        say: Told what is being done.
        renderers: With what draws files: the image that renders, not the one that agents work in.

    Raises:
        MissingTool: No Docker engine answers, or the toolbox is not installed.
        UpBenchError: The build failed.
    """
    if not toolbox_installed():
        raise MissingTool("the toolbox is not installed", mend="upbench toolbox install")
    docker_engine = engine()
    tag = renderer_tag() if renderers else image_tag()
    labels = _labels(docker_engine, base, say)
    say(f"building {tag} on {base}")
    with tempfile.TemporaryFile() as context:
        _pack(context, _dockerfile(renderers=renderers))
        context.seek(0)
        lines: list[str] = []
        for event in docker_engine.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            network_mode="host",
            decode=True,
            buildargs={"BASE": labels[BASE_ID], "PYTHON_TAG": PYTHON_TAG},
            labels=labels,
        ):
            if text := (event.get("stream") or event.get("error") or "").strip():
                lines.append(text)
            if "error" in event:
                raise UpBenchError(f"the sandbox image could not be built: {' / '.join(lines[-4:])[-800:]}")
    docker_engine.forget()
    return tag


def find_image(docker_engine: Engine, wanted: str | None) -> str:
    """The id (a digest) of the image `wanted`, or of our own; from this id a container is made, not from a name.

    Raises:
        MissingTool: Our own is not built.
        BadInput: `wanted` is not there, is for other machines, or was not built from our supervisor and toolbox.
    """
    name = wanted or image_tag()
    try:
        found = docker_engine.known(f"image {name}", lambda: _inspect(docker_engine, name))
    except failures() as error:
        if wanted is None or not no_sense(error):
            raise
        what = f"{name[:100]} cannot be the name of a Docker image"
        raise BadInput(what, field=FIELD, mend="name it as `docker images` does") from error
    if found is None:
        docker_engine.forget()  # it may be built any moment
        if wanted is None:
            raise MissingTool(f"the sandbox image {name} is not built", mend=MEND)
        raise BadInput(f"there is no Docker image {name}", field=FIELD, mend="build or pull it, or name another")
    machine = docker_engine.facts().machine
    if machine and found["Architecture"] != machine:
        mend = f"use an image for {machine}"
        raise BadInput(f"the Docker image {name} is for {found['Architecture']} machines", field=FIELD, mend=mend)
    labels = found["Config"].get("Labels") or {}
    for label, ours, what in (
        (SUPERVISOR, program_digest(), "no supervisor, or another version's"),
        (TOOLBOX, toolbox_digest(), "another toolbox"),
        (VERSION, image_tag(), "what another version of UpBench put in it"),
    ):
        if labels.get(label) != ours:
            mend = f"build it with `{MEND} --base ...`"
            raise BadInput(f"the Docker image {name} holds {what} (its label {label})", field=FIELD, mend=mend)
    return str(found["Id"])


def _inspect(docker_engine: Engine, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = docker_engine.api.inspect_image(name)
    except failures() as error:
        if gone(error):
            return None
        raise
    return found


def _labels(docker_engine: Engine, base: str, say: Callable[[str], None]) -> dict[str, str]:
    """What the image will be built from; the base is pulled where it is not there."""
    about = _inspect(docker_engine, base)
    if about is None:
        say(f"pulling {base}")
        try:
            docker_engine.api.pull(base, **({} if ":" in base or "@" in base else {"tag": "latest"}))
        except failures() as error:
            raise UpBenchError(f"the base {base} is not there and cannot be pulled: {error}") from error
        about = docker_engine.api.inspect_image(base)
    digests = about.get("RepoDigests") or []
    return {
        "app": "upbench",
        VERSION: image_tag(),
        TOOLBOX: toolbox_digest(),
        SUPERVISOR: program_digest(),
        PYTHON: PYTHON_TAG,
        BASE: base,
        BASE_ID: about["Id"],
        BASE_DIGEST: digests[0] if digests else "",
    }


def _dockerfile(*, renderers: bool) -> bytes:
    text = DOCKERFILE.read_text()
    if renderers:
        before, line, after = text.partition(_BASE_LINE)
        text = f"{before}{line}{RENDERERS.read_text()}{after}"
    return text.encode()


def _pack(context: object, dockerfile: bytes) -> None:
    """The build context: Dockerfile, the supervisor's program and the installed toolbox, owned by root."""
    files = {DOCKERFILE.name: dockerfile, **{source.name: source.read_bytes() for source in PROGRAM}}
    with tarfile.open(fileobj=context, mode="w") as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            row = tarfile.TarInfo(name)
            row.size, row.mode = len(data), 0o644
            archive.addfile(row, io.BytesIO(data))
        archive.add(toolbox_path(), "toolbox", filter=_as_root)


def _as_root(row: tarfile.TarInfo) -> tarfile.TarInfo:
    row.uid = row.gid = 0
    row.uname = row.gname = ""
    return row
