"""Files by what people name them: the UUID of their data, their sha256, or an address that has one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.resolve import identifiers
from hca_azul.resolve.identifiers import Kind
from hca_azul.search import hits
from hca_azul.search.filters import Filter
from hca_core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_azul.rows import Row
    from hca_azul.search.searching import Searching

    Found = tuple[dict[str, Any], Row]

_AT_ONCE = 200  # names in one request


class Lookup:
    """Looks files up; `missing` has the names of those that were not found, once `find` is through.

    Parameters: `version` is the one that all must have, any if None.
    """

    def __init__(self, searching: Searching, version: str | None = None) -> None:
        self._searching = searching
        self._version = version
        self.missing: list[str] = []
        self._seen: set[tuple[str, str]] = set()

    def find(self, names: Sequence[str]) -> Iterator[Found]:
        """Yield the hit of each file that `names` name, and its row. Raises UsageError, AzulApiError, NetworkError.

        A sha256 may have several files. A file that is named twice comes once.
        """
        by_field: dict[str, dict[str, str]] = {}
        for name in names:
            field, value = self._named(name)
            by_field.setdefault(field, {})[value] = name
        for field, wanted in by_field.items():
            for some in _batches(list(wanted)):
                yield from self._found(field, {value: wanted[value] for value in some})

    def check(self) -> None:
        """Raise NotFoundError if some were not found."""
        if self.missing:
            others = f", and {len(self.missing) - 1} more" if len(self.missing) > 1 else ""
            of_version = f" of version {self._version}" if self._version is not None else ""
            raise NotFoundError(
                f"there is no file {self.missing[0]}{others}{of_version} in catalog {self._searching.service.catalog}",
                hint="it may be in another catalog, or its data may be managed: hca azul login",
            )

    def _found(self, field: str, wanted: dict[str, str]) -> Iterator[Found]:
        asked: dict[str, dict[str, Any]] = {field: {"is": list(wanted)}}
        if self._version is not None:
            asked["fileVersion"] = {"is": [self._version]}
        left = dict(wanted)
        for hit in self._searching.iter("files", Filter(asked)):
            row = hits.row_of(hit)
            left.pop(row.sha256 if field == "sha256" else row.uuid.lower(), None)
            if (row.uuid, row.version) not in self._seen:
                self._seen.add((row.uuid, row.version))
                yield hit, row
        self.missing += left.values()

    def _named(self, name: str) -> tuple[str, str]:
        """Return the field by which a file is found, and its value. Raises UsageError."""
        found = identifiers.parse(name)
        if found.sha256:
            if "sha256" not in self._searching.fields():
                raise UsageError(
                    f"{self._searching.service.url} can't find files by their sha256", hint="name them by their UUIDs"
                )
            return "sha256", found.sha256
        if found.kind not in (Kind.UUID, Kind.FILE):
            raise UsageError(f"{name!r} does not name a file", hint="give its UUID or its sha256")
        return "fileId", found.uuid


def _batches(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def places(row: Row) -> Iterator[dict[str, Any]]:
    """Yield for each place where the bytes of a file are a row with its kind (mirror, azul, drs); for none one, too."""
    told = {name: getattr(row, name) for name in ("name", "uuid", "version", "size", "sha256")}
    known = (("mirror", row.mirror_uri), ("azul", row.azul_url), ("drs", row.drs_uri))
    for kind, url in [(kind, url) for kind, url in known if url] or [("none", "")]:
        yield {**told, "kind": kind, "url": url}
