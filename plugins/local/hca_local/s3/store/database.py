"""The database of the S3 server: its creation, and connections to it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from hca_core.errors import HCAError
from hca_local.s3.store import schema
from hca_local.store import database

if TYPE_CHECKING:
    from pathlib import Path


def opened(path: Path) -> sqlite3.Connection:
    """Return a connection to the database at `path`, which is made if it isn't there.

    Raises HCAError if it is something else or of another format, sqlite3.Error.
    """
    connection = database.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    with database.transaction(connection):
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if not found and not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
            _create(connection)
            return connection
        application = connection.execute("PRAGMA application_id").fetchone()[0]
    if (application, found) != (schema.APPLICATION_ID, schema.FORMAT):
        connection.close()
        raise HCAError(
            f"{path} is not an S3 store of format {schema.FORMAT}.",
            hint="use the version of hca-plugin-local that made it, or another --data directory",
        )
    return connection


def _create(connection: sqlite3.Connection) -> None:
    for statement in schema.TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={schema.FORMAT}")
