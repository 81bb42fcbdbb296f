"""Server: every request that is sent to a Shock server."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hca_core import answers, http, log
from hca_core.credentials import bearer
from hca_core.errors import NetworkError, ServiceError, UsageError
from hca_core.service import policy_from
from hca_shock import changing, config, dialect, errors
from hca_shock.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from requests import Response

    from hca_core.config import HCAConfig
    from hca_core.credentials.values import Credential
    from hca_shock.config import Profile
    from hca_shock.forms import Form

    Params = Sequence[tuple[str, str | None]]

# The server's framework takes these for itself wherever they stand: `?method=DELETE` deletes (service contract §0.3).
RESERVED = frozenset({"method", "always200", "callback"})
_UNSENT_TRIES = 3
# What the server answers with 500 it will answer so again: it means an error of its own code (contract §1).
_TRANSIENT = frozenset({429, 502, 503, 504})
# It answers when a change is made, which for an archive or a file from elsewhere takes long, and first waits for a node
# that another request holds (contract §0.7).
_ANSWER_SECONDS = {"POST": 1800.0, "PUT": 600.0, "DELETE": 600.0}


class Server:
    """A Shock server; may be used by several threads.

    Parameters: `token` beats what the credentials of the core have. Unless told otherwise the methods raise
    ShockApiError for an answer that is an error (hca_shock.errors has its kinds), NetworkError, and UsageError for http
    to a foreign host that is not allowed.
    """

    def __init__(
        self, profile: Profile, settings: HCAConfig, *, token: str | None = None, connections: int = 64, **policy: Any
    ) -> None:
        self.profile = profile
        self.url = profile.url
        self._given = token
        log.hide(*config.secrets_of(token or ""))
        need = bearer.need(config.SECTION, profile.url, config.SECTION, settings)
        self.bearer = bearer.Bearer(need)
        self.need = need
        self.session = http.Session(
            policy_from(settings, config.SECTION, policy),
            token=self._token,
            token_origin=profile.url,
            authorization=partial(config.authorization, profile.scheme),
            transient=_TRANSIENT,
            allow_http=profile.allow_http,
            connections=connections,
            hint="check the network and the URL (--url, --server, HCA_SHOCK_URL; hca shock doctor)",
            service=config.SECTION,
        )

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    @property
    def credential(self) -> Credential | None:
        """The login that is used, None for an anonymous user. Raises HCAError if a source of tokens can't be used."""
        from hca_core.credentials.values import Credential

        if self._given:
            source = "--user" if config.is_basic(self._given) else "token"
            return Credential(self._given, source, None, config.user_of(self._given))
        found = self.bearer.credential()
        if found is not None and config.is_basic(found.token):
            log.hide(*config.secrets_of(found.token))
        return found

    def call(
        self,
        method: str,
        *segments: str,
        params: Params = (),
        form: Form | None = None,
        json: Any = None,
        once: bool = False,
    ) -> Any:
        """Send a request to the path of `segments` and return the `data` of its answer.

        Parameters: `once` is for a GET that changes something: it is not repeated when its answer is lost.
        """
        return self.envelope(method, *segments, params=params, form=form, json=json, once=once)["data"]

    def envelope(
        self,
        method: str,
        *segments: str,
        params: Params = (),
        form: Form | None = None,
        json: Any = None,
        once: bool = False,
    ) -> dict[str, Any]:
        """Do what `call` does, and return the whole answer; that of a page has `total_count`, `limit`, `offset`."""
        headers = {"Content-Type": form.content_type} if form is not None else {}
        body = {"data": form.body()} if form is not None else {"json": json} if json is not None else {}
        response = self._send(method, segments, params, headers, once=once, **body)
        document = answers.decode_json(response)
        if not isinstance(document, dict) or "status" not in document:
            raise errors.ShockError(
                f"{self.url} does not answer as a Shock server does", hint="check the URL: hca shock doctor"
            )
        self._check(document, method, segments)
        return {"data": None, **document}

    def node(self, node_id: str) -> Node:
        """Return a node. Raises ShockNotFoundError, ShockRefusedError."""
        return Node.parse(self.call("GET", "node", node_id))

    @contextmanager
    def stream(self, *segments: str, params: Params = ()) -> Iterator[Response]:
        """Give an answer whose body has not been read yet; closed at the end."""
        response = self.opened(*segments, params=params)
        try:
            yield response
        finally:
            response.close()

    def opened(self, *segments: str, params: Params = ()) -> Response:
        """Return an answer whose body has not been read yet; the caller closes it."""
        return self._send("GET", segments, params, {"Accept-Encoding": "identity"}, stream=True)

    def changing(self, node_id: str) -> AbstractContextManager[None]:
        """Hold the right to change a node, against all threads and processes of this machine."""
        return changing.changing(self.url, node_id)

    def resource(self) -> dict[str, Any]:
        """Return how the server describes itself (asked once)."""
        return self._resource

    @cached_property
    def _resource(self) -> dict[str, Any]:
        return self.fresh_resource()

    def fresh_resource(self) -> dict[str, Any]:
        """Return how the server describes itself now; its time and uptime change."""
        document = answers.decode_json(self._send("GET", ("",), (), {}))
        if not isinstance(document, dict):
            raise errors.ShockError(f"{self.url} does not answer as a Shock server does", hint="check the URL")
        return document

    @property
    def is_local(self) -> bool:
        """Whether this is a server of `hca local` that has none of the faults of the real one."""
        return dialect.is_local(self.resource())

    @property
    def is_blobstore(self) -> bool:
        """Whether this is the blobstore of KBase, which knows a part of Shock (service contract §12)."""
        return self.resource().get("servername") == "blobstore"

    def url_of(self, *segments: str, params: Params = ()) -> str:
        """Return the URL of a path; each segment and each parameter is encoded, so none can lead elsewhere.

        Raises UsageError for a segment that would be another path, and for a parameter that the server takes as an
        order to its framework.
        """
        for segment in segments[1:]:
            if segment in ("", ".", ".."):
                raise UsageError(f"{segment!r} can't be the id of a node, or a name")
        for key, _ in params:
            if key.lower() in RESERVED:
                raise UsageError(
                    f"{key!r} can't be asked for: the server would take it for an order to itself",
                    hint=f"ask for the attribute as attributes.{key}",
                )
        query = "&".join(
            _encoded(key) if value is None else f"{_encoded(key)}={_encoded(value)}" for key, value in params
        )
        return f"{self.url}/{'/'.join(map(_encoded, segments))}" + (f"?{query}" if query else "")

    def _send(
        self,
        method: str,
        segments: Sequence[str],
        params: Params,
        headers: dict[str, str],
        *,
        once: bool = False,
        **settings: Any,
    ) -> Response:
        url = self.url_of(*segments, params=params)
        known = self.credential is not None
        # What changes a node is sent again only if nothing of it can have arrived: who sends it looks what happened.
        reads = method in ("GET", "DELETE") and not once
        patience = _ANSWER_SECONDS["POST" if once else method] if once or method != "GET" else None
        attempt = 1
        while True:
            try:
                return self.session.request(
                    method,
                    url,
                    headers=headers,
                    authenticated=known,
                    tries=None if reads else 1,
                    read_timeout=patience,
                    **settings,
                )
            except ServiceError as error:
                missing = dialect.missing_address(self, method, segments, error.code)
                if missing is not None:
                    raise missing from error
                raise self.told(error, method, segments) from error
            except NetworkError as error:
                if reads or attempt == _UNSENT_TRIES or not was_never_sent(error):
                    raise
            self.session.wait(self.session.policy.wait(attempt))
            attempt += 1

    def _token(self) -> str:
        return self._given or self.bearer()

    def _check(self, document: dict[str, Any], method: str, segments: Sequence[str]) -> None:
        """Raise ShockApiError for an answer whose body tells an error, whatever its HTTP status (contract §0.3)."""
        status = document.get("status")
        told = document.get("error")
        if (isinstance(status, int) and status >= 400) or told:
            code = status if isinstance(status, int) and status >= 400 else 400
            raise errors.of(code, _text(told), f"{method} /{'/'.join(segments)}", self._advice())

    def told(self, error: ServiceError, method: str, segments: Sequence[str]) -> errors.ShockApiError:
        """Return what the server meant by an error."""
        details = error.details
        told = details.get("error") if isinstance(details, dict) else None
        # A page of HTML says less than the status.
        text = _text(told) if told else error.reason
        return errors.of(error.code, text, f"{method} /{'/'.join(segments)}", self._advice())

    def _advice(self) -> str | None:
        if self._given:
            return f"check the {'name and the password' if config.is_basic(self._given) else 'token'} that you gave"
        return self.bearer.advice()


def was_never_sent(error: NetworkError) -> bool:
    """Tell whether nothing of a request that failed can have reached the server."""
    import requests

    return isinstance(error.__cause__, requests.RequestException) and answers.was_never_sent(error.__cause__)


def _text(told: Any) -> str:
    return "; ".join(map(str, told)) if isinstance(told, list) else str(told or "")


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")
