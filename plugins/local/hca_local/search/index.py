"""Puts documents into the search index. Call it inside `database.transaction`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from hca_local.search import values

if TYPE_CHECKING:
    from sqlite3 import Connection

_ADD_FIELD = "INSERT INTO search_fields (name, kind) VALUES (?,?)"
_FIELD = "SELECT number FROM search_fields WHERE name=? AND kind=?"
_ADD_VALUE = "INSERT OR IGNORE INTO search_values (field, value, number) VALUES (?,?,?)"
_ADD_POSTING = """INSERT INTO search_postings (value, document)
  SELECT number, ? FROM search_values WHERE field=? AND value=?"""
# Every value has a posting, and this finds the largest number without reading the others.
_LARGEST_NUMBER = "SELECT COALESCE(MAX(value), 0) FROM search_postings"


def put(connection: Connection, bundle: int, document: dict[str, Any]) -> None:
    """Make `document` what a search sees of the bundle row `bundle`, in place of what it saw before.

    `document` is an index document or that of a tombstone, and has `uuid` and `manifest.version` in any case.
    """
    connection.execute("INSERT OR REPLACE INTO search_bundles VALUES (?,?)", (bundle, _number(connection, document)))
    connection.execute("UPDATE search_state SET changes = changes + 1")


def _number(connection: Connection, document: dict[str, Any]) -> int:
    """Return the number of `document`, which is added if it is not there."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    row = connection.execute("SELECT number FROM search_documents WHERE digest=?", (digest,)).fetchone()
    if row is None:
        number = connection.execute("INSERT INTO search_documents (digest) VALUES (?)", (digest,)).lastrowid
        assert number is not None  # noqa: S101 - an INSERT has a row id
        _add_postings(connection, number, document)
        return number
    return int(row[0])


def _add_postings(connection: Connection, document: int, content: dict[str, Any]) -> None:
    found = values.of_document(content)
    fields = {(path, kind) for path, kind, _ in found}
    numbers = {(path, kind): _field(connection, path, kind) for path, kind in fields}
    # In the order of the dictionary, neighbours are on one page of it.
    entries = sorted(((numbers[path, kind], value) for path, kind, value in found), key=_in_order)
    following = connection.execute(_LARGEST_NUMBER).fetchone()[0] + 1
    connection.executemany(
        _ADD_VALUE, ((field, value, number) for number, (field, value) in enumerate(entries, following))
    )
    connection.executemany(_ADD_POSTING, ((document, field, value) for field, value in entries))


def _field(connection: Connection, name: str, kind: values.Kind) -> int:
    """Return the number of a field, which is added if it is not there."""
    row = connection.execute(_FIELD, (name, kind)).fetchone()
    if row is not None:
        return int(row[0])
    number = connection.execute(_ADD_FIELD, (name, kind)).lastrowid
    assert number is not None  # noqa: S101 - an INSERT has a row id
    return number


def _in_order(entry: tuple[int, values.Value]) -> tuple[int, str]:
    field, value = entry
    return field, value if isinstance(value, str) else ""
