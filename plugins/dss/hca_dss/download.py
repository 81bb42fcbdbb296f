"""Downloads: bundles, manifests and collections into the filestore, and linked from there into their layout."""

from __future__ import annotations

import os
from collections import Counter, deque
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hca_core import files, log, transfer
from hca_core.errors import HCAError, NotFoundError, PartialError, UsageError, several
from hca_dss import bundles, filestore, manifest
from hca_dss.files import DSSFile

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from hca_dss.client import DSSClient

LAYOUTS = ("none", "bundle")
_MOST_REMEMBERED = 65_536


@dataclass(frozen=True)
class Wanted:
    """A file that is wanted: in the filestore, and linked to `target` if that is not empty."""

    file: DSSFile
    target: str = ""


@dataclass(frozen=True)
class Missing:
    """Something that was asked for and can't be had; `name` says what, `error` why."""

    name: str
    error: HCAError


@dataclass
class Report:
    """What a download did: counts of distinct files and their bytes, links and copies made, and what failed."""

    directory: str
    fetched: int = 0
    present: int = 0
    size: int = 0
    linked: int = 0
    copied: int = 0
    manifest: str = ""
    bundles: list[str] = field(default_factory=list)
    failures: list[Missing] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return the report as a document."""
        told: dict[str, Any] = {
            "directory": self.directory or ".",
            "files": self.fetched + self.present,
            "fetched": self.fetched,
            "present": self.present,
            "bytes": self.size,
            "links": self.linked,
            "copies": self.copied,
        }
        if self.bundles:
            told["bundles"] = self.bundles
        if self.manifest:
            told["manifest"] = self.manifest
        return {**told, "failed": [{"name": one.name, "error": str(one.error)} for one in self.failures]}

    def raise_if_failed(self) -> None:
        """Raise DownloadError if something failed; if all did, for one kind of reason, with its exit status."""
        if not self.failures:
            return
        done = self.fetched + self.present
        listed = [f"{one.name}: {one.error}" for one in self.failures]
        text = several(listed, f"{done} file{'s' if done != 1 else ''} done, {len(listed)} failed")
        error = DownloadError(self, text, hint="run the same command again: it fetches what is missing")
        kinds = Counter(one.error.exit_status for one in self.failures)
        if not done and len(kinds) == 1:
            error.exit_status = next(iter(kinds))
        raise error


class DownloadError(PartialError):
    """Files could not be had; `report` tells which, and what was done."""

    def __init__(self, report: Report, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.report = report


class Download:
    """One run: takes wanted files one by one, fetches each distinct content once, and links it wherever it belongs."""

    def __init__(self, client: DSSClient, replica: str, directory: str, retries: int, min_delay: float) -> None:
        self.client = client
        self.replica = replica
        self.report = Report(directory)
        self._retries = retries
        self._min_delay = min_delay
        self._directory = directory
        self._pending: dict[str, list[Wanted]] = {}  # content on its way -> who wants it
        # Content that is done -> whether it is there. The oldest is forgotten when there is much of it, so that memory
        # does not grow with a manifest: if it is wanted once more, it is found on the disk.
        self._outcome: dict[str, bool] = {}

    def run(self, wanted: Iterable[Wanted | Missing]) -> Report:
        """Fetch and link everything `wanted` and return the report. Raises OSError if the disk refuses."""
        results = transfer.fetch(
            self._transfers(wanted),
            jobs=self.client.threads,
            retries=self._retries,
            min_delay=self._min_delay,
            on_bytes=self.client.progress,
        )
        with closing(results):  # so an error here, or Ctrl-C, stops the workers at once
            for result in results:
                self._finished(result)
        return self.report

    def _transfers(self, wanted: Iterable[Wanted | Missing]) -> Iterator[transfer.Transfer]:
        for one in wanted:
            if isinstance(one, Missing):
                self.report.failures.append(one)
                continue
            sha256 = one.file.sha256
            if sha256 in self._outcome:
                self._link_all(sha256, [one])
            elif sha256 in self._pending:
                self._pending[sha256].append(one)
            else:
                self._pending[sha256] = [one]
                yield self._transfer(one.file)

    def _transfer(self, file: DSSFile) -> transfer.Transfer:
        def open_at(offset: int) -> Any:
            return self.client.open_file(file.uuid, file.version, self.replica, offset)

        target = filestore.path(self._directory, file.sha256)
        return transfer.Transfer(file.name, target, open_at, file.size, file.sha256)

    def _finished(self, result: transfer.Result) -> None:
        sha256 = result.transfer.digest or ""
        waiting = self._pending.pop(sha256)
        self._outcome[sha256] = result.status != "failed"
        if len(self._outcome) > _MOST_REMEMBERED:
            self._outcome.pop(next(iter(self._outcome)))
        if isinstance(result.error, HCAError):
            self.report.failures += [Missing(one.target or one.file.name, result.error) for one in waiting]
            return
        self.report.fetched += result.status == "fetched"
        self.report.present += result.status == "present"
        self.report.size += result.transfer.size or 0
        if result.status == "present" and self.client.progress:
            self.client.progress(result.transfer.size or 0)
        self._link_all(sha256, waiting)

    def _link_all(self, sha256: str, wanted: Iterable[Wanted]) -> None:
        for one in wanted:
            if not one.target:
                continue
            if not self._outcome[sha256]:
                error = HCAError("the same content failed for another file")
                self.report.failures.append(Missing(one.target, error))
                continue
            try:
                copied = filestore.link(filestore.path(self._directory, sha256), one.target, sha256)
                self.report.copied += copied
                self.report.linked += not copied
            except HCAError as error:
                self.report.failures.append(Missing(one.target, error))


def lay_out(bundle: bundles.Bundle, directory: str, keep: Callable[[DSSFile], bool], replica: str) -> Iterator[Wanted]:
    """Yield the files of `bundle` that are to be kept, with their places, and write its manifest among them."""
    folder = os.path.join(directory, bundle.fqid)
    for file in bundle.files:
        if keep(file):
            yield Wanted(file, os.path.join(folder, *file.name.split("/")))
    if any(file.name.casefold() == "bundle.json" for file in bundle.files):
        log.logger().warning("bundle %s has a file bundle.json of its own; its manifest is not written", bundle.fqid)
        return
    own = DSSFile.for_bundle_manifest(bundle.manifest, bundle.uuid, bundle.version, replica)
    stored = filestore.path(directory, own.sha256)
    if not filestore.has_content(stored, own.sha256):
        os.makedirs(os.path.dirname(stored), exist_ok=True)
        files.write_atomic(stored, bundle.manifest, mode=0o666)
    # What is there is ours, of an earlier run; a service may list the same bundle in another order.
    filestore.replace(stored, os.path.join(folder, own.name))


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
    bundle = bundles.read(run.client, uuid, version, run.replica)
    run.report.bundles.append(bundle.fqid)
    return run.run(lay_out(bundle, run.report.directory, keep, run.replica))


def of_manifest(run: Download, path: str, layout: str, no_metadata: bool, no_data: bool) -> Report:
    """Download the files of a manifest, and write its copy with the column `file_path` if all of them are there."""
    if layout not in LAYOUTS:
        raise UsageError(f"layout is {layout!r}, but must be one of {', '.join(LAYOUTS)}")
    if layout == "none" and (no_metadata or no_data):
        raise UsageError(
            "--no-metadata and --no-data need --layout bundle: the rows of a manifest do not tell metadata from data"
        )
    manifest.check(path)
    if layout == "none":
        report = run.run(_by_row(run, path))
    else:
        report = run.run(_by_bundle(run, manifest.by_bundle(path), no_metadata, no_data))
    if not report.failures:
        report.manifest = manifest.write_copy(path, report.directory)
    return report


def _by_row(run: Download, path: str) -> Iterator[Wanted | Missing]:
    @lru_cache(maxsize=8)
    def versions(bundle_uuid: str, bundle_version: str) -> dict[str, str]:
        bundle = bundles.read(run.client, bundle_uuid, bundle_version, run.replica)
        return {file.uuid: file.version for file in bundle.files}

    for row in manifest.rows(path):
        version = row.version
        if not version:
            try:
                version = versions(row.bundle_uuid, row.bundle_version)[row.uuid]
            except KeyError:
                yield Missing(row.name, NotFoundError(f"file {row.uuid} is not in bundle {_fqid(row)}"))
                continue
            except HCAError as error:
                yield Missing(row.name, error)
                continue
        yield Wanted(DSSFile(row.name, row.uuid, version, row.sha256, row.size, False, run.replica))


def _by_bundle(
    run: Download, listed_rows: dict[tuple[str, str], list[manifest.Row]], no_metadata: bool, no_data: bool
) -> Iterator[Wanted | Missing]:
    for (uuid, version), rows in listed_rows.items():
        try:
            bundle = bundles.read(run.client, uuid, version, run.replica)
        except HCAError as error:
            yield Missing(f"{uuid}.{version}", error)
            continue
        listed = {file.name: file for file in bundle.files}
        for row in rows:
            if row.name not in listed:
                yield Missing(row.name, NotFoundError(f"bundle {bundle.fqid} has no file of that name"))
            elif listed[row.name].sha256 != row.sha256:
                text = f"bundle {bundle.fqid} has it with another sha256 than the manifest"
                yield Missing(row.name, NotFoundError(text))

        def keep(file: DSSFile, named: Container[str] = frozenset(row.name for row in rows)) -> bool:
            return not no_metadata if file.indexed else not no_data and file.name in named

        run.report.bundles.append(bundle.fqid)
        yield from lay_out(bundle, run.report.directory, keep, run.replica)


def _fqid(row: manifest.Row) -> str:
    return f"{row.bundle_uuid}.{row.bundle_version}"


def of_collection(run: Download, uuid: str, version: str | None) -> Report:
    """Download every bundle of a collection and of the collections in it."""
    return run.run(_by_collection(run, _contents(run, uuid, version)))


def _by_collection(run: Download, contents: list[Any]) -> Iterator[Wanted | Missing]:
    waiting = deque(contents)
    seen: set[tuple[str, str, str]] = set()
    while waiting:
        item = waiting.popleft()
        kind, uuid, version = key = _item(item)
        if key in seen:
            continue
        seen.add(key)
        try:
            if kind == "collection":
                waiting.extend(_contents(run, uuid, version))
            elif kind == "bundle":
                bundle = bundles.read(run.client, uuid, version, run.replica)
                run.report.bundles.append(bundle.fqid)
                yield from lay_out(bundle, run.report.directory, lambda file: True, run.replica)
            else:
                yield Missing(f"{uuid}.{version}", HCAError(f"items of type {kind!r} are not downloaded"))
        except HCAError as error:
            yield Missing(f"{uuid}.{version}", error)


def _contents(run: Download, uuid: str, version: str | None) -> list[Any]:
    """Return the items of a collection. Raises HCAError."""
    content = run.client.get_collection(uuid=uuid, version=version, replica=run.replica)
    # The published description wraps the document; the service does not. Both are read.
    document = content.get("collection", content) if isinstance(content, dict) else None
    contents = document.get("contents") if isinstance(document, dict) else None
    if not isinstance(contents, list):
        raise HCAError(f"the service's answer for collection {uuid} has no 'contents' in it")
    return contents


def _item(item: Any) -> tuple[str, str, str]:
    """Return type, uuid and version of a collection's item, each empty where the item does not tell it."""
    told = item if isinstance(item, dict) else {}
    return str(told.get("type", "")), str(told.get("uuid", "")), str(told.get("version", ""))
