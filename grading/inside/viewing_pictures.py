"""A picture drawn anew: nothing of the file's own bytes, colours as they are seen, no larger than a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .files import suffix
from .openers import MAX_PIXELS
from .outcome import clip, toolbox
from .texts import open_pdf

LONGEST = 2400
# A turned or coloured copy of a huge picture costs several times its size: beyond this it is drawn smaller first.
LARGE = 50_000_000


def write_picture(source: Path, out: Path) -> dict[str, Any]:
    """`picture.webp` below `out`; what it is, or why there is none."""
    pillow, operations = toolbox("PIL.Image"), toolbox("PIL.ImageOps")
    pillow.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        image = _page(source) if suffix(source) == ".pdf" else pillow.open(source)
        if image.width * image.height > LARGE:
            image.draft("RGB", (LONGEST, LONGEST))
        image.thumbnail((LONGEST, LONGEST))
        image = operations.exif_transpose(image)
        see_through = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if see_through else "RGB")
        image.save(out / "picture.webp", "WEBP", quality=90, method=2)
    except (pillow.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        return {"problem": clip(f"the picture could not be drawn: {type(error).__name__}: {error}", 300)}
    return {"image": "picture.webp", "width": image.width, "height": image.height}


def _page(source: Path) -> Any:
    document = open_pdf(source)
    try:
        page = document[0]
        wide, high = page.get_size()
        return page.render(scale=min(LONGEST, 1600) / max(wide, high, 1)).to_pil()
    finally:
        document.close()
