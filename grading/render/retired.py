"""Renderings by renderers that are in use no more, as after an update; who asks again gets one made anew."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, func, select, tuple_

from core import Database
from grading.render.tables import RENDERINGS as T

AT_ONCE = 500


def retired_renderers(database: Database, before: str) -> dict[str, int]:
    """Renderers with which nothing was rendered since `before` (ISO 8601, UTC), with how many renderings.

    The one that was used last is not among them, however long ago that was. Raises `StoreFault`.
    """
    last = func.max(T.c.until)
    asked = select(T.c.renderer, last.label("last"), func.count().label("number")).group_by(T.c.renderer)
    with database.read() as connection:
        found = connection.execute(asked.order_by(last.desc(), T.c.renderer)).all()
    return {row.renderer: int(row.number) for row in found[1:] if row.last < before}


def forget_renderings(database: Database, renderers: Collection[str], before: str) -> int:
    """Forget the renderings of some renderers, but those made since `before`; returns how many."""
    key = (T.c.sha256, T.c.suffix, T.c.renderer)
    some = select(*key).where(T.c.renderer.in_(renderers), T.c.until < before).limit(AT_ONCE)
    forgotten = 0
    while True:
        with database.write() as connection:
            gone = connection.execute(delete(T).where(tuple_(*key).in_(some))).rowcount
        forgotten += gone
        if gone < AT_ONCE:
            return forgotten
