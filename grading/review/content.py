"""The content origin: untrusted bytes and nothing else. No cookies, no pages, addresses that expire."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse

from core import Blobs, Deliverable, StoreFault
from grading.render.model import suffix_of
from grading.review.guard import HostGuard, host_of
from grading.review.signing import Secrets, sign, verify

LIFE_SECONDS = 600
NO_TIME = "Thu, 01 Jan 1970 00:00:00 GMT"
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
FRAMES = {"text/html"}
# By the name alone, as a browser is never to guess: what a file is not does not play.
MEDIA = {
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
    ".flac": "audio/flac", ".m4a": "audio/mp4", ".aac": "audio/aac", ".mp4": "video/mp4", ".m4v": "video/mp4",
    ".webm": "video/webm", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".ogv": "video/ogg",
}  # fmt: skip
TYPES = IMAGES | FRAMES | set(MEDIA.values())
INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'"


def signed_path(secrets: Secrets, file: Deliverable, *, inline: bool) -> str:
    """The path under which the content origin serves `file` for ten minutes."""
    shown = MEDIA.get(suffix_of(file), file.media_type)
    return _signed(secrets, file.sha256, shown if inline and shown in TYPES else "", file.path.rsplit("/", 1)[-1])


def signed_image(secrets: Secrets, sha256: str, name: str = "page") -> str:
    """The path under which the content origin serves a WebP image that was drawn here, for ten minutes."""
    return _signed(secrets, sha256, "image/webp", f"{name}.webp")


def _signed(secrets: Secrets, sha256: str, media_type: str, name: str) -> str:
    body = {"sha": sha256, "type": media_type, "name": name}
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

    @app.api_route("/f/{token}/{name}", methods=["GET", "HEAD"])
    def file(token: str, name: str) -> Response:
        body = verify(secrets.content, token)
        try:
            if body is None or not blobs.has(body["sha"]):
                return PlainTextResponse("no such file, or its address has expired", status_code=404)
            path = blobs.fetch(body["sha"])
        except StoreFault:
            return PlainTextResponse("the file cannot be read now", status_code=503)
        shown = body["type"] if body["type"] in TYPES else ""
        disposition = "inline" if shown else f"attachment; filename*=UTF-8''{quote(body['name'], safe='')}"
        # The entity tag is the content's own: a file that was fetched anew from elsewhere resumes where it was.
        # When the file was written is told to nobody: it says which submission came first.
        return FileResponse(
            path,
            media_type=shown or "application/octet-stream",
            headers={
                "content-disposition": disposition,
                "cache-control": "private, immutable, max-age=600",
                "etag": f'"{body["sha"]}"',
                "last-modified": NO_TIME,
            },
        )

    return app
