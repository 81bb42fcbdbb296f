"""The identity provider of a service: where it sends people to log in, and what it knows this program as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_core import urls
from hca_core.errors import ConfigError, LoginError, ServiceNotFoundError, ServiceRefusedError
from hca_core.oauth import documents

if TYPE_CHECKING:
    from hca_core import http

APPLICATION_SECRETS = "/internal/application_secrets"
DISCOVERY = "/.well-known/openid-configuration"
DEFAULT_CLIENT = "hca-cli"
DEFAULT_SCOPES = ("openid", "email", "offline_access")
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
)
_TEXTS = ("client_id", "client_secret", "issuer", "audience", *_ENDPOINTS)
_HINT = "log in with --access-token TOKEN, or name the endpoints in the oauth part of the service's configuration"
# Characters of a URL (RFC 3986 §2) that every reader takes for the same; a backslash is a slash to browsers only.
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]{1,2048}")
_SCOPE = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 §3.3


@dataclass(frozen=True)
class Provider:
    """The identity provider of one service, as a client of it sees it.

    Endpoints that it does not have are empty. `issuer` is empty where nothing told it: then the issuer of what comes
    from the provider can't be compared. `audience` is asked for in addition to what OAuth 2.0 knows.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    revocation_endpoint: str = ""
    device_authorization_endpoint: str = ""
    audience: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES


def of_service(url: str, settings: Mapping[str, Any], session: http.Session) -> Provider:
    """Return the provider of the service at `url`.

    `settings` is the service's section of the configuration: what its `oauth` part says beats everything, and what
    that leaves open is asked for, at the service and then at the host that the service names for logins.
    Raises ConfigError for settings that can't be used, LoginError if the service offers no login or an unsafe one,
    NetworkError.
    """
    if not _is_plain(url):
        raise ConfigError(f"{documents.said(url)!r} is no URL of a service")
    base = root(url)
    own = _settings(settings)
    for name in _ENDPOINTS:
        if own.get(name):
            checked_endpoint(own[name], name, base)
    complete = bool(own.get("authorization_endpoint") and own.get("token_endpoint"))
    # A service that is not needed for any answer is not asked.
    needs_no_secrets = bool(own.get("client_id") and (complete or own.get("issuer")))
    secrets = {} if needs_no_secrets else _application_secrets(base, session)
    found = {} if complete else _discovered(base, own, secrets, session)
    # The issuer as it calls itself: tokens are compared with that letter by letter.
    issuer = found.get("issuer") or own.get("issuer", "")
    known = {"client_id": DEFAULT_CLIENT, **found, **secrets, **own, "issuer": issuer}
    if not (known.get("authorization_endpoint") and known.get("token_endpoint")):
        raise LoginError(f"{base} does not tell how to log in to it", hint=_HINT)
    return Provider(**known)


def root(url: str) -> str:
    """Return scheme, host and port of `url` as the URL that everything on that host begins with."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def checked_endpoint(url: str, name: str, service: str) -> str:
    """Return `url`, the `name` of the provider of `service`, if a login may go there.

    That is https; or http, but only on this machine for a service on this machine. Nothing on this machine is for a
    service elsewhere: that could ask whatever happens to listen here. Raises LoginError.
    """
    shown = f"the {name} for {service}, {documents.said(url)!r},"
    if not _is_plain(url):
        raise LoginError(f"{shown} is no plain URL", hint=_HINT)
    here = urls.is_loopback(url)
    if here and not urls.is_loopback(service):
        raise LoginError(f"{shown} is on this machine, but the service is not", hint=_HINT)
    if urlsplit(url).scheme != "https" and not (here and urlsplit(url).scheme == "http"):
        raise LoginError(f"{shown} is not https", hint=_HINT)
    return url


def _is_plain(url: str) -> bool:
    """Tell whether a URL has a host and a port that can be one, and neither a user (RFC 3986 §7.6) nor a fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return bool(_PLAIN.fullmatch(url) and parts.hostname and port != 0 and "@" not in parts.netloc and "#" not in url)


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the `oauth` part of a service's configuration says. Raises ConfigError."""
    given = settings.get("oauth")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"oauth is {given!r}, but must be an object with {', '.join(_TEXTS)} and scopes")
    if unknown := sorted(map(str, set(given) - {*_TEXTS, "scopes"})):
        raise ConfigError(f"oauth has an unknown entry {unknown[0]!r}; known: {', '.join(_TEXTS)}, scopes")
    for name in _TEXTS:
        if not isinstance(given.get(name, ""), str):
            raise ConfigError(f"oauth.{name} must be text")
    own: dict[str, Any] = {name: given[name] for name in _TEXTS if given.get(name)}
    if own.get("issuer") and not _is_plain(own["issuer"]):
        raise ConfigError(f"oauth.issuer is {own['issuer']!r}, but must be a URL")
    if "scopes" in given:
        own["scopes"] = _scopes(given["scopes"])
    return own


