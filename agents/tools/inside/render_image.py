"""Renders an image file or a PDF page. Request: {"path", "page", "target", "edge"}; prints a line of facts."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

LARGE = 3 << 20  # providers take images of up to 5 MB; base64 adds a third


def fail(why: str) -> None:
    """End with a reason for the model."""
    print(why, file=sys.stderr)
    raise SystemExit(3)


def pdf_page(path: str, page: int, edge: int) -> tuple[Any, str]:
    """The page as a picture whose long edge is at most `edge` px."""
    document = import_module("pypdfium2").PdfDocument(path)
    if not 1 <= page <= len(document):
        fail(f"it has {len(document)} pages")
    found = document[page - 1]
    scale = min(edge / max(found.get_size()), 4.0)
    return found.render(scale=scale).to_pil(), f"page {page} of {len(document)}"


def picture(path: str, page: int) -> tuple[Any, str]:
    """The image, upright; `page` chooses a frame where there are several."""
    image_module = import_module("PIL.Image")
    found = image_module.open(path)
    frames = getattr(found, "n_frames", 1)
    if not 1 <= page <= frames:
        fail(f"it has {frames} frames")
    found.seek(page - 1)
    facts = f"{found.format}, {found.width} x {found.height} px, mode {found.mode}"
    upright = import_module("PIL.ImageOps").exif_transpose(found)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    return upright.convert("RGBA" if has_alpha else "RGB"), facts


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    path, edge, target = request["path"], request["edge"], request["target"]
    if not os.path.isfile(path):
        fail("there is no such file")
    with open(path, "rb") as stream:
        is_pdf = b"%PDF-" in stream.read(1024)
    page = request["page"]
    image, facts = pdf_page(path, page, edge) if is_pdf else picture(path, page)
    image.thumbnail((edge, edge))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    image.save(target, "PNG")
    if os.path.getsize(target) > LARGE:
        image.convert("RGB").save(target, "JPEG", quality=85)
    print(f"{facts}; shown at {image.width} x {image.height} px")


if __name__ == "__main__":
    main()
