"""The HTTP session of every plugin: time-outs, retries, Retry-After, redirects; a token stays with its host."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urljoin, urlsplit

import requests  # noqa: TID253 - this module is the one that owns it; nothing imports it before a request is due
import urllib3  # noqa: TID253 - requests loads it

from hca_core import __version__, answers, hooks, log, openapi, urls
from hca_core.errors import HCAError, NetworkError, ServiceError, UsageError, service_error

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

NOT_MODIFIED = 304  # how a service says that a change was none
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TRANSIENT = frozenset({429, 500, 502, 503, 504})
# RFC 9110 §9.2.2: repeating these has the same effect as doing them once.
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
# What `requests` would leave as it is; to find that out takes about a seventh of the time of a small request.
_SPELLED_OUT = re.compile(
    r"https?://[a-z0-9.-]+(?::\d+)?(?!.*/\.)/(?:[A-Za-z0-9/._~!$&'()*+,;=:@?-]"
    r"|%(?:[0189A-F][0-9A-F]|2[0-9ABCF]|3[A-F]|40|5[B-E]|60|7[BCDF]))*"
)
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?][!-~]*)?")
MOST_HOPS = 30  # redirects in a row that ask for no wait
LEAST_WAIT = 0.1  # seconds; who asks for less asks for none
_SAME_TROUBLE_SECONDS = 2.0  # for which one line is enough


class Policy(NamedTuple):
    """How patient a session is.

    `tries` counts the first one; waits grow from `first_wait` by doubling, up to `most_wait` seconds, with jitter.
    `patience` bounds, in seconds, how long one request may take in all because its service asks for waits.
    """

    tries: int = 6
    first_wait: float = 1.0
    most_wait: float = 16.0
    patience: float = 3600.0
    connect_timeout: float = 20.0
    read_timeout: float = 60.0

    def wait(self, failures: int) -> float:
        """Return how long to wait after so many failures: at least half of the full step (service contract §1.2)."""
        step: float = min(self.most_wait, self.first_wait * 2 ** (failures - 1))
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


class Sized(Protocol):
    """Bytes that are made while they are sent, from the beginning at each try; `len` is how many there are."""

    def __len__(self) -> int:
        """Return the length in bytes."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes."""


class Body(NamedTuple):
    """What a request carries: a JSON document, the fields of a form, or bytes; at most one of them."""

    json: Any = None
    form: Mapping[str, Any] | None = None
    data: bytes | Sized | None = None


def bearer_token(token: str) -> str:
    """Return the Authorization header for `token` that most services want (RFC 6750)."""
    return f"Bearer {token}"


