"""The shelf of renderings: each is made once, whoever asks, also by several processes at one time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update

from core import Blobs, Database, insert_new
from grading.render.model import Rendered
from grading.render.tables import RENDERINGS as T

HOLD_SECONDS = 60.0
"""A maker that did not say for so long that it goes on is taken for dead."""

AGAIN_SECONDS = 600.0
TRIES = 3

_NEW = insert_new(T).returning(T.c.sha256)


class Shelf:
    """Renderings by (sha256, suffix, renderer). Methods block, and raise `StoreFault`."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database, self.blobs = database, blobs

    def find(self, sha256: str, suffix: str, renderer: str | None) -> Rendered | None:
        """The rendering (with `renderer` None the newest of any); None also for one that may be tried again."""
        where = [T.c.sha256 == sha256, T.c.suffix == suffix, T.c.manifest.is_not(None)]
        if renderer is not None:
            where += [T.c.renderer == renderer, or_(~T.c.passing, T.c.tries >= TRIES, T.c.until > _at())]
        with self._database.read() as connection:
            asked = select(T.c.manifest).where(*where).order_by(T.c.made.desc()).limit(1)
            found = connection.execute(asked).scalar()
        return None if found is None else Rendered.model_validate_json(self.blobs.get_bytes(found))

    def claim(self, sha256: str, suffix: str, renderer: str, holder: str) -> int:
        """The how manieth try it is that `holder` is to make now; 0: it is not to."""
        key = {"sha256": sha256, "suffix": suffix, "renderer": renderer}
        mine = {"holder": holder, "until": _at(HOLD_SECONDS)}
        undone = or_(T.c.manifest.is_(None), and_(T.c.passing, T.c.tries < TRIES))
        with self._database.write() as connection:
            if connection.execute(_NEW, key | mine | {"tries": 1, "passing": False}).first() is not None:
                return 1
            free = [*(T.c[name] == value for name, value in key.items()), undone, T.c.until <= _at()]
            taken = update(T).where(*free).values(**mine, tries=T.c.tries + 1)
            return int(connection.execute(taken.returning(T.c.tries)).scalar() or 0)

    def go_on(self, sha256: str, suffix: str, renderer: str, holder: str, seconds: float = HOLD_SECONDS) -> None:
        """`holder` still makes it (with 0 seconds: no more, and another may)."""
        with self._database.write() as connection:
            own = _held(sha256, suffix, renderer, holder)
            connection.execute(update(T).where(*own).values(until=_at(seconds)))

    def keep(self, rendered: Rendered, renderer: str, holder: str, seconds: float) -> None:
        """Put it on the shelf; without effect where another has taken it over meanwhile."""
        manifest = self.blobs.put_bytes(rendered.model_dump_json().encode())
        until = _at(AGAIN_SECONDS if rendered.passing else 0)
        values = {"manifest": manifest, "until": until, "passing": rendered.passing, "seconds": seconds}
        with self._database.write() as connection:
            own = _held(rendered.sha256, rendered.suffix, renderer, holder)
            connection.execute(update(T).where(*own).values(**values, made=_at()))


def _held(sha256: str, suffix: str, renderer: str, holder: str) -> list[ColumnElement[bool]]:
    return [T.c.sha256 == sha256, T.c.suffix == suffix, T.c.renderer == renderer, T.c.holder == holder]


def _at(seconds: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
