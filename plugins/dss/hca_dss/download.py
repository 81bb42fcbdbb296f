"""Downloads: bundles, manifests and collections into the filestore, and linked from there into their layout."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import files, log
from hca_core.content import Promise
from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import links, seal
from hca_core.transfer.report import DownloadError, Missing, Report
from hca_core.transfer.run import Total
from hca_dss import presigned
from hca_dss.ahead import Remembered, ahead
from hca_dss.files import DSSFile
from hca_dss.manifest import Manifest, Row, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hca_core.transfer import Transfer
    from hca_dss.bundles import Bundle
    from hca_dss.run import Download

    # A bundle, what of it is wanted, and signed addresses; or why there is none.
    Listed = tuple[Bundle, list[DSSFile], Mapping[tuple[str, str], str]] | HCAError

__all__ = ["DownloadError", "Missing", "Report"]  # the published names of what a download returns and raises

LAYOUTS = ("none", "bundle")
_MOST_ROWS = 2000  # of a bundle that are looked at together
_bundle_of, _size_of = itemgetter(1, 2), attrgetter("size")


def lay_out(
    run: Download, bundle: Bundle, wanted: Iterable[DSSFile], signed: Mapping[tuple[str, str], str]
) -> list[Transfer]:
    """Return the transfers of a bundle's `wanted` files to their places in its directory."""
    folder = os.path.join(run.report.directory, bundle.fqid)
    run.report.extra.setdefault("bundles", []).append(bundle.fqid)
    return [
        run.transfer(file, os.path.join(folder, *file.name.split("/")), signed.get((file.uuid, file.version), ""))
        for file in wanted
    ]


def write_manifest(run: Download, bundle: Bundle) -> None:
    """Write the manifest of a bundle into its directory, unless nothing is to be written.

    Raises HCAError if something is in its way there, OSError from the disk.
    """
    if not run.order.fetches:
        return
    if any(file.name.partition("/")[0].casefold() == "bundle.json" for file in bundle.files):
        log.logger().warning("bundle %s has a file bundle.json of its own; its manifest is not written", bundle.fqid)
        return
    own = DSSFile.for_bundle_manifest(bundle.manifest, bundle.uuid, bundle.version, run.replica)
    stored = run.stored(own.sha256)
    promise = Promise(own.size, own.sha256)
    if not seal.is_complete(stored, promise):
        os.makedirs(os.path.dirname(stored), exist_ok=True)
        files.write_atomic(stored, bundle.manifest, mode=0o666)
        seal.put(stored, own.size, own.sha256)
    # What is there is ours, of an earlier run; a service may list the same bundle in another order.
    place = os.path.join(run.report.directory, bundle.fqid, own.name)
    try:
        links.replace(stored, place, promise)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise HCAError(f"{place} can't be written: {error.strerror}; move away what is in its place") from error


def keeper(
    metadata_filter: Sequence[str], data_filter: Sequence[str], no_metadata: bool, no_data: bool
) -> Callable[[DSSFile], bool]:
    """Return the test that tells which files of a bundle are wanted. Raises UsageError for options that exclude."""
    for name, patterns, none in (("data", data_filter, no_data), ("metadata", metadata_filter, no_metadata)):
        if none and tuple(patterns) != ("*",):
            raise UsageError(f"--{name}-filter and --no-{name} exclude each other")

    def keep(file: DSSFile) -> bool:
        if no_metadata if file.indexed else no_data:
            return False
        patterns = metadata_filter if file.indexed else data_filter
        return any(fnmatchcase(file.name, pattern) for pattern in patterns)

    return keep


def of_bundle(run: Download, uuid: str, version: str, keep: Callable[[DSSFile], bool]) -> Report:
    """Download one bundle."""
    bundle = run.in_time(lambda: run.bundle(uuid, version))
    wanted = [file for file in bundle.files if keep(file)]
    transfers = lay_out(run, bundle, wanted, run.in_time(lambda: run.signed(bundle, wanted)))
    report = run.run(transfers, Total(len(wanted), sum(map(_size_of, wanted))))
    try:
        write_manifest(run, bundle)
    except HCAError as error:
        report.missing(Missing(f"{bundle.fqid}/bundle.json", error))
    return report


def of_manifest(run: Download, path: str, layout: str, no_metadata: bool, no_data: bool) -> Report:
    """Download the files of a manifest, and write its copy with the column `file_path` if all of them are there."""
    if layout not in LAYOUTS:
        raise UsageError(f"layout is {layout!r}, but must be one of {', '.join(LAYOUTS)}")
    if layout == "none" and (no_metadata or no_data):
        raise UsageError(
            "--no-metadata and --no-data need --layout bundle: the rows of a manifest do not tell metadata from data"
        )
    with Manifest(path) as manifest:
        totals = manifest.check()
        # One shard does not know of the others, and their files are in the manifest too.
        copies = run.order.fetches and not run.order.shard
        if copies:
            manifest.check_copy()
        if layout == "none":
            report = _by_row(run, manifest, totals)
        else:
            wanted = (
                Asked(bundle[0], bundle[1], {row.name: row.sha256 for row in rows}, no_metadata, no_data)
                for bundle, rows in manifest.by_bundle(manifest.check_bundles())
                if run.has(".".join(bundle))
            )
            report = run.run(of_bundles(run, wanted), dealt_out=True)
        if copies and not report.failed:
            _write_copy(manifest, report)
    return report


