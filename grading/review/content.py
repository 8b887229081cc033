"""The content origin: untrusted bytes, and the reader around web pages. No cookies, addresses that expire."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

from core import Blobs, Deliverable, StoreFault
from grading.render.model import suffix_of
from grading.review.guard import HostGuard, host_of
from grading.review.signing import Secrets, sign, verify

READER = Path(str(files("grading.review"))) / "static" / "content"
LIFE_SECONDS = 600
NO_TIME = "Thu, 01 Jan 1970 00:00:00 GMT"
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
HTML = "text/html"
# By the name alone, as a browser is never to guess: what a file is not does not play.
MEDIA = {
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
    ".flac": "audio/flac", ".m4a": "audio/mp4", ".aac": "audio/aac", ".mp4": "video/mp4", ".m4v": "video/mp4",
    ".webm": "video/webm", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".ogv": "video/ogg",
}  # fmt: skip
TYPES = IMAGES | {HTML} | set(MEDIA.values())
_CLOSED = "default-src 'none'; form-action 'none'; base-uri 'none'"
INERT = f"sandbox; {_CLOSED}; style-src 'unsafe-inline'; img-src 'self' data:"
_DATA = "data: blob:"
# Of no origin: it has no storage, no cookies and nobody's rights, and may ask for nothing.
RUNS = (
    f"sandbox allow-scripts; {_CLOSED}; script-src 'unsafe-inline' 'unsafe-eval' {_DATA}; "
    f"style-src 'unsafe-inline' {_DATA}; worker-src {_DATA}; img-src {_DATA}; font-src {_DATA}; media-src {_DATA}"
)
# What is read in it has this policy too: the frame that holds it is made here.
_READER = (
    f"{_CLOSED}; script-src {{0}}/reader.mjs; connect-src {{0}}/f/; style-src {{0}}/reader.css 'unsafe-inline'; "
    "img-src data:; font-src data:; media-src data:; require-trusted-types-for 'script'; trusted-types reader; "
    "frame-ancestors {1}"
)
_READER_PARTS = {"reader.mjs": "text/javascript", "reader.css": "text/css"}


def signed_path(secrets: Secrets, file: Deliverable, *, inline: bool) -> str:
    """The path under which the content origin serves `file` for ten minutes; a web page inline: in the reader."""
    shown = MEDIA.get(suffix_of(file), file.media_type)
    if inline and shown == HTML:
        return signed_page(secrets, file, run=False)
    return _signed(secrets, file.sha256, shown if inline and shown in TYPES else "", name_of(file))


def signed_page(secrets: Secrets, file: Deliverable, *, run: bool) -> str:
    """The path of a web page: in the reader, in which nothing runs, or, `run`, as it is, with its scripts."""
    if run:
        return _signed(secrets, file.sha256, HTML, name_of(file))
    return _signed(secrets, file.sha256, "", name_of(file)).replace("/f/", "/read/", 1)


def name_of(file: Deliverable) -> str:
    """Its name without its folders."""
    return file.path.rsplit("/", 1)[-1]


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
        "x-dns-prefetch-control": "off",
    }
    app.add_middleware(HostGuard, host=host_of(content_origin), headers=headers)

    @app.api_route("/f/{token}/{name}", methods=["GET", "HEAD"])
    def file(request: Request, token: str, name: str) -> Response:
        body = verify(secrets.content, token)
        try:
            if body is None or not blobs.has(body["sha"]):
                return PlainTextResponse("no such file, or its address has expired", status_code=404)
            path = blobs.fetch(body["sha"])
        except StoreFault:
            return PlainTextResponse("the file cannot be read now", status_code=503)
        shown = body["type"] if body["type"] in TYPES else ""
        if shown == HTML and request.headers.get("sec-fetch-dest", "iframe") != "iframe":
            return PlainTextResponse("shown in its frame only", status_code=403)
        disposition = "inline" if shown else f"attachment; filename*=UTF-8''{quote(body['name'], safe='')}"
        # The entity tag is the content's own: a file that was fetched anew from elsewhere resumes where it was.
        # When the file was written is told to nobody: it says which submission came first.
        return FileResponse(
            path,
            media_type=shown or "application/octet-stream",
            headers={
                "content-security-policy": f"{RUNS if shown == HTML else INERT}; frame-ancestors {app_origin}",
                "content-disposition": disposition,
                "cache-control": "private, immutable, max-age=600",
                "etag": f'"{body["sha"]}"',
                "last-modified": NO_TIME,
            },
        )

    _add_reader(app, app_origin, content_origin)
    return app


def _add_reader(app: FastAPI, app_origin: str, content_origin: str) -> None:
    """`/read/...`: the page of ours that shows a web page `/f/...`, and what it is made of."""
    parts = {name: (READER / name).read_bytes() for name in _READER_PARTS}
    page = (READER / "reader.html").read_text().replace("{{app}}", app_origin)
    policy = {"content-security-policy": _READER.format(content_origin, app_origin), "cache-control": "no-store"}

    @app.get("/read/{token}/{name}")
    def reader(token: str, name: str) -> Response:
        return HTMLResponse(page, headers=policy)

    @app.get("/{part}")
    def of_reader(part: str) -> Response:
        if part not in parts:
            return PlainTextResponse("no such file", status_code=404)
        return Response(parts[part], media_type=_READER_PARTS[part], headers={"cache-control": "no-cache"})
