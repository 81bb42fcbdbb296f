"""Manifest jobs: the service is told to make a manifest, asked until it has one, and told again if it lost it."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from hca_azul.errors import AzulApiError, AzulError, AzulUnavailableError
from hca_core import answers, durations, log, urls
from hca_core.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.service import AzulService

_RUNNING, _DONE = (301, 307, 308), (302, 303)
# A failed job, a token that is not known any more, a manifest that is too old (contract §7).
_LOST = frozenset({400, 404, 410, 500})
_LEAST_WAIT = 0.1  # seconds between two questions, where the service names no wait
_LONGEST_WAIT = 60.0


class Order(NamedTuple):
    """What a manifest is to have: the files that `filters` (JSON text) select in a catalog, in a format."""

    filters: str
    format: str
    catalog: str


class Jobs:
    """The manifest jobs at one service; may be used by several threads.

    Two orders are never sent at the same time: the service would make what is in both twice (contract §20, 6850).
    """

    def __init__(self, service: AzulService) -> None:
        self.service = service
        self._ordering = threading.Lock()

    def finished(self, order: Order, timeout: float, waiting: Callable[[], None] = lambda: None) -> str:
        """Return the URL of a manifest, as soon as the service has made it.

        A job that the service lost is ordered once more: that joins one that runs, and gives what is there already.
        Parameters: `timeout` in seconds; `waiting` is called once before the first wait.
        Raises AzulUnavailableError if it takes longer, or fails twice; AzulApiError, NetworkError.
        """
        ends = time.monotonic() + timeout
        waiting = functools.cache(waiting)
        url = self._followed(order, ends, timeout, waiting)
        if url is None:
            log.logger("hca.azul").debug("the service lost the manifest job; ordering it once more")
            url = self._followed(order, ends, timeout, waiting)
        if url is None:
            raise AzulUnavailableError(
                "the service could not make the manifest",
                500,
                "failed",
                "ask for fewer files at once (one project, say), or try again later",
            )
        return url

    def _followed(self, order: Order, ends: float, timeout: float, waiting: Callable[[], None]) -> str | None:
        """Order a manifest and ask for it until it is there; None if the service lost the job."""
        document = self._ordered(order, ends)
        asked = self.service.url
        while True:
            status, location = document.get("Status"), document.get("Location")
            if status not in (*_RUNNING, *_DONE) or not isinstance(location, str):
                raise AzulError(
                    f"{self.service.url} does not tell where the manifest is", hint="check the URL (--service-url)"
                )
            location = self._address(asked, location)
            if status in _DONE:
                self._hide(location)
                return location
            self._wait(document, ends, timeout, waiting)
            try:
                document, asked = self._polled(location, ends), location
            except AzulApiError as error:
                if error.status not in _LOST:
                    raise
                return None

    def _ordered(self, order: Order, ends: float) -> dict[str, Any]:
        params = {"catalog": order.catalog, "format": order.format}
        with self._ordering:
            document: dict[str, Any] = self._patiently(
                lambda: self.service.filtered(
                    "fetch", "manifest", "files", filters=order.filters, params=params, method="PUT"
                ),
                ends,
            )
        return document

    def _polled(self, url: str, ends: float) -> dict[str, Any]:
        """Ask for a job; tokens of jobs, like logins, are for the service itself only: `send` sees to that."""
        response = self._patiently(lambda: self.service.send("GET", url, stream=True), ends)
        if urls.origin(response.url) != urls.origin(self.service.url):
            # A genuine redirect: this is the manifest itself, which is fetched another way.
            response.close()
            return {"Status": 302, "Location": response.url}
        document = answers.decode_json(response)
        return document if isinstance(document, dict) else {}

    def _patiently(self, ask: Callable[[], Any], ends: float) -> Any:
        """Ask, and go on for as long as there is time where the firewall counts too many requests (contract §0.12).

        The session waits as it is told, a few times; the firewall counts for longer than that.
        """
        pause = self.service.policy.most_wait
        while True:
            try:
                return ask()
            except AzulUnavailableError as error:
                if error.status != 429 or time.monotonic() + pause > ends:
                    raise
            self.service.session.wait(pause)

    def _wait(self, document: dict[str, Any], ends: float, timeout: float, waiting: Callable[[], None]) -> None:
        """Wait as a running job asks. Raises AzulUnavailableError if there is no time left for that."""
        told = document.get("Retry-After")
        seconds = float(told) if isinstance(told, (int, float)) and told > 0 else _LEAST_WAIT
        seconds = min(max(seconds, _LEAST_WAIT), _LONGEST_WAIT)
        if time.monotonic() + seconds > ends:
            raise AzulUnavailableError(
                f"the manifest was not ready within {durations.in_words(timeout)}",
                503,
                "not ready",
                "the service goes on making it: ask again later, or with more --timeout-seconds",
            )
        waiting()
        self.service.session.wait(seconds)

    def _address(self, asked: str, location: str) -> str:
        """Return where an answer of `asked` leads. Raises AzulError for what is no address that may be asked."""
        try:
            url = urljoin(asked, location)
            self.service.storage.check(url)
            urls.origin(url)
        except ValueError as error:
            raise AzulError(
                f"{self.service.url} says that the manifest is at {one_line(location)[:80]!r}, which can't be asked",
                hint="please tell those who run the service",
            ) from error
        return url

    @staticmethod
    def _hide(url: str) -> None:
        """Keep the key of a link out of logs: who knows it may have the manifest for seven days (contract §10)."""
        before, _, key = urlsplit(url).path.rpartition("/")
        if before.endswith("/manifest/files"):
            log.hide(key)
