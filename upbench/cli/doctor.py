"""`upbench doctor`: what works on this machine, and what mends the rest."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from upbench.settings import Settings

# What draws files: name -> programs of which one must be there, what for, Debian's packages.
RENDERERS = {
    "libreoffice": (
        ("soffice", "libreoffice"),
        "to show documents as pages",
        "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui",
    ),
    "chromium": (
        ("chromium", "chromium-browser", "google-chrome"),
        "to show web pages, Markdown and notebooks as they look",
        "chromium",
    ),
    "ffprobe": (("ffprobe",), "to tell how long sound and film are", "ffmpeg"),
    "ffmpeg": (("ffmpeg",), "to show pictures of films", "ffmpeg"),
}
KEYS = {"OPENAI_API_KEY": "openai", "ANTHROPIC_API_KEY": "anthropic"}
PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `mend` is the command that mends it, where it is not well."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what works on this machine, and the command that mends each lack.

    Exit code 0 when a sandbox provider works, 3 when none does.

    Example: upbench doctor
    """
    from sandbox import provider_names
    from upbench.settings import load_settings

    checks = list(_checks(load_settings(ctx.obj["project"])))
    emit({"checks": [asdict(check) for check in checks]}, _table(checks), as_json=as_json)
    if not any(check.ok for check in checks if check.name in provider_names()):
        ctx.exit(3)


def _checks(settings: Settings) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        name="python",
        ok=sys.version_info >= PYTHON,
        detail=f"{version} at {sys.executable}",
        mend=None if sys.version_info >= PYTHON else "install Python 3.11 or later",
    )
    yield _clash()
    yield _toolbox()
    yield _default(settings)
    yield from _sandboxes(settings)
    yield _gvisor()
    yield _database(settings)
    yield _bucket(settings)
    yield from _keys()
    yield from _renderers(settings)


def _clash() -> Check:
    """Other distributions' `agents` and the like must not shadow ours."""
    from importlib.util import find_spec

    home = Path(__file__).parents[2]
    others = []
    for room in ("core", "rubrics", "jobs", "sandbox", "agents", "grading", "runs"):
        spec = find_spec(room)
        if spec is None or spec.origin is None or Path(spec.origin).parents[1] != home:
            others.append(f"{room} ({spec.origin if spec else 'missing'})")
    return Check(
        name="packages",
        ok=not others,
        detail=f"another distribution's: {', '.join(others)}" if others else "UpBench's own are the ones in use",
        mend="install UpBench in an environment of its own" if others else None,
    )


def _toolbox() -> Check:
    from sandbox import toolbox_installed, toolbox_packages, toolbox_path

    there = toolbox_installed()
    detail = f"{len(toolbox_packages())} packages at {toolbox_path()}" if there else "not installed"
    return Check(name="toolbox", ok=there, detail=detail, mend=None if there else "upbench toolbox install")


def _default(settings: Settings) -> Check:
    """The provider that runs use where no flag names another."""
    from sandbox import provider_names

    known = ", ".join(provider_names())
    if settings.sandbox in provider_names():
        return Check(name="sandbox", ok=True, detail=f"runs use {settings.sandbox} where no flag names another")
    mend = f"set `sandbox` in upbench.toml, or UPBENCH_SANDBOX, to one of: {known}"
    return Check(
        name="sandbox", ok=False, detail=f"unknown sandbox provider `{settings.sandbox[:100]}`", mend=mend
    )


def _sandboxes(settings: Settings) -> Iterator[Check]:
    from core import BadInput, MissingTool
    from sandbox import provider, provider_names

    for name in provider_names():
        try:
            problem = provider(name, settings.state, settings.options).problem()
        except BadInput as error:
            problem = error.what, error.mend or f"change {error.field}"
        except MissingTool as error:  # a plug-in that cannot be loaded
            problem = error.what, error.mend
        if problem:
            yield Check(name=name, ok=False, detail=problem[0], mend=problem[1])
        else:
            yield Check(name=name, ok=True, detail="sandboxes can be opened")