class Session:
    """Sends requests for one service; may be used by several threads.

    Parameters: `token` gives the bearer token for requests that need a login; it is sent to `token_origin`
    (scheme, host and port) only, whatever redirects and links say. `renewed` is told of one that the service refused
    (401), and answers whether there is another to try; `advice` says what to do if there is none. `authorization` makes
    the header of a token, `transient` are the statuses after which a request is sent again. `stopped` ends all waiting
    when it is set; `hint` is the next step that a NetworkError tells. `service` is the name that observers
    (`hca_request`, `hca_response`) know it by.
    """

    HINT = "check the network and the URL (hca config list --show-origin)"

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        token: Callable[[], str] | None = None,
        renewed: Callable[[str], bool] | None = None,
        advice: Callable[[], str | None] | None = None,
        token_origin: str = "",
        authorization: Callable[[str], str] = bearer_token,
        transient: frozenset[int] = TRANSIENT,
        allow_http: bool = False,
        connections: int = 256,
        stopped: threading.Event | None = None,
        hint: str = HINT,
        service: str = "",
    ) -> None:
        self.policy = policy or Policy()
        self.observers = hooks.Requests(service)
        self.stopped = stopped or threading.Event()
        self.hint = hint
        self.transient = transient
        self._token = token
        self._renewed = renewed
        self._advice = advice
        self._authorization = authorization
        self._token_origin = urls.origin(token_origin) if token_origin else None
        self._allow_http = allow_http
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._settings: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._told: dict[Hashable, float] = {}
        self._telling = threading.Lock()
        self._headers = {"User-Agent": f"hca/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        data: bytes | Sized | None = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = False,
        stream: bool = False,
        tries: int | None = None,
        read_timeout: float | None = None,
    ) -> requests.Response:
        """Send a request until it is answered for good, and return the answer (status below 400).

        The body is `json`, or `form` in the encoding of HTML forms, or `data` as it is, streamed if it is no bytes.
        Waits as the service asks (Retry-After on 301, 302, 429, 503), repeats what may be repeated, follows redirects.
        `read_timeout` (seconds) is for a request after which the service works long before it answers.
        A redirect to something that is not http (`s3://…`) is returned as it is. `response.history` has the way.
        Raises ServiceError for a status of 400 or above, NetworkError, UsageError for http to a foreign host.
        """
        how = _How(authenticated, stream, tries, read_timeout)
        return _Exchange(self, method, headers or {}, Body(json, form, data), how).run(url, params)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def wait(self, seconds: float) -> None:
        """Wait, unless or until the session is stopped (then KeyboardInterrupt in the waiting thread)."""
        if self.stopped.wait(seconds) if seconds > 0 else self.stopped.is_set():
            raise KeyboardInterrupt

    def is_news(self, trouble: Hashable) -> bool:
        """Tell whether `trouble` was not told a moment ago: when a service goes away, all threads notice at once."""
        now = time.monotonic()
        with self._telling:
            if now - self._told.get(trouble, -_SAME_TROUBLE_SECONDS) < _SAME_TROUBLE_SECONDS:
                return False
            self._told[trouble] = now
            return True

    def send(
        self,
        prepared: requests.PreparedRequest,
        *,
        authenticated: bool,
        stream: bool,
        read_timeout: float | None = None,
    ) -> requests.Response:
        """Send once, and follow nothing. Raises requests' exceptions."""
        url = prepared.url or ""
        self.check(url)
        # Asked for at every try: a token may be renewed between two of them.
        if authenticated and (header := self.authorization(url)):
            prepared.headers["Authorization"] = header
        if self.observers:
            prepared = self._observed(prepared)
        started = time.monotonic()
        method = prepared.method or ""
        try:
            response = self._transmit(prepared, stream, read_timeout or self.policy.read_timeout)
        except requests.RequestException as error:
            if self.observers:
                why = answers.explain(error, url, self.policy)
                self.observers.answered(method, url, None, time.monotonic() - started, why)
            raise
        elapsed = time.monotonic() - started
        if self.observers:
            self.observers.answered(method, url, response.status_code, elapsed)
        told = (method, log.Redacted(url), response.status_code, elapsed * 1000)
        log.logger("hca.http").debug("%s %s -> %s in %.0f ms", *told)
        return response

    def _transmit(self, prepared: requests.PreparedRequest, stream: bool, read_timeout: float) -> requests.Response:
        """Send once. Raises requests' exceptions.

        By the adapter, not the session: a Session would add a token of ~/.netrc and read redirects' bodies, and costs
        twice the time. Proxies and CA bundles of the environment are honoured, looked up once a host.
        """
        url = prepared.url or ""
        timeout = (self.policy.connect_timeout, read_timeout)
        adapter, environment = self._session.get_adapter(url), self.environment(url)
        try:
            return adapter.send(prepared, stream=stream, timeout=timeout, **environment)
        except urllib3.exceptions.LocationParseError as error:
            # A host such as `a..b`, of which services may tell; requests finds that out too late to say it in its way.
            raise requests.exceptions.InvalidURL(error, request=prepared) from error

    def _observed(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return what is sent this time, with the headers of observers, which no other try and no other host gets."""
        headers = self.observers.headers(prepared.method or "", prepared.url or "", prepared.headers)
        sent = prepared.copy()
        sent.headers = requests.structures.CaseInsensitiveDict(headers)
        return sent

    def prepare(
        self, method: str, url: str, params: Mapping[str, Any] | None, body: Body, headers: Mapping[str, str]
    ) -> requests.PreparedRequest:
        """Return a request ready to be sent; `params` that are None are left out, booleans are `true` and `false`."""
        query = {
            name: ("true" if value else "false") if isinstance(value, bool) else value
            for name, value in (params or {}).items()
            if value is not None
        }
        try:
            "".join(headers.values()).encode("latin-1")  # what HTTP can carry; requests would find out while it sends
            if not query and body.json is None and body.form is None and _SPELLED_OUT.fullmatch(url):
                return _prepared(method, url, {**self._headers, **headers}, body.data)
            kind = {} if body.form is None else {"Content-Type": openapi.FORM}  # requests tells none of an empty form
            return requests.Request(
                method,
                url,
                {**self._headers, **kind, **headers},
                params=query,
                json=body.json,
                data=body.data if body.form is None else body.form,
            ).prepare()
        except (requests.RequestException, ValueError) as error:
            raise UsageError(f"{method} {url!r} can't be asked: {error}") from error

    def environment(self, url: str) -> Mapping[str, Any]:
        """Return `verify`, `cert` and `proxies` for `url`, in the sense of `requests`."""
        parts = urlsplit(url)
        known = self._settings.get((parts.scheme, parts.netloc))
        if known is None:
            merged = self._session.merge_environment_settings(url, {}, None, None, None)
            known = {name: merged[name] for name in ("verify", "cert", "proxies")}
            if _is_this_machine(parts.netloc):
                known["proxies"] = {}  # one elsewhere could not reach it, and would read the token
            self._settings[parts.scheme, parts.netloc] = known
        return known

    def authorization(self, url: str) -> str | None:
        """Return the header that belongs to `url`: that of the token, if it is for this host. Raises HCAError."""
        if self._token and urls.origin(url) == self._token_origin:
            return self._authorization(self._token())
        return None

    def renewed(self, refused: str) -> bool:
        """Tell whether there is another token than `refused`, which the service did not accept."""
        return self._renewed is not None and self._renewed(refused)

    def check(self, url: str) -> None:
        """Raise UsageError for a URL that must not be asked: neither http nor https, or http to a foreign host."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise UsageError(f"{url!r} can't be asked: it begins neither with https: nor with http:")
        if parts.scheme == "http" and not self._allow_http and not _is_this_machine(parts.netloc):
            raise UsageError(
                f"{url} is not https, and its host is not this machine",
                hint="use https, or set allow_http to true in the service's section of the configuration",
            )


def _prepared(
    method: str, url: str, headers: Mapping[str, str], data: bytes | Sized | None
) -> requests.PreparedRequest:
    """Return the same as `requests` does for a URL that needs no change, without the work of finding that out.

    Raises requests' InvalidHeader.
    """
    for header in headers.items():
        requests.utils.check_header_validity(header)
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = method, url, data  # type: ignore[assignment]
    prepared.headers = requests.structures.CaseInsensitiveDict(headers)
    if data or method not in ("GET", "HEAD"):
        prepared.headers["Content-Length"] = str(len(data or b""))
    return prepared


class _How(NamedTuple):
    """How one request is sent; None is for what the policy of the session says."""

    authenticated: bool
    stream: bool
    tries: int | None
    read_timeout: float | None


class _Exchange:
    """One request on its way to its final answer: how often it failed, and since when it is under way."""

    def __init__(
        self,
        session: Session,
        method: str,
        headers: Mapping[str, str],
        body: Body,
        how: _How,
    ) -> None:
        self.session, self.method, self.headers, self.body = session, method, headers, body
        self.how = how
        self.tries = session.policy.tries if how.tries is None else how.tries
        self.failures = 0
        self.started = time.monotonic()
        self.hops = 0
        self.refused = False

    def run(self, url: str, params: Mapping[str, Any] | None) -> requests.Response:
        history: list[requests.Response] = []
        prepared = self.session.prepare(self.method, url, params, self.body, self.headers)
        while True:
            try:
                response = self.session.send(
                    prepared,
                    authenticated=self.how.authenticated,
                    stream=self.how.stream,
                    read_timeout=self.how.read_timeout,
                )
                if not self.how.stream and response.status_code < 300:
                    answers.read(response)  # here, so that an answer that breaks off is asked for again
            except requests.RequestException as error:
                self._after_failure(error, prepared.url or url)
                continue
            if response.status_code in REDIRECTS and "Location" in response.headers:
                answers.release(response)
                target = self._target(response)
                if target is None:
                    response.history = history
                    return response
                history.append(response)
                if is_plain(target):
                    prepared = _redirected(prepared, target)
                else:
                    headers = {name: one for name, one in self.headers.items() if name.lower() != "authorization"}
                    prepared = self.session.prepare(self.method, target, None, self.body, headers)
            elif self._tries_again(response):
                continue
            elif response.status_code >= 400:
                raise self._error(response)
            else:
                response.history = history
                return response

    def _tries_again(self, response: requests.Response) -> bool:
        """Tell whether the request is worth sending again after an answer, once any wait is over."""
        if response.status_code == 401:
            return self._has_another_token(response)
        return response.status_code in self.session.transient and self._repeats(response)

    def _error(self, response: requests.Response) -> ServiceError:
        error = service_error(response, answers.problem_of(response))
        if error.code == 401 and "Authorization" in response.request.headers:
            advice = self.session._advice() if self.session._advice else None
            error.hint = answers.about_clocks(response) or advice or error.hint
        return error

    def _has_another_token(self, response: requests.Response) -> bool:
        """Tell whether the token of a request that was refused could be renewed; asked once a request."""
        sent = response.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.refused or not sent:
            return False
        self.refused = True
        answers.problem_of(response)  # frees the connection; the error can still tell it
        return self.session.renewed(sent)

    def _after_failure(self, error: requests.RequestException, url: str) -> None:
        """Wait before the next try, or raise NetworkError if there is none."""
        self.failures += 1
        text = answers.explain(error, url, self.session.policy)
        # A connection that was never made carried nothing, so even a POST may be sent again.
        unsent = answers.was_never_sent(error)
        # Refused and unknown hosts seldom come back within seconds: fewer tries, so that a typo is told soon.
        tries = min(self.tries, 3) if unsent else self.tries
        hopeless = isinstance(error, (requests.exceptions.SSLError, requests.exceptions.InvalidURL))
        if hopeless or self.failures >= tries or not (unsent or self.method in IDEMPOTENT):
            raise NetworkError(text, hint=answers.hint(error) or self.session.hint) from error
        wait = self.session.policy.wait(self.failures)
        count = f"{self.failures} of {tries - 1}"
        level = logging.INFO if self.session.is_news((urls.origin(url), count)) else logging.DEBUG
        log.logger().log(level, "%s; trying again in %.1f s (%s)", text, wait, count)
        self.session.wait(wait)

    def _repeats(self, response: requests.Response) -> bool:
        """Wait and tell whether to try again after a transient status; the service's Retry-After is its consent."""
        asked = answers.retry_after(response)
        if asked is None and self.method not in IDEMPOTENT:
            return False
        self.failures += 1
        if self.failures >= self.tries:
            return False
        wait = self.session.policy.wait(self.failures) if asked is None else asked
        self._patiently(response, wait, f"the service answered {response.status_code}")
        return True

    def _target(self, response: requests.Response) -> str | None:
        """Return where a redirect leads, after the wait it asks for; None if it is no http URL."""
        target = redirect_target(response.url, response.headers["Location"])
        if target is None:
            return None
        if self.method not in ("GET", "HEAD") and not self._may_follow(response, target):
            raise HCAError(f"the service redirects a {self.method} to {target}; that is not followed")
        asked = answers.retry_after(response)
        # A wait of next to nothing is no wait: a service that asks for it again and again goes in a circle too.
        self.hops = 0 if asked and asked >= LEAST_WAIT else self.hops + 1
        if self.hops > MOST_HOPS:
            raise NetworkError(f"{response.url} redirects in a circle")
        if asked:
            self._patiently(response, asked, "the service is preparing the data")
        return target

    def _may_follow(self, response: requests.Response, target: str) -> bool:
        """Tell whether a request that may change something can be sent to `target`, with its body.

        With 303 too, if it leads back to where it was sent: so services say "not yet, once more".
        """
        if target == response.url and self.method in IDEMPOTENT:
            return True
        return response.status_code in (307, 308) and urls.origin(target) == urls.origin(response.url)

    def _patiently(self, response: requests.Response, seconds: float, why: str) -> None:
        answers.release(response)  # others may use the connection meanwhile
        # A little more than asked, so that many clients do not come back in the same instant; never less.
        seconds += random.uniform(0, min(1.0, 0.1 * seconds))  # noqa: S311
        if time.monotonic() - self.started + seconds > self.session.policy.patience:
            raise NetworkError(f"{why}, and asks for more waiting than {self.session.policy.patience:g} s in all")
        if seconds >= 1 and self.session.is_news((urls.origin(response.url), why)):
            log.logger().info("%s; waiting %.0f s", why, seconds)
        self.session.wait(seconds)


def is_plain(url: str) -> bool:
    """Tell whether all readers read `url` alike. Another must be spelled out anew: what is checked is what is asked."""
    return _PLAIN_URL.fullmatch(url) is not None


def redirect_target(base: str, location: str) -> str | None:
    """Return where a redirect from `base` to `location` leads; None if that is no http URL.

    Raises HCAError for what is no URL at all, and for one that leads from https to http.
    """
    try:
        target = urljoin(base, location)
        urls.origin(target)
    except ValueError as error:
        raise HCAError(f"the service redirects to {location!r}, which is no URL") from error
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        return None
    if scheme == "http" and urlsplit(base).scheme == "https":
        raise HCAError(f"the service redirects from https to {target}; that is not followed")
    return target


def _redirected(prepared: requests.PreparedRequest, target: str) -> requests.PreparedRequest:
    """Return the same request to `target`, without a token: `send` adds it where it belongs.

    urllib3 encodes what a URL can't hold; to prepare all anew would take a tenth of the time of a small file.
    """
    again = requests.PreparedRequest()
    again.method, again.url, again.body = prepared.method, target, prepared.body
    again.headers = prepared.headers.copy()
    again.headers.pop("Authorization", None)
    again.hooks = prepared.hooks
    return again


@lru_cache(maxsize=64)
def _is_this_machine(netloc: str) -> bool:
    return urls.is_loopback(f"http://{netloc}")
