"""Authorization codes: what a browser carries from a person's consent to the application. Good once, for a minute."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.identity import secret_values, sessions
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.identity.sessions import Given

LIFETIME = 60.0


@dataclass(frozen=True)
class Consent:
    """What a person has allowed: tokens of `scopes` for whoever proves to have made `challenge`."""

    email: str
    since: float
    scopes: tuple[str, ...]
    nonce: str
    redirect_uri: str
    challenge: str


def issue(connection: Connection, consent: Consent, now: float) -> str:
    """Return a new code for `consent`."""
    sessions.remove_expired(connection, now)
    code = secret_values.new()
    connection.execute(
        "INSERT INTO codes VALUES (?,NULL,?,?,?,?,?,?,?)",
        (
            secret_values.digest(code),
            consent.redirect_uri,
            consent.challenge,
            consent.email,
            " ".join(consent.scopes),
            consent.nonce,
            consent.since,
            now + LIFETIME,
        ),
    )
    return code


def redeem(
    connection: Connection, code: str, redirect_uri: str, verifier: str, now: float, lifetime: int
) -> Given | Refusal:
    """Begin the login that `code` stands for, of access tokens that are good for `lifetime` seconds.

    Whoever shows it with a wrong `redirect_uri` or `verifier` has stolen it: it is good for nobody then. Whoever
    shows it twice, or the one before him, has too: the login that it gave ends.
    """
    hashed = secret_values.digest(code)
    row = connection.execute(
        "SELECT session, redirect_uri, challenge, email, scopes, nonce, since, expires FROM codes WHERE hash = ?",
        (hashed,),
    ).fetchone()
    if row is None:
        return Refusal("invalid_grant", "This code is not known; log in again.")
    session, bound_uri, challenge, email, scopes, nonce, since, expires = row
    if session is not None:
        sessions.revoke(connection, session)
        return Refusal("invalid_grant", "This code was used before, so its login was ended; log in again.")
    if expires <= now:
        return Refusal("invalid_grant", "This code is too old; log in again.")
    if not (secret_values.are_equal(redirect_uri, bound_uri) and secret_values.are_equal(_s256(verifier), challenge)):
        connection.execute("DELETE FROM codes WHERE hash = ?", (hashed,))
        return Refusal("invalid_grant", "The redirect_uri or the code_verifier is not that of the request.")
    given = sessions.begin(connection, email, scopes.split(), nonce, since, now, lifetime)
    connection.execute("UPDATE codes SET session = ? WHERE hash = ?", (given.session.id, hashed))
    return given


def _s256(verifier: str) -> str:
    return secret_values.encoded(hashlib.sha256(verifier.encode()).digest())
