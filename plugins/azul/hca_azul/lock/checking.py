"""Whether what a lock file has is still what the service has: gone catalogs, superseded versions (contract §14)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_azul.account import logins
from hca_azul.search.hits import row_of
from hca_core.errors import PartialError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.lock.reading import Lock
    from hca_azul.rows import Row
    from hca_azul.service import AzulService

_AT_ONCE = 100  # files; their UUIDs fit into a URL, and their hits on a page
# The pieces of a store of this kind are in no index (contract §13).
_STORE = ".zarr/"


class Finding(NamedTuple):
    """Something that is not as it was: `what` is catalog, source or file; `state` says what became of it.

    A file is superseded (`now` is the newest version), changed (the same version has another sha256, `now`), or
    missing. A catalog is gone (`now` is the one that was asked instead), a source hidden.
    """

    what: str
    name: str
    uuid: str
    version: str
    state: str
    now: str = ""


@dataclass
class Check:
    """A look at all files of a lock; the counts are complete when `findings` has ended.

    `skipped` files are in no index, so nothing is known of them: pieces of stores, and what has no UUID. `hidden`
    sources are not shown to this user, and neither are their files.
    """

    service: AzulService
    lock: Lock
    files: int = 0
    skipped: int = 0
    hidden: int = 0
    wrong: int = 0

    def findings(self) -> Iterator[Finding]:
        """Yield what is not as it was. Raises AzulApiError, NetworkError.

        Files are compared with the catalog that is asked now: in its own one nothing has a newer version.
        """
        catalog, own = self.service.catalog, self.lock.catalog
        if own not in self.service.catalogs["catalogs"]:
            yield Finding("catalog", own, "", "", "gone", catalog)
        else:  # another one has other snapshots
            readable = {str(one.get("sourceId")) for one in logins.sources(self.service, own)}
            hidden = [one for one in self.lock.header.sources if one not in readable]
            self.hidden = len(hidden)
            yield from (Finding("source", one, "", "", "hidden") for one in hidden)
        rows = iter(self.lock)
        while some := list(islice(rows, _AT_ONCE)):
            yield from self._of_files(some, catalog)

    def raise_if_wrong(self) -> None:
        """Raise PartialError if files are not as they were."""
        if self.wrong:
            old = "the lock still leads to the old ones as long as the mirror has them: hca azul download --lock"
            raise PartialError(
                f"{self.wrong:,} of {self.files:,} files are not in the catalog as they were",
                hint="some sources are hidden from you: hca azul login" if self.hidden else old,
            )

    def _of_files(self, rows: list[Row], catalog: str) -> Iterator[Finding]:
        uuids = sorted({row.uuid for row in rows if row.uuid})
        there = self._found(uuids, catalog) if uuids else {}
        for row in rows:
            self.files += 1
            if not row.uuid:
                self.skipped += 1
                continue
            found = _compared(row, there.get(row.uuid.lower()))
            if found is None:
                continue
            if found.state == "missing" and _STORE in row.name:
                self.skipped += 1
                continue
            self.wrong += 1
            yield found

    def _found(self, uuids: list[str], catalog: str) -> dict[str, Row]:
        """Return what the index has for some UUIDs."""
        params: dict[str, Any] = {"catalog": catalog, "size": len(uuids)}
        filters = json.dumps({"fileId": {"is": uuids}})
        hits = self.service.filtered("index", "files", filters=filters, params=params, keys=("hits",))["hits"]
        return {row.uuid.lower(): row for row in map(row_of, hits)}


def _compared(row: Row, there: Row | None) -> Finding | None:
    """Return how a file differs from what the index has, None if it does not."""
    one = Finding("file", row.name, row.uuid, row.version, "missing")
    if there is None:
        return one
    if there.version != row.version:
        return one._replace(state="superseded", now=there.version)
    if row.sha256 and there.sha256 and there.sha256 != row.sha256:
        return one._replace(state="changed", now=there.sha256)
    return None
