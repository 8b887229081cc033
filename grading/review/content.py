"""The content origin: untrusted bytes and nothing else. No cookies, no pages, addresses that expire."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse

from core import Blobs, Deliverable, StoreFault
from grading.review.guard import HostGuard, host_of
from grading.review.signing import Secrets, sign, verify

LIFE_SECONDS = 600
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}
FRAMES = {"text/html"}
INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'"


def signed_path(secrets: Secrets, file: Deliverable, *, inline: bool) -> str:
    """The path under which the content origin serves `file` for ten minutes."""
    name = file.path.rsplit("/", 1)[-1]
    shown = inline and file.media_type in IMAGES | FRAMES
    body = {"sha": file.sha256, "type": file.media_type if shown else "", "name": name}
    return f"/f/{sign(secrets.content, body, LIFE_SECONDS)}/{quote(name, safe='')}"


def create_content_app(blobs: Blobs, secrets: Secrets, *, app_origin: str, content_origin: str) -> FastAPI:
    """The app of the content origin.

    Args:
        blobs: Where the bytes lie.
        secrets: Whose `content` key signs the addresses.
        app_origin: Whose pages may frame what is served.
        content_origin: This origin; requests for another host are refused.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    headers = {
        "content-security-policy": f"{INERT}; frame-ancestors {app_origin}",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }
    app.add_middleware(HostGuard, host=host_of(content_origin), headers=headers)

    @app.get("/f/{token}/{name}")
    def file(token: str, name: str) -> Response:
        body = verify(secrets.content, token)
        try:
            if body is None or not blobs.has(body["sha"]):
                return PlainTextResponse("no such file, or its address has expired", status_code=404)
            path = blobs.fetch(body["sha"])
        except StoreFault:
            return PlainTextResponse("the file cannot be read now", status_code=503)
        disposition = "inline" if body["type"] else f"attachment; filename*=UTF-8''{quote(body['name'], safe='')}"
        return FileResponse(
            path,
            media_type=body["type"] or "application/octet-stream",
            headers={"content-disposition": disposition, "cache-control": "private, immutable, max-age=600"},
        )

    return app
