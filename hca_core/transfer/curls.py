"""Requests with libcurl: one handle that is used again and again, and what its errors mean."""

from __future__ import annotations

import io
import os
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pycurl  # noqa: TID253 - this module owns it; nothing imports it before a transfer is due

from hca_core import __version__, http, urls
from hca_core.errors import NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.hooks import Requests
    from hca_core.transfer.jobs import Job

MOST_OF_A_PROBLEM = 65_536  # bytes of the body of an error
_STATUS = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3}) *([^\r\n]*)")
_TOO_MANY_FILES = (23, 24)  # ENFILE, EMFILE: the same on all systems


@cache
def _pattern(name: str) -> re.Pattern[bytes]:
    """Return what finds the value of a header."""
    return re.compile(rb"(?i)\n%b:([^\r\n]*)" % name.encode())


class Route(NamedTuple):
    """The way to one host: what libcurl is told once, and how long nothing may come from there (seconds)."""

    options: tuple[tuple[int, Any], ...]
    most_silent: float


class Routes:
    """The ways to hosts, found out once each. Every thread has its own."""

    def __init__(self) -> None:
        self._known: dict[tuple[http.Session, str], Route] = {}

    def to(self, session: http.Session, url: str) -> Route:
        """Return the way to `url`, which all readers must read alike. Raises UsageError if none is allowed."""
        end = url.find("/", 8)
        if end < 0:
            end = url.find("?", 8)
        if end < 0:
            end = len(url)
        key = (session, url[:end])
        route = self._known.get(key)
        if route is None:
            _check(session, url)
            route = self._known[key] = Route(_options(session, url), session.policy.read_timeout)
        return route


def _check(session: http.Session, url: str) -> None:
    """Raise UsageError for a URL that must not be asked, or that is none."""
    try:
        urls.origin(url)
        session.check(url)
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{url!r} can't be asked: {error}") from error


def spelled_out(session: http.Session, url: str) -> str:
    """Return `url` so that all readers read it alike. Raises UsageError if that can't be."""
    if http.is_plain(url):
        return url
    plain = session.prepare("GET", url, None, http.Body(), {}).url or ""
    if not http.is_plain(plain):
        raise UsageError(f"{url!r} can't be asked: it is no URL that all programs read alike")
    return plain


