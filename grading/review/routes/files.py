"""The files of a review: addresses on the content origin, and what is shown of them beside the criteria."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from core import Deliverable, Fault, StoreFault, in_thread
from grading.items import ReviewItem
from grading.render.model import Rendered, suffix_of
from grading.render.windows import sheet_window, words_of
from grading.review.content import signed_image, signed_page, signed_path
from grading.review.preview import FAILED, UNREAD, WAIT_SECONDS, Preview, entry_of, preview_of
from grading.review.problems import NoSuchReview
from grading.review.routes.parts import Parts
from grading.review.signing import Secrets
from grading.review.sites import PAGES, site_of

MAX_AHEAD = 200

ItemOf = Callable[[Request, str], ReviewItem]
"""What stands under an alias, for whoever asks; raises `NoSuchReview`."""


@dataclass(frozen=True)
class Signed:
    """Signed addresses on the content origin; they live for ten minutes.

    Attributes:
        secrets: What they are signed with.
        origin: What they begin with.
        site: Digest of what lies beside a web page; None: it is read by itself.
    """

    secrets: Secrets
    origin: str
    site: str | None = None

    def image(self, sha256: str, name: str) -> str:
        """Of an image that was drawn here."""
        return self.origin + signed_image(self.secrets, sha256, name)

    def file(self, file: Deliverable, *, inline: bool) -> str:
        """Of a file as it was handed in."""
        return self.origin + signed_path(self.secrets, file, inline=inline)

    def page(self, file: Deliverable, *, run: bool) -> str:
        """Of a web page in a frame: without its scripts, or with them."""
        return self.origin + signed_page(self.secrets, file, run=run, site=self.site)


class _Files:
    """The files of a submission, as whoever asks may see them."""

    def __init__(self, parts: Parts, item: ItemOf) -> None:
        self._parts, self._item, self.blobs = parts, item, parts.blobs

    def all(self, request: Request, alias: str, kind: str) -> tuple[Deliverable, ...]:
        """The inputs, or the deliverables."""
        item = self._item(request, alias)
        return {"inputs": item.inputs, "deliverables": item.deliverables}.get(kind, ())

    def find(self, request: Request, alias: str, kind: str, index: int) -> Deliverable:
        """One of them. Raises `NoSuchReview`."""
        found = self.all(request, alias, kind)
        if not 0 <= index < len(found):
            raise NoSuchReview(f"{kind}/{index}")
        return found[index]

    async def opened(
        self, request: Request, alias: str, kind: str, index: int, entry: int | None
    ) -> Deliverable | Preview:
        """One of them, or an entry of it, or what is said in its place. Raises `NoSuchReview`."""
        file = await in_thread(self.find, request, alias, kind, index)
        return file if entry is None else await entry_of(file, entry, self._parts.render)

    async def signed(self, request: Request, alias: str, kind: str, file: Deliverable) -> Signed:
        """What makes the addresses of a file; a web page has with it what lies beside it."""
        at = Signed(self._parts.secrets, self._parts.content_origin)
        if suffix_of(file) not in PAGES:
            return at
        files = await in_thread(self.all, request, alias, kind)
        return replace(at, site=await in_thread(site_of, self._parts.blobs, file, files))

    async def rendered(
        self, request: Request, alias: str, kind: str, index: int, entry: int | None
    ) -> Rendered | Response:
        """Its rendering, or the answer that says why there is none."""
        file, render = await self.opened(request, alias, kind, index, entry), self._parts.render
        if isinstance(file, Preview):
            return JSONResponse({"error": file.problem, "pending": file.pending}, status_code=503)
        try:
            found = None if render is None else await render.within(file, WAIT_SECONDS)
        except StoreFault:
            return JSONResponse({"error": UNREAD}, status_code=503)
        except Fault:
            return JSONResponse({"error": FAILED}, status_code=503)
        return found or JSONResponse({"error": FAILED, "pending": render is not None}, status_code=503)


def add_files(app: FastAPI, parts: Parts) -> None:
    """`/review/ALIAS/KIND/INDEX/show|download`, `/api/reviews/ALIAS/KIND/INDEX`; KIND: inputs or deliverables."""
    add_files_at(
        app, parts, "/review", "/api/reviews", lambda request, alias: parts.desk(request).open(alias).item
    )


def add_files_at(app: FastAPI, parts: Parts, pages: str, api: str, item: ItemOf) -> None:
    """The same of anything that has an alias and an item; `pages`, `api`: what its addresses begin with."""
    alone, files = Signed(parts.secrets, parts.content_origin), _Files(parts, item)

    # Addresses on the content origin live for ten minutes, a page for hours: so each is made when it is asked for.
    @app.get(f"{pages}/{{alias}}/{{kind}}/{{index}}/{{how}}")
    def file(request: Request, alias: str, kind: str, index: int, how: str) -> Response:
        found = files.find(request, alias, kind, index)
        if how not in ("show", "download"):
            raise NoSuchReview(how)
        return RedirectResponse(alone.file(found, inline=how == "show"), status_code=303)

    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}")
    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}/entries/{{entry}}")
    async def preview(request: Request, alias: str, kind: str, index: int, entry: int | None = None) -> Response:
        wanted = await files.opened(request, alias, kind, index, entry)
        if isinstance(wanted, Preview):
            return _told(wanted)
        if parts.render is not None and entry is None:
            # Whoever opens one file opens the next in a moment.
            every = (*await in_thread(files.all, request, alias, "deliverables"), wanted)
            parts.render.ahead(every[:MAX_AHEAD])
        try:
            at = await files.signed(request, alias, kind, wanted) if entry is None else alone
        except StoreFault:
            at = alone
        return _told(await preview_of(wanted, parts.blobs, parts.render, at))

    _add_windows(app, files, api)


def _told(preview: Preview) -> Response:
    return JSONResponse(preview.model_dump(mode="json"), status_code=202 if preview.pending else 200)


def _add_windows(app: FastAPI, files: _Files, api: str) -> None:
    """`/text` and `/sheet`: parts of a rendering, which as a whole may be large."""

    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}/text")
    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}/entries/{{entry}}/text")
    async def text(
        request: Request, alias: str, kind: str, index: int, entry: int | None = None, page: int = 1
    ) -> Response:
        found = await files.rendered(request, alias, kind, index, entry)
        if isinstance(found, Response):
            return found
        drawn = next((one for one in found.pages if one.number == page), None)
        if drawn is None:
            raise NoSuchReview(f"page {page}")
        return JSONResponse({"words": await in_thread(words_of, files.blobs, drawn)})

    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}/sheet")
    @app.get(f"{api}/{{alias}}/{{kind}}/{{index}}/entries/{{entry}}/sheet")
    async def sheet(
        request: Request,
        alias: str,
        kind: str,
        index: int,
        entry: int | None = None,
        name: str = "",
        row: int = 0,
        column: int = 0,
        rows: int = 200,
        columns: int = 50,
        formulas: bool = False,
    ) -> Response:
        found = await files.rendered(request, alias, kind, index, entry)
        if isinstance(found, Response):
            return found
        drawn = next((one for one in found.sheets if one.name == name), None)
        if drawn is None:
            raise NoSuchReview("sheet")
        window = await in_thread(sheet_window, files.blobs, drawn, row, column, rows, columns, formulas=formulas)
        return JSONResponse(window)
