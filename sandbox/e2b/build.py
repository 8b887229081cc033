"""Building the template from which sandboxes start with the toolbox in place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from e2b import AsyncTemplate
from e2b.exceptions import BuildException

from core import MissingTool, UpBenchError
from sandbox.e2b.faults import ERRORS
from sandbox.e2b.pack import PYTHON, toolbox_folder
from sandbox.e2b.templates import own_template
from sandbox.toolbox import toolbox_installed, toolbox_path

NEEDED = "fonts-dejavu-core fonts-liberation procps"
INSTALL = f"apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {NEEDED}"


def build_e2b_template(say: Callable[[str], None], *, cpus: int = 2, memory_mb: int = 4096) -> str:
    """Build the template that holds the installed toolbox, in the account of E2B_API_KEY; its name.

    It is built on the public image of our Python; E2B adds what it needs. Built again, it is replaced.

    Args:
        say: Told what E2B tells of the build.
        cpus: Of every machine made from it.
        memory_mb: Of every machine made from it.

    Raises:
        MissingTool: There is no key, or the toolbox is not installed.
        UpBenchError: E2B did not build it.
    """
    if not os.environ.get("E2B_API_KEY"):
        raise MissingTool("E2B_API_KEY is not set", mend="export E2B_API_KEY=...")
    if not toolbox_installed():
        raise MissingTool("the toolbox is not installed", mend="upbench toolbox install")
    return asyncio.run(_build(say, cpus, memory_mb))


async def _build(say: Callable[[str], None], cpus: int, memory_mb: int) -> str:
    name, toolbox = own_template(), toolbox_path()
    template = (
        AsyncTemplate(file_context_path=toolbox.parent)
        .from_python_image(PYTHON)
        .run_cmd(f"[ -d /usr/share/fonts/truetype/liberation ] || {{ {INSTALL}; }}", user="root")
        .copy(toolbox.name, toolbox_folder(), user="root")
        .run_cmd(f"chmod -R a+rX {toolbox_folder()}", user="root")
    )
    try:
        await AsyncTemplate.build(
            template,
            name,
            cpu_count=cpus,
            memory_mb=memory_mb,
            on_build_logs=lambda entry: say(entry.message.rstrip()),
        )
    except (BuildException, *ERRORS) as error:
        raise UpBenchError(f"E2B could not build the template {name}: {str(error)[:400]}") from error
    return name
