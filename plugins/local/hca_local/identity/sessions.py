"""Logins and the refresh tokens that keep them alive. Call what changes them inside a transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.identity import secret_values
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

KEEP_ALIVE_SCOPE = "offline_access"
REFRESH_LIFETIME = 30 * 24 * 3600
# Several processes may hold the same refresh token and all find that it is time.
REUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Session:
    """A login of the user `email`; `since` is when the password was given, `nonce` the application's own."""

    id: str
    email: str
    scopes: tuple[str, ...]
    nonce: str
    since: float


@dataclass(frozen=True)
class Given:
    """A login and the refresh token that was just made for it, "" if it has none."""

    session: Session
    refresh_token: str


def begin(
    connection: Connection, email: str, scopes: Sequence[str], nonce: str, since: float, now: float, lifetime: int
) -> Given:
    """Add a login whose access tokens are good for `lifetime` seconds."""
    remove_expired(connection, now)
    session = Session(secrets.token_urlsafe(16), email, tuple(scopes), nonce, since)
    lasts = max(lifetime, REFRESH_LIFETIME) if KEEP_ALIVE_SCOPE in scopes else lifetime
    connection.execute(
        "INSERT INTO sessions VALUES (?,?,?,?,?,?)",
        (session.id, email, " ".join(scopes), nonce, since, now + lasts),
    )
    return Given(session, _new_refresh_token(connection, session, now))


def refresh(connection: Connection, token: str, wanted: set[str], now: float, lifetime: int) -> Given | Refusal:
    """Replace the refresh `token` by a new one, if it is good for the scopes that are `wanted`.

    A token that comes again within a minute gets another new one: processes that share it can't agree who is first.
    After that minute only a thief or his victim can have it, so the login ends.
    """
    remove_expired(connection, now)
    hashed = secret_values.digest(token)
    row = connection.execute(
        "SELECT used, id, email, scopes, nonce, since FROM refresh_tokens JOIN sessions ON id = session WHERE hash = ?",
        (hashed,),
    ).fetchone()
    if row is None:
        return Refusal("invalid_grant", "This refresh token is not known, or its login has ended; log in again.")
    used, session = row[0], _session(row[1:])
    if not wanted.issubset(session.scopes):
        return Refusal("invalid_scope", f"This login has the scopes {' '.join(session.scopes)} only.")
    if used is None:
        connection.execute("UPDATE refresh_tokens SET used = ? WHERE hash = ?", (now, hashed))
    elif now - used > REUSE_SECONDS:
        revoke(connection, session.id)
        return Refusal("invalid_grant", "This refresh token was used before, so its login was ended; log in again.")
    connection.execute(
        "UPDATE sessions SET expires = ? WHERE id = ?", (now + max(lifetime, REFRESH_LIFETIME), session.id)
    )
    return Given(session, _new_refresh_token(connection, session, now))


def revoke(connection: Connection, sid: str) -> None:
    """End the login `sid`: nothing that it has given is good any more. One that has ended already stays so."""
    connection.execute("DELETE FROM sessions WHERE id = ?", (sid,))


def revoke_all(connection: Connection, email: str) -> None:
    """End all logins of a user, in programs and in browsers."""
    for table in ("sessions", "browsers"):
        connection.execute(f"DELETE FROM {table} WHERE email = ?", (email.lower(),))  # noqa: S608 - our own two tables


def is_revoked(connection: Connection, sid: str) -> bool:
    """Tell whether the login `sid` has ended, or never was."""
    return connection.execute("SELECT 1 FROM sessions WHERE id = ?", (sid,)).fetchone() is None


def of_refresh_token(connection: Connection, token: str) -> str | None:
    """Return the login of a refresh token, None if it is not known."""
    row = connection.execute(
        "SELECT session FROM refresh_tokens WHERE hash = ?", (secret_values.digest(token),)
    ).fetchone()
    return row[0] if row else None


def remove_expired(connection: Connection, now: float) -> None:
    """Remove the logins, refresh tokens and unused codes whose time is over."""
    connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
    connection.execute("DELETE FROM refresh_tokens WHERE expires <= ?", (now,))
    # A code that was redeemed stays as long as its login, so that its second use is noticed.
    connection.execute("DELETE FROM codes WHERE expires <= ? AND session IS NULL", (now,))


def _new_refresh_token(connection: Connection, session: Session, now: float) -> str:
    if KEEP_ALIVE_SCOPE not in session.scopes:
        return ""
    token = secret_values.new()
    connection.execute(
        "INSERT INTO refresh_tokens VALUES (?,?,NULL,?)",
        (secret_values.digest(token), session.id, now + REFRESH_LIFETIME),
    )
    return token


def _session(row: tuple[str, str, str, str, float]) -> Session:
    identity, email, scopes, nonce, since = row
    return Session(identity, email, tuple(scopes.split()), nonce, since)
