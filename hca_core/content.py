"""The bytes of one file from a service: opened again where they broke off, and compared with what was promised."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import log
from hca_core.errors import IntegrityError, NetworkError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

BLOCK = 1024 * 1024


class Promise(NamedTuple):
    """What a service promises of bytes: size in bytes and digest in hex, each None where it does not say.

    `algorithm` is the one of the digest, by the name that hashlib knows it by.
    """

    size: int | None = None
    digest: str | None = None
    algorithm: str = "sha256"

    def hasher(self) -> Any:
        """Return what computes such a digest."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def check(self, name: str, size: int, digest: str) -> None:
        """Compare what arrived with what was promised. Raises IntegrityError that tells both."""
        if self.size is not None and size != self.size:
            raise IntegrityError(f"{name}: expected {self.size} bytes, received {size}")
        if self.digest is not None and digest != self.digest.lower():
            raise IntegrityError(f"{name}: expected {self.algorithm} {self.digest}, received {digest}")


class Quota:
    """The documented patience of a download: failures use it up, good blocks fill it again (up to where it began).

    The wait between tries doubles with each failure and halves with each good block, down to `min_delay` seconds.
    """

    def __init__(self, retries: int, min_delay: float) -> None:
        self._most = self._left = retries
        self._min_delay = self._delay = min_delay

    def good_block(self) -> None:
        """Note that a block arrived."""
        self._left = min(self._left + 1, self._most)
        self._delay = max(self._delay / 2, self._min_delay)

    def failed(self, error: Exception) -> float:
        """Return how many seconds to wait before the next try; raise `error` if there is none left."""
        if self._left <= 0:
            raise error
        self._left -= 1
        wait = max(self._delay, _asked_wait(error))
        self._delay = min(self._delay * 2, 60.0)
        return wait


def _asked_wait(error: Exception) -> float:
    """Return the seconds that the service asks to wait before the next try; 0 if it does not ask."""
    from hca_core import answers

    return answers.retry_after(error.response) or 0.0 if isinstance(error, ServiceError) else 0.0


def blocks(
    open_at: Callable[[int], Any],
    offset: int,
    size: int | None,
    quota: Quota,
    stopped: threading.Event,
    response: Any = None,
) -> Generator[bytes, None, None]:
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
            _wait(quota.failed(error), error, stopped)
        except NetworkError as error:
            _wait(quota.failed(error), error, stopped)
        finally:
            if response is not None:
                response.close()
        response = None


def _wait(seconds: float, error: Exception, stopped: threading.Event) -> None:
    log.logger("hca.transfer").debug("%s; trying again in %.2f s", error, seconds)
    if stopped.wait(seconds):
        raise KeyboardInterrupt


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


def checked_blocks(
    first: Any,
    open_at: Callable[[int], Any],
    promise: Promise,
    *,
    quota: Quota | None = None,
    name: str = "the content",
) -> Iterator[bytes]:
    """Yield the whole content; raise IntegrityError at the end if it is wrong.

    Parameters: `first` is an open answer for all of it, if there is one already; `name` is for messages.
    """
    stopped = threading.Event()
    digest = promise.hasher()
    size = 0
    for block in blocks(open_at, 0, promise.size, quota or Quota(10, 0.25), stopped, first):
        digest.update(block)
        size += len(block)
        yield block
    promise.check(name, size, digest.hexdigest())