def _scopes(given: object) -> tuple[str, ...]:
    scopes = given.split() if isinstance(given, str) else given
    if not isinstance(scopes, (list, tuple)) or not scopes:
        raise ConfigError("oauth.scopes must be a list of words")
    if not all(isinstance(one, str) and _SCOPE.fullmatch(one) for one in scopes):
        raise ConfigError("oauth.scopes must be a list of words, each of visible ASCII characters")
    return tuple(scopes)


def _fetched(url: str, session: http.Session) -> dict[str, Any] | None:
    """Return the document at `url`, None if the host has none there. Raises LoginError, NetworkError."""
    try:
        response = session.request("GET", url, headers={"Accept": "application/json"})
    except ServiceNotFoundError:
        return None
    except ServiceRefusedError as error:  # its own hint is to log in
        raise LoginError(f"{url} can't be read without a login", hint=_HINT) from error
    return documents.decoded(response.content, url)


def _application_secrets(base: str, session: http.Session) -> dict[str, str]:
    """Return what the service at `base` tells applications on people's machines; empty if it tells nothing."""
    where = base + APPLICATION_SECRETS
    document = _fetched(where, session)
    if document is None:
        return {}
    installed = document.get("installed")
    if not isinstance(installed, dict):
        raise LoginError(f"{where} has no object 'installed'", hint=_HINT)
    names = {
        "client_id": "client_id",
        "client_secret": "client_secret",
        "auth_uri": "authorization_endpoint",
        "token_uri": "token_endpoint",
    }
    found = {ours: documents.text(installed, theirs, where) for theirs, ours in names.items()}
    if not found["client_id"]:
        raise LoginError(f"{where} has no client_id", hint=_HINT)
    return _checked({name: value for name, value in found.items() if value}, base)


def _discovered(base: str, own: Mapping[str, Any], secrets: Mapping[str, str], session: http.Session) -> dict[str, str]:
    """Return what the provider's discovery document tells; empty if there is none."""
    endpoint = own.get("authorization_endpoint") or secrets.get("authorization_endpoint")
    asked = root(endpoint) if endpoint else str(own.get("issuer", base)).rstrip("/")
    where = checked_endpoint(asked, "issuer", base) + DISCOVERY
    document = _fetched(where, session)
    if document is None:
        return {}
    issuer = documents.text(document, "issuer", where)
    if not _is_issuer(issuer, asked, own.get("issuer", "")):
        raise LoginError(
            f"{where} is about another issuer, {documents.said(issuer)!r}",
            hint="if that is right, set oauth.issuer to it in the service's section of the configuration",
        )
    found = {name: documents.text(document, name, where) for name in _ENDPOINTS}
    return {"issuer": issuer} | _checked({name: value for name, value in found.items() if value}, base)


def _is_issuer(issuer: str, asked: str, expected: str) -> bool:
    """Tell whether a document asked for at `asked` may be about `issuer` (RFC 8414 §3.3, but any path will do)."""
    if expected:
        return issuer.rstrip("/") == expected.rstrip("/")
    return _is_plain(issuer) and urls.origin(issuer) == urls.origin(asked)


def _checked(found: dict[str, str], base: str) -> dict[str, str]:
    for name in _ENDPOINTS:
        if name in found:
            checked_endpoint(found[name], name, base)
    return found
