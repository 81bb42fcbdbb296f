"""Checks the bearer token of a request, with the service's statuses, codes and titles (contract §2)."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from starlette.datastructures import Headers

from hca_local.identity.issuer import ALGORITHM, EMAIL_CLAIM, GROUP_CLAIM, key_id
from hca_local.server.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from hca_local.identity.issuer import Issuer

LEEWAY = 30  # seconds that the clock of whoever signed a token may differ from ours
MOST_CHARACTERS = 16 * 1024
MOST_KEPT = 1024  # verified tokens, of at most 16 KiB each

_REFUSED = "User is not authorized to access this resource"
_INVALID = "Authorization token is invalid"
_UNREADABLE = "Failed to decode token."
# Stricter than the library: nothing but the alphabet. A missing signature is a wrong one.
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TYPES = ("jwt", "at+jwt")  # RFC 7519 §5.1, RFC 9068 §2.1; other documents of the same signer are no tokens
_MOMENTS = ("exp", "nbf", "iat")


class TokenError(ProblemError):
    """A token that is not accepted, as the DSS tells it.

    `auth_status` and `auth_detail` are how the auth service tells the same (auth contract §2).
    """

    def __init__(
        self, status: int, code: str, title: str, *, auth_status: int | None = None, auth_detail: str | None = None
    ) -> None:
        super().__init__(status, code, title)
        self.auth_status = auth_status or status
        self.auth_detail = auth_detail or title


@dataclass(frozen=True)
class Caller:
    """Whoever sent a valid token."""

    claims: Mapping[str, Any]

    @property
    def email(self) -> str:
        """The e-mail address that the token names. Raises TokenError (401) if it names none."""
        found = self.claims.get(EMAIL_CLAIM) or self.claims.get("email")
        if not isinstance(found, str):
            title = "Authorization token is missing email claims."
            detail = f"{EMAIL_CLAIM} claim is missing from token."
            raise TokenError(401, "Unauthorized", title, auth_status=403, auth_detail=detail)
        return found

    def require_enabled(self, is_enabled: Callable[[str], bool]) -> None:
        """Raise ProblemError (403) if the user that the token names has been disabled. The hosted DSS does not ask."""
        found = self.claims.get(EMAIL_CLAIM) or self.claims.get("email")
        if isinstance(found, str) and not is_enabled(found.lower()):
            raise TokenError(403, "Forbidden", _REFUSED)

    def require_group(self, groups: Collection[str]) -> None:
        """Raise ProblemError (403) unless the token's group is one of `groups`."""
        if self.claims.get(GROUP_CLAIM) not in groups:
            raise TokenError(403, "Forbidden", _REFUSED)


class TrustedKeys(Protocol):
    """Whom else the deployment trusts to sign tokens, each for himself: see ServiceAccounts."""

    def is_trusted(self, issuer: str) -> bool:
        """Tell whether `issuer` may sign tokens."""

    def key(self, issuer: str, kid: str) -> RSAPublicKey | None:
        """Return the key `kid` of `issuer`, None if there is none."""


class _Verified(NamedTuple):
    """The claims of a token whose signature was checked with `key`."""

    claims: dict[str, Any]
    issuer: str
    kid: str | None
    key: RSAPublicKey


