"""The issuer of a deployment: an RSA key of its own, tokens signed with it, and what others need to check them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ALGORITHM = "RS256"
# Claims of the service's tokens (contract §2).
GROUP_CLAIM = "https://auth.data.humancellatlas.org/group"
EMAIL_CLAIM = "https://auth.data.humancellatlas.org/email"
SCOPES = ("email", "openid", "offline_access")
# The audience that old clients put into the tokens that they sign themselves.
PUBLISHED_AUDIENCE = "https://dev.data.humancellatlas.org/"

FIRST_USER = "admin@example.org"
FIRST_GROUP = "hca"
_KEY_BITS = 2048


@dataclass(frozen=True)
class Issuer:
    """Signs tokens with `key` in the name of the deployment at `url` (`http://127.0.0.1:PORT`)."""

    key: RSAPrivateKey
    url: str

    @property
    def name(self) -> str:
        """What tokens have as `iss`: the URL with a slash at its end, as OpenID Connect providers write it."""
        return f"{self.url}/"

    @property
    def audiences(self) -> list[str]:
        """What tokens may have as `aud`."""
        return [self.name, PUBLISHED_AUDIENCE]

    def token(self, email: str, group: str, lifetime: int) -> str:
        """Return a token for the user `email` of `group` that is good for `lifetime` seconds from now."""
        import jwt

        now = int(time.time())
        claims = {
            "iss": self.name,
            "sub": email,
            "aud": self.name,
            "iat": now,
            "exp": now + lifetime,
            "scope": " ".join(SCOPES),
            GROUP_CLAIM: group,
            EMAIL_CLAIM: email,
        }
        return jwt.encode(claims, self.key, ALGORITHM, headers={"kid": key_id(self.key)})

    def key_set(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [{**_public_members(self.key), "alg": ALGORITHM, "use": "sig", "kid": key_id(self.key)}]}


def load_key(path: Path) -> RSAPrivateKey:
    """Return the key in the file `path`, made at its first use. Raises OSError, ValueError if it is damaged."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        found = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        written = found.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_atomic(path, written)
    if not isinstance(found, rsa.RSAPrivateKey):
        raise ValueError(f"{path} is not an RSA key")
    return found


def key_id(key: RSAPrivateKey) -> str:
    """Return the thumbprint of the public key (RFC 7638), which is its `kid`."""
    members = json.dumps(_public_members(key), sort_keys=True, separators=(",", ":"))
    return _encoded(hashlib.sha256(members.encode()).digest())


def write_credentials(path: Path, issuer: Issuer, lifetime: int) -> None:
    """Write the first user's token to the file `path`, in the form of `hca`'s credential files. Raises OSError."""
    entry = {"access_token": issuer.token(FIRST_USER, FIRST_GROUP, lifetime)}
    write_atomic(path, json.dumps({issuer.url: entry}, indent=2).encode() + os.linesep.encode())


def _public_members(key: RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