def _by_row(run: Download, manifest: Manifest, totals: Totals) -> Report:
    if not run.order.shard:
        return run.run(ByRow(run, manifest.rows), Total(totals.rows, totals.size))

    def mine() -> Iterator[Row]:  # chosen here, so that no shard asks for the bundles of another
        return (row for row in manifest.rows() if run.has(row.sha256))

    sizes = [0, 0]
    for row in mine():
        sizes[0] += 1
        sizes[1] += row.size
    return run.run(ByRow(run, mine), Total(*sizes), dealt_out=True)


def _write_copy(manifest: Manifest, report: Report) -> None:
    """Write the copy of the manifest; what was downloaded is reported though that may fail."""
    try:
        if written := manifest.write_copy(report.directory):
            report.extra["manifest"] = written
    except OSError as error:
        report.missing(Missing(manifest.path, HCAError(f"its copy can't be written: {error.strerror}")))


class ByRow:
    """The transfers of rows of a manifest; each iteration takes them from `rows` again."""

    def __init__(self, run: Download, rows: Callable[[], Iterable[Row]]) -> None:
        self._run = run
        self._rows = rows
        self._listed: Remembered[tuple[str, str], Bundle] = Remembered(lambda bundle: run.bundle(*bundle))

    def __iter__(self) -> Iterator[Transfer | Missing]:
        transfer = self._run.transfer
        run = self._run
        late: tuple[Bundle | HCAError, Mapping[tuple[str, str], str]] = run.late, {}
        for rows, listed in ahead(_together(self._rows()), self._ask, self._asks, ends=run.ends, late=late):
            if listed is None:
                yield from map(transfer, rows)
            else:
                yield from (self._with(row, *listed) for row in rows)

    def _asks(self, rows: Sequence[Row]) -> bool:
        """Tell whether to ask for the bundle of `rows`: for versions that are not told, or for signed addresses."""
        if any(not row.version for row in rows):
            return True
        # It takes two requests: for what the bundle has, and for the addresses.
        if len(rows) < 2 * presigned.FEWEST or not self._run.signs or not self._run.addresses.hopeful:
            return False
        # A look at one file instead of all: where it is there, an earlier run got the bundle, or most of it.
        return not os.path.exists(self._run.stored(max(rows, key=_size_of).sha256))

    def _ask(self, rows: Sequence[Row]) -> tuple[Bundle | HCAError, Mapping[tuple[str, str], str]]:
        try:
            bundle = self._listed(_bundle_of(rows[0]))
            return bundle, self._run.signed(bundle, rows)
        except HCAError as error:
            return error, {}

    def _with(self, row: Row, bundle: Bundle | HCAError, signed: Mapping[tuple[str, str], str]) -> Transfer | Missing:
        """Return the transfer of a row whose bundle was asked for."""
        if not row.version:
            told = {"service": "dss", "replica": self._run.replica, **row._asdict()}
            if isinstance(bundle, HCAError):
                return Missing(row.name, bundle, told)
            version = next((file.version for file in bundle.files if file.uuid == row.uuid), "")
            if not version:
                return Missing(row.name, NotFoundError(f"file {row.uuid} is not in bundle {bundle.fqid}"), told)
            row = row._replace(version=version)
        return self._run.transfer(row, "", signed.get((row.uuid, row.version), ""))


def _together(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows of one bundle that follow each other together."""
    for _, group in groupby(rows, _bundle_of):
        while some := list(islice(group, _MOST_ROWS)):
            yield some


class Asked(NamedTuple):
    """A bundle of which all files are wanted, or all metadata and the data files in `named`, with their sha256."""

    uuid: str
    version: str
    named: Mapping[str, str] | None = None
    no_metadata: bool = False
    no_data: bool = False

    def wants(self, file: DSSFile) -> bool:
        """Tell whether a file of the bundle is wanted."""
        if file.indexed:
            return not self.no_metadata
        return not self.no_data and (self.named is None or file.name in self.named)


def of_bundles(run: Download, asked: Iterable[Asked | Missing]) -> Iterator[Transfer | Missing]:
    """Yield the transfers of bundles into their directories, and write the manifest of each there."""

    def read(one: Asked | Missing) -> Listed:
        if isinstance(one, Missing):
            return one.error
        try:
            bundle = run.bundle(one.uuid, one.version)
            wanted = list(filter(one.wants, bundle.files))
            return bundle, wanted, run.signed(bundle, wanted)
        except HCAError as error:
            return error

    answers: Iterator[tuple[Asked | Missing, Listed | None]]
    answers = ahead(asked, read, lambda one: isinstance(one, Asked), ends=run.ends, late=run.late)
    for one, answer in answers:
        if isinstance(one, Missing):
            yield one
        elif isinstance(answer, HCAError):
            yield Missing(f"{one.uuid}.{one.version}", answer, _row(run, one))
        elif answer is not None:
            bundle, wanted, signed = answer
            yield from _unconfirmed(run, one, bundle)
            yield from lay_out(run, bundle, wanted, signed)
            try:
                write_manifest(run, bundle)
            except HCAError as error:
                yield Missing(f"{bundle.fqid}/bundle.json", error, _row(run, one))


def _unconfirmed(run: Download, asked: Asked, bundle: Bundle) -> Iterator[Missing]:
    """Yield what was asked for by name, and the bundle has not or has with other content."""
    listed = {file.name: file.sha256 for file in bundle.files}
    for name, sha256 in (asked.named or {}).items():
        if listed.get(name) != sha256:
            has = "it with another sha256 than the manifest" if name in listed else "no file of that name"
            row = _row(run, asked._replace(named={name: sha256}))
            yield Missing(name, NotFoundError(f"bundle {bundle.fqid} has {has}"), row)


def _row(run: Download, asked: Asked) -> dict[str, Any]:
    """Return what a later run needs to ask for a bundle again."""
    return {"service": "dss", "replica": run.replica, **asked._asdict()}
