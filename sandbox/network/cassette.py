"""Pages kept in a folder, so that a run can be done again with the very pages that another one saw."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from pydantic import Field, ValidationError

from core import Cause, Frozen, StoreFault
from sandbox.network.get import Answer

KEPT_HEADERS = ("content-type", "location", "last-modified", "content-language")
_PASSING = frozenset({408, 425, 429})


class Kept(Frozen):
    """One answer. In the folder it is `pages/<sha256 of method and address>.json`, its body `bodies/<sha256>`.

    Attributes:
        headers: Some of them, names in lower case.
        body: sha256 of the decoded body. size: Its bytes.
        at: When it was fetched, ISO 8601 in UTC.
    """

    method: str = "GET"
    url: str
    status: int = Field(ge=100, le=999)
    headers: dict[str, str] = {}
    body: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    at: str


def kept_of(url: str, answer: Answer, at: str) -> Kept:
    """What is kept of an answer."""
    headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    digest, size = hashlib.sha256(answer.body).hexdigest(), len(answer.body)
    return Kept(url=url, status=answer.status, headers=headers, body=digest, size=size, at=at)


class Cassette:
    """A folder of kept pages. Several processes may use it: the first to keep a page decides what it says.

    Attributes:
        replay: Only kept pages are answered.
    """

    def __init__(self, folder: Path, *, replay: bool = False) -> None:
        self.folder, self.replay = folder, replay

    def find(self, url: str, method: str = "GET") -> tuple[Kept, bytes] | None:
        """The kept answer and its body, or None.

        Raises:
            StoreFault: It is damaged or cannot be read.
        """
        place = self._place(method, url)
        try:
            kept = Kept.model_validate_json(place.read_bytes())
            body = (self.folder / "bodies" / kept.body).read_bytes()
        except FileNotFoundError:
            if not place.exists():
                return None
            raise StoreFault(Cause.store_damaged, f"the cassette has lost the body of {url}") from None
        except ValidationError as error:
            raise StoreFault(Cause.store_damaged, f"the cassette's {place.name} is damaged: {error}") from error
        except OSError as error:
            raise StoreFault(Cause.store_failed, f"the cassette's {place.name} cannot be read: {error}") from error
        if hashlib.sha256(body).hexdigest() != kept.body or kept.url != url:
            raise StoreFault(Cause.store_damaged, f"the cassette's copy of {url} is damaged")
        return kept, body

    def keep(self, kept: Kept, body: bytes) -> tuple[Kept, bytes]:
        """Keep an answer unless another process was first; what is kept now.

        An answer that says "not now" is given back and not kept.

        Raises:
            StoreFault: It cannot be written.
        """
        if kept.status >= 500 or kept.status in _PASSING:
            return kept, body
        place = self._place(kept.method, kept.url)
        try:
            self._put(self.folder / "bodies" / kept.body, body)
            self._put(place, kept.model_dump_json(indent=1).encode())
        except OSError as error:
            raise StoreFault(Cause.store_failed, f"the cassette cannot be written: {error}") from error
        return self.find(kept.url, kept.method) or (kept, body)

    def _place(self, method: str, url: str) -> Path:
        return self.folder / "pages" / f"{hashlib.sha256(f'{method} {url}'.encode()).hexdigest()}.json"

    def _put(self, target: Path, data: bytes) -> None:
        """Write a file whole or not at all, and never over another."""
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            with fresh.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(fresh, target)
            except FileExistsError:
                return
            except PermissionError:  # a file system without hard links: then the last one decides
                fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
