"""The values of a transfer: what is to be fetched from where, how patiently, and what became of it.

All but `Request` can be pickled, so that the same plan runs in other processes and on other machines. None holds a
credential: whoever runs a transfer makes its own client, from its own configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hca_core.content import Promise
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_core.errors import HCAError, ServiceError
    from hca_core.http import Session


@dataclass(frozen=True, slots=True)
class Request:
    """One GET request for the bytes of a file.

    Parameters: `session` gives the rules that hold for it: https, proxies, certificates, time-outs, and the token,
    which is sent if `authenticated`, to its own host only. `begins` is the byte that an answer of status 200 begins
    with: 0 as HTTP has it, another for services that have a parameter of their own instead of ranges.
    """

    url: str
    session: Session
    headers: Mapping[str, str] = field(default_factory=dict)
    authenticated: bool = False
    begins: int = 0


class Source(Protocol):
    """Where the bytes of a file come from. It can be pickled, and holds no credential then."""

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request for the bytes from `offset` on; called by several threads.

        `anew`: the last answer was a refusal (401, 403): what was looked up before it may have expired.
        """


class Wording(Source, Protocol):
    """A source of a service whose errors mean something else than HTTP says."""

    def error(self, error: ServiceError) -> HCAError:
        """Return the error to tell instead of what the service answered."""


class Ranged(Source, Protocol):
    """A source that also gives pieces, so that a large file can come over several connections where one is slow."""

    def piece(self, offset: int, length: int) -> Request:
        """Return the request for `length` bytes from `offset` on, which there are."""


class Elsewhere(Source, Protocol):
    """A source that knows another one for the same bytes."""

    def elsewhere(self, error: HCAError) -> Source | None:
        """Return what to ask instead, None to stay with this one.

        Asked after an `error` that waiting does not mend, wrong bytes among them, and after each failure from the third
        in a row on; not where the service asks for a wait (429, Retry-After), which it gets. What came is kept unless
        it is wrong.
        """


class Paced(Source, Protocol):
    """A source whose service must not be asked too often."""

    def turn(self) -> float:
        """Return for how many seconds this file has to wait for its turn; 0: now, and that was it.

        The file waits without a connection, and others go on.
        """


class Named(Source, Protocol):
    """A source that is one of several kinds, which reports count, and which wait for their own service only."""

    @property
    def origin(self) -> str:
        """What kind of place it is, such as "mirror"; the same for many files."""


class Service:
    """A service by its name, whose client every process makes for itself: only name and arguments are pickled.

    Parameters: `name` is that of the plugin, `arguments` are those of its SDK class that lead to the same deployment,
    `client` is one that there is already.
    """

    def __init__(self, name: str, arguments: Mapping[str, Any] | None = None, client: Any = None) -> None:
        self.name = name
        self.arguments = dict(arguments or {})
        if client is not None:
            self.__dict__["client"] = client

    @cached_property
    def client(self) -> Any:
        """The client. Raises HCAError if there can't be one here."""
        from hca_core import plugins

        return plugins.client(self.name, **self.arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return _service, (self.name, tuple(sorted(self.arguments.items())))


@cache
def _service(name: str, arguments: tuple[tuple[str, Any], ...]) -> Service:
    """Return the service of those who unpickle one: its client is made once a process."""
    return Service(name, dict(arguments))


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that answers with the bytes, at once or after redirects, and knows HTTP ranges (RFC 9110 §14).

    `service` is the one whose session asks; one without a login if it is None.
    """

    url: str
    service: Service | None = None

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request for the bytes from `offset` on."""
        return Request(self.url, session_of(self.service), range_from(offset))

    def piece(self, offset: int, length: int) -> Request:
        """Return the request for `length` bytes from `offset` on."""
        return Request(self.url, session_of(self.service), range_from(offset, length))


def range_from(offset: int, length: int | None = None) -> dict[str, str]:
    """Return the headers that ask for the bytes from `offset` on, or for `length` of them."""
    if length is not None:
        return {"Range": f"bytes={offset}-{offset + length - 1}"}
    return {"Range": f"bytes={offset}-"} if offset else {}


def origin_of(source: Source) -> str:
    """Return what kind of place a source is, "" if it does not say."""
    return getattr(source, "origin", "")


_NEVER = 1e18  # bytes a second or seconds: as good as infinite, which is no number to calculate with
_plain: list[Session] = []


def session_of(service: Service | None) -> Session:
    """Return the session of a service's client, or one without a login. Raises HCAError."""
    if service is not None:
        session: Session = service.client.session
        return session
    if not _plain:
        from hca_core import http

        _plain.append(http.Session())
    return _plain[0]


class Transfer(NamedTuple):
    """One file to fetch: where its bytes come from, where they go, and what they must be.

    Parameters: `name` is what people know it by. `target` is its path; the bytes are complete and right when it is
    there. `size` in bytes and `digest` in lower-case hex are None where nobody promised them; `algorithm` is the
    digest's. `link`, if any, is a second path that shows the same content.
    """

    name: str
    target: str
    source: Source
    size: int | None = None
    digest: str | None = None
    algorithm: str = "sha256"
    link: str = ""

    @property
    def promise(self) -> Promise:
        """What the bytes must be."""
        return Promise(self.size, self.digest, self.algorithm)


class Result(NamedTuple):
    """What became of one transfer.

    `status` is fetched, present or failed; `fetched` counts bytes from the network; `linked` says how its `link` was
    made: hard, reflink or copy, "" if there was nothing to do. `error` is an HCAError. `origin` is that of the source
    that gave the bytes, if it has one: perhaps another source than that of the transfer.
    """

    transfer: Transfer
    status: str
    fetched: int = 0
    linked: str = ""
    error: Exception | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How files are fetched.

    Parameters: `jobs` is how many connections are used at most; None: what is measured to be best. `max_rate` in bytes
    a second. `connections` is how many one large file may use where a single one is slow. `retries` failures in a row
    end a file (bytes that arrive make up for them); the wait between tries begins with `min_delay` seconds and
    doubles. `verify`: read what is there already, though nothing changed since it was checked. `time_limit` in seconds
    for all: what is not done then fails, and its bytes are kept.
    """

    jobs: int | None = None
    max_rate: float | None = None
    connections: int = 8
    retries: int = 10
    min_delay: float = 0.25
    verify: bool = False
    time_limit: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for what can't be."""
        for name, least in (
            ("jobs", 1),
            ("max_rate", 1),
            ("connections", 1),
            ("retries", 0),
            ("min_delay", 0),
            ("time_limit", 0),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value < _NEVER:
                raise UsageError(f"{name} is {value!r}, but must be a number, {least} or more")
