"""Logging in and out: who asks for a token is sent to the identity provider, what comes back is kept."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.credentials import chain, claims, entries, logins
from hca_core.credentials.entries import Entry
from hca_core.durations import in_words
from hca_core.errors import HCAError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.credentials.values import Credential, Need
    from hca_core.http import Session
    from hca_core.oauth.flows import Talk
    from hca_core.oauth.grants import Tokens
    from hca_core.oauth.provider import Provider


class Way(Enum):
    """How a person logs in."""

    BEST = "best"  # a browser where there is one, else the device flow where the provider has it, else by hand
    BROWSER = "browser"
    REMOTE = "remote"  # the address is opened elsewhere, the code comes back by hand
    DEVICE = "device"


def log_in(
    need: Need,
    session: Session,
    talk: Talk,
    *,
    way: Way = Way.BEST,
    port: int = 0,
    timeout: float | None = None,
    use_keyring: bool = False,
) -> Entry:
    """Let a person log in at the identity provider of a service, keep the login and return it.

    Parameters: `port` is that of the page on this machine that the browser comes back to (0: any free one), `timeout`
    how many seconds to wait for the person (None: five minutes, or as long as a code is good). Raises LoginError,
    NetworkError, UsageError, ConfigError; nothing is kept then.
    """
    from hca_core.oauth import provider

    entries.check_writable()
    found = provider.of_service(need.url, need.settings, session)
    tokens = _tokens(found, session, talk, way, port, timeout)
    entry = logins.from_tokens(
        tokens,
        Entry(
            token_endpoint=found.token_endpoint,
            revocation_endpoint=found.revocation_endpoint,
            client_id=found.client_id,
            client_secret=found.client_secret,
        ),
    )
    before = _kept(need)
    logins.keep(need.url, need.profile, entry, use_keyring=use_keyring)
    if before is not None:
        logins.end(before)  # nobody could, once it is not kept any more
    _tell(need, entry, talk)
    return entry


def _kept(need: Need) -> Entry | None:
    try:
        return logins.find(need.url, need.profile)
    except HCAError:
        return None  # it can't be read, and is replaced


def keep_token(need: Need, token: str, talk: Talk, *, use_keyring: bool = False) -> None:
    """Keep a `token` that was had elsewhere. Raises UsageError if it can't be one, ConfigError."""
    token = token.strip()
    if not claims.is_sendable(token):
        raise UsageError("this can't be a token: it has blanks in it, or characters that are not ASCII")
    entry = Entry(access_token=token, expires_at=claims.expiry(token) or 0.0, account=claims.account(token))
    logins.keep(need.url, need.profile, entry, use_keyring=use_keyring)
    if entry.expires_at and entry.expires_at <= time.time():
        log.logger().warning("this token ended %s ago", in_words(time.time() - entry.expires_at))
    _tell_what_goes_before(need, talk)


def log_out(need: Need, session: Session, talk: Talk) -> None:
    """End the login at the identity provider and forget it. Raises ConfigError.

    It is forgotten in any case; what could not be ended there is told.
    """
    entry = logins.forget(need.url, need.profile)
    talk.say(f"{'logged out of' if entry else 'there was no login at'} {entries.host_of(need.url)}")
    if entry is not None:
        ended = logins.end(_with_revocation(entry, need, session))
        if not ended:
            lasts = "until it ends by itself" if not entry.refresh_token else "as long as nobody ends it there"
            talk.say(f"note: the token is forgotten here, but good {lasts} for whoever has a copy")
    for _, found in _looked(need):
        if found is not None:
            talk.say(f"note: there is still the token of {found.source}, which is used now")
            break


def _with_revocation(entry: Entry, need: Need, session: Session) -> Entry:
    """Return a login with the place where it can be ended; older clients did not keep that."""
    if entry.revocation_endpoint or not entry.refresh_token:
        return entry
    from hca_core.oauth import provider

    try:
        found = provider.of_service(need.url, need.settings, session)
    except HCAError as error:
        log.logger().debug("no place to end the login was found: %s", error.message)
        return entry
    return replace(entry, revocation_endpoint=found.revocation_endpoint, client_id=entry.client_id or found.client_id)


def _tokens(found: Provider, session: Session, talk: Talk, way: Way, port: int, timeout: float | None) -> Tokens:
    from hca_core.oauth import flows

    if way is Way.DEVICE and not found.device_authorization_endpoint:
        raise UsageError("this service has no login by device code", hint="use --remote")
    if way is Way.BROWSER or (way is Way.BEST and flows.has_display()):
        return flows.browser(found, session, talk, port=port, timeout=300.0 if timeout is None else timeout)
    if way is Way.DEVICE or (way is Way.BEST and found.device_authorization_endpoint):
        return flows.device(found, session, talk, timeout=timeout)
    return flows.pasted(found, session, talk)


def _tell(need: Need, entry: Entry, talk: Talk) -> None:
    who = f" as {entry.account}" if entry.account else ""
    lasts = f"; the token lasts {in_words(entry.expires_at - time.time())}" if entry.expires_at else ""
    renewed = " and is renewed by itself" if entry.refresh_token and entry.expires_at else ""
    talk.say(f"logged in at {entries.host_of(need.url)}{who}{lasts}{renewed}")
    _tell_what_goes_before(need, talk)


def _tell_what_goes_before(need: Need, talk: Talk) -> None:
    """Say which other token would be used, now that a login was kept."""
    for source, found in _looked(need):
        if source.name == "login":
            return
        if found is not None:
            talk.say(f"note: {found.source} is set, and goes before a login")
            return


def _looked(need: Need) -> Iterator[tuple[chain.Source, Credential | None]]:
    """Yield what the chain has, as far as it can be used; who uses it is told why it ends."""
    try:
        yield from chain.look(need)
    except HCAError as error:
        log.logger().debug("%s", error.message)
