"""One run of a download: rows become transfers, into the store and linked from there into their layout."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from hca_azul.download import naming, places
from hca_azul.download.notes import Notes
from hca_azul.download.sources import KINDS, PLACES, source_of
from hca_core.errors import NotFoundError, UsageError
from hca_core.transfer import Service, Transfer, filestore
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, Total
from hca_core.transfer.run import run as run_transfers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_azul.client import AzulClient
    from hca_azul.rows import Row


_LAYOUT = "project"


@dataclass(frozen=True)
class Choice:
    """What of the rows is fetched, from where, and how it is laid out.

    Parameters: `layout` is one of `places.LAYOUTS` or a template, "" for that of projects, or the one that a lock file
    notes. `sources` are some of `sources.KINDS` in the order in which they are asked, `most_bytes` is what may be
    fetched at most, None for any number. `strict`: files of which nobody has the bytes are failures.
    """

    layout: str = ""
    sources: tuple[str, ...] = KINDS
    most_bytes: int | None = None
    strict: bool = False

    def check(self) -> None:
        """Raise UsageError for what can't be."""
        places.check_layout(self.layout or _LAYOUT)
        if not self.sources or len(set(self.sources)) != len(self.sources) or not set(self.sources) <= set(KINDS):
            raise UsageError(f"sources are {', '.join(self.sources)!r}", hint=f"some of {', '.join(KINDS)}, each once")


class Download:
    """The files of `rows`, which can be gone through more than once, for a directory."""

    def __init__(self, client: AzulClient, rows: Iterable[Row], directory: str, choice: Choice, order: Order) -> None:
        choice.check()
        self._client = client
        self._rows = rows
        self._choice = choice
        self._layout = choice.layout or _LAYOUT
        self._order = order
        self._service = Service("azul", client.arguments(), client)
        self._beginning = os.path.join(directory, "")  # of every path
        self.report = Report(directory)
        self._notes = Notes()
        client.service.wrong_bytes = count()

    def run(self) -> Report:
        """Fetch all files and return the report, which tells what failed. Raises HCAError for what ends everything."""
        found = places.Places(self._rows, self._layout, bare=True)
        order = replace(self._order, total=self._total(found))
        run_transfers(_Again(lambda: self._transfers(found)), order, self.report, directory=self.report.directory)
        if "requests" in self.report.planned:
            least = self._client.service.pacing.least_for(self.report.planned["requests"])
            self.report.planned["least_seconds"] = round(least, 1)
        self.report.extra["names"] = self.report.done
        self._notes.tell(self.report)
        return self.report

    def _total(self, found: places.Places) -> Total:
        """Return the number of distinct files and their bytes. Raises UsageError if these are too many."""
        most = self._choice.most_bytes
        if most is not None and found.size > most:
            raise UsageError(
                f"these {found.files:,} files have {found.size:,} bytes, more than the {most:,} allowed",
                hint="give a larger --max-bytes, or narrower filters",
            )
        return Total(found.files, found.size)

    def _transfers(self, found: places.Places) -> Iterator[Transfer | Missing]:
        self._notes = Notes()
        for row, place in found:
            if places.is_renamed(row, place, self._layout):
                self._notes.renamed(row.name, place)
            if self._choice.strict or row.is_somewhere:
                yield self._transfer(row, place)
            else:
                self._notes.unavailable(place or row.name or row.identity)

    def _transfer(self, row: Row, place: str) -> Transfer | Missing:
        name = place or row.name or row.identity
        source = source_of(self._service, row, self._choice.sources, place=place)
        if source is None:
            return Missing(name, unavailable(row, self._choice.sources), _row(row, place))
        link = self._beginning + place.replace("/", os.sep) if place else ""
        if row.sha256:
            target = filestore.path(self.report.directory, row.sha256)
            return Transfer(name, target, source, row.size, row.sha256, link=link)
        # Without a digest there is no place in the store; the engine tells by size only.
        self._notes.unchecked()
        return Transfer(name, link or self._beginning + naming.as_name(row.identity), source, row.size)


def unavailable(row: Row, kinds: tuple[str, ...]) -> NotFoundError:
    """Return why the bytes of a row can't be had."""
    if row.is_somewhere:
        asked = " or ".join(PLACES[kind] for kind in kinds)
        return NotFoundError(f"nothing says that {asked} has it", hint="ask all: leave out --source")
    return NotFoundError("it is listed, but no service has its bytes (a file that is only described)")


class _Again:
    """What can be gone through as often as somebody wants to."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Transfer | Missing]:
        found: Iterator[Transfer | Missing] = self._make()
        return found


def _row(row: Row, place: str) -> dict[str, Any]:
    """Return what a later run needs to ask for a file that nobody had this time."""
    told = {name: getattr(row, name) for name in ("uuid", "version", "sha256", "mirror_uri", "azul_url", "drs_uri")}
    return {"service": "azul", "name": row.name, "size": row.size, "place": place, **told}
