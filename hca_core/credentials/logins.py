"""What login keeps: found, renewed when it has run out, kept again; by one process at a time."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hca_core import log
from hca_core.credentials import claims, entries, legacy
from hca_core.errors import ConfigError, HCAError, LoginError

if TYPE_CHECKING:
    from hca_core.credentials.entries import Entry
    from hca_core.oauth.grants import Tokens

NEARLY_EXPIRED_SECONDS = 60.0
_PATIENCE_SECONDS = 120.0  # for another process that renews; it asks the identity provider, which may be slow


class Kept(NamedTuple):
    """A login and whether its renewed form can be kept: one that lies in a file of others can't."""

    entry: Entry
    is_ours: bool


# Renewed logins that could not be kept, by the access token in whose place they are: this process must not lose them.
_unkept: dict[str, Entry] = {}


def find(url: str, profile: str) -> Kept | None:
    """Return the login that is kept for the host of `url`, or None. Raises ConfigError, KeyringError."""
    legacy.move()
    entry = entries.find(entries.path(), url, profile)
    is_ours = entry is not None
    entry = entry or legacy.find(url)
    if entry is None:
        return None
    if entry.in_keyring:
        entry = entry.with_secrets(_from_keyring(url, profile))
    return Kept(_unkept.get(entry.access_token, entry), is_ours) if entry.access_token else None


def keep(url: str, profile: str, entry: Entry, *, use_keyring: bool = False) -> None:
    """Keep a login for the host of `url`; with `use_keyring` its tokens in the system's keyring, where that works.

    Raises ConfigError if it can't be kept.
    """
    log.hide(*entry.secrets.values(), entry.client_secret)
    if use_keyring and _is_in_keyring(url, profile, entry):
        entry = replace(entry.with_secrets({}), in_keyring=True)
    else:
        entry = replace(entry, in_keyring=False)
    entries.keep(url, profile, entry)


def forget(url: str, profile: str) -> Entry | None:
    """Forget the login for the host of `url` and return what it was. Raises ConfigError."""
    legacy.move()
    dropped = entries.drop(url, profile)
    if dropped is None or not dropped.in_keyring:
        return dropped
    from hca_core.credentials import keyring

    try:
        found = dropped.with_secrets(_from_keyring(url, profile))
        keyring.delete(_keyring_name(url, profile))
    except HCAError as error:
        log.logger().warning("%s; the login may still be in the keyring", error.message)
        return dropped
    return found


def is_nearly_expired(entry: Entry) -> bool:
    """Tell whether a login's access token has run out, or will within a minute."""
    return 0 < entry.expires_at <= time.time() + NEARLY_EXPIRED_SECONDS


def from_tokens(tokens: Tokens, before: Entry) -> Entry:
    """Return the login `before` with new `tokens`.

    What the provider says of their lifetime counts from now, so that a wrong clock of this machine does no harm.
    """
    lifetime = tokens.expires_in
    expires_at = time.time() + lifetime if lifetime is not None else claims.expiry(tokens.access_token) or 0.0
    return replace(
        before,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or before.refresh_token,
        id_token=tokens.id_token or before.id_token,
        expires_at=expires_at,
        scope=tokens.scope or before.scope,
        account=claims.account(tokens.id_token) or claims.account(tokens.access_token) or before.account,
    )


def renewed(url: str, profile: str, refused: str) -> Entry | None:
    """Return the login for the host of `url` with another access token than `refused`; None if it can't be renewed.

    One process asks the identity provider; the others wait and take what it has kept. Raises LoginError if the login
    has ended, NetworkError if the provider can't be reached, ConfigError.
    """
    digest = hashlib.sha256(f"{profile} {entries.host_of(url)}".encode()).hexdigest()[:16]
    try:
        with entries.locked(f"renewal-{digest}", _PATIENCE_SECONDS):
            return _renewed(url, profile, refused)
    except TimeoutError:
        raise
    except OSError:  # no lock can be had, as in a home that can't be written: then each renews for itself
        return _renewed(url, profile, refused)


def _renewed(url: str, profile: str, refused: str) -> Entry | None:
    kept = find(url, profile)
    if kept is None:
        return None
    if kept.entry.access_token != refused:
        return kept.entry  # somebody else was faster
    if not kept.entry.refresh_token or not kept.entry.token_endpoint:
        return None
    entry = _refreshed(url, kept.entry)
    try:
        if kept.is_ours:
            keep(url, profile, entry, use_keyring=_is_kept_in_keyring(url, profile))
            return entry
    except ConfigError as error:
        log.logger().warning("%s; the renewed login is good for this run only", error.message)
    for older in [kept.entry.access_token, *(old for old, new in _unkept.items() if new == kept.entry)]:
        _unkept[older] = entry
    return entry


def _refreshed(url: str, entry: Entry) -> Entry:
    """Ask the identity provider for new tokens. Raises LoginError, NetworkError."""
    from hca_core import http
    from hca_core.oauth import grants

    session = http.Session(http.Policy(tries=4, read_timeout=30.0))
    try:
        tokens = grants.refreshed(
            session,
            token_endpoint=entry.token_endpoint,
            client_id=entry.client_id,
            client_secret=entry.client_secret,
            refresh_token=entry.refresh_token,
        )
    except grants.GrantRefusedError as error:
        if error.code != "invalid_grant":
            raise
        raise LoginError(f"the login at {entries.host_of(url)} has ended", hint="log in again") from error
    finally:
        session.close()
    log.logger().debug("the login at %s was renewed", entries.host_of(url))
    return from_tokens(tokens, entry)


def _is_kept_in_keyring(url: str, profile: str) -> bool:
    entry = entries.find(entries.path(), url, profile)
    return entry is not None and entry.in_keyring


def _keyring_name(url: str, profile: str) -> str:
    return f"{profile} {entries.host_of(url)}"


def _is_in_keyring(url: str, profile: str, entry: Entry) -> bool:
    """Put the tokens of a login into the keyring and tell whether they are there; it is no reason to lose them."""
    from hca_core.credentials import keyring

    try:
        keyring.write(_keyring_name(url, profile), json.dumps(entry.secrets))
    except HCAError as error:
        log.logger().warning("%s; the login is kept in %s", error.message, entries.path())
        return False
    return True


def _from_keyring(url: str, profile: str) -> dict[str, str]:
    """Return the tokens that the keyring has for a login. Raises LoginError, KeyringError."""
    from hca_core.credentials import keyring

    text = keyring.read(_keyring_name(url, profile))
    try:
        found = json.loads(text or "")
        secrets = {name: str(found[name]) for name in entries.SECRET_FIELDS if found.get(name)}
    except (ValueError, AttributeError) as error:
        raise LoginError(
            f"the system's keyring has no login for {entries.host_of(url)}", hint="log in again"
        ) from error
    log.hide(*secrets.values())
    return secrets
