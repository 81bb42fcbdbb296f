"""What is kept of a login: one entry a host and profile, in a file of its own that its owner alone can read."""

from __future__ import annotations

import errno
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from hca_core import files, locking, log, paths, urls
from hca_core.credentials import claims
from hca_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_HINT = "mend it or move it away; hca leaves it as it is"
_PATIENCE_SECONDS = 20.0  # for others who write the file; each takes milliseconds


@dataclass(frozen=True)
class Entry:
    """A login: its tokens, and what is needed to renew and to end it.

    `expires_at` is when the access token ends and `renew_at` when it is time for another, in seconds since 1970 by this
    machine's clock, 0 if not known; `in_keyring` tells that the tokens themselves are in the system's keyring.
    """

    access_token: str = ""
    refresh_token: str = ""
    id_token: str = ""
    expires_at: float = 0.0
    renew_at: float = 0.0
    token_endpoint: str = ""
    revocation_endpoint: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    account: str = ""
    in_keyring: bool = False

    def __repr__(self) -> str:
        return f"Entry(account={self.account!r}, expires_at={self.expires_at!r})"

    @property
    def secrets(self) -> dict[str, str]:
        """Those of the fields that let their reader in."""
        found = {name: str(getattr(self, name)) for name in SECRET_FIELDS}
        return {name: value for name, value in found.items() if value}

    def with_secrets(self, secrets: Mapping[str, str]) -> Entry:
        """Return this entry with `secrets` in place of those it has."""
        access, refresh, identity = (secrets.get(name, "") for name in SECRET_FIELDS)
        return replace(self, access_token=access, refresh_token=refresh, id_token=identity)


SECRET_FIELDS = ("access_token", "refresh_token", "id_token")
_KINDS = {field.name: type(field.default) for field in fields(Entry)}


def path() -> str:
    """Return the file that keeps logins; it need not exist."""
    return os.path.join(paths.config_dir(), "credentials.json")


def host_of(url: str) -> str:
    """Return scheme, host and port of `url` as text: the key of its entry."""
    scheme, host, port = urls.origin(url)
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + ("" if (scheme, port) in (("https", 443), ("http", 80)) else f":{port}")


def find(file: str, url: str, profile: str) -> Entry | None:
    """Return what `file` keeps for the host of `url` and `profile`, or None. Raises ConfigError if it is broken."""
    return read(file, profile).get(host_of(url))


def read(file: str, profile: str) -> dict[str, Entry]:
    """Return the entries of `profile` in `file` by host. Raises ConfigError if it is broken."""
    found = _profiles(_load(file)).get(profile, {})
    return {host: _entry(values) for host, values in found.items() if isinstance(values, dict)}


def profiles(file: str) -> list[str]:
    """Return the names of the profiles that have entries in `file`. Raises ConfigError if it is broken."""
    return [name for name, hosts in _profiles(_load(file)).items() if hosts]


def keep(url: str, profile: str, entry: Entry) -> None:
    """Keep `entry` for the host of `url` and `profile`, in place of what was there. Raises ConfigError."""
    change(url, profile, lambda there: entry)


def change(url: str, profile: str, make: Callable[[Entry | None], Entry | None]) -> bool:
    """Keep for the host of `url` and `profile` what `make` makes of what is there; None leaves that as it is.

    Nobody else changes it meanwhile. Returns whether it was changed. Raises ConfigError.
    """
    host = host_of(url)
    done: list[bool] = []

    def work(profiles: dict[str, dict[str, Any]]) -> None:
        there = profiles.get(profile, {}).get(host)
        made = make(_entry(there) if isinstance(there, dict) else None)
        if made is not None:
            profiles.setdefault(profile, {})[host] = _written(made)
            done.append(True)

    _change(work)
    return bool(done)


def check_writable() -> None:
    """Raise ConfigError if nothing can be kept; better known before somebody takes the trouble to log in."""
    try:
        with locked("credentials", _PATIENCE_SECONDS):
            _load(path())
            if not os.access(os.path.dirname(os.path.realpath(path())), os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ConfigError(f"{path()}: {error.strerror or error}; nothing could be stored") from error


def drop(url: str, profile: str) -> Entry | None:
    """Forget what is kept for the host of `url` and `profile`, and return it. Raises ConfigError."""
    if find(path(), url, profile) is None:
        return None
    dropped: dict[str, Any] = {}
    _change(lambda profiles: dropped.update(profiles.get(profile, {}).pop(host_of(url), {})))
    return _entry(dropped)


def document(entries: Mapping[str, Entry], profile: str) -> bytes:
    """Return the content of a file that keeps `entries` (by URL) for `profile`."""
    kept = {host_of(url): _written(entry) for url, entry in entries.items()}
    return (json.dumps({"profiles": {profile: kept}}, indent=2) + "\n").encode()


@contextmanager
def locked(name: str, patience: float) -> Iterator[None]:
    """Hold the lock `name` of this user's logins. Raises TimeoutError, and OSError if there can be no lock."""
    paths.make_private_dir(paths.config_dir())
    with locking.held(os.path.join(paths.config_dir(), f"{name}.lock"), patience):
        yield


def _change(change: Callable[[dict[str, dict[str, Any]]], object]) -> None:
    """Read the file, let `change` work on its profiles, and write it, while nobody else does. Raises ConfigError."""
    file = path()
    # A link (dotfiles kept elsewhere) stays one: what it points to is replaced.
    target = os.path.realpath(file)
    try:
        with locked("credentials", _PATIENCE_SECONDS):
            files.remove_temporaries(target)  # nobody else writes now: these are of processes that were killed
            profiles = _profiles(_load(file))
            change(profiles)
            kept = {name: hosts for name, hosts in profiles.items() if hosts}
            content = (json.dumps({"profiles": kept}, indent=2) + "\n").encode()
            files.write_atomic(target, content, mode=0o600)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}; nothing was stored") from error


def _load(file: str) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ConfigError(f"{file} can't be read: {reason}", hint=_HINT) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file} must hold a JSON object", hint=_HINT)
    return found


def _profiles(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the hosts by profile in a decoded file."""
    profiles = found.get("profiles", {})
    if not isinstance(profiles, dict):
        return {}
    return {name: dict(hosts) for name, hosts in profiles.items() if isinstance(hosts, dict)}


def _entry(values: Mapping[str, Any]) -> Entry:
    """Return the entry that was written as `values`; what has the wrong type is left out."""
    known: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        value = values.get(name)
        if kind is float and claims.is_moment(value):
            known[name] = float(value)
        elif type(value) is kind:
            known[name] = value
    made = Entry(**known)
    log.hide(*made.secrets.values(), made.client_secret)
    return made


def _written(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value}
