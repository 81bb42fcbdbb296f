"""Connections to the store's database, its creation, and what a file that claims to be one really is."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hca_core.errors import HCAError
from hca_local.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 30.0
_OLDEST_FORMAT = 2


def connect(path: Path, *, durable: bool = True, any_thread: bool = False) -> sqlite3.Connection:
    """Open the database at `path` for reading and writing; transactions are begun by `transaction` only.

    Parameters: `durable` makes a commit wait until it is on disk; `any_thread` lets several threads use it, one at a
    time. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not any_thread)
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the body as one transaction that has the write lock from its beginning; any exception undoes it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables and the format mark; call it inside the transaction that also fills the store.

    The mark becomes visible with the commit, so a store that was killed half-filled never claims to be one.
    """
    _run(connection, schema.TABLES)
    connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={schema.FORMAT}")


def upgrade(connection: sqlite3.Connection) -> int:
    """Bring a store of an older format that can be read to the present one, inside a transaction.

    Returns the format that it had. Raises sqlite3.Error.
    """
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for version in range(found + 1, schema.FORMAT + 1):
        _run(connection, schema.NEW_IN[version])
    connection.execute(f"PRAGMA user_version={schema.FORMAT}")
    return found


def _run(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def is_complete(path: Path) -> bool:
    """Tell whether the file at `path` is a store that was created to its end; it is only read.

    Returns False for a missing file and for one whose creation was interrupted.
    Raises HCAError if it is something else, or a store of another format.
    """
    if not path.exists():
        return False
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        ) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        raise HCAError(f"{path} can't be read as a store: {error}.") from error
    if application == 0 and found == 0 and tables == 0:
        return False
    if application != schema.APPLICATION_ID:
        raise HCAError(f"{path} is a database of some other program, not a store of hca local.")
    if not _OLDEST_FORMAT <= found <= schema.FORMAT:
        raise HCAError(
            f"The store in {path.parent} has format {found}; this version of hca local reads format {schema.FORMAT}.",
            hint="use the version of hca-plugin-local that made it, or another --data directory",
        )
    return True
