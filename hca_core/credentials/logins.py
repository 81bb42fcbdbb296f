"""What login keeps: found, renewed when it has run out, kept again; by one process at a time."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.credentials import claims, entries, legacy
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_core.errors import ConfigError, HCAError, LoginError

if TYPE_CHECKING:
    from hca_core.credentials.entries import Entry
    from hca_core.oauth.grants import Tokens

NEARLY_EXPIRED_SECONDS = 60.0
_PATIENCE_SECONDS = 45.0  # for another process that renews; it asks the identity provider, which may be slow
_LONGEST_SECONDS = 10 * 365 * 86400.0  # no token lasts longer, whatever its provider says


# Renewed logins that could not be kept, by the access token in whose place they are: this process must not lose them.
_unkept: dict[str, Entry] = {}
_one_at_a_time = threading.Lock()  # where no lock between processes can be had


def find(url: str, profile: str) -> Entry | None:
    """Return the login that is kept for the host of `url`, or None. Raises ConfigError, KeyringError."""
    legacy.move()
    entry = entries.find(entries.path(), url, profile)
    if entry is None and profile == DEFAULT_PROFILE:
        entry = legacy.find(url)
    if entry is None:
        return None
    if entry.in_keyring:
        entry = entry.with_secrets(_from_keyring(url, profile))
    return _unkept.get(entry.access_token, entry) if entry.access_token else None


def keep(url: str, profile: str, entry: Entry, *, use_keyring: bool = False) -> None:
    """Keep a login for the host of `url`; with `use_keyring` its tokens in the system's keyring, where that works.

    Raises ConfigError if it can't be kept.
    """
    # The keyring too is changed while nobody else does: the two must be of one login.
    entries.change(url, profile, lambda there: _put_away(url, profile, entry, use_keyring=use_keyring))


def _put_away(url: str, profile: str, entry: Entry, *, use_keyring: bool) -> Entry:
    """Return what is written of a login, whose tokens are in the keyring then if they are to be and can be."""
    log.hide(*entry.secrets.values(), entry.client_secret)
    if use_keyring and _is_in_keyring(url, profile, entry):
        return replace(entry.with_secrets({}), in_keyring=True)
    return replace(entry, in_keyring=False)


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
    """Tell whether it is time to renew a login's access token: a minute before its end, less if it is a short one."""
    if entry.expires_at <= 0:
        return False
    return min(entry.renew_at or entry.expires_at - NEARLY_EXPIRED_SECONDS, entry.expires_at) <= time.time()


def from_tokens(tokens: Tokens, before: Entry) -> Entry:
    """Return the login `before` with new `tokens`.

    What the provider says of their lifetime counts from now, so that a wrong clock of this machine does no harm.
    """
    now = time.time()
    own = claims.expiry(tokens.access_token)
    lifetime = tokens.expires_in if tokens.expires_in is not None else own - now if own else 0.0
    lifetime = min(max(lifetime, 0.0), _LONGEST_SECONDS)
    return replace(
        before,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or before.refresh_token,
        id_token=tokens.id_token or before.id_token,
        expires_at=now + lifetime if lifetime else 0.0,
        renew_at=now + lifetime - min(NEARLY_EXPIRED_SECONDS, lifetime / 10) if lifetime else 0.0,
        scope=tokens.scope or before.scope,
        account=claims.account(tokens.id_token) or claims.account(tokens.access_token) or before.account,
    )


def renewed(url: str, profile: str, refused: str) -> Entry | None:
    """Return the login for the host of `url` with another access token than `refused`, None if there is none any more.

    One that can't be renewed is returned as it is.

    One process asks the identity provider; the others wait and take what it has kept. Raises LoginError if the login
    has ended, NetworkError if the provider can't be reached, ConfigError.
    """
    digest = hashlib.sha256(f"{profile} {entries.host_of(url)}".encode()).hexdigest()[:16]
    try:
        with entries.locked(f"renewal-{digest}", _PATIENCE_SECONDS):
            return _renewed(url, profile, refused)
    except TimeoutError as error:
        told = f"another hca is renewing the login at {entries.host_of(url)}, and has not done so for"
        hint = "look for one that is stopped (jobs, ps), and end it"
        raise LoginError(f"{told} {_PATIENCE_SECONDS:.0f} s", hint) from error
    except OSError:  # no lock can be had, as in a home that can't be written: then each process renews for itself
        with _one_at_a_time:
            return _renewed(url, profile, refused)


def _renewed(url: str, profile: str, refused: str) -> Entry | None:
    before = find(url, profile)
    if before is None or before.access_token != refused:
        return before  # somebody else was faster
    if not before.refresh_token or not before.token_endpoint:
        return before
    written = entries.find(entries.path(), url, profile)  # None for one that an older client kept elsewhere
    entry = _refreshed(url, before)

    def kept(there: Entry | None) -> Entry | None:
        use_keyring = written is not None and written.in_keyring
        return _put_away(url, profile, entry, use_keyring=use_keyring) if there == written else None

    try:
        if entries.change(url, profile, kept):
            return entry
    except ConfigError as error:
        log.logger().warning("%s; the renewed login is good for this run only", error.message)
        for older in [before.access_token, *(old for old, new in _unkept.items() if new == before)]:
            _unkept[older] = entry
        return entry
    end(entry)  # somebody has logged out, or in, while we were asking: what we got is nobody's
    return find(url, profile)


def end(entry: Entry) -> bool:
    """End a login at its identity provider; tell whether that was possible. A failure is told in the log."""
    token = entry.refresh_token or entry.access_token
    if not entry.revocation_endpoint or not token:
        return False
    from hca_core import http
    from hca_core.oauth import grants

    session = http.Session(http.Policy(tries=2, read_timeout=10.0))
    try:
        grants.revoked(
            session,
            revocation_endpoint=entry.revocation_endpoint,
            client_id=entry.client_id,
            client_secret=entry.client_secret,
            token=token,
        )
    except HCAError as error:
        log.logger().warning("%s; the login is forgotten here, but not ended there", error.message)
        return False
    finally:
        session.close()
    return True


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