def _gvisor() -> Check:
    """A runtime of the Docker engine with a kernel of its own."""
    from core import MissingTool
    from sandbox import docker_runtimes

    mend = "sudo apt-get install -y runsc, then add it to the engine's runtimes (docs/sandboxes.md)"
    try:
        found = [one for one in docker_runtimes().values() if one.gvisor]
    except MissingTool as error:
        return Check(name="gvisor", ok=False, detail=f"{error.what} (only needed for gVisor)", mend=error.mend)
    if not found:
        return Check(name="gvisor", ok=False, detail="no runtime of the engine is gVisor's (optional)", mend=mend)
    said = ", ".join(f"docker_runtime = {one.name!r}" for one in found)
    gates = any(one.host_sockets for one in found)
    return Check(name="gvisor", ok=True, detail=said if gates else f"{said}, only with --network none")


def _database(settings: Settings) -> Check:
    """Where the records are kept."""
    from core import look_at_database

    example = "postgresql://user:password@host:port/name"
    return _shared_store("postgresql", "database", settings.database, example, look_at_database)


def _bucket(settings: Settings) -> Check:
    """Where the blobs are kept."""
    from core import look_at_bucket

    def look(address: str) -> str:
        from upbench.keeping import local_gigabytes

        there = local_gigabytes(settings.state / "blobs")
        bound = f"at most {settings.local_blobs_gb:g} GB"
        return f"{look_at_bucket(address)}; {there:.3g} GB of local copies, {bound} (`local_blobs_gb`)"

    return _shared_store("bucket", "blobs", settings.blobs, "s3://bucket/folder", look)


def _shared_store(name: str, setting: str, address: str | None, example: str, look: Callable[[str], str]) -> Check:
    """A store that many machines share, where one is named in the settings."""
    from core import BadInput

    if address is None:
        mend = f"set `{setting}` in upbench.toml, or UPBENCH_{setting.upper()}, to {example}"
        detail = f"no `{setting}` is set (only needed for workers on many machines)"
        return Check(name=name, ok=False, detail=detail, mend=mend)
    try:
        return Check(name=name, ok=True, detail=look(address))
    except BadInput as error:
        return Check(name=name, ok=False, detail=f"{error.file or setting}: {error.what}", mend=error.mend)


def _renderers(settings: Settings) -> Iterator[Check]:
    """What draws files, where sandboxes find it: on this machine, or in Docker's image for it."""
    if settings.sandbox == "docker":
        yield _renderer_image(settings)
        return
    for name, (programs, what_for, packages) in RENDERERS.items():
        there = next(filter(None, map(shutil.which, programs)), None)
        detail = there or f"not installed (only needed {what_for})"
        mend = None if there else f"sudo apt-get install -y {packages}"
        yield Check(name=name, ok=there is not None, detail=detail, mend=mend)


def _renderer_image(settings: Settings) -> Check:
    from sandbox import renderer_image

    if settings.docker_image is not None:
        detail = f"files are rendered in {settings.docker_image}, with what it holds"
        return Check(name="renderers", ok=True, detail=detail)
    image = renderer_image()
    lacking = "no image to render in (only needed to show documents and web pages as pages)"
    mend = None if image else "upbench toolbox image --renderers"
    return Check(name="renderers", ok=image is not None, detail=image or lacking, mend=mend)


def _keys() -> Iterator[Check]:
    for variable, model in KEYS.items():
        there = bool(os.environ.get(variable))
        detail = "set" if there else f"not set (only needed for models of {model})"
        yield Check(name=variable, ok=there, detail=detail, mend=None if there else f"export {variable}=...")


def _table(checks: list[Check]) -> str:
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{'ok ' if check.ok else '-- '} {check.name:{width}}  {check.detail}")
        if check.mend:
            lines.append(f"    {'':{width}}  mend: {check.mend}")
    return "\n".join(lines)
