"""Who a database is: drawn when its tables are made, so that what it names can be told from what others name."""

from __future__ import annotations

import secrets

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, select

from core.store.database import Database
from core.store.marks import MAX_SHOWN, Owner
from core.store.migrations import Migration, create_all

METADATA = MetaData()
_IDENTITY = Table("database_identity", METADATA, Column("id", String, primary_key=True))
_OID = "select oid from pg_database where datname = current_database()"


def _draw(connection: Connection) -> None:
    create_all(METADATA)(connection)
    connection.execute(insert(_IDENTITY).values(id=secrets.token_hex(8)))


STORE_MIGRATIONS = (Migration("store", 1, _draw),)


def owner_of(database: Database) -> Owner:
    """Who a database is. Raises `StoreFault`."""
    with database.read() as connection:
        drawn = str(connection.execute(select(_IDENTITY.c.id)).scalar_one())
        if database.path is None:
            place = str(connection.exec_driver_sql(_OID).scalar_one())
        else:
            place = str(database.path.stat().st_ino)
    return Owner(drawn, place, database.shown[:MAX_SHOWN])
