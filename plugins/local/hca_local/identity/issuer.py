"""The issuer of a deployment: an RSA key of its own, tokens signed with it, and what others need to check them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
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

    def token(self, email: str, group: str, lifetime: int, *, session: str = "", scopes: Sequence[str] = SCOPES) -> str:
        """Return a token for the user `email` of `group` that is good for `lifetime` seconds from now.

        Parameters: `session` is the login that it belongs to and ends with; without one it can't be revoked.
        """
        claims = {
            **self._claims(email, self.audiences, lifetime),
            "scope": " ".join(scopes),
            "jti": secrets.token_urlsafe(12),
            GROUP_CLAIM: group,
            EMAIL_CLAIM: email,
        }
        return self._signed(claims | ({"sid": session} if session else {}))

    def id_token(self, email: str, client: str, lifetime: int, *, session: str, since: float, nonce: str = "") -> str:
        """Return what tells the application `client` who has logged in (OpenID Connect Core §2); it opens nothing.

        Parameters: `since` is when the password was given; `nonce` is the application's, to be told back.
        """
        claims = {
            **self._claims(email, client, lifetime),
            "auth_time": int(since),
            "sid": session,
            "email": email,
            "email_verified": True,
        }
        return self._signed(claims | ({"nonce": nonce} if nonce else {}))

    def session_of(self, token: str) -> str | None:
        """Return the login that an access token of this issuer belongs to, also of one whose time is over.

        Returns "" for a token without a login, None for what is no token of this issuer.
        """
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self.key.public_key(),
                algorithms=[ALGORITHM],
                audience=self.audiences,
                issuer=self.name,
                options={"verify_exp": False},
            )
        except jwt.PyJWTError:
            return None
        return str(claims.get("sid", ""))

    def _claims(self, email: str, audience: list[str] | str, lifetime: int) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.name, "sub": email, "aud": audience, "iat": now, "exp": now + lifetime}

    def _signed(self, claims: dict[str, Any]) -> str:
        import jwt

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


def _public_members(key: RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
