"""Compact manifests: tab-separated values in the dialect of Excel, which become rows one by one (contract §7)."""

from __future__ import annotations

import os
import re
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from hca_azul.manifest import columns
from hca_azul.manifest.cells import MOST_VALUES, Cells, values
from hca_azul.manifest.records import AGAIN, records
from hca_azul.rows import Row
from hca_core import log
from hca_core.errors import UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from hca_azul.manifest.records import Record
    from hca_core.files import StrPath

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CRC32C = re.compile(r"[0-9a-f]{8}")
_MIRRORED = re.compile(r"s3://.+/file/([0-9a-f]{64})\.sha256")
_FILE_PATH = re.compile(r"/repository/files/([^/]+)$")
# A row has one value of each of these, and the others in `extra`.
_LISTS = ("bundle_uuids", "bundle_versions", "project_id", "project")
_FIELDS = (
    "uuid", "version", "name", "size", "sha256", "crc32c", "content_type", "format", "read_index", "drs_uri",
    "azul_url", "mirror_uri", "document_id", "file_type", *_LISTS,
)  # fmt: skip


def rows(stream: TextIO, name: str, cut: set[str]) -> Iterator[Row]:
    """Yield the rows of a manifest, of which one at a time is in memory.

    Parameters: `stream` is text that was opened with `newline=""`; `name` is for messages; `cut` are the columns of
    which it was told that the service cut lists in them, and gets more.
    Raises UsageError for what is no such manifest, with the number of the line.
    """
    given = records(stream, name)
    header = next(given, None)
    if header is None:
        raise UsageError(f"{name} is empty; a manifest has a line of column names at least", hint=AGAIN)
    reader = _Reader([cell.strip() for cell in header.cells], name, cut)
    for record in given:
        yield reader.row(record)


def count(path: StrPath) -> int:
    """Return how many rows the manifest at `path` has. Raises UsageError."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return max(0, sum(1 for _ in records(stream, os.fspath(path))) - 1)


class _Reader:
    """Makes rows of the cells below one header. Raises UsageError."""

    def __init__(self, header: Sequence[str], name: str, cut: set[str]) -> None:
        problem = _problem(header)
        if problem:
            raise UsageError(f"{name} is no compact manifest of Azul: it {problem}", hint=AGAIN)
        self._name = name
        self._width = len(header)
        places = columns.positions(header)
        # What the header does not have is in an empty cell behind the others.
        self._fields = itemgetter(*(places.get(field, self._width) for field in _FIELDS))
        listed = {places[field] for field in _LISTS if field in places}
        known = set(places.values()) - listed
        self._extra = {column: place for place, column in enumerate(header) if place not in known}
        self._told = frozenset(header[place] for place in listed)
        self._cut = cut

    def row(self, record: Record) -> Row:
        """Return the row that a record tells."""
        cells = record.cells
        if len(cells) != self._width:
            raise self._wrong(record, f"has {len(cells)} cells, not {self._width}; it may have been cut off")
        cells.append("")
        (uuid, version, name, size, sha256, crc32c, content_type, format, read_index, drs_uri, azul_url, mirror_uri,
         document_id, file_type, bundle_uuids, bundle_versions, project_id, project) = self._fields(cells)  # fmt: skip
        sha256, crc32c = sha256.lower(), crc32c.lower()
        self._check(record, size, sha256, crc32c)
        bundles, versions = values(bundle_uuids), values(bundle_versions)
        return Row(
            uuid=uuid or uuid_in(azul_url),
            version=version or version_in(azul_url),
            name=name or ("" if uuid or sha256 or mirror_uri or azul_url or drs_uri else f"line {record.line}"),
            size=int(size) if size else None,
            sha256=sha256 or sha256_in(mirror_uri),
            crc32c=crc32c,
            content_type=content_type,
            format=format,
            read_index=read_index,
            drs_uri=drs_uri,
            azul_url=azul_url,
            mirror_uri=mirror_uri,
            document_id=document_id,
            file_type=file_type,
            # Each of the two lists is sorted by itself: only one of each can be a pair (contract §7).
            bundles=((bundles[0], versions[0]),) if len(bundles) == len(versions) == 1 else (),
            bundle_uuids=bundles,
            project_id=_first(project_id),
            project=_first(project),
            extra=self._others(record),
        )

    def _check(self, record: Record, size: str, sha256: str, crc32c: str) -> None:
        if size and not (size.isascii() and size.isdigit() and len(size) < 19):
            raise self._wrong(record, f"tells the size {one_line(size)[:40]!r}, which is no number of bytes")
        if sha256 and not _SHA256.fullmatch(sha256):
            raise self._wrong(record, f"tells the sha256 {one_line(sha256)[:80]!r}, which is none")
        if crc32c and not _CRC32C.fullmatch(crc32c):
            raise self._wrong(record, f"tells the crc32c {one_line(crc32c)[:40]!r}, which is none")

    def _others(self, record: Record) -> Cells:
        """Return the other cells of a row, and tell of lists that the service may have cut."""
        extra = Cells(record.cells, self._extra, self._told)
        if record.joints >= MOST_VALUES - 1:
            self._tell_cut(extra)
        return extra

    def _tell_cut(self, extra: Cells) -> None:
        for column, found in extra.items():
            if len(found) >= MOST_VALUES and column not in self._cut:
                self._cut.add(column)
                log.logger("hca.azul").warning(
                    "%s: a cell of %s has %d values, at which the service cuts lists; ask the index for all of them",
                    self._name,
                    column,
                    len(found),
                )

    def _wrong(self, record: Record, problem: str) -> UsageError:
        return UsageError(f"{self._name}: line {record.line} {problem}", hint=AGAIN)


def _problem(header: Sequence[str]) -> str | None:
    """Return what is wrong with a header, also where it is that of something else."""
    first = header[0].lstrip().lower()
    if first.startswith("<"):
        return "is a web page"
    if first.startswith(("{", "[")):
        return "is JSON"
    problem = columns.problem(header)
    if problem and len(header) == 1 and columns.problem(header[0].split(",")) is None:
        return "is separated by commas, not by tabs"
    return problem


def _first(cell: str) -> str:
    return next(iter(values(cell)), "")


def uuid_in(url: str) -> str:
    """Return the UUID in the address of a file at Azul; AnVIL's manifests tell it there only. "" if it has none."""
    try:
        match = _FILE_PATH.search(urlsplit(url).path)
    except ValueError:
        return ""
    return match[1] if match else ""


def version_in(url: str) -> str:
    """Return the version in the address of a file at Azul, "" if it has none."""
    try:
        return dict(parse_qsl(urlsplit(url).query)).get("version", "")
    except ValueError:
        return ""


def sha256_in(uri: str) -> str:
    """Return the digest that a file in the mirror is named by, "" if it is named by another one (contract §11)."""
    match = _MIRRORED.fullmatch(uri)
    return match[1] if match else ""
