"""Which Shock server is meant: its address, how tokens are sent to it, what the configuration says of it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from hca_core.config import HCAConfig

SECTION = "shock"
DEFAULT_PORT = 7445
DEFAULT_SCHEME = "OAuth"
# How the name and password of a person are kept where a token is: Shock servers may know people by these only.
BASIC = "basic:"


@dataclass(frozen=True)
class Profile:
    """A server: its name in the configuration (empty if it has none), its URL.

    `scheme` is the one that tokens are sent with, `allow_http` lets requests go to another machine unencrypted.
    """

    name: str
    url: str
    scheme: str = DEFAULT_SCHEME
    allow_http: bool = False


def profile(config: HCAConfig, url: str | None = None, server: str | None = None) -> Profile:
    """Return the server that is meant: the one at `url`, the one named `server`, else the configured one.

    Raises UsageError for an unknown name, ConfigError if none is configured.
    """
    if url and server:
        raise UsageError("a URL and the name of a server are given", hint="give one of them")
    if url:
        return _at(config, url)
    if server:
        return _named(config, server)
    configured = config.lookup(f"{SECTION}.url")
    if configured:
        return _at(config, str(configured))
    default = config.lookup(f"{SECTION}.server")
    if default:
        return _named(config, str(default))
    raise ConfigError(
        "no Shock server is chosen",
        hint="set HCA_SHOCK_URL, or 'hca config set shock.server NAME' (there are: "
        f"{', '.join(sorted(profiles(config)))}), or give --url or --server; 'hca local up' starts a server here",
    )


def profiles(config: HCAConfig) -> dict[str, Profile]:
    """Return the configured servers by their names. Raises ConfigError."""
    found = config.lookup(f"{SECTION}.servers", {})
    if not isinstance(found, dict):
        raise ConfigError(f"{SECTION}.servers is not a section of servers")
    return {name: _profile(name, settings) for name, settings in found.items()}


def base_url(text: str) -> str:
    """Return the base URL that somebody means by `text`: a URL, or a host, which gets http and Shock's own port.

    Raises UsageError if it is neither.
    """
    given = text.strip()
    url = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is not the URL of a server: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{text!r} is not the URL of a server", hint="it looks like http://HOST:7445")
    if parts.username is not None:
        raise UsageError("names and passwords don't belong into URLs", hint="use --user NAME, or hca shock login")
    port_added = f":{DEFAULT_PORT}" if port is None and parts.scheme == "http" else ""
    path = parts.path.rstrip("/").removesuffix("/node").rstrip("/")
    return f"{parts.scheme}://{parts.netloc.removesuffix(':')}{port_added}{path}"


def basic(name: str, password: str) -> str:
    """Return what is kept as the token for a name and a password. Raises UsageError for what Shock can't take."""
    if not name or ":" in name or ":" in password:
        # The server cuts a password at its next colon (contract §11).
        raise UsageError("a Shock server knows no empty names, and no colons in names and passwords")
    # Its decoder knows the alphabet for URLs only.
    return BASIC + base64.urlsafe_b64encode(f"{name}:{password}".encode()).decode()


def user_of(token: str) -> str:
    """Return the name in a token that `basic` has made; empty for any other."""
    try:
        return base64.urlsafe_b64decode(token.removeprefix(BASIC)).decode().partition(":")[0] if is_basic(token) else ""
    except (ValueError, binascii.Error):
        return ""


def secrets_of(token: str) -> list[str]:
    """Return what nobody should read of a token: of a name and a password the password too, however it is written."""
    if not is_basic(token):
        return [token]
    code = token.removeprefix(BASIC)
    try:
        return [token, code, base64.urlsafe_b64decode(code).decode().partition(":")[2]]
    except (ValueError, binascii.Error):
        return [token, code]


def is_basic(token: str) -> bool:
    """Tell whether a token is a name and a password."""
    return token.startswith(BASIC)


def authorization(scheme: str, token: str) -> str:
    """Return the Authorization header for a token."""
    return f"Basic {token.removeprefix(BASIC)}" if is_basic(token) else f"{scheme} {token}"


def _at(config: HCAConfig, text: str) -> Profile:
    """Return the server at a URL, with what is configured for it under any name."""
    url = base_url(text)
    known = next((one for one in profiles(config).values() if one.url == url), None)
    return known or Profile("", url, _scheme(config.lookup(SECTION, {})), bool(config.lookup(f"{SECTION}.allow_http")))


def _named(config: HCAConfig, name: str) -> Profile:
    known = profiles(config)
    if name not in known:
        raise UsageError(
            f"no Shock server {name!r} is configured",
            hint=f"there are: {', '.join(sorted(known))}; hca config set shock.servers.{name}.url URL adds it",
        )
    return known[name]


def _profile(name: str, settings: Any) -> Profile:
    if not isinstance(settings, dict) or not isinstance(settings.get("url"), str):
        raise ConfigError(f"{SECTION}.servers.{name} has no url", hint=f"hca config set shock.servers.{name}.url URL")
    return Profile(name, base_url(settings["url"]), _scheme(settings), bool(settings.get("allow_http")))


def _scheme(settings: Any) -> str:
    scheme = settings.get("scheme", DEFAULT_SCHEME) if isinstance(settings, dict) else DEFAULT_SCHEME
    if not isinstance(scheme, str) or not scheme.isascii() or not scheme.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"{scheme!r} can't be the scheme of an Authorization header", hint="OAuth, mgrast, bearer, …")
    return scheme
