"""Service accounts that a deployment trusts: they sign their tokens themselves, the deployment keeps public keys."""

from __future__ import annotations

import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SERVICE_ACCOUNT_TABLES = """
CREATE TABLE service_accounts (
  email TEXT NOT NULL,           -- the issuer and the subject of its tokens
  kid TEXT NOT NULL,             -- an account has as many keys as it likes
  public_key TEXT NOT NULL,      -- PEM
  PRIMARY KEY (email, kid)
) WITHOUT ROWID;
"""

TYPE = "service_account"
_PROJECT = "hca-local"
_DOMAIN = f"{_PROJECT}.iam.gserviceaccount.com"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_KEY_BITS = 2048  # less is not safe, and the library that checks signatures warns of it
_LOADED_KEYS = 256


class ServiceAccount(NamedTuple):
    """One key of a trusted service account."""

    email: str
    kid: str


class ServiceAccounts:
    """What a running deployment asks of its service accounts; `connection` belongs to the thread that asks.

    Each question reads the store, so what another process has added or removed counts at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_trusted(self, issuer: str) -> bool:
        """Tell whether `issuer` is a trusted service account."""
        found = self._connection.execute("SELECT 1 FROM service_accounts WHERE email = ? LIMIT 1", (issuer,))
        return found.fetchone() is not None

    def key(self, issuer: str, kid: str) -> RSAPublicKey | None:
        """Return the key `kid` of the service account `issuer`, None if there is no such key or account."""
        row = self._connection.execute(
            "SELECT public_key FROM service_accounts WHERE email = ? AND kid = ?", (issuer, kid)
        ).fetchone()
        return _loaded(row[0]) if row else None


def create(connection: Connection, name: str, url: str) -> dict[str, Any]:
    """Make a key for the service account `name` of the deployment at `url`, trust it, and return its key document.

    The document has the form of Google's key files. Nothing else has the private key. An account that is there
    already gets one more key. Raises UsageError if the name is not one.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be the name of a service account",
            hint="use 2 to 30 lower-case letters, digits and hyphens, a letter first, no hyphen at the end",
        )
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = ServiceAccount(f"{name}@{_DOMAIN}", secrets.token_hex(20))
    _add(connection, account, key)
    return {
        "type": TYPE,
        "project_id": _PROJECT,
        "private_key_id": account.kid,
        "private_key": written.decode(),
        "client_email": account.email,
        "client_id": str(10**20 + secrets.randbelow(9 * 10**20)),
        "auth_uri": f"{url}/oauth/authorize",
        "token_uri": f"{url}/oauth/token",
    }


def trust(connection: Connection, document: Any) -> ServiceAccount:
    """Trust the service account of a key document that exists, in Google's form: the public half of its key is kept.

    Raises ConfigError, which tells nothing of the key, if the document is none.
    """
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise ConfigError(f"this is no key file of a service account: its type is not {TYPE}")
    email, kid, key = (_text(document, name) for name in ("client_email", "private_key_id", "private_key"))
    if not _EMAIL.fullmatch(email):
        raise ConfigError("the client_email of the service account's key file is no e-mail address")
    account = ServiceAccount(email, kid)
    _add(connection, account, _private_key(key))
    return account


def listed(connection: Connection) -> list[ServiceAccount]:
    """Return the keys of all trusted service accounts, by e-mail address and key id."""
    rows = connection.execute("SELECT email, kid FROM service_accounts ORDER BY email, kid")
    return [ServiceAccount(*row) for row in rows]


def remove(connection: Connection, email: str, kid: str | None = None) -> int:
    """Trust a service account no more, or one of its keys only, and return how many keys were removed."""
    if kid is None:
        return connection.execute("DELETE FROM service_accounts WHERE email = ?", (email,)).rowcount
    return connection.execute("DELETE FROM service_accounts WHERE email = ? AND kid = ?", (email, kid)).rowcount


def _text(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found:
        raise ConfigError(f"the service account's key file has no {name}", hint="make a new key file")
    return found


def _private_key(text: str) -> RSAPrivateKey:
    """Return the RSA key in a PEM text. Raises ConfigError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        found = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # what they tell may quote the key
        raise ConfigError("the private_key of the service account's key file can't be read") from None
    if not isinstance(found, rsa.RSAPrivateKey) or found.key_size < _KEY_BITS:
        raise ConfigError(f"the private_key of the service account's key file is no RSA key of {_KEY_BITS} bits")
    return found


def _add(connection: Connection, account: ServiceAccount, key: RSAPrivateKey) -> None:
    """Keep the public half of `key`. Raises ConfigError if the account has another key of the same id."""
    from cryptography.hazmat.primitives import serialization

    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    connection.execute("INSERT OR IGNORE INTO service_accounts VALUES (?, ?, ?)", (*account, public.decode()))
    row = connection.execute("SELECT public_key FROM service_accounts WHERE email = ? AND kid = ?", account).fetchone()
    if row[0] != public.decode():
        raise ConfigError(
            f"{account.email} has another key with the id {account.kid} already", hint="remove that one first"
        )


@lru_cache(_LOADED_KEYS)
def _loaded(text: str) -> RSAPublicKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    found = serialization.load_pem_public_key(text.encode())
    assert isinstance(found, rsa.RSAPublicKey)  # noqa: S101 - only such are put in
    return found
