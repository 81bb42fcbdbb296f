"""DSSClient: the Data Storage System in Python."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hca_core import versions
from hca_core.content import Promise
from hca_core.errors import UsageError
from hca_core.progress import Bar
from hca_core.service import ServiceClient
from hca_dss.files import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from requests import Response

    from hca_core.transfer import Request
    from hca_core.transfer.run import Order
    from hca_dss.download import Report
    from hca_dss.run import Download

_BY_UUID = frozenset({"uuid"})


class DSSClient(ServiceClient):
    """The Data Storage System: every operation of the service as a method, downloads and uploads.

        dss = DSSClient()
        bundle = dss.get_bundle(uuid=..., replica="aws")
        for item in dss.get_bundles_all.iterate(replica="aws"):
            ...

    `threads` is how many files are sent side by side, and how many are fetched if it is set; a download without it
    adapts itself. `progress`, if set, is told of bytes as they arrive or go, from any thread.
    """

    service = "dss"
    packaged = os.path.join(os.path.dirname(__file__), "api.json")

    is_hosted_retired = True

    threads: int = 16
    progress: Callable[[int], None] | None = None

    def create_version(self) -> str:
        """Return the present moment as a version of a bundle or file, such as 1985-04-12T232050.520000Z."""
        return versions.now()

    def download(
        self,
        bundle_uuid: str,
        replica: str,
        version: str = "",
        download_dir: str = "",
        metadata_filter: Sequence[str] = ("*",),
        data_filter: Sequence[str] = ("*",),
        no_metadata: bool = False,
        no_data: bool = False,
        num_retries: int = 10,
        min_delay_seconds: float = 0.25,
        *,
        order: Order | None = None,
    ) -> Report:
        """Download a bundle into the directory `<download_dir>/<uuid>.<version>` and return a report.

        Every file is checked against its size and sha256. All content lies in the filestore `.hca` of the download
        directory, and the bundle's directory links to it; what is there already is checked and not fetched again.

        Parameters:
            bundle_uuid, replica: which bundle, and from which replica (aws or gcp).
            version: its version; the latest if empty.
            download_dir: where to; made if missing; the current directory if empty.
            metadata_filter, data_filter: shell patterns, matched with regard to case; metadata files (`indexed`) and
                data files that match none are left out.
            no_metadata, no_data: leave out all of the one or the other; not together with the filter of that kind.
            num_retries: how many failures a file may have; good blocks make up for them.
            min_delay_seconds: shortest wait in seconds after a failure; it doubles with each one.
            order: what is to be done and told in other ways than these; its settings beat `threads`, `num_retries` and
                `min_delay_seconds`.

        Raises DownloadError with the report if a file failed, UsageError, other HCAErrors if the bundle can't be had,
        OSError from the disk.
        """
        from hca_dss import download as downloads

        keep = downloads.keeper(metadata_filter, data_filter, no_metadata, no_data)
        run = self._run(replica, download_dir, num_retries, min_delay_seconds, order)
        return _finished(downloads.of_bundle(run, bundle_uuid, version, keep))

    def download_manifest(
        self,
        manifest: str,
        replica: str,
        layout: str = "none",
        no_metadata: bool = False,
        no_data: bool = False,
        num_retries: int = 10,
        min_delay_seconds: float = 0.25,
        download_dir: str = "",
        *,
        order: Order | None = None,
    ) -> Report:
        """Download the files that a manifest lists and return a report.

        The manifest is checked whole before anything is sent. When all files are there, a copy of it is written to the
        current directory, with the column `file_path` that tells where each file lies in the filestore.

        Parameters:
            manifest: path of a tab-separated file with the columns bundle_uuid, bundle_version, file_name, file_uuid,
                file_sha256, file_size; file_version is used if it is there, other columns are kept.
            replica: from which replica (aws or gcp).
            layout: `none` fills the filestore only; `bundle` makes a directory for each bundle, with its metadata and
                the listed data files.
            no_metadata, no_data: leave out the one or the other; for layout `bundle` only.
            num_retries, min_delay_seconds, download_dir, order: as for `download`.

        Raises what `download` raises; UsageError tells all problems of the manifest with their lines.
        """
        from hca_dss import download as downloads

        run = self._run(replica, download_dir, num_retries, min_delay_seconds, order)
        return _finished(downloads.of_manifest(run, os.fspath(manifest), layout, no_metadata, no_data))

    def download_collection(
        self,
        uuid: str,
        replica: str,
        version: str | None = None,
        download_dir: str = "",
        *,
        order: Order | None = None,
    ) -> Report:
        """Download every bundle of a collection, and of the collections in it, and return a report.

        Parameters: `uuid`, `replica` and `version` (the latest if None) name the collection, `download_dir` and
        `order` as for `download`. Raises what `download` raises.
        """
        from hca_dss import collection

        run = self._run(replica, download_dir, 10, 0.25, order)
        return _finished(collection.of_collection(run, uuid, version))

    def retry_failed(
        self,
        failures: str,
        download_dir: str = "",
        num_retries: int = 10,
        min_delay_seconds: float = 0.25,
        *,
        order: Order | None = None,
    ) -> Report:
        """Download what failed in an earlier run and return a report.

        Parameters: `failures` is the path of the file of failures that the run left, `download_dir` the directory that
        it had, the others as for `download`. Raises what `download` raises.
        """
        from hca_dss import retry

        path = os.fspath(failures)
        run = self._run(retry.replica_of(path), download_dir, num_retries, min_delay_seconds, order)
        return _finished(retry.run(run, path))

    def upload(
        self,
        src_dir: str,
        replica: str,
        staging_bucket: str,
        timeout_seconds: float = 1200,
        no_progress: bool = False,
        bundle_uuid: str | None = None,
    ) -> dict[str, Any]:
        """Make a bundle of a directory and return its identity and those of its files.

        Every file is read once and sent to the staging bucket while its checksums are computed, then registered with
        the service. Files named `*.json` are indexed. What was done is kept in a journal: after an interruption the
        same call goes on where the last one stopped, and makes the same bundle.

        Parameters:
            src_dir: the directory; the files of the bundle have their paths below it as names.
            replica: where to make the bundle (aws or gcp).
            staging_bucket: an S3 bucket that the caller may write to and the service may read from. Keys, region and
                endpoint are those that boto3 finds.
            timeout_seconds: how long the service may take to copy one file.
            no_progress: draw no progress bar; there is none either if stderr is no terminal or the log level is above
                INFO.
            bundle_uuid: the bundle to make a version of; a new one if None.

        Returns a dictionary with bundle_uuid, creator_uid, replica, version and files.
        Raises UsageError that tells all that is wrong with the directory before anything is sent, UploadError if files
        failed, other HCAErrors if nothing could be done, OSError if the journal can't be written.
        """
        from hca_core import log
        from hca_dss import upload as uploads

        _check_replica(replica)
        order = uploads.order(self, src_dir, replica, staging_bucket, timeout_seconds, bundle_uuid)
        files = uploads.listed(order.src_dir)
        if self.api.operations["put_file"].secured:
            self._check_login()
        return uploads.run(self, order, files, bar=not no_progress and log.logger().isEnabledFor(20))

    def checkout(
        self,
        uuid: str,
        replica: str,
        version: str | None = None,
        destination: str | None = None,
        email: str | None = None,
        timeout_seconds: float = 3600,
    ) -> dict[str, Any]:
        """Make the service copy a bundle into a bucket, wait for its end, and return where the files are.

        Parameters:
            uuid, replica, version: which bundle (the latest version if None), and from which replica.
            destination: the bucket to copy it to; the service's own if None.
            email: who is told when it is done.
            timeout_seconds: how long to wait.

        Returns a dictionary with checkout_job_id, status and location. Raises HCAError with the cause if it failed,
        NetworkError if it is not done in time.
        """
        from hca_dss import checkouts

        job = self.post_bundles_checkout(
            uuid=uuid, replica=replica, version=version, destination=destination, email=email
        )
        return checkouts.wait(self, job["checkout_job_id"], replica, timeout_seconds)

    def read_events(self, replica: str, from_date: str | None = None, to_date: str | None = None) -> Iterator[Any]:
        """Yield the event documents of a replica, oldest journal first, fetching them as they are needed.

        Parameters: events from `from_date` on and before `to_date`, both of which are versions such as
        1985-04-12T232050.520000Z; all if None. Raises UsageError, HCAError.
        """
        from hca_dss import events

        return events.read(self, replica, from_date, to_date)

    def file_request(
        self, uuid: str, version: str, replica: str, offset: int = 0, length: int | None = None
    ) -> Request:
        """Return the request for `length` bytes of a file, or all, from byte `offset` on. Raises HCAError."""
        from hca_core.transfer import Request, range_from

        operation = self.api.operations["get_file"]
        if operation.secured:
            self._check_login()
        # Asked for each of what may be a million files; to encode what needs no encoding would take most of the time.
        if not IDENTIFIER.fullmatch(version):
            version = quote(version, safe="")
        headers = {"Accept-Encoding": "identity", **range_from(offset, length)}
        url = f"{self._file_url(uuid)}?replica={quote(replica, safe='')}&version={version}"
        return Request(url, self.session, headers, operation.secured)

    def _file_url(self, uuid: str) -> str:
        """Return the URL of a file."""
        operation = self.api.operations["get_file"]
        path = operation.paths.get(_BY_UUID)
        if path is None or not IDENTIFIER.fullmatch(uuid):
            return self.url(operation, {"uuid": uuid})  # which encodes it
        return self.base_url + path.replace("{uuid}", uuid)

    def promise(self, response: Response) -> Promise:
        """Return size and sha256 of a file as the service told them on the way to its content (contract §5)."""
        for told in (*response.history, response):
            if "X-DSS-SHA256" in told.headers:
                size = told.headers.get("X-DSS-SIZE", "")
                return Promise(int(size) if size.isdigit() else None, told.headers["X-DSS-SHA256"].lower())
        return Promise()

    def _run(self, replica: Any, directory: Any, retries: int, min_delay: float, order: Order | None) -> Download:
        # Here and above: a verb that asks one question should not wait for the engine of downloads to be imported.
        from hca_core.transfer import Settings
        from hca_core.transfer.run import Order
        from hca_dss.run import Download

        _check_replica(replica)
        if order is None:
            jobs = self.threads if "threads" in vars(self) else None
            order = Order(Settings(jobs, retries=retries, min_delay=min_delay))
        if order.bar is None and self.progress is not None:
            order = replace(order, bar=_Progress(self.progress))
        return Download(self, replica, os.fspath(directory), order)


class _Progress(Bar):
    """Tells `DSSClient.progress` of bytes."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def __call__(self, number: int) -> None:
        self._tell(number)

    def done(self, size: int | None, received: int, *, failed: bool = False) -> None:
        if not failed and not received:
            self._tell(size or 0)


def _check_replica(replica: Any) -> None:
    if replica not in ("aws", "gcp"):
        raise UsageError(f"replica is {replica!r}, but must be one of aws, gcp")


def _finished(report: Report) -> Report:
    report.raise_if_failed()
    return report
