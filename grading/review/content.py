"""The content origin: untrusted bytes, and the reader around web pages. No cookies, addresses that expire."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

from core import Blobs, Deliverable, StoreFault
from grading.render.model import suffix_of
from grading.review.guard import HostGuard, host_of, transport_headers
from grading.review.signing import Secrets, sign, verify
from grading.review.sites import HTML, LOOKS, WORKS, member
from grading.review.views import legible

READER = Path(str(files("grading.review"))) / "static" / "content"
LIFE_SECONDS = 600
NO_TIME = "Thu, 01 Jan 1970 00:00:00 GMT"
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
# By the name alone, as a browser is never to guess: what a file is not does not play.
MEDIA = {
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
    ".flac": "audio/flac", ".m4a": "audio/mp4", ".aac": "audio/aac", ".mp4": "video/mp4", ".m4v": "video/mp4",
    ".webm": "video/webm", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".ogv": "video/ogg",
}  # fmt: skip
TYPES = IMAGES | {HTML} | set(MEDIA.values())
OF_SITES = {*LOOKS.values(), *WORKS.values()}
_CLOSED = "default-src 'none'; form-action 'none'; base-uri 'none'"
INERT = f"sandbox; {_CLOSED}; style-src 'unsafe-inline'; img-src 'self' data:"
# What is read in it has this policy too: the frame that holds it is made here.
_READER = (
    "default-src 'none'; form-action 'none'; base-uri {2}; script-src {0}/reader.mjs; connect-src {0}/f/; "
    "style-src {0}/reader.css 'unsafe-inline'{3}; img-src data:{3}; font-src data:{3}; media-src data:{3}; "
    "require-trusted-types-for 'script'; trusted-types reader; frame-ancestors {1}"
)
_READER_PARTS = {"reader.mjs": "text/javascript", "reader.css": "text/css"}


def signed_path(secrets: Secrets, file: Deliverable, *, inline: bool) -> str:
    """The path under which the content origin serves `file` for ten minutes; a web page inline: in the reader."""
    shown = MEDIA.get(suffix_of(file), file.media_type)
    if inline and shown == HTML:
        return signed_page(secrets, file, run=False)
    return _signed(secrets, file.sha256, shown if inline and shown in TYPES else "", name_of(file))


def signed_page(secrets: Secrets, file: Deliverable, *, run: bool, site: str | None = None) -> str:
    """The path of a web page: in the reader, in which nothing runs, or, `run`, as it is, with its scripts.

    Args:
        secrets: Whose `content` key signs the address.
        file: The page.
        run: With its scripts.
        site: Digest of the site that it is part of: then what lies beside it has the same address but for its end.
    """
    if site is not None:
        token = sign(secrets.content, {"site": site, "run": run}, LIFE_SECONDS)
        path = f"/f/{token}/{quote(file.path)}"
    else:
        path = _signed(secrets, file.sha256, HTML if run else "", name_of(file))
    return path if run else path.replace("/f/", "/read/", 1)


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
    } | transport_headers(content_origin)
    app.add_middleware(HostGuard, host=host_of(content_origin), headers=headers)

    @app.api_route("/f/{token}/{path:path}", methods=["GET", "HEAD"])
    def file(request: Request, token: str, path: str) -> Response:
        body = verify(secrets.content, token)
        try:
            of_site = body is not None and "site" in body
            if body is not None and of_site:
                body = member(blobs, body["site"], path, run=body["run"])
            if body is None or not blobs.has(body["sha"]):
                return PlainTextResponse("no such file, or its address has expired", status_code=404)
            there = blobs.fetch(body["sha"])
        except StoreFault:
            return PlainTextResponse("the file cannot be read now", status_code=503)
        shown = body["type"] if body["type"] in (OF_SITES if of_site else TYPES) else ""
        if shown == HTML and request.headers.get("sec-fetch-dest", "iframe") != "iframe":
            return PlainTextResponse("shown in its frame only", status_code=403)
        name = quote(legible(body["name"]), safe="")
        disposition = "inline" if shown else f"attachment; filename*=UTF-8''{name}"
        beside = f"{content_origin}/f/{token}/" if of_site else ""
        policy = runs(beside) if shown == HTML else INERT
        # The entity tag is the content's own: a file that was fetched anew from elsewhere resumes where it was.
        # When the file was written is told to nobody: it says which submission came first.
        answer = FileResponse(
            there,
            media_type=shown or "application/octet-stream",
            headers={
                "content-security-policy": f"{policy}; frame-ancestors {app_origin}",
                "content-disposition": disposition,
                "cache-control": "private, immutable, max-age=600",
                "etag": f'"{body["sha"]}"',
                "last-modified": NO_TIME,
            },
        )
        if of_site:
            # A page that runs has no origin: its fonts and modules come from elsewhere, as a browser sees it.
            answer.headers["access-control-allow-origin"] = "*"
        return answer

    _add_reader(app, secrets, app_origin, content_origin)
    return app


def runs(beside: str = "") -> str:
    """The policy of a page whose scripts run: of no origin, so it has no storage, no cookies, nobody's rights.

    It may ask for nothing but what lies `beside` it (an address that ends with `/`).
    """
    own = " ".join(filter(None, ("data: blob:", beside)))
    return (
        f"sandbox allow-scripts; {_CLOSED}; script-src 'unsafe-inline' 'unsafe-eval' {own}; "
        f"style-src 'unsafe-inline' {own}; worker-src {own}; img-src {own}; font-src {own}; media-src {own}"
    ) + (f"; connect-src {beside}" if beside else "")


def _add_reader(app: FastAPI, secrets: Secrets, app_origin: str, content_origin: str) -> None:
    """`/read/...`: the page of ours that shows a web page `/f/...`, and what it is made of."""
    parts = {name: (READER / name).read_bytes() for name in _READER_PARTS}
    page = (READER / "reader.html").read_text().replace("{{app}}", app_origin)

    @app.get("/read/{token}/{path:path}")
    def reader(token: str, path: str) -> Response:
        site = "site" in (verify(secrets.content, token) or {})
        beside = f"{content_origin}/f/{token}/" if site else ""
        policy = _READER.format(content_origin, app_origin, beside or "'none'", beside and f" {beside}")
        headers = {"content-security-policy": policy, "cache-control": "no-store"}
        return HTMLResponse(page.replace("{{beside}}", beside), headers=headers)

    @app.get("/{part}")
    def of_reader(part: str) -> Response:
        if part not in parts:
            return PlainTextResponse("no such file", status_code=404)
        return Response(parts[part], media_type=_READER_PARTS[part], headers={"cache-control": "no-cache"})
