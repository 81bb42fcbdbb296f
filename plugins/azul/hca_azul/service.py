"""AzulService: every request that is sent to the service itself; bytes come by the engine of downloads."""

from __future__ import annotations

import re
import threading
import time
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from hca_azul import config as configuration
from hca_azul import errors
from hca_azul.pacing import Pacing
from hca_azul.resolve.signed import Remembered
from hca_core import answers, http, log, urls
from hca_core.credentials import bearer
from hca_core.errors import HCAError, NetworkError, NotFoundError, ServiceError, UsageError, one_line
from hca_core.service import policy_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from hca_azul.config import Place
    from hca_core.config import HCAConfig

    Params = Mapping[str, Any]

# Of 500 the service tells nothing: a filter's value that it can't use, or a moment's trouble (contract §0.9).
_TRANSIENT = frozenset({429, 502, 503, 504})
_FAILED_TRIES = 2
_IF_REFUSED = "give another one: those of Google last an hour"
_LOOK_SECONDS = 0.1
_URL = "--service-url, HCA_AZUL_URL"  # what says where the service is
# What the service takes for the name of a catalog (contract §1).
_CATALOG = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# The gateway allows 8,192 characters of URL, and 10,240 bytes with headers, of which a token may have 2,000 (§1).
_LONGEST_URL = 7500


class Located(NamedTuple):
    """Where the service says that something is: its `url`, and the `document` that said so."""

    url: str
    document: dict[str, Any]


