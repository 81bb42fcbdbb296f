"""Many files, fetched side by side: resumed, hashed while they arrive, checked, renamed into place when complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import files, log
from hca_core.errors import HCAError, IntegrityError, NetworkError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from hca_core.service import Promise

BLOCK = 1024 * 1024
DEFAULT_JOBS = 16
ABANDONED_SECONDS = 3600.0
PART_SUFFIX = ".part"


@dataclass(frozen=True)
class Transfer:
    """One file to fetch: where its bytes come from (`open_at(offset)`), where they go, and what they must be.

    `size` in bytes and `sha256` in lower-case hex are None where nobody promised them.
    """

    name: str
    target: str
    open_at: Callable[[int], Any]
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of one transfer: `status` is fetched, present or failed; `fetched` counts bytes from the network."""

    transfer: Transfer
    status: str
    fetched: int = 0
    error: Exception | None = None


class Quota:
    """The documented patience of a download: failures use it up, good blocks fill it again (up to where it began).

    The wait between tries doubles with each failure and halves with each good block, down to `min_delay` seconds.
    """

    def __init__(self, retries: int, min_delay: float, stopped: threading.Event) -> None:
        self._most = self._left = retries
        self._min_delay = self._delay = min_delay
        self._stopped = stopped

    def good_block(self) -> None:
        """Note that a block arrived."""
        self._left = min(self._left + 1, self._most)
        self._delay = max(self._delay / 2, self._min_delay)

    def failed(self, error: Exception) -> None:
        """Wait before the next try; raise `error` if there is none left."""
        if self._left <= 0:
            raise error
        self._left -= 1
        wait = max(self._delay, _asked_wait(error))
        log.logger("hca.transfer").debug("%s; trying again in %.2f s", error, wait)
        if self._stopped.wait(wait):
            raise KeyboardInterrupt
        self._delay = min(self._delay * 2, 60.0)


def _asked_wait(error: Exception) -> float:
    """Return the seconds that the service asks to wait before the next try; 0 if it does not ask."""
    from hca_core import http

    return http.retry_after(error.response) or 0.0 if isinstance(error, ServiceError) else 0.0


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

    A file that is there with the right size and sha256 costs no request. Parts of an interrupted run are taken up.
    When the generator is closed (or Ctrl-C arrives) nothing new begins; what has arrived is kept for the next run.
    A disk that is full or read-only ends the whole run: OSError.
    """
    stopped = stopped or threading.Event()
    waiting: queue.Queue[Transfer | None] = queue.Queue(maxsize=2 * jobs)
    done: queue.Queue[Result | BaseException] = queue.Queue()

    def work() -> None:
        while (transfer := waiting.get()) is not None:
            if stopped.is_set():
                continue
            try:
                done.put(fetch_one(transfer, Quota(retries, min_delay, stopped), stopped, on_bytes))
            except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                done.put(error)

    # Daemons: a thread that waits for a silent server must not keep the process alive after Ctrl-C.
    workers = [threading.Thread(target=work, daemon=True, name=f"transfer-{n}") for n in range(jobs)]
    started = 0
    outstanding = 0
    try:
        for transfer in transfers:
            if started < jobs:
                workers[started].start()
                started += 1
            waiting.put(transfer)
            outstanding += 1
            while outstanding >= 2 * jobs or not done.empty():
                yield _unpacked(done.get())
                outstanding -= 1
        while outstanding:
            yield _unpacked(done.get())
            outstanding -= 1
    except BaseException:
        stopped.set()
        raise
    finally:
        if outstanding:
            stopped.set()
        _dismiss(waiting, workers[:started])


def _unpacked(outcome: Result | BaseException) -> Result:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _dismiss(waiting: queue.Queue[Transfer | None], workers: list[threading.Thread]) -> None:
    """Tell all workers to end, and give those that are in the middle of a block a moment to finish it."""
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()
    for _ in workers:
        waiting.put(None)
    deadline = time.monotonic() + 1.0
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def fetch_one(
    transfer: Transfer,
    quota: Quota,
    stopped: threading.Event,
    on_bytes: Callable[[int], None] | None = None,
) -> Result:
    """Fetch one file and return what became of it. Raises OSError (the disk) and KeyboardInterrupt (stopped)."""
    if is_complete(transfer):
        return Result(transfer, "present")
    try:
        counted = _Counter(on_bytes)
        try:
            _fetch_to_target(transfer, quota, stopped, counted)
        except IntegrityError as error:
            # Bytes that were taken up from an earlier run, or a proxy's cache, may be to blame: once more, from zero.
            log.logger().warning("%s; fetching it once more from the beginning", error.message)
            _fetch_to_target(transfer, quota, stopped, counted, afresh=True)
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
    """Tell whether the target is there with the promised size and sha256; it is read to know. Nothing is trusted."""
    try:
        if transfer.size is not None and os.stat(transfer.target).st_size != transfer.size:
            return False
        return transfer.sha256 is None or sha256_of(transfer.target) == transfer.sha256
    except OSError:
        return False


def sha256_of(path: files.StrPath) -> str:
    """Return the sha256 of a file in lower-case hex. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch_to_target(
    transfer: Transfer,
    quota: Quota,
    stopped: threading.Event,
    count: Callable[[int], None],
    *,
    afresh: bool = False,
) -> None:
    os.makedirs(os.path.dirname(transfer.target) or ".", exist_ok=True)
    # Every process writes a part of its own, so two of them in one directory can't mix their bytes: locks would not
    # help on cluster file systems, where flock does nothing.
    part = f"{_part_prefix(transfer.target)}{_owner()}-{threading.get_ident()}-{time.monotonic_ns()}{PART_SUFFIX}"
    # What nobody can check must not be made of two runs' bytes.
    resumable = transfer.sha256 is not None
    try:
        digest = hashlib.sha256()
        with _opened(transfer.target, part, take_up=resumable and not afresh) as stream:
            got = _hashed(stream, digest)
            if got != transfer.size:  # so an empty file, and a part that was complete, cost no request
                for block in blocks(transfer.open_at, got, transfer.size, quota, stopped):
                    _write_all(stream, block)
                    digest.update(block)
                    got += len(block)
                    count(len(block))
        check(transfer.name, Expected(transfer.size, transfer.sha256), got, digest.hexdigest())
    except BaseException as error:
        if not resumable or isinstance(error, IntegrityError) or _size(part) == 0:
            _unlink(part)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = transfer.target  # a failed write does not say where
        raise
    _commit(transfer, part)


