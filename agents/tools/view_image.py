"""`view_image`: an image, or a page of a PDF, shown to the model."""

from __future__ import annotations

import base64

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_inside, why
from agents.tools.paths import in_job
from core import Frozen, Image

LONG_EDGE = 1568
"""Pixels. Larger images are scaled down by the providers anyway, each in its own way."""

MAX_BYTES = 5 << 20
PNG = b"\x89PNG"


class ViewImageArguments(Frozen):
    """Arguments of `view_image`."""

    path: str = Field(min_length=1, description="An image or a PDF; absolute, or relative to /job.")
    page: int = Field(default=1, ge=1, description="Of a PDF; default 1.")


async def _run(arguments: ViewImageArguments, context: ToolContext) -> Outcome:
    return await show_image(in_job(arguments.path), arguments.page, context)


async def show_image(path: str, page: int, context: ToolContext) -> Outcome:
    """The image at `path` (scaled to at most 1568 px), or what is wrong with it."""
    target = context.file("png")
    request = {"path": path, "page": page, "target": target, "edge": LONG_EDGE}
    result = await run_inside(context, "render_image", request)
    if result.exit_code != 0:
        return error(f"{path} cannot be shown: {why(result)}")
    try:
        data = await context.sandbox.read(target, max_bytes=MAX_BYTES)
    except OSError as problem:
        return error(f"{path} cannot be shown: {problem}")
    media_type = "image/png" if data.startswith(PNG) else "image/jpeg"
    return Outcome(
        f"{path}: {result.stdout.text.strip()[:300]}",
        images=(Image(media_type=media_type, data=base64.b64encode(data)),),
    )


VIEW_IMAGE = Tool(
    name="view_image",
    description=(
        "Look at an image file (png, jpg, gif, webp, bmp, tiff) or at one page of a PDF. Use it to check how "
        "something really looks."
    ),
    arguments=ViewImageArguments,
    run=_run,
)