class Callers:
    """Tells who sent a request, for one deployment; for the thread of the event loop.

    The costly part of the check is remembered until the token ends. Whether its key is still trusted and its session
    still goes on is asked each time.

    Parameters: `is_revoked` tells whether the session that a token belongs to (its claim `sid`) has been ended.
    """

    def __init__(
        self, issuer: Issuer, accounts: TrustedKeys, is_revoked: Callable[[str], bool], leeway: int = LEEWAY
    ) -> None:
        self._issuer = issuer
        self._accounts = accounts
        self._is_revoked = is_revoked
        self._leeway = leeway
        self._own_key = issuer.key.public_key()
        self._own_kid = key_id(issuer.key)
        self._kept: OrderedDict[bytes, _Verified] = OrderedDict()

    def check(self, headers: Mapping[str, str]) -> Caller:
        """Return who sent a request with `headers` (by lower-case name). Raises TokenError (401, 403)."""
        claims = self._claims(_token(headers))
        if "sid" in claims and self._is_revoked(claims["sid"]):
            raise _invalid()
        return Caller(dict(claims))

    def _claims(self, token: str) -> dict[str, Any]:
        digest = hashlib.sha256(token.encode()).digest()
        found = self._kept.pop(digest, None)
        if found is None or not self._is_good(found):
            found = self._verified(token)
        self._kept[digest] = found  # the last in the order of use
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found.claims

    def _is_good(self, verified: _Verified) -> bool:
        is_over = int(verified.claims["exp"]) <= time.time() - self._leeway
        return not is_over and self._key(verified.issuer, verified.kid) == verified.key

    def _key(self, issuer: str, kid: str | None) -> RSAPublicKey | None:
        """Return the key that a token is signed with. Our own has just one, so its tokens need not name it."""
        if issuer == self._issuer.name:
            return self._own_key if kid in (None, self._own_kid) else None
        return self._accounts.key(issuer, kid) if kid is not None else None

    def _verified(self, token: str) -> _Verified:
        """Check issuer, key, algorithm, signature, audience and times, in the service's order. Raises TokenError."""
        import jwt

        header, claimed = _decoded(token)
        issuer, kid = claimed.get("iss"), header.get("kid")
        unknown = f"Unable to verify JWT. KID:{kid!s:.100} does not exists for issuer:{issuer!s:.100}"
        if not isinstance(issuer, str) or not self._may_sign(issuer, claimed):
            raise TokenError(403, "Forbidden", _REFUSED, auth_status=401, auth_detail=unknown)
        key = self._key(issuer, kid)
        if key is None:
            raise TokenError(401, "Unauthorized", _INVALID, auth_detail=unknown)
        if not _is_plain(header) or not _has_moments(claimed):
            raise _invalid()
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._issuer.audiences,
                issuer=issuer,
                leeway=self._leeway,
            )
        except jwt.PyJWTError as error:
            raise _invalid() from error
        if not isinstance(claims.get("sid", ""), str):
            raise _invalid()
        if not isinstance(claims.get("scope", claims.get("scopes")), (str, list)):
            raise TokenError(401, "Unauthorized", "Authorization token is missing a scope.")
        return _Verified(claims, issuer, kid, key)

    def _may_sign(self, issuer: str, claimed: Mapping[str, Any]) -> bool:
        """Tell whether `issuer` may sign such a token: we for everybody, a service account for itself only.

        The hosted service believes whatever e-mail address an account signs; here nobody is somebody else that way.
        """
        if issuer == self._issuer.name:
            return True
        named = [claimed.get("sub"), claimed.get("email", issuer), claimed.get(EMAIL_CLAIM, issuer)]
        return named == [issuer] * 3 and self._accounts.is_trusted(issuer)


def _token(headers: Mapping[str, str]) -> str:
    """Return the bearer token in `headers`; it must be the only one. Raises TokenError."""
    if isinstance(headers, Headers):
        given = ", ".join(headers.getlist("authorization")) if "authorization" in headers else None
    else:
        given = headers.get("authorization")
    if given is None:
        raise TokenError(401, "OAuthProblem", "No authorization token provided")
    words = given.split()
    if len(words) != 2 or words[0].lower() != "bearer":
        raise TokenError(401, "OAuthProblem", "Invalid authorization header")
    return words[1]


def _decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of `token`, not verified. Raises TokenError if it is none."""
    import jwt

    if len(token) > MOST_CHARACTERS or not _FORM.fullmatch(token):
        raise TokenError(401, "Unauthorized", _UNREADABLE)
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
        # Half a character can be written in JSON, but neither looked up nor told.
        json.dumps(found["payload"], ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise TokenError(401, "Unauthorized", _UNREADABLE) from error
    except (jwt.DecodeError, RecursionError) as error:
        raise TokenError(401, "Unauthorized", _UNREADABLE) from error
    except jwt.PyJWTError as error:  # it can be read, but its header is not acceptable
        raise _invalid() from error
    return found["header"], found["payload"]


def _is_plain(header: Mapping[str, Any]) -> bool:
    """Tell whether a header is that of a plain token: no extensions that must be understood (RFC 7515 §4.1.11)."""
    return "crit" not in header and str(header.get("typ", "JWT")).lower() in _TYPES


def _has_moments(claims: Mapping[str, Any]) -> bool:
    """Tell whether a token says when it ends, and its times are numbers; the library would take texts, too."""
    given = [claims[name] for name in _MOMENTS if name in claims]
    return "exp" in claims and all(
        isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one) for one in given
    )


def _invalid() -> TokenError:
    return TokenError(401, "Unauthorized", _INVALID)
