"""The login that older clients kept in the configuration: `oauth2_token`, beside the `application_secrets` it needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hca_core import log, paths
from hca_core.config import change_user_file, read_file
from hca_core.credentials import claims, entries
from hca_core.credentials.entries import Entry
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_core.errors import ConfigError, HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN, _SECRETS = "oauth2_token", "application_secrets"


def move() -> None:
    """Move what an older client kept in the user's own configuration to the file of logins.

    It was one token for all services, and goes to the hosts that they had: those which the same file names. What is
    kept for a host already stays. A file that can't be written keeps it, and is read where it is. Raises ConfigError.
    """
    file = paths.config_file()
    document = read_file(file) or {}
    logins = list(_entries(document))
    if not logins:
        return
    try:
        for url, entry in logins:
            if entries.find(entries.path(), url, DEFAULT_PROFILE) is None:
                entries.keep(url, DEFAULT_PROFILE, entry)
        change_user_file(_without_login)
    except ConfigError as error:
        log.logger().warning("the login in %s can't be moved to %s: %s", file, entries.path(), error)
    else:
        log.logger().info("the login that was kept in %s is in %s now", file, entries.path())


def _without_login(document: dict[str, Any]) -> None:
    for name in (_TOKEN, _SECRETS):
        document.pop(name, None)


def find(url: str) -> Entry | None:
    """Return what a configuration file that can't be changed, or must not be, keeps for the host of `url`."""
    others = filter(None, os.environ.get("HCA_CONFIG_FILE", "").split(os.pathsep))
    for file in (*reversed([os.path.expanduser(one) for one in others]), paths.config_file()):
        try:
            document = read_file(file) or {}
        except ConfigError:
            continue  # who reads the configuration is told of it
        for found, entry in _entries(document):
            if entries.host_of(found) == entries.host_of(url):
                return entry
    return None


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """Yield URL and login of each service in a configuration file of an older client."""
    token = document.get(_TOKEN)
    if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
        return
    secrets = document.get(_SECRETS)
    installed = secrets.get("installed") if isinstance(secrets, dict) else None
    given = installed if isinstance(installed, dict) else {}
    entry = Entry(
        access_token=token["access_token"],
        refresh_token=_text(token, "refresh_token"),
        id_token=_text(token, "id_token"),
        # "-1" is what it wrote for every token; the token itself knows better.
        expires_at=claims.expiry(token["access_token"]) or 0.0,
        token_endpoint=_text(given, "token_uri"),
        client_id=_text(given, "client_id"),
        client_secret=_text(given, "client_secret"),
        account=claims.account(token["access_token"]),
    )
    log.hide(*entry.secrets.values(), entry.client_secret)
    for url in _urls(document):
        yield url, entry


def _urls(document: Mapping[str, Any]) -> list[str]:
    """Return where the services of a configuration file are; the packaged places if it names none."""
    named = {name: value["swagger_url"] for name, value in document.items() if _has_url(name, value)}
    return list((named or _packaged()).values())


def _has_url(name: str, value: object) -> bool:
    return name.endswith("Client") and isinstance(value, dict) and isinstance(value.get("swagger_url"), str)


def _packaged() -> dict[str, str]:
    from hca_core import discover, plugins

    found: dict[str, str] = {}
    for service in discover.installed(discover.PLUGINS):
        try:
            sections = plugins.config_defaults(service)
        except HCAError:
            continue  # a plugin that can't be used has no login to save
        found |= {name: str(values["swagger_url"]) for name, values in sections.items() if _has_url(name, values)}
    return found


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""
