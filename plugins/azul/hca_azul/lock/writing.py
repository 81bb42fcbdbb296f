"""Writes lock files: sorted, the same bytes for the same data, whatever the order in which files are told."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hca_azul.diagnostics import states
from hca_azul.download import places
from hca_azul.lock.document import BEGINNING, Header, line_of, lines
from hca_azul.lock.reading import Lock
from hca_core import __version__, log
from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hca_azul.rows import Row
    from hca_azul.service import AzulService

_SOURCE = "source_id"  # the column of manifests


@dataclass(frozen=True)
class Origin:
    """What the rows of a lock come from, empty where it is not known: see `Header`."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    format: str = ""
    manifest_sha256: str = ""


def check(path: str) -> None:
    """Raise UsageError if no lock file can be written to `path`, or something else is there."""
    outputs.check(path, "the lock file", BEGINNING)


def write(
    service: AzulService, rows: Iterable[Row], path: str, *, layout: str = "project", origin: Origin | None = None
) -> Lock:
    """Write a lock file of the files that `rows` tell of, and return it.

    Parameters: `rows` are gone through twice; `layout` is that of the paths. Memory does not grow with the rows: they
    are sorted in a temporary file. Raises UsageError if it can't be written there, or a file has no identity;
    NotFoundError if there is no file; OSError.
    """
    check(path)
    if iter(rows) is rows:
        raise UsageError("these rows can be gone through only once", hint="make a list of them, or give a manifest")
    with closing(sqlite3.connect("", check_same_thread=False)) as known:
        known.execute(
            "CREATE TABLE file (uuid, version, sha256, line, PRIMARY KEY (uuid, version, sha256)) WITHOUT ROWID"
        )
        header = _gathered(known, rows, layout, _header(service, origin or Origin(), layout))
        ordered = known.execute("SELECT line FROM file ORDER BY uuid, version, sha256")
        with outputs.replacing(path) as stream:
            for block in lines(header, (line for (line,) in ordered)):
                stream.write(block)
    return Lock(path, header)


def _gathered(known: sqlite3.Connection, rows: Iterable[Row], layout: str, header: Header) -> Header:
    """Keep the line of each file in `known`, and return the header with what they add up to."""
    count = size = without = 0
    sources: set[str] = set()
    for row, place in places.resolved(rows, layout):
        if not row.uuid and not row.sha256:
            raise UsageError(f"{row.name or 'a file'} has neither a UUID nor a sha256, so it can't be found again")
        # An index has no answer to the same file twice: `resolved` gives each once.
        known.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", (row.uuid, row.version, row.sha256, line_of(row, place))
        )
        count, size, without = count + 1, size + (row.size or 0), without + (not row.sha256)
        sources.update(row.extra.get(_SOURCE, ()))
    if not count:
        raise NotFoundError(
            "there is no file to lock", hint="hca azul get-files with the same filters shows what is there"
        )
    if without:
        log.logger().warning("%d of %d files have no sha256: nobody can tell whether they were changed", without, count)
    return replace(header, count=count, bytes=size, sources=tuple(sorted(sources)))


def _header(service: AzulService, origin: Origin, layout: str) -> Header:
    try:
        commit = states.commit(service)
    except HCAError as error:  # the least of what a lock is for
        log.logger("hca.azul").info("the version of the service: %s", error)
        commit = ""
    return Header(
        created=_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        tool=f"hca {__version__}",
        service=service.url,
        catalog=service.catalog,
        commit=commit,
        filters=dict(origin.filters),
        format=origin.format,
        manifest_sha256=origin.manifest_sha256,
        authenticated=service.is_authenticated,
        layout=layout,
    )


def _now() -> datetime:
    """Return the moment that is written: the one of SOURCE_DATE_EPOCH for who wants the same bytes again."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(told), UTC) if told.isdigit() and len(told) < 12 else datetime.now(UTC)
