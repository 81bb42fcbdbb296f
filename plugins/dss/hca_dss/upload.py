"""Uploads: the files of a directory are staged in a bucket and registered with the service, then made a bundle."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import folders, log, names, progress
from hca_core.errors import (
    ConfigError,
    HCAError,
    LoginError,
    NetworkError,
    NotFoundError,
    PartialError,
    ServiceError,
    UsageError,
    several,
)
from hca_core.workers import side_by_side
from hca_dss import staging
from hca_dss.journal import Journal
from hca_dss.sending import Sender
from hca_dss.waiting import waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hca_core.folders import FolderFile
    from hca_core.s3.bucket import Bucket
    from hca_dss.client import DSSClient

_UUID = re.compile(r"[A-Za-z0-9]{8}-([A-Za-z0-9]{4}-){3}[A-Za-z0-9]{12}")
STAGED_ON = "aws"  # the replica that files from S3 come to first; from there they are copied to others
# Answers that a repetition would get again: the object is gone or has no good checksums, or the identity is taken.
_NOT_AS_IT_IS = frozenset({404, 409, 422})


class UploadError(PartialError):
    """Files could not be uploaded, so there is no bundle; `failures` has their names and reasons."""

    def __init__(self, failures: Sequence[tuple[str, HCAError]], done: int, untried: int) -> None:
        counts = f"{done} file{'s' if done != 1 else ''} done, {len(failures)} failed"
        if untried:
            counts += f", {untried} not tried"
        text = several([f"{name}: {error}" for name, error in failures], f"{counts}, no bundle made")
        super().__init__(text, hint="run the same command again: it goes on where this one stopped")
        self.failures = list(failures)
        self.done = done
        kinds = Counter(error.exit_status for _, error in failures)
        if not done and len(kinds) == 1:
            self.exit_status = next(iter(kinds))


@dataclass(frozen=True)
class Order:
    """What is to be made: a bundle on `replica`, each file of which may take the service `timeout` seconds to copy."""

    src_dir: str
    replica: str
    bucket: str
    bundle_uuid: str | None
    timeout: float
    creator_uid: int


def order(
    client: DSSClient, src_dir: str, replica: str, staging_bucket: str, timeout: float, bundle_uuid: str | None
) -> Order:
    """Return what the arguments of an upload ask for. Raises UsageError."""
    if bundle_uuid is not None and not _UUID.fullmatch(bundle_uuid):
        raise UsageError(f"{bundle_uuid!r} is not a uuid")
    creator_uid = client.config.lookup("creator_uid", 0)
    if not isinstance(creator_uid, int) or isinstance(creator_uid, bool):
        raise ConfigError(f"creator_uid is {creator_uid!r}, but must be a whole number", hint="hca config set")
    lowered = bundle_uuid.lower() if bundle_uuid else None  # as the service does
    return Order(os.fspath(src_dir), replica, staging.bucket_name(staging_bucket), lowered, timeout, creator_uid)


def listed(src_dir: str) -> list[FolderFile]:
    """Return the files to upload. Raises UsageError that tells everything that is wrong with them."""
    files = folders.files_of(src_dir)
    found = [file.name for file in files]
    clashes = names.case_clashes(found)
    if clashes:
        text = "these names differ in case only, which not all disks can tell apart: %s"
        log.logger().warning(text, ", ".join(clashes))
    for name in found:
        if problem := names.problem(name):
            log.logger().warning("file name %r %s: it will be in the bundle, but can't be downloaded", name, problem)
    return files


def run(client: DSSClient, order: Order, files: Sequence[FolderFile], *, bar: bool) -> dict[str, Any]:
    """Upload `files` and return the bundle made of them.

    Raises UploadError if files failed, HCAError if nothing could be done, OSError if the journal can't be written.
    """
    bucket = staging.opened(order.bucket, client.session.policy, client.threads)
    bucket.check()
    place = [os.path.realpath(order.src_dir), client.base_url, bucket.endpoint, order.bucket]
    key = [*place, order.replica, order.bundle_uuid, order.creator_uid]
    total = sum(file.size for file in files)
    with Journal(key, order.bundle_uuid) as journal, progress.bytes_bar(total, enabled=bar) as drawn:

        def count(number: int) -> None:
            drawn(number)
            if client.progress:
                client.progress(number)

        return _Upload(client, order, bucket, journal, count).run(files)


@dataclass(frozen=True)
class _Outcome:
    """What became of one file: it failed, it is there, or the service is copying it and has time until `deadline`."""

    file: FolderFile
    error: HCAError | None = None
    is_there: bool = False
    deadline: float = 0.0


class _Upload:
    """One run. What it does is in the journal, so that another run can go on."""

    def __init__(
        self, client: DSSClient, order: Order, bucket: Bucket, journal: Journal, on_bytes: Callable[[int], None]
    ) -> None:
        self._client = client
        self._order = order
        self._journal = journal
        self._on_bytes = on_bytes
        self._stopped = threading.Event()
        self._sender = Sender(bucket, journal, self._stopped, on_bytes)
        self._failures: list[tuple[str, HCAError]] = []
        self._done = 0

    def run(self, files: Sequence[FolderFile]) -> dict[str, Any]:
        """Upload `files` and return the bundle."""
        self._tidy_up(files)
        self._journal.plan(files)
        missing = [file for file in files if not self._journal.entries[file.name].registered]
        self._skip(file for file in files if self._journal.entries[file.name].registered)
        self._wait_for(self._register_all(missing))
        if self._failures:
            raise UploadError(self._failures, self._done, len(files) - self._done - len(self._failures))
        return self._make_bundle(files)

    def _tidy_up(self, files: Sequence[FolderFile]) -> None:
        for name, entry in self._journal.outdated(files).items():
            try:
                self._sender.abandon(name, entry)
            except HCAError as error:
                log.logger().warning("parts of an earlier state of %s stay in the bucket: %s", name, error)

    def _skip(self, registered: Iterable[FolderFile]) -> None:
        for file in registered:
            self._done += 1
            self._on_bytes(file.size)
        if self._done:
            fqid = f"{self._journal.bundle_uuid}.{self._journal.version}"
            log.logger().info("going on with bundle %s: %d files are there already", fqid, self._done)

    def _register_all(self, files: Sequence[FolderFile]) -> list[_Outcome]:
        """Stage and register `files`; return those that the service has not copied yet."""
        waiting = []
        failed_in_a_row = 0
        outcomes = side_by_side(files, self._register, jobs=self._client.threads, stopped=self._stopped, name="upload")
        with closing(outcomes):  # so an error here, or Ctrl-C, stops the workers at once
            for outcome in outcomes:
                self._count(outcome)
                if not outcome.error and not outcome.is_there:
                    waiting.append(outcome)
                failed_in_a_row = failed_in_a_row + 1 if isinstance(outcome.error, NetworkError) else 0
                if failed_in_a_row >= self._client.threads:
                    return []  # the network is gone: thousands of files would each take their time to find out
        return waiting

    def _register(self, file: FolderFile) -> _Outcome:
        """Stage one file and make the service take it. Raises LoginError, as that would be the same for all files."""
        try:
            self._sender.stage(file)
            arguments = {
                "uuid": self._journal.entries[file.name].uuid,
                "version": self._journal.version,
                "creator_uid": self._order.creator_uid,
                "source_url": self._sender.url(file.name),
            }
            answer = self._client.send(self._client.api.operations["put_file"], arguments)
        except LoginError:
            raise
        except HCAError as error:
            if isinstance(error, ServiceError) and error.code in _NOT_AS_IT_IS:
                self._journal.forget(file.name)
            return _Outcome(file, error)
        deadline = time.monotonic() + self._order.timeout
        if answer.status_code != 202 and self._order.replica == STAGED_ON:
            return self._registered(file)
        # What is copied can't be there yet; what another replica gets may well be.
        return _Outcome(file, deadline=deadline) if answer.status_code == 202 else self._look(file, deadline)

    def _look(self, file: FolderFile, deadline: float) -> _Outcome:
        """Ask whether a file has arrived on the replica of the bundle."""
        uuid = self._journal.entries[file.name].uuid
        arguments = {"uuid": uuid, "version": self._journal.version, "replica": self._order.replica}
        try:
            self._client.send(self._client.api.operations["head_file"], arguments)
        except NotFoundError:
            if time.monotonic() < deadline:
                return _Outcome(file, deadline=deadline)
            text = f"the service has not copied it to {self._order.replica} within {self._order.timeout:g} s"
            return _Outcome(file, NetworkError(text))
        except LoginError:
            raise
        except HCAError as error:
            return _Outcome(file, error)
        return self._registered(file)

    def _registered(self, file: FolderFile) -> _Outcome:
        self._journal.note(file.name, registered=True)
        return _Outcome(file, is_there=True)

    def _wait_for(self, waiting: list[_Outcome]) -> None:
        """Wait until the service has copied the files that it takes its time for."""
        for wait in waits():
            if not waiting:
                return
            log.logger().debug("waiting for the service to copy %d files", len(waiting))
            left = min(one.deadline for one in waiting) - time.monotonic()
            time.sleep(max(0.0, min(wait, left)))
            outcomes = side_by_side(
                waiting, lambda one: self._look(one.file, one.deadline), jobs=self._client.threads, name="look"
            )
            waiting = []
            for outcome in outcomes:
                self._count(outcome)
                if not outcome.error and not outcome.is_there:
                    waiting.append(outcome)

    def _count(self, outcome: _Outcome) -> None:
        self._done += outcome.is_there
        if outcome.error:
            self._failures.append((outcome.file.name, outcome.error))

    def _make_bundle(self, files: Sequence[FolderFile]) -> dict[str, Any]:
        uuid, version = self._journal.bundle_uuid, self._journal.version
        identities = [(file, self._journal.entries[file.name].uuid) for file in files]
        entries = [
            {"name": file.name, "uuid": own, "version": version, "indexed": file.indexed} for file, own in identities
        ]
        creator_uid, replica = self._order.creator_uid, self._order.replica
        try:
            self._client.put_bundle(uuid=uuid, version=version, replica=replica, creator_uid=creator_uid, files=entries)
        except ServiceError as error:
            if error.code == 409:
                self._journal.remove()
                error.hint = "the directory has changed since that bundle was made; the same command now makes another"
            elif error.code < 500 and not isinstance(error, LoginError):
                error.hint = f"the files are registered; to begin anew with them, remove {self._journal.path}"
            raise
        self._journal.remove()
        return {
            "bundle_uuid": uuid,
            "creator_uid": creator_uid,
            "replica": replica,
            "version": version,
            "files": [
                {"name": file.name, "version": version, "uuid": own, "creator_uid": creator_uid}
                for file, own in identities
            ],
        }
