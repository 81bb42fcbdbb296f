"""Many files, fetched side by side: resumed, hashed while they arrive, checked, renamed into place when complete."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import checksums, log, parts, workers
from hca_core.content import BLOCK, Promise, Quota, blocks
from hca_core.errors import HCAError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from hca_core.files import StrPath

DEFAULT_JOBS = 16


@dataclass(frozen=True)
class Transfer:
    """One file to fetch: where its bytes come from (`open_at(offset)`), where they go, and what they must be.

    `size` in bytes and `digest` in lower-case hex are None where nobody promised them; `algorithm` is the digest's.
    """

    name: str
    target: str
    open_at: Callable[[int], Any]
    size: int | None = None
    digest: str | None = None
    algorithm: str = "sha256"

    @property
    def promise(self) -> Promise:
        """What the bytes must be."""
        return Promise(self.size, self.digest, self.algorithm)


@dataclass(frozen=True)
class Result:
    """What became of one transfer: `status` is fetched, present or failed; `fetched` counts bytes from the network."""

    transfer: Transfer
    status: str
    fetched: int = 0
    error: Exception | None = None


def fetch(
    transfers: Iterable[Transfer],
    *,
    jobs: int = DEFAULT_JOBS,
    retries: int = 10,
    min_delay: float = 0.25,
    stopped: threading.Event | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Generator[Result, None, None]:
    """Fetch files with `jobs` threads and yield a Result for each when it is done, in constant memory.

    A file that is there with the right size and digest costs no request. Parts of an interrupted run are taken up.
    When the generator is closed (or Ctrl-C arrives) nothing new begins; what has arrived is kept for the next run.
    A disk that is full or read-only ends the whole run: OSError.
    """
    stopped = stopped or threading.Event()
    listing = parts.Listing()

    def work(transfer: Transfer) -> Result:
        return fetch_one(transfer, Quota(retries, min_delay, stopped), stopped, listing, on_bytes)

    yield from workers.side_by_side(transfers, work, jobs=jobs, stopped=stopped, name="transfer")


def fetch_one(
    transfer: Transfer,
    quota: Quota,
    stopped: threading.Event,
    listing: parts.Listing,
    on_bytes: Callable[[int], None] | None = None,
) -> Result:
    """Fetch one file and return what became of it; `listing` has the parts of other runs.

    Raises OSError (the disk) and KeyboardInterrupt (stopped).
    """
    if is_complete(transfer):
        return Result(transfer, "present")
    try:
        counted = _Counter(on_bytes)
        try:
            _fetch_to_target(transfer, quota, stopped, listing, counted)
        except IntegrityError as error:
            # Bytes that were taken up from an earlier run, or a proxy's cache, may be to blame: once more, from zero.
            log.logger().warning("%s; fetching it once more from the beginning", error.message)
            _fetch_to_target(transfer, quota, stopped, listing, counted, afresh=True)
        return Result(transfer, "fetched", counted.total)
    except HCAError as error:
        return Result(transfer, "failed", error=error)


class _Counter:
    def __init__(self, tell: Callable[[int], None] | None) -> None:
        self.total = 0
        self._tell = tell

    def __call__(self, count: int) -> None:
        self.total += count
        if self._tell:
            self._tell(count)


def is_complete(transfer: Transfer) -> bool:
    """Tell whether the target is there with the promised size and digest; it is read to know.

    Nothing is trusted: without a digest it may be any file.
    """
    if transfer.digest is None:
        return False
    try:
        if transfer.size is not None and os.stat(transfer.target).st_size != transfer.size:
            return False
        return digest_of(transfer.target, transfer.algorithm) == transfer.digest
    except OSError:
        return False


def digest_of(path: StrPath, algorithm: str = "sha256") -> str:
    """Return the digest of a file in lower-case hex. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _fetch_to_target(
    transfer: Transfer,
    quota: Quota,
    stopped: threading.Event,
    listing: parts.Listing,
    count: Callable[[int], None],
    *,
    afresh: bool = False,
) -> None:
    os.makedirs(os.path.dirname(transfer.target) or ".", exist_ok=True)
    part = parts.new(transfer.target)
    # What nobody can check must not be made of two runs' bytes.
    resumable = transfer.digest is not None
    try:
        digest = transfer.promise.hasher()
        with parts.opened(transfer.target, part, listing, take_up=resumable and not afresh) as stream:
            got = _hashed(stream, digest)
            # MD5 takes longer than the disk and a good network do.
            alone = transfer.algorithm != "md5" or (transfer.size or 0) - got < checksums.WORTH_A_THREAD
            if got != transfer.size:  # so an empty file, and a part that was complete, cost no request
                with checksums.beside(digest.update, alone=alone) as take:
                    for block in blocks(transfer.open_at, got, transfer.size, quota, stopped):
                        take(block)
                        _write_all(stream, block)
                        got += len(block)
                        count(len(block))
        transfer.promise.check(transfer.name, got, digest.hexdigest())
    except BaseException as error:
        if not resumable or isinstance(error, IntegrityError) or parts.size(part) == 0:
            parts.drop(part)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = transfer.target  # a failed write does not say where
        raise
    _commit(transfer, part, listing)


def _commit(transfer: Transfer, part: str, listing: parts.Listing) -> None:
    """Rename a part that was checked to its target, and drop all others."""
    try:
        # Another process may have been faster. Its file is kept: links to it may exist already.
        if not (os.path.exists(transfer.target) and is_complete(transfer)):
            os.replace(part, transfer.target)
    except FileNotFoundError:
        # Another process finished the same file first and tidied up; what it left was checked as ours was.
        if not is_complete(transfer):
            raise
    for other in (part, *listing.of(transfer.target)):
        parts.drop(other)


def _write_all(stream: Any, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[stream.write(view) :]


def _hashed(stream: Any, digest: Any) -> int:
    """Read `stream` to its end into `digest` and return how many bytes that were."""
    count = 0
    while block := stream.read(BLOCK):
        digest.update(block)
        count += len(block)
    return count
