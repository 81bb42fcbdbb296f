"""Keeps up with the nodes what queries look at. Call it in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import leaves
from hca_local.shock.rights import PUBLIC

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.shock.nodes import Doc

ADMINISTRATORS = "*"  # sees every node; no uuid looks like this


def put(connection: Connection, doc: Doc, *, is_listed: bool = True) -> None:
    """Make a node, whose row is there, found by what it holds now and nothing else; by nobody if not `is_listed`.

    Only what is different is written: most changes touch a few of many values.
    """
    number = _number(connection, doc)
    rows = connection.execute("SELECT path, kind, value FROM shock_leaves WHERE node=?", (number,))
    before, now = set(rows.fetchall()), leaves.of(doc)
    connection.executemany(
        "DELETE FROM shock_leaves WHERE path=? AND kind=? AND value=? AND node=?",
        [(*leaf, number) for leaf in before - now],
    )
    connection.executemany(
        "INSERT INTO shock_leaves (path, kind, value, node) VALUES (?,?,?,?)",
        [(*leaf, number) for leaf in now - before],
    )
    rows = connection.execute("SELECT reader FROM shock_readers WHERE node=?", (number,))
    saw, see = {row[0] for row in rows}, _readers(doc) if is_listed else set()
    connection.executemany("DELETE FROM shock_readers WHERE reader=? AND node=?", [(it, number) for it in saw - see])
    connection.executemany("INSERT INTO shock_readers (reader, node) VALUES (?,?)", [(it, number) for it in see - saw])


def publish(connection: Connection, doc: Doc) -> None:
    """Let a node that was put without being listed be found by those who may read it."""
    number = _number(connection, doc)
    connection.executemany("INSERT INTO shock_readers VALUES (?,?)", [(it, number) for it in _readers(doc)])


def unlisted(connection: Connection) -> list[str]:
    """Return the ids of the nodes that nobody can find, not even administrators."""
    rows = connection.execute(
        """SELECT id FROM shock_nodes
          WHERE NOT EXISTS (SELECT 1 FROM shock_readers WHERE reader=? AND node=number)""",
        (ADMINISTRATORS,),
    )
    return [id for (id,) in rows]


def forget(connection: Connection, doc: Doc) -> None:
    """Let a node be found no more."""
    where = (leaves.TEXT, doc["id"])
    row = connection.execute("SELECT node FROM shock_leaves WHERE path='id' AND kind=? AND value=?", where).fetchone()
    connection.execute("DELETE FROM shock_leaves WHERE node=?", row)
    connection.execute("DELETE FROM shock_readers WHERE node=?", row)


def _number(connection: Connection, doc: Doc) -> int:
    row: tuple[int] = connection.execute("SELECT number FROM shock_nodes WHERE id=?", (doc["id"],)).fetchone()
    return row[0]


def _readers(doc: Doc) -> set[str]:
    """Return who finds a node in lists. A stranger's own node is not his: everybody is a stranger."""
    access = doc["acl"]
    owner = {access["owner"]} - {PUBLIC}
    everybody = {PUBLIC} if access["public"]["read"] else set()
    return {ADMINISTRATORS, *access["read"], *owner, *everybody}
