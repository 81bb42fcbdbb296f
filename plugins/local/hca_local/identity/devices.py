"""Programs without a browser: they wait until somebody types their user code elsewhere (RFC 8628)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.identity import secret_values, sessions
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from hca_local.identity.sessions import Given

LIFETIME = 600
INTERVAL = 5
# How much earlier than told a program may ask: clocks differ, and a network is quicker at times.
_SLACK = 0.5
_REMEMBERED = 3600.0
# Consonants: no digit that looks like a letter, no words. Eight of them in ten minutes need no count of wrong guesses:
# a thousand guesses a second would find one of two thousand million.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_HALF = 4


@dataclass(frozen=True)
class Device:
    """A program that waits for a person's decision; `is_open` while there is none and its time is not over."""

    scopes: tuple[str, ...]
    is_open: bool


def start(connection: Connection, scopes: Sequence[str], now: float) -> tuple[str, str]:
    """Return the device code, for the program, and the user code, for the person, of a new program that waits."""
    connection.execute("DELETE FROM devices WHERE expires <= ?", (now - _REMEMBERED,))
    device_code = secret_values.new()
    letters = "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))
    connection.execute(
        "INSERT INTO devices VALUES (?,?,?,?,0,?,'waiting',NULL,NULL)",
        (
            secret_values.digest(device_code),
            secret_values.digest(letters),
            " ".join(scopes),
            float(INTERVAL),
            now + LIFETIME,
        ),
    )
    return device_code, shown(letters)


def shown(user_code: str) -> str:
    """Return a user code as people see it, whatever way they typed it: two groups of letters."""
    letters = _bare(user_code)
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def find(connection: Connection, user_code: str, now: float) -> Device | None:
    """Return the program that shows `user_code`, None if there is none."""
    row = connection.execute(
        "SELECT scopes, expires, stage FROM devices WHERE user_hash = ?",
        (secret_values.digest(_bare(user_code)),),
    ).fetchone()
    if row is None:
        return None
    scopes, expires, stage = row
    return Device(tuple(scopes.split()), expires > now and stage == "waiting")


def decide(connection: Connection, user_code: str, email: str | None, since: float, now: float) -> bool:
    """Let the program log in as `email`, or refuse it for None; False if it doesn't wait any more."""
    cursor = connection.execute(
        "UPDATE devices SET stage = ?, email = ?, since = ? WHERE user_hash = ? AND expires > ? AND stage = 'waiting'",
        ("refused" if email is None else "allowed", email, since, secret_values.digest(_bare(user_code)), now),
    )
    return cursor.rowcount == 1


def ask(connection: Connection, device_code: str, now: float, lifetime: int) -> Given | Refusal:
    """Begin the login that a program waits for, if somebody has allowed it; `lifetime` is of its access tokens."""
    hashed = secret_values.digest(device_code)
    row = connection.execute(
        "SELECT scopes, interval, asked, expires, stage, email, since FROM devices WHERE hash = ?", (hashed,)
    ).fetchone()
    if row is None or row[4] == "done":
        return Refusal("invalid_grant", "This device code is not known, or was used.")
    scopes, interval, asked, expires, stage, email, since = row
    if expires <= now:
        return Refusal("expired_token", "Nobody has typed the user code in time; start again.")
    if stage == "refused":
        return Refusal("access_denied", "The person who was asked has refused.")
    if stage == "waiting":
        hasty = now - asked < interval - _SLACK
        connection.execute(
            "UPDATE devices SET asked = ?, interval = ? WHERE hash = ?",
            (now, interval + INTERVAL if hasty else interval, hashed),
        )
        if hasty:
            return Refusal("slow_down", "Wait five seconds longer than before between two questions.")
        return Refusal("authorization_pending", "Nobody has typed the user code yet; ask again.")
    connection.execute("UPDATE devices SET stage = 'done' WHERE hash = ?", (hashed,))
    return sessions.begin(connection, email, scopes.split(), "", since, now, lifetime)


def _bare(user_code: str) -> str:
    return re.sub(r"[^A-Z]", "", user_code.upper())