def _commit(transfer: Transfer, part: str) -> None:
    """Rename a part that was checked to its target, and drop all others."""
    try:
        # Another process may have been faster. Its file is kept: links to it may exist already.
        if not (os.path.exists(transfer.target) and is_complete(transfer)):
            os.replace(part, transfer.target)
    except FileNotFoundError:
        # Another process finished the same file first and tidied up; what it left was checked as ours was.
        if not is_complete(transfer):
            raise
    for other in _parts(transfer.target):
        _unlink(other)


@dataclass(frozen=True)
class Expected:
    """Size in bytes and sha256 that content must have; None where nobody promised."""

    size: int | None
    sha256: str | None


def check(name: str, expected: Expected | Promise, size: int, sha256: str) -> None:
    """Compare what arrived with what was promised. Raises IntegrityError that tells both."""
    if expected.size is not None and size != expected.size:
        raise IntegrityError(f"{name}: expected {expected.size} bytes, received {size}")
    if expected.sha256 is not None and sha256 != expected.sha256.lower():
        raise IntegrityError(f"{name}: expected sha256 {expected.sha256}, received {sha256}")


def blocks(
    open_at: Callable[[int], Any],
    offset: int,
    size: int | None,
    quota: Quota,
    stopped: threading.Event,
    response: Any = None,
) -> Iterator[bytes]:
    """Yield the content from `offset` on, opened again at the right place whenever the connection breaks.

    `response` is an answer for `offset` that is open already. Raises what the last failure was when `quota` is used
    up, IntegrityError at once when there is more content than `size`.
    """
    refused = False
    while True:
        try:
            if response is None:
                response = open_at(offset)
            _check_total(response, size)
            for block in _content(response, offset):
                offset += len(block)
                if size is not None and offset > size:
                    raise IntegrityError(f"{_address(response)}: expected {size} bytes, received more")
                yield block
                quota.good_block()
                refused = False
                if stopped.is_set():
                    raise KeyboardInterrupt
            if size is None or offset >= size:
                return
            raise NetworkError(f"the content ended after {offset} of {size} bytes")
        except (IntegrityError, KeyboardInterrupt):
            raise
        except ServiceError as error:
            if error.code == 416:
                _check_total(error.response, offset if size is None else size)
                return
            # 403: a signed URL that expired, perhaps; the next try asks for a new one, and another 403 means it.
            if error.code < 500 and error.code not in (408, 429) and (error.code != 403 or refused):
                raise
            refused = error.code == 403
            quota.failed(error)
        except NetworkError as error:
            quota.failed(error)
        finally:
            if response is not None:
                response.close()
        response = None