class AzulService:
    """An Azul service; may be used by several threads.

    Parameters: `token` beats what the credentials of the core have; `catalog` is the one that is asked, the service's
    default one if None. Unless told otherwise the methods raise AzulApiError for an answer that is an error
    (hca_azul.errors has its kinds), NetworkError, and UsageError for http to a foreign host that is not allowed.
    """

    def __init__(
        self,
        place: Place,
        settings: HCAConfig,
        *,
        catalog: str | None = None,
        token: str | None = None,
        **policy: Any,
    ) -> None:
        self.place = place
        self.url = place.url
        self.config = settings
        self.pacing = Pacing(place.requests_per_minute)
        self.remembered = Remembered()  # signed URLs
        self.wrong_bytes = count()  # files with wrong bytes in this download, of which some are told
        self._given = token
        self._carries, self._known_at = False, -_LOOK_SECONDS
        self._asked_catalog = catalog
        self._lock = threading.Lock()
        if token:
            log.hide(token)
        self.need = bearer.need(configuration.SECTION, place.url, configuration.SECTION, settings)
        self.bearer = bearer.Bearer(self.need)
        self.policy = policy_from(settings, configuration.SECTION, policy)
        self.session = http.Session(
            self.policy,
            token=self._token,
            renewed=None if token else self.bearer.renewed,
            advice=(lambda: _IF_REFUSED) if token else self.bearer.advice,
            token_origin=place.url,
            transient=_TRANSIENT,
            allow_http=place.allow_http,
            hint=f"check the network and the URL ({_URL})",
            service=configuration.SECTION,
        )

    @cached_property
    def storage(self) -> http.Session:
        """The session for mirrors and storage: without a login, whatever they are asked."""
        # Plain http is for a stand-in on this machine, or where the user allowed it for the service.
        return http.Session(self.policy, allow_http=self.place.allow_http, service=configuration.SECTION)

    def close(self) -> None:
        """Close all connections."""
        self.session.close()
        if "storage" in self.__dict__:
            self.storage.close()

    @property
    def is_authenticated(self) -> bool:
        """Whether requests carry a token. Raises HCAError if a source of tokens can't be used."""
        return bool(self._given) or self.bearer.credential() is not None

    def carries_token(self) -> bool:
        """Tell what `is_authenticated` does, or did a moment ago: downloads ask that for each file. Raises HCAError."""
        now = time.monotonic()
        if now - self._known_at >= _LOOK_SECONDS:
            self._carries, self._known_at = self.is_authenticated, now
        return self._carries

    @property
    def catalog(self) -> str:
        """The catalog that is asked: the one given or configured, else the service's default, asked for once."""
        return self._catalog

    @property
    def named_catalog(self) -> str | None:
        """The catalog that was given or configured, None where the service's default one is meant.

        Raises NotFoundError for what can't be the name of one.
        """
        given = self._asked_catalog or self.config.lookup(f"{configuration.SECTION}.catalog")
        if given and not _CATALOG.fullmatch(str(given)):
            lower = str(given).lower()
            like = f": did you mean {lower!r}?" if _CATALOG.fullmatch(lower) else ""
            raise NotFoundError(
                f"there is no catalog {one_line(str(given))!r}{like}", hint="hca azul get-catalogs lists them"
            )
        return str(given) if given else None

    @cached_property
    def _catalog(self) -> str:
        given = self.named_catalog
        with self._lock:
            return given or str(self.catalogs["default_catalog"])

    @cached_property
    def catalogs(self) -> dict[str, Any]:
        """What `GET /index/catalogs` answers (contract §2), asked for once."""
        document: dict[str, Any] = self.json("GET", "index", "catalogs", keys=("default_catalog", "catalogs"))
        return document

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """How the service describes itself (contract §1), asked for once."""
        try:
            document: dict[str, Any] = self.json("GET", "openapi")
        except errors.AzulApiError as error:
            if error.status not in (403, 404):
                raise
            # Where versions of 2026 have it; a path that is unknown is refused (contract §0.11).
            document = self.json("GET", "openapi.json")
        return document

    def json(
        self,
        method: str,
        *segments: str,
        params: Params | None = None,
        body: Any = None,
        keys: tuple[str, ...] = (),
    ) -> Any:
        """Send a request to the path of `segments` and return its JSON object, which must have the `keys`."""
        answer = self.send(method, self.url_of(*segments, params=params), body)
        try:
            document = answers.decode_json(answer)
        except NetworkError:
            raise
        except HCAError as error:
            raise errors.AzulError(error.message, hint=f"check the URL ({_URL})") from error
        if not isinstance(document, dict) or not all(key in document for key in keys):
            raise errors.AzulError(f"{self.url} does not answer as Azul does", hint=f"check the URL ({_URL})")
        return document

    def entity(self, entity_type: str, uuid: str, *, catalog: str | None = None) -> dict[str, Any]:
        """Return what the index has of one entity (contract §6), in the catalog that is asked if none is named.

        Raises AzulNotFoundError if there is none.
        """
        asked = catalog or self.catalog
        try:
            found: dict[str, Any] = self.json(
                "GET", "index", entity_type, uuid, params={"catalog": asked}, keys=("entryId",)
            )
        except errors.AzulNotFoundError as error:
            if asked not in self.catalogs["catalogs"]:
                raise
            raise errors.AzulNotFoundError(
                f"catalog {asked} has nothing with the id {uuid} among its {entity_type}",
                error.status,
                error.reason,
                error.hint or f"hca azul get-entities {entity_type} lists what there is",
            ) from error
        return found

    def filtered(
        self,
        *segments: str,
        filters: str,
        params: Params,
        method: str = "GET",
        keys: Any = (),
        is_posted: bool = True,
    ) -> Any:
        """Do what `json` does for a path that takes `filters` (JSON text), whatever their length.

        What is too long for a URL is sent by POST, with all but the filters in the query: the service heeds other
        parameters of a body only if the query has one (contract §0.3). Raises UsageError for it where the path takes
        no POST (not `is_posted`).
        """
        whole = {**params, "filters": filters}
        if len(self.url_of(*segments, params=whole)) <= _LONGEST_URL:
            return self.json(method, *segments, params=whole, keys=keys)
        if not is_posted:
            raise UsageError(
                f"these filters have {len(filters):,} characters, which is too long a question for the service",
                hint="hca azul get-facets counts files for filters of any length; or ask in several parts",
            )
        method = "POST" if method == "GET" else method
        return self.json(method, *segments, params=params, body={"filters": filters}, keys=keys)

    def send(self, method: str, url: str, body: Any = None, *, stream: bool = False) -> Response:
        """Send a request to a URL of the service and return the answer; waits where the service wants that.

        `stream`: the body is not read yet, for who does not know how large it is.
        """
        self.check_own(url)
        known = self.is_authenticated
        self.wait_for_turn()
        failures = 0
        while True:
            try:
                return self.session.request(method, url, json=body, authenticated=known, stream=stream)
            except ServiceError as error:
                failures += 1
                if error.code != 500 or failures > _FAILED_TRIES:
                    raise errors.told(error, authenticated=known) from error
            self.session.wait(self.session.policy.wait(failures))

    def wait_for_turn(self) -> None:
        """Wait until the service may be asked once more."""
        who = object()
        while wait := self.pacing.wait_for(who):
            self.session.wait(wait)

    def is_own(self, url: str) -> bool:
        """Tell whether `url` has the scheme, host and port of the service."""
        try:
            return urls.origin(url) == urls.origin(self.url)
        except ValueError:
            return False

    def check_own(self, url: str) -> None:
        """Raise AzulError unless `url` is one of the service itself: links in answers are not to be trusted."""
        if not self.is_own(url):
            raise errors.AzulError(
                f"the service at {self.url} leads to {url.partition('?')[0]!r}, which is not its own",
                hint="nothing was sent there; please tell those who run the service",
            )

    def url_of(self, *segments: str, params: Params | None = None) -> str:
        """Return the URL of a path; each segment and each parameter is encoded. Parameters that are None are left out.

        Raises HCAError for a segment that would be another path.
        """
        for segment in segments:
            if segment in ("", ".", ".."):
                raise HCAError(f"{segment!r} can't be a part of an address")
        query = urlencode([(key, _spelled(value)) for key, value in (params or {}).items() if value is not None])
        path = "/".join(quote(segment, safe="", errors="surrogateescape") for segment in segments)
        return f"{self.url}/{path}" + (f"?{query}" if query else "")

    def _token(self) -> str:
        return self._given or self.bearer()


def _spelled(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
