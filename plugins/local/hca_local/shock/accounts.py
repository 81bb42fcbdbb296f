"""The users of the Shock service, and which of them sends a request.

A user has a password and a token, given out by `hca local`; who was only named in an ACL has neither, but a uuid.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection

# The words that may stand before a token, in any case.
BEARERS = ("oauth", "bearer", "mgrast")
CACHED_SECONDS = 3600.0
# One user can write his credentials in many ways, and there is no end of wrong ones.
_MOST_CACHED = 1000
# So long what was wrong is refused without another look: who tries again and again costs nothing then.
_REFUSED_SECONDS = 3.0
# 8 MiB and 20 ms.
_SCRYPT = {"n": 2**13, "r": 8, "p": 1, "dklen": 32}
_SALT_SIZE = 16
_THREADS = 2
# A comma separates names in requests, a colon ends the one before a password.
_NAME = re.compile(r"[^\s,:\x00-\x1f\x7f]{1,128}")
_FORM = "NAME:PASSWORD or NAME:PASSWORD:admin"


@dataclass(frozen=True)
class Caller:
    """Who sends a request; `uuid` is how nodes and ACLs name him."""

    uuid: str
    name: str
    admin: bool
    anonymous: bool


# What nobody in particular makes belongs to "public".
ANONYMOUS = Caller(uuid="public", name="public", admin=False, anonymous=True)


@dataclass(frozen=True)
class Account:
    """A user as the option `--shock-user` gives him."""

    name: str
    password: str = field(repr=False)
    admin: bool


class Listed(NamedTuple):
    """A user as he is listed; `login` is False for one who was only named in an ACL, or was removed."""

    name: str
    uuid: str
    admin: bool
    login: bool


class Accounts:
    """What a running service asks of its users; `records` belongs to the thread that asks.

    Credentials that were right are good for an hour without another look, as at the hosted services; what is
    remembered of them is their SHA-256. Passwords are checked in threads of their own, so that who guesses them keeps
    neither the event loop nor the work with files waiting.
    """

    def __init__(
        self, records: Connection, *, quirks: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Parameters: `quirks` reads name and password as the hosted services do, see `_basic`."""
        self._records = records
        self._quirks = quirks
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller | None]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "shock-login")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends a request with `headers` (by lower-case name), ANONYMOUS if it does not say.

        What ANONYMOUS may do is decided where it is done. Raises ShockError (400) if nobody is what it says.
        """
        sent = headers.get("authorization")
        if sent is None:
            return ANONYMOUS
        key = hashlib.sha256(sent.encode("utf-8", "surrogatepass")).digest()
        until, found = self._known.get(key, (0.0, None))
        if self._clock() >= until:
            found = await self._checked(sent)
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            self._known[key] = self._clock() + (CACHED_SECONDS if found else _REFUSED_SECONDS), found
        if found is None:
            from hca_local.shock.calls import ShockError  # here: the commands that list users need no web framework

            raise ShockError(400, "Invalid authorization header or content")
        return found

    async def _checked(self, sent: str) -> Caller | None:
        """Return whose credentials `sent` are, None if they are wrong."""
        scheme, _, content = sent.partition(" ")
        if scheme.lower() == "basic":
            return await self._with_password(content)
        return self._with_token(content) if scheme.lower() in BEARERS else None

    async def _with_password(self, content: str) -> Caller | None:
        given = _basic(content, quirks=self._quirks)
        if given is None:
            return None
        name, password = given
        row = self._records.execute(
            "SELECT uuid, name, admin, password FROM shock_users WHERE name = ?", (name,)
        ).fetchone()
        if row is None or not row[3]:
            return None
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._threads, _is_password, password, row[3]):
            return None
        return Caller(row[0], row[1], bool(row[2]), anonymous=False)

    def _with_token(self, token: str) -> Caller | None:
        rows = self._records.execute("SELECT uuid, name, admin, token FROM shock_users WHERE token IS NOT NULL")
        given = token.encode("utf-8", "surrogatepass")
        found = None
        for identity, name, admin, known in rows:  # all of them: the time must not tell which one was nearly right
            if hmac.compare_digest(known.encode(), given):
                found = Caller(identity, name, bool(admin), anonymous=False)
        return found


def uuid_of(connection: Connection, name_or_uuid: str, create: bool = True) -> str:
    """Return the uuid of a user who is named by it or by his name; a uuid need not be known.

    An unknown name becomes that of a new user without a password, in a writer's transaction; if not `create`, the
    result for it is empty, which is nobody's uuid.
    """
    if _is_uuid(name_or_uuid):
        return name_or_uuid.lower()
    row = connection.execute("SELECT uuid FROM shock_users WHERE name = ?", (name_or_uuid,)).fetchone()
    if row:
        return str(row[0])
    return _add(connection, name_or_uuid) if create else ""


def describe(connection: Connection, identity: str) -> dict[str, Any]:
    """Return what is told of the user with the uuid `identity`; "public" is everybody, an unknown one has no name."""
    row = connection.execute(
        "SELECT name, fullname, email, admin FROM shock_users WHERE uuid = ?", (identity,)
    ).fetchone()
    name, fullname, email, admin = row or (identity if identity == ANONYMOUS.uuid else "", "", "", 0)
    return {"uuid": identity, "username": name, "fullname": fullname, "email": email, "shock_admin": bool(admin)}


def account(text: str) -> Account:
    """Return the user that `text` gives: NAME:PASSWORD, or NAME:PASSWORD:admin. Raises UsageError."""
    name, colon, rest = text.partition(":")
    password, *more = rest.split(":")
    if not colon:
        raise UsageError(f"a user of the Shock service is given as {_FORM}")  # the text may be a password
    if not _NAME.fullmatch(name) or _is_uuid(name):
        raise UsageError(
            f"{name!r} can't be the name of a user of the Shock service",
            hint="use up to 128 characters, no space, comma or colon, and not the form of a uuid",
        )
    if not password:
        raise UsageError(f"the password of {name} is empty", hint=f"give {_FORM}")
    if more not in ([], ["admin"]):
        raise UsageError(f"the password of {name} can't have a colon in it", hint=f"give {_FORM}")
    return Account(name, password, admin=bool(more))


def keep(connection: Connection, given: Account) -> None:
    """Let a user log in with his password, inside a transaction; one who is known gets the new one and keeps his token.

    He is an administrator only if that is said once more. A full name tells clients that he is not a mere name in ACLs.
    """
    uuid_of(connection, given.name)
    password, token = _hashed(given.password, secrets.token_bytes(_SALT_SIZE)), secrets.token_urlsafe(32)
    connection.execute(
        "UPDATE shock_users SET admin = ?, password = ?, token = COALESCE(token, ?), fullname = name WHERE name = ?",
        (given.admin, password, token, given.name),
    )


def remove(connection: Connection, name: str) -> bool:
    """Let a user log in no more, inside a transaction; False if there is nobody of this name who could.

    He keeps his uuid: his nodes and what he was granted are his again should he come back.
    """
    changed = connection.execute(
        "UPDATE shock_users SET admin = 0, password = '', token = NULL WHERE name = ? AND token IS NOT NULL", (name,)
    )
    return changed.rowcount > 0


def listed(connection: Connection) -> list[Listed]:
    """Return all users, in the order in which they became known."""
    rows = connection.execute("SELECT name, uuid, admin, token IS NOT NULL FROM shock_users ORDER BY number")
    return [Listed(name, identity, bool(admin), bool(login)) for name, identity, admin, login in rows]


def token_of(connection: Connection, name: str) -> str | None:
    """Return the token of a user, None if there is nobody of this name who may log in."""
    row = connection.execute("SELECT token FROM shock_users WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def first_token(connection: Connection) -> str | None:
    """Return the token of the first administrator, or else of the first user; None if nobody may log in."""
    row = connection.execute(
        "SELECT token FROM shock_users WHERE token IS NOT NULL ORDER BY admin DESC, number LIMIT 1"
    ).fetchone()
    return row[0] if row else None


def _add(connection: Connection, name: str) -> str:
    """Make a user without a password and return his uuid."""
    made = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO shock_users (uuid, name, fullname, email, admin, password) VALUES (?, ?, '', '', 0, '')",
        (made, name),
    )
    return made


def _basic(content: str, *, quirks: bool) -> tuple[str, str] | None:
    """Return name and password out of what stands behind `Basic ` (RFC 7617), None if they are not there.

    The hosted services know the URL-safe alphabet of base64 only, and cut a password at its first colon.
    """
    if quirks and re.search("[+/]", content):
        return None
    try:
        # Both alphabets are read so: what b"-_" stand for is known anyway.
        name, colon, password = base64.b64decode(content, b"-_", validate=True).decode().partition(":")
    except ValueError:
        return None
    if not colon:
        return None
    return name, password.partition(":")[0] if quirks else password


def _hashed(password: str, salt: bytes) -> str:
    """Return what is kept of a password: the salt and the hash."""
    made = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)
    return f"{salt.hex()}:{made.hex()}"


def _is_password(password: str, kept: str) -> bool:
    salt = bytes.fromhex(kept.partition(":")[0])
    return hmac.compare_digest(_hashed(password, salt), kept)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