def _check_total(response: Any, size: int | None) -> None:
    """Raise IntegrityError if an answer tells that the whole content is longer or shorter than `size` bytes."""
    if response.status_code in (206, 416):
        told = response.headers.get("Content-Range", "").rpartition("/")[2].strip()
    else:
        told = response.headers.get("Content-Length", "")
    if size is not None and told.isdigit() and int(told) != size:
        raise IntegrityError(f"{_address(response)}: expected {size} bytes, but there are {told}")


def _address(response: Any) -> str:
    """Return the URL of an answer without its query, which may hold a signature."""
    return str(response.url).partition("?")[0]


def _content(response: Any, offset: int) -> Iterator[bytes]:
    """Yield the body from `offset` on, whether the server honoured the range or sends all of it from the start."""
    import urllib3
    from requests import RequestException

    start = 0
    if response.status_code == 206:
        told = response.headers.get("Content-Range", "")
        begin = told.removeprefix("bytes ").partition("-")[0].strip()
        if not begin.isdigit() or int(begin) > offset:
            raise NetworkError(f"asked for content from byte {offset}, but the answer is {told or 'without a range'!r}")
        start = int(begin)
    skip = offset - start
    try:
        while block := response.raw.read(BLOCK, decode_content=False):
            if skip >= len(block):
                skip -= len(block)
                continue
            yield block[skip:] if skip else block
            skip = 0
    except (urllib3.exceptions.HTTPError, RequestException, OSError) as error:
        raise NetworkError(f"the connection broke ({' '.join(str(error).split())[:200]})") from error


def checked_blocks(first: Any, open_at: Callable[[int], Any], promise: Promise) -> Iterator[bytes]:
    """Yield the whole content that `first` is the open answer for; raise IntegrityError at the end if it is wrong."""
    stopped = threading.Event()
    digest = hashlib.sha256()
    size = 0
    for block in blocks(open_at, 0, promise.size, Quota(10, 0.25, stopped), stopped, first):
        digest.update(block)
        size += len(block)
        yield block
    check("the content", promise, size, digest.hexdigest())


def _write_all(stream: Any, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[stream.write(view) :]


def _opened(target: str, part: str, *, take_up: bool) -> Any:
    """Make and open our part: of the longest one that another run left if there is any and it may be used, else empty.

    That of a dead process becomes ours by a rename, which succeeds for one process only and needs no room on the disk;
    that of a process which may live is copied.
    """
    taken = not take_up
    for other in sorted(_parts(target), key=_size, reverse=True):
        abandoned = _is_abandoned(other)
        if taken and abandoned:
            _unlink(other)
        elif not taken:
            try:
                os.rename(other, part) if abandoned else shutil.copyfile(other, part)
                taken = True
            except FileNotFoundError:
                pass  # another process took or finished it just now
    # In one step, as another process that finishes the file drops all parts; whoever has one open does not mind.
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b", buffering=0)


def _hashed(stream: Any, digest: Any) -> int:
    """Read `stream` to its end into `digest` and return how many bytes that were."""
    count = 0
    while block := stream.read(BLOCK):
        digest.update(block)
        count += len(block)
    return count


def _parts(target: str) -> list[str]:
    prefix = os.path.basename(_part_prefix(target))
    folder = os.path.dirname(target) or "."
    try:
        return [
            os.path.join(folder, name)
            for name in os.listdir(folder)
            if name.startswith(prefix) and name.endswith(PART_SUFFIX)
        ]
    except FileNotFoundError:
        return []


def _part_prefix(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.")


def _owner() -> str:
    return f"{_host()}-{os.getpid()}"


def _host() -> str:
    return "".join(one if one.isalnum() else "_" for one in socket.gethostname())


def _is_abandoned(part: str) -> bool:
    """Tell whether nobody writes a part any more: its process here is gone, or it was not touched for an hour."""
    try:
        if time.time() - os.stat(part).st_mtime > ABANDONED_SECONDS:
            return True
        host, pid, *_ = part.removesuffix(PART_SUFFIX).rpartition(".")[2].split("-")
    except (OSError, ValueError):
        return False
    if host != _host() or not pid.isdigit() or int(pid) == os.getpid():
        return False
    if os.name == "nt":
        return False  # os.kill(pid, 0) would end the process there
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
