"""Uploads: files go into an area side by side, the service is told of each, and a run that stopped is gone on with."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core import checksums, progress
from hca_core.checksums import MEBIBYTE
from hca_core.errors import HCAError, LoginError, NetworkError, PartialError, several
from hca_core.workers import side_by_side
from hca_upload import content_types, sources, storage
from hca_upload.copying import Copier, Outside
from hca_upload.errors import AreaNotWritableError, UploadException, UploadNotFoundError
from hca_upload.journal import Journal
from hca_upload.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hca_core.progress import Bar
    from hca_core.s3.bucket import Bucket, Listed
    from hca_upload.area import UploadArea
    from hca_upload.order import Order
    from hca_upload.sources import Item

JOBS = 16
# What would be the same for the next file: the network is gone, or the area is, or its credentials.
_HOPELESS = (NetworkError, LoginError, AreaNotWritableError, UploadNotFoundError)
_ENOUGH = 8  # such failures in a row, before the rest is not tried
UPLOADED, PRESENT, WOULD_UPLOAD, FAILED = "uploaded", "present", "would upload", "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `status` is "uploaded", "present" (it was there), "would upload" or "failed"."""

    name: str
    source: str
    size: int
    status: str
    error: HCAError | None = None

    def document(self) -> dict[str, Any]:
        """Return the outcome as a row."""
        row = {"name": self.name, "source": self.source, "size": self.size, "status": self.status}
        return row | ({"error": str(self.error)} if self.error else {})


@dataclass
class Report:
    """What became of an upload to the area `uri`: `files` in the order in which they were done, `untried` the rest."""

    uri: str
    files: list[Outcome] = field(default_factory=list)
    untried: int = 0

    def count(self, status: str) -> int:
        """Return how many files have a status."""
        return sum(one.status == status for one in self.files)

    def bytes(self, *statuses: str) -> int:
        """Return how many bytes the files have that have one of the statuses."""
        return sum(one.size for one in self.files if one.status in statuses)

    @property
    def failures(self) -> list[Outcome]:
        """The files that could not be uploaded."""
        return [one for one in self.files if one.status == FAILED]

    def document(self) -> dict[str, Any]:
        """Return the report as a document."""
        counts = {status.replace(" ", "_"): self.count(status) for status in (UPLOADED, PRESENT, WOULD_UPLOAD, FAILED)}
        files = [one.document() for one in sorted(self.files, key=lambda one: one.name)]
        sent = self.bytes(UPLOADED, WOULD_UPLOAD)
        return {"area": self.uri, **counts, "untried": self.untried, "bytes": sent, "files": files}

    def summary(self) -> str:
        """Return the report as a sentence."""
        if would := self.count(WOULD_UPLOAD):
            told = [f"{_files(would)} ({size(self.bytes(WOULD_UPLOAD))}) would be uploaded"]
        else:
            told = [f"{_files(self.count(UPLOADED))} ({size(self.bytes(UPLOADED))}) uploaded"]
        if present := self.count(PRESENT):
            told.append(f"{present} ({size(self.bytes(PRESENT))}) there already")
        if failed := len(self.failures):
            told.append(f"{failed} failed")
        if self.untried:
            told.append(f"{self.untried} not tried")
        return ", ".join(told)


class UploadFailedError(PartialError, UploadException):
    """Files could not be uploaded; `report` tells which and why."""

    def __init__(self, report: Report) -> None:
        told = [f"{one.name if one.name.isprintable() else repr(one.name)}: {one.error}" for one in report.failures]
        hint = "run the same command again: it goes on where this one stopped"
        super().__init__(several(told, report.summary()), hint)
        self.report = report
        kinds = {one.error.exit_status for one in report.failures if one.error}
        if len(kinds) == 1 and len(report.failures) == len(report.files):
            self.exit_status = kinds.pop()


def run(area: UploadArea, order: Order, told: Callable[[Outcome], None] = lambda outcome: None) -> Report:
    """Put the files of `order` into `area`; `told` is called with what became of each, in this thread.

    Raises UsageError before anything is sent if not all of it can be, UploadFailedError if files failed, other
    HCAError if nothing can be done, OSError if the journal can't be written.
    """
    content_types.parameter(order.dcp_type)
    here, elsewhere = sources.split(order.paths, target_filename=order.target_filename)
    chosen: dict[str, Any] = {
        "target_filename": order.target_filename,
        "file_extension": order.file_extension,
        "flatten": order.flatten,
    }
    found = [sources.local(here, **chosen)] if here else []
    jobs = order.jobs or JOBS
    bucket = storage.opened(area, connections=4 * jobs, accelerate=order.accelerate)
    outside = Outside(bucket, area, 4 * jobs)
    for url in elsewhere:
        found.append(outside.items(url, **chosen))
    items = sources.merged(*found)
    total = sum(item.size for item in items)
    drawn = progress.bytes_bar(total, enabled=order.bar and not order.dry_run, files=len(items))
    with Journal(_key(area, bucket, order), only_look=order.dry_run) as journal, drawn as bar:
        return _Run(area, order, bucket, outside, journal, bar, jobs).run(items, told)


