"""The table of renderings: which file was rendered, with what, by whom, and where the outcome lies."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table

from core import Migration, create_all

METADATA = MetaData()

# `manifest`: the blob with the `Rendered`, null while it is being made. `holder` makes it until `until` (which it
# puts off again and again); with `passing` another may try again after `until`. Times are ISO 8601, UTC, ms.
RENDERINGS = Table(
    "renderings",
    METADATA,
    Column("sha256", String, primary_key=True),
    Column("suffix", String, primary_key=True),
    Column("renderer", String, primary_key=True),
    Column("manifest", String),
    Column("holder", String, nullable=False),
    Column("until", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("passing", Boolean, nullable=False),
    Column("seconds", Float),
    Column("made", String),
    sqlite_with_rowid=False,
)

RENDER_MIGRATIONS = [Migration("render", 1, create_all(METADATA))]
