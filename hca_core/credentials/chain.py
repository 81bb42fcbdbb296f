"""Where a token for a service is looked for, in this order; the first that has one wins.

1. `HCA_<NAME>_TOKEN` for one service, `HCA_TOKEN` for all, `HCA_TOKEN_FILE`, a file that is read anew each time.
2. Providers that plugins add under the entry point `hca.credentials`, in the order of their names.
3. The service account in `GOOGLE_APPLICATION_CREDENTIALS`, where the service's section has `service_account`.
4. What login keeps for the service's host, renewed when it has run out.
5. `HCA_CREDENTIALS_FILE`, which somebody else keeps; `hca local env` names the one of its deployment.
6. Google's application-default credentials, where the service's section has `google_default_credentials`; the last,
   because to ask for them may take seconds.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import discover, log
from hca_core.credentials import claims, entries, logins
from hca_core.credentials.values import DEFAULT_PROFILE, Credential
from hca_core.errors import ConfigError, NetworkError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.credentials.entries import Entry
    from hca_core.credentials.values import Need


class Source(NamedTuple):
    """One place where a token may be: a short name for people, and what asks it."""

    name: str
    ask: Callable[[Need], Credential | None]


def find(need: Need) -> tuple[Source, Credential] | None:
    """Return the token for `need` and its source, or None if no source has one.

    Raises HCAError if a source can't be used.
    """
    return next(((source, found) for source, found in look(need) if found is not None), None)


def look(need: Need) -> Iterator[tuple[Source, Credential | None]]:
    """Yield each source and what it has, in the order of the chain; a source is asked when its turn has come.

    Raises HCAError if one can't be used: to go on with another identity than the one that was meant would be worse.
    """
    for source in sources(need):
        found = source.ask(need)
        if found is not None:
            log.hide(found.token)
        yield source, found


def sources(need: Need) -> list[Source]:
    """Return the sources of the chain in their order."""
    return [
        Source(f"HCA_{need.service.upper()}_TOKEN", lambda need: _variable(f"HCA_{need.service.upper()}_TOKEN")),
        Source("HCA_TOKEN", lambda need: _variable("HCA_TOKEN")),
        Source("HCA_TOKEN_FILE", _token_file),
        *(Source(f"plugin {name}", _plugin(name)) for name in sorted(discover.installed(discover.CREDENTIALS))),
        Source("service account", _service_account),
        Source("login", _login),
        Source("HCA_CREDENTIALS_FILE", _given),
        Source("Google default", _google_default),
    ]


def _variable(name: str) -> Credential | None:
    token = os.environ.get(name, "").strip()
    return _described(token, name) if token else None


def _token_file(need: Need) -> Credential | None:
    path = os.environ.get("HCA_TOKEN_FILE", "")
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as stream:
            token = stream.read(1 << 20).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path} can't be read: {reason}; HCA_TOKEN_FILE names it") from error
    if not token:
        raise ConfigError(
            f"{path} is empty; HCA_TOKEN_FILE names it", hint="put a token into it, or unset the variable"
        )
    return _described(token, f"HCA_TOKEN_FILE ({path})")


def _plugin(name: str) -> Callable[[Need], Credential | None]:
    """Return what asks the provider `name` of a plugin."""

    def ask(need: Need) -> Credential | None:
        from hca_core import plugins

        found = plugins.call(discover.CREDENTIALS, name, need)
        if found is None or (isinstance(found, Credential) and _is_sound(found)):
            return found
        kind = type(found).__name__
        raise PluginError(f"the credential provider {name!r} answers with {kind}, not a Credential of texts")

    return ask


def _is_sound(found: Credential) -> bool:
    texts = (found.token, found.source, found.account)
    ends = found.expires_at
    return all(isinstance(one, str) for one in texts) and (ends is None or claims.is_moment(ends))


def _service_account(need: Need) -> Credential | None:
    if not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or not need.settings.get("service_account"):
        return None  # without loading what signs
    from hca_core.credentials import google

    return google.service_account(need)


def _google_default(need: Need) -> Credential | None:
    if not need.settings.get("google_default_credentials"):
        return None
    from hca_core.credentials import google

    return google.default_credentials(need)


def _login(need: Need) -> Credential | None:
    entry = logins.find(need.url, need.profile)
    if entry is None:
        return None
    if need.rejected == entry.access_token or logins.is_nearly_expired(entry):
        try:
            renewed = logins.renewed(need.url, need.profile, entry.access_token)
        except NetworkError as error:
            if need.rejected or entry.expires_at <= time.time():
                raise
            log.logger().debug("%s; the login is good for a little longer", error.message)
            renewed = entry
        if renewed is None:
            return None
        entry = renewed
    return _of_entry(entry, "login" if need.profile == DEFAULT_PROFILE else f"login, profile {need.profile}")


def _given(need: Need) -> Credential | None:
    path = os.environ.get("HCA_CREDENTIALS_FILE", "")
    entry = entries.find(path, need.url, need.profile) if path else None
    return _of_entry(entry, "HCA_CREDENTIALS_FILE") if entry and entry.access_token else None


def _of_entry(entry: Entry, source: str) -> Credential:
    token = entry.access_token
    return Credential(token, source, entry.expires_at or claims.expiry(token), entry.account or claims.account(token))


def _described(token: str, source: str) -> Credential:
    return Credential(token, source, claims.expiry(token), claims.account(token))


def watched(service: str) -> tuple[Any, ...]:
    """Return what the answer of the chain depends on and can be had for nothing: while it is equal, so is the answer.

    What plugins and Google answer is good until it runs out.
    """
    names = ("HCA_TOKEN", f"HCA_{service.upper()}_TOKEN", "HCA_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS")
    files = (entries.path(), os.environ.get("HCA_CREDENTIALS_FILE"), os.environ.get("HCA_TOKEN_FILE"))
    return (*(os.environ.get(name) for name in names), *files, *(_state(path) for path in files))


def _state(path: str | None) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path) if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found else None