def _key(area: UploadArea, bucket: Bucket, order: Order) -> list[object]:
    """Return what makes two commands the same."""
    paths = sorted(path if sources.is_remote(path) else os.path.realpath(path) for path in order.paths)
    place = [area.api.url, bucket.endpoint, str(area.uri)]
    return [*place, paths, order.dcp_type, order.target_filename, order.file_extension, order.flatten]


class _Run:
    """One run. What it does is in the journal, so that another run can go on."""

    def __init__(
        self,
        area: UploadArea,
        order: Order,
        bucket: Bucket,
        outside: Outside,
        journal: Journal,
        bar: Bar,
        jobs: int,
    ) -> None:
        self._area = area
        self._order = order
        self._bucket = bucket
        self._journal = journal
        self._bar = bar
        self._jobs = jobs
        self._stopped = threading.Event()
        self._sender = Sender(bucket, area.key_prefix, order.dcp_type, journal, self._stopped, bar)
        self._copier = Copier(self._sender, outside, journal, order.dcp_type, self._stopped, bar)
        self._there: dict[str, Listed] = {}

    def run(self, items: Sequence[Item], told: Callable[[Outcome], None]) -> Report:
        """Upload `items`, or tell what would be."""
        report = Report(str(self._area.uri))
        resumed = self._journal.is_open and any(entry.etag for entry in self._journal.entries.values())
        if self._order.sync or resumed:
            names = {item.name for item in items}
            start = len(self._area.key_prefix)
            listed = ((one.key[start:], one) for one in self._bucket.listed(self._area.key_prefix))
            self._there = {name: one for name, one in listed if name in names}
        if not self._order.dry_run:
            self._tidy_up(items)
            self._journal.begin(trusted=self._order.sync)
        self._do(items, told, report)
        report.untried = len(items) - len(report.files)
        if report.failures:
            raise UploadFailedError(report)
        if not self._order.dry_run:
            self._journal.end()
        return report

    def _tidy_up(self, items: Sequence[Item]) -> None:
        """Drop what an earlier run has sent of files that have changed since."""
        for item in items:
            entry = self._journal.entries.get(item.name)
            if entry and entry.upload_id and not self._journal.is_of(entry, item):
                self._sender.abandon(item, entry.upload_id)

    def _do(self, items: Sequence[Item], told: Callable[[Outcome], None], report: Report) -> None:
        failed_in_a_row = 0
        outcomes = side_by_side(items, self._outcome, jobs=self._jobs, stopped=self._stopped, name="upload")
        with closing(outcomes):  # so an error here, or Ctrl-C, stops the workers at once
            for outcome in outcomes:
                report.files.append(outcome)
                self._bar.file()
                told(outcome)
                failed_in_a_row = failed_in_a_row + 1 if isinstance(outcome.error, _HOPELESS) else 0
                if failed_in_a_row >= max(self._jobs, _ENOUGH):
                    return  # thousands of files would each find that out in their time

    def _outcome(self, item: Item) -> Outcome:
        try:
            status = self._done(item)
        except HCAError as error:
            return Outcome(item.name, item.path, item.size, FAILED, error)
        return Outcome(item.name, item.path, item.size, status)

    def _done(self, item: Item) -> str:
        """Have one file in the area, known to the service; return its status."""
        if self._is_there(item):
            self._bar(item.size)
            entry = self._journal.found(item)
            if entry and entry.etag and not entry.told and not self._order.dry_run:
                self._tell(item)
            return PRESENT
        if self._order.dry_run:
            return WOULD_UPLOAD
        etag = self._copier.copy(item) if item.is_remote else self._sender.send(item)
        self._journal.note(item, upload_id="", etag=etag, told=False)
        self._tell(item)
        return UPLOADED

    def _is_there(self, item: Item) -> bool:
        """Tell whether the area has a file already: a run that was stopped put it there, or it is to be in step."""
        there = self._there.get(item.name)
        if there is None or there.size != item.size:
            return False
        entry = self._journal.found(item)
        if entry and entry.etag == there.etag and (self._order.sync or self._journal.is_open):
            return not item.is_remote or self._copier.is_unchanged(item, entry.source)
        return self._order.sync and there.etag == self._etag(item)

    def _etag(self, item: Item) -> str:
        """Return the ETag that a file would have in the area."""
        if item.is_remote:
            return self._copier.etag(item)
        summer = checksums.EtagSummer(item.size)
        memory = memoryview(bytearray(min(MEBIBYTE, item.size)))
        with self._sender.source(item) as source:
            left = item.size
            while left:
                source.fill(memory[: min(left, len(memory))], summer.update)
                left -= min(left, len(memory))
        return summer.result()

    def _tell(self, item: Item) -> None:
        """Let the service know that a file is in S3."""
        try:
            self._area.api.file_uploaded(self._area.uuid, item.name)
        except HCAError as error:
            error.message = f"it is in the area, but the service could not be told: {error.message}"
            raise
        self._journal.note(item, told=True)


def size(count: float) -> str:
    """Return a number of bytes as people write it: 1.5 MiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
