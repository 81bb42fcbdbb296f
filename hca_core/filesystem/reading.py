"""The bytes of one file, any of them: the look-up that leads to them is done once, not for every range."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import content
from hca_core.errors import HCAError, IntegrityError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from hca_core.content import Promise
    from hca_core.transfer import Request, Source

# What storage answers to a signed URL whose time is over, or whose object has moved.
_REFUSED = frozenset({400, 401, 403, 404, 410})
_SHORTEST_WAIT = 0.25  # seconds


class Target(NamedTuple):
    """Where a look-up led; `authenticated` tells whether the token was sent there. A credential if it is signed."""

    url: str
    authenticated: bool


class LookUp:
    """Where the bytes of one content are, for several threads: redirects are followed once, and again if refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._target: Target | None = None

    def opened(self, request: Request) -> Response:
        """Return the open answer to a request for some of the bytes. Raises ServiceError, NetworkError."""
        if not self._asked:
            with self._lock:
                if not self._asked:
                    return self._looked_up(request)
        target = self._target
        if target is None:
            return _sent(request)
        try:
            return _sent(replace(request, url=target.url, authenticated=target.authenticated))
        except ServiceError as error:
            if error.code not in _REFUSED:
                raise
        with self._lock:
            if self._target is target:
                return self._looked_up(request)
        return self.opened(request)  # another thread has looked it up meanwhile

    def signed(self, request: Request) -> str | None:
        """Return the URL that the service leads to now; None if it answers itself. Raises what `opened` raises."""
        with self._lock:
            self._looked_up(request).close()
            return self._target.url if self._target and not self._target.authenticated else None

    def _looked_up(self, request: Request) -> Response:
        self._target, self._asked = None, False
        answer = _sent(request)
        if answer.history:
            self._target = Target(str(answer.url), "Authorization" in answer.request.headers)
        self._asked = True
        return answer


def _sent(request: Request) -> Response:
    """Send a request once; who reads the content knows when to try again."""
    return request.session.request(
        "GET", request.url, headers=request.headers, authenticated=request.authenticated, stream=True, tries=1
    )


class Content:
    """The bytes of one file.

    Parameters: `name` is for messages, `source` gives the requests, `promise` has the size, `knows_ranges` says whether
    the source gives pieces.
    """

    def __init__(self, name: str, source: Source, promise: Promise, look_up: LookUp, *, knows_ranges: bool) -> None:
        self._name, self._source, self._promise, self._look_up = name, source, promise, look_up
        self._size = promise.size or 0
        self._knows_ranges = knows_ranges
        self._session = source.request(0).session

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`, which there are. Raises HCAError."""
        if start >= end:
            return b""
        stopped = self._session.stopped
        try:
            return b"".join(content.blocks(lambda at: _Piece(self, at, end), start, end, self._quota(), stopped))
        except ServiceError as error:
            raise self._meaning(error) from error

    def whole(self) -> Iterator[bytes]:
        """Yield all of it. Raises IntegrityError after the last block if it is not what was promised, HCAError."""
        if self._size == 0:
            if self._promise.digest is not None:
                self._promise.check(self._name, 0, self._promise.hasher().hexdigest())
            return
        try:
            yield from content.checked_blocks(
                None, lambda at: _Piece(self, at, self._size), self._promise, quota=self._quota(), name=self._name
            )
        except ServiceError as error:
            raise self._meaning(error) from error

    def signed(self) -> str | None:
        """Return a URL that anybody can read the file by, None if the service gives none. Raises HCAError."""
        return self._look_up.signed(self._source.request(0))

    def opened(self, start: int, end: int) -> tuple[Response, int]:
        """Return an open answer that has the bytes from `start` to before `end`, and the byte that it begins with."""
        request: Request
        if self._knows_ranges and (start, end) != (0, self._size):
            request = self._source.piece(start, end - start)  # type: ignore[attr-defined]
        else:
            request = self._source.request(0)
        answer = self._look_up.opened(request)
        if answer.status_code != 206:
            self._check_length(answer, request.begins, start, end)
            return answer, request.begins
        told = answer.headers.get("Content-Range", "")
        begin, total = told.removeprefix("bytes ").partition("-")[0].strip(), told.rpartition("/")[2].strip()
        if total.isdigit() and int(total) != self._size:
            answer.close()
            raise IntegrityError(f"{self._name}: expected {self._size} bytes, but there are {total}")
        # Where it begins with something else, content.blocks refuses it.
        return answer, int(begin) if begin.isdigit() else end

    def _check_length(self, answer: Response, begins: int, start: int, end: int) -> None:
        """Raise IntegrityError for an answer that has neither all of the file nor what was asked for."""
        told = answer.headers.get("Content-Length", "")
        expected = {self._size} if begins == 0 else set[int]()
        if begins == start:
            expected.add(end - start)
        if told.isdigit() and int(told) not in expected:
            answer.close()
            raise IntegrityError(f"{self._name}: expected {max(expected, default=0)} bytes, but there are {told}")

    def _quota(self) -> content.Quota:
        policy = self._session.policy
        return content.Quota(max(policy.tries - 1, 0), min(policy.first_wait, _SHORTEST_WAIT))

    def _meaning(self, error: ServiceError) -> HCAError:
        """Return what the service meant by an error, where it has words of its own for it."""
        meaning = getattr(self._source, "error", None)
        return error if meaning is None else meaning(error)


class _Piece:
    """An answer for the bytes up to before `end`, in the form in which hca_core.content reads a range."""

    status_code = 206

    def __init__(self, whole: Content, start: int, end: int) -> None:
        self._answer, begin = whole.opened(start, end)
        self._left = max(end - begin, 0)
        self.url = self._answer.url
        self.headers = {"Content-Range": f"bytes {begin}-{end - 1}/{end}"}
        self.raw = self

    def read(self, size: int, decode_content: bool = False) -> bytes:
        """Return up to `size` bytes, none at the end; what a server sends beyond it is left alone."""
        block: Any = self._answer.raw.read(min(size, self._left), decode_content=False) if self._left else b""
        self._left -= len(block)
        return bytes(block)

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()
