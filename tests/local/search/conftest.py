"""An index in a real store, filled with documents that the tests make."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.search import finding, index, queries
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "2019-05-14T154432.123456Z"


class Store:
    """A store with an index. Bundles have names for short; `find` gives the names of those that a query finds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = database.connect(path)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=OFF")
        with database.transaction(self.connection):
            database.create_tables(self.connection)
        self.found = finding.Found()
        self.names: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], int] = {}

    def add(self, name: str, files: Any = None, replicas: tuple[str, ...] = ("aws",), **more: Any) -> dict[str, Any]:
        """Index the bundle `name` with `files` in its document, and with other fields of it."""
        uuid = more.pop("uuid", f"{len(self.names):08x}-0000-4000-8000-000000000000")
        version = more.pop("version", VERSION)
        document = {
            "uuid": uuid,
            "state": "new",
            "shape_descriptor": "v",
            "manifest": {"version": version, "files": more.pop("manifest_files", [])},
            "files": files or {},
            **more,
        }
        self.names[f"{uuid}.{version}"] = name
        with database.transaction(self.connection):
            for replica in replicas:
                self.put(replica, f"{uuid}.{version}", document)
        return document

    def put(self, replica: str, key: str, document: dict[str, Any]) -> None:
        """Make `document` that of a bundle, which is added if it is not there; call it in a transaction."""
        if (replica, key) not in self.numbers:
            statement = "INSERT INTO bundles (replica, key, creator_uid, file_count) VALUES (?,?,1,0)"
            number = self.connection.execute(statement, (replica, key)).lastrowid
            assert number is not None
            self.numbers[replica, key] = number
        index.put(self.connection, self.numbers[replica, key], document)

    def page(self, query: Any, after: tuple[str, str] | None = None, count: int = 500, replica: str = "aws") -> Any:
        """Return a page for a search body."""
        return finding.page(self.connection, self.found, replica, queries.parse(query), after, count)

    def find(self, query: Any, replica: str = "aws") -> set[str]:
        """Return the names of the bundles that `{"query": query}` finds, which `matches` has to say as well."""
        page = self.page({"query": query}, replica=replica)
        found = {self.names[".".join(key)] for key in page.keys}
        assert page.total == len(page.keys) == len(found)
        parsed = queries.parse({"query": query})
        rows = {key: number for (where, key), number in self.numbers.items() if where == replica}
        alone = {self.names[key] for key, row in rows.items() if finding.matches(self.connection, row, parsed)}
        assert alone == found, "one document at a time gives something else"
        return found

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        found: int = self.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite3")
    with closing(made.connection):
        yield made


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store that treats few as many: no list of values is short, no start is small."""
    monkeypatch.setattr("hca_local.search.compiling._MOST_NUMBERS", 1)
    monkeypatch.setattr("hca_local.search.compiling._MOST_LOOKUPS", 0)
    monkeypatch.setattr("hca_local.search.finding.FEW_TO_START_WITH", 1)
    monkeypatch.setattr("hca_local.search.finding.MOST_TO_START_WITH", 2)
    return store