def _options(session: http.Session, url: str) -> tuple[tuple[int, Any], ...]:
    """Return certificates, proxy and patience as `requests` would have them."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

    settings = session.environment(url)
    proxy = select_proxy(url, settings["proxies"] or {}) or ""
    verify = settings["verify"]
    options: list[tuple[int, Any]] = [
        (pycurl.CONNECTTIMEOUT_MS, int(session.policy.connect_timeout * 1000)),
        (pycurl.PROXY, proxy.encode()),  # "" also keeps libcurl from looking for one itself
        (pycurl.SSL_VERIFYPEER, 1 if verify else 0),
        (pycurl.SSL_VERIFYHOST, 2 if verify else 0),
    ]
    if verify:
        bundle = DEFAULT_CA_BUNDLE_PATH if verify is True else os.fspath(verify)
        options.append((pycurl.CAPATH if os.path.isdir(bundle) else pycurl.CAINFO, os.fsencode(bundle)))
    return tuple(options)


class Exchange:
    """One handle of libcurl, and the request that it is busy with.

    Parameters: `arrived` is told how many bytes of content came, as they come; as long as `waits` says so, no more are
    taken, and it is `paused`.
    """

    def __init__(self, arrived: Callable[[int], None], waits: Callable[[], bool]) -> None:
        self.curl = curl = pycurl.Curl()
        self._headers = io.BytesIO()  # libcurl writes to it; a function of ours for each line would take longer
        self._arrived = arrived
        self._waits = waits
        self.paused = False
        self._options: tuple[tuple[int, Any], ...] = ()
        self._sent: list[str] | None = None
        self.most_silent = 0.0
        self.observers: Requests | None = None
        for option, value in (
            (pycurl.WRITEFUNCTION, self._body),
            (pycurl.WRITEHEADER, self._headers),
            (pycurl.NOSIGNAL, 1),
            (pycurl.NOPROXY, ""),  # whether there is a proxy for a host was decided already
            (pycurl.USERAGENT, f"hca/{__version__}"),
            (pycurl.PATH_AS_IS, 1),
            # One connection a request: with HTTP/2 all of them would share a single one, and wait for each other.
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.BUFFERSIZE, 512 * 1024),
            (pycurl.TCP_KEEPALIVE, 1),
        ):
            curl.setopt(option, value)

    def prepare(self, job: Job, url: str, headers: list[str], route: Route) -> None:
        """Make this handle ready for a request."""
        curl = self.curl
        if route.options is not self._options and route.options != self._options:
            for option, value in route.options:
                curl.setopt(option, value)
        self._options, self.most_silent = route.options, route.most_silent
        if headers != self._sent:
            if headers:
                curl.setopt(pycurl.HTTPHEADER, headers)
            else:
                curl.unsetopt(pycurl.HTTPHEADER)  # to set an empty list would leave the old ones
            self._sent = headers
        curl.setopt(pycurl.URL, url)
        self.job = job
        self.url = url
        self.status = 0
        self.reason = ""
        self.failure: Exception | None = None  # why we broke off
        self.problem: list[bytes] | None = None  # the body of what is no content
        self._headers.seek(0)
        self._headers.truncate()
        self._head = b""
        self._take: Callable[[bytes], None] | None = None
        self._skip = 0
        self.content = 0  # bytes of content that came
        self.began = self.heard = time.monotonic()

    @property
    def where(self) -> str:
        """Scheme, host and port that were asked."""
        return "/".join(self.url.split("/", 3)[:3]).partition("?")[0]

    def header(self, name: str) -> str:
        """Return the value of a header of the answer, "" if it has none."""
        found = _pattern(name).search(self._head)
        return found[1].decode("latin-1").strip() if found else ""

    def all_headers(self) -> dict[str, str]:
        """Return all headers of the answer."""
        pairs = (line.partition(":") for line in self._head.decode("latin-1").splitlines()[1:])
        return {name.strip(): value.strip() for name, _, value in pairs}

    def begin(self) -> None:
        """Read the headers, and decide what becomes of the body; nothing if that is done or there are none."""
        if self.status:
            return
        # Another answer may have come before: that of a proxy which made a tunnel, or "100 Continue".
        blocks = [one for one in self._headers.getvalue().split(b"\r\n\r\n") if _STATUS.match(one)]
        told = _STATUS.match(blocks[-1]) if blocks else None
        if told is None:
            return
        self._head = blocks[-1]
        self.status, self.reason = int(told[1]), told[2].decode("latin-1")
        try:
            self._skip = self.job.answered(self)
        except Exception as error:  # noqa: BLE001 - libcurl's callbacks must not raise; told when the request ends
            self.failure = error
            return
        if self._skip < 0:
            self.problem = []
        else:
            self._take = self.job.take

    def _body(self, piece: bytes) -> int | None:
        self.heard = time.monotonic()
        self.begin()
        if self._take is not None:
            if self._waits():
                self.paused = True
                return pycurl.WRITEFUNC_PAUSE
            length = len(piece)
            if self._skip:
                skipped = min(self._skip, length)
                self._skip -= skipped
                if skipped == length:
                    return None
                piece = piece[skipped:]
            try:
                self._take(piece)
                self.content += len(piece)
                self._arrived(len(piece))
            except Exception as error:  # noqa: BLE001 - see above
                self.failure = error
                return 0
            return None
        if self.failure is not None:
            return 0
        if self.problem is not None and len(piece) + sum(map(len, self.problem)) <= MOST_OF_A_PROBLEM:
            self.problem.append(piece)
            return None
        return 0  # more than anybody reads

    def go_on(self) -> tuple[int, str] | None:
        """End a pause. Return libcurl's error if what it held back meanwhile could not be taken, which ends this."""
        self.heard = time.monotonic()
        self.paused = False
        try:
            self.curl.pause(pycurl.PAUSE_CONT)
        except pycurl.error as error:
            return pycurl.E_WRITE_ERROR, str(error)
        return None

    def tell_observers(self, error: Exception | None) -> None:
        """Let observers know how the request ended."""
        if self.observers:
            self.begin()  # an answer without a body has not been looked at
            seconds = time.monotonic() - self.began
            self.observers.answered("GET", self.url, self.status or None, seconds, str(error or self.failure or ""))

    def forget(self) -> None:
        """Let go of the job."""
        self._take = None
        del self.job


def has_too_many_files(exchange: Exchange) -> bool:
    """Tell whether a request failed because this process has no file descriptor left."""
    return exchange.curl.getinfo(pycurl.OS_ERRNO) in _TOO_MANY_FILES


_HOPELESS = frozenset(
    getattr(pycurl, name)
    for name in (
        "E_PEER_FAILED_VERIFICATION", "E_SSL_CACERT", "E_SSL_CERTPROBLEM", "E_SSL_CACERT_BADFILE",
        "E_SSL_CIPHER", "E_URL_MALFORMAT",
    )
    if hasattr(pycurl, name)
)  # fmt: skip
_UNSENT = frozenset({pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY})


class BrokenError(NetworkError):
    """A request that was not answered in full. `hopeless`: it would not be the next time either."""

    def __init__(self, message: str, *, hopeless: bool = False, unsent: bool = False) -> None:
        super().__init__(message, hint=http.Session.HINT)
        self.hopeless = hopeless
        self.unsent = unsent


def broken(exchange: Exchange, code: int, text: str) -> BrokenError:
    """Return the error for libcurl's error `code`, in one sentence and without the library's inner names."""
    where = exchange.where
    text = " ".join(text.split())[:200]
    # A handshake that breaks off may work the next time; one with a server that speaks no TLS never will.
    no_tls = code == pycurl.E_SSL_CONNECT_ERROR and "SSL routines" in text and "eof" not in text
    hopeless = code in _HOPELESS or no_tls
    if code == pycurl.E_COULDNT_CONNECT:
        why = f"nothing listens at {where} (connection refused)"
    elif code in (pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY):
        why = f"the host of {where} is not known (name resolution failed)"
    elif code == pycurl.E_OPERATION_TIMEDOUT:
        why = f"{where} took no connection in time"
    elif hopeless and where.startswith("https:"):
        why = f"{where} has no certificate that can be trusted ({text})"
    else:
        why = f"the connection to {where} broke ({text})"
    return BrokenError(why, hopeless=hopeless, unsent=code in _UNSENT)
