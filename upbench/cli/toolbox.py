"""`upbench toolbox`: the locked packages that agents find in their sandboxes."""

from __future__ import annotations

import click

from upbench.cli.output import emit, json_option, say


@click.group()
def command() -> None:
    """The locked packages that agents find in their sandboxes.

    Example: upbench toolbox install
    """


@command.command()
@json_option
def install(as_json: bool) -> None:
    """Install the toolbox for this Python (once; later calls find it there).

    Example: upbench toolbox install
    """
    from sandbox import install_toolbox

    path = install_toolbox(say)
    emit({"path": str(path)}, str(path), as_json=as_json)


@command.command()
@json_option
def path(as_json: bool) -> None:
    """Say where the toolbox lies; exit code 3 when it is not installed.

    Example: ls "$(upbench toolbox path)"
    """
    from core import MissingTool
    from sandbox import toolbox_digest, toolbox_installed, toolbox_path

    if not toolbox_installed():
        raise MissingTool("the toolbox is not installed", mend="upbench toolbox install")
    emit({"path": str(toolbox_path()), "digest": toolbox_digest()}, str(toolbox_path()), as_json=as_json)


@command.command(name="list")
@json_option
def list_packages(as_json: bool) -> None:
    """List the packages and their versions.

    Example: upbench toolbox list
    """
    from sandbox import toolbox_digest, toolbox_packages

    packages = toolbox_packages()
    width = max(map(len, packages))
    text = "\n".join(f"{name:{width}}  {version}" for name, version in packages.items())
    emit({"digest": toolbox_digest(), "packages": packages}, text, as_json=as_json)


@command.command()
@click.option("--base", default="debian:bookworm-slim", show_default=True, help="The image to build on.")
@click.option(
    "--renderers", is_flag=True, help="The image that renders files: with LibreOffice, Chromium, ffmpeg."
)
@click.option("--tag", "only_tag", is_flag=True, help="Only say what the image is called.")
@json_option
def image(base: str, renderers: bool, only_tag: bool, as_json: bool) -> None:
    """Build the image of the docker sandboxes from the installed toolbox.

    With --renderers a second one, used for showing files wherever sandboxes are Docker's; agents never work in it.

    Example: upbench toolbox image --base debian:bookworm-slim
    """
    from sandbox import build_image, image_tag, renderer_tag

    name = renderer_tag() if renderers else image_tag()
    tag = name if only_tag else build_image(base, say, renderers=renderers)
    emit({"image": tag}, tag, as_json=as_json)


@command.command()
@click.option("--cpus", default=2, show_default=True, help="Of every machine made from it.")
@click.option("--memory", "memory_mb", default=4096, show_default=True, help="The same, in MiB.")
@json_option
def e2b(cpus: int, memory_mb: int, as_json: bool) -> None:
    """Build the template of the e2b sandboxes from the installed toolbox, in the account of E2B_API_KEY.

    Example: upbench toolbox e2b
    """
    from sandbox import build_e2b_template

    name = build_e2b_template(say, cpus=cpus, memory_mb=memory_mb)
    emit({"template": name}, name, as_json=as_json)
