"""Checks the bearer token of a request, with the service's statuses, codes and titles (contract §2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.identity.issuer import ALGORITHM, EMAIL_CLAIM, GROUP_CLAIM
from hca_local.server.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hca_local.identity.issuer import Issuer

_REFUSED = "User is not authorized to access this resource"


@dataclass(frozen=True)
class Caller:
    """Whoever sent a valid token."""

    claims: Mapping[str, Any]

    @property
    def email(self) -> str:
        """The e-mail address that the token names. Raises ProblemError (401) if it names none."""
        found = self.claims.get(EMAIL_CLAIM) or self.claims.get("email")
        if not isinstance(found, str):
            raise ProblemError(401, "Unauthorized", "Authorization token is missing email claims.")
        return found

    def require_group(self, groups: Collection[str]) -> None:
        """Raise ProblemError (403) unless the token's group is one of `groups`."""
        if self.claims.get(GROUP_CLAIM) not in groups:
            raise ProblemError(403, "Forbidden", _REFUSED)


def caller(issuer: Issuer, headers: Mapping[str, str]) -> Caller:
    """Return who sent a request with `headers`. Raises ProblemError (401, 403)."""
    return Caller(_claims(issuer, _token(headers)))


def _token(headers: Mapping[str, str]) -> str:
    given = headers.get("authorization")
    if given is None:
        raise ProblemError(401, "OAuthProblem", "No authorization token provided")
    words = given.split()
    if len(words) != 2 or words[0].lower() != "bearer":
        raise ProblemError(401, "OAuthProblem", "Invalid authorization header")
    return words[1]


def _claims(issuer: Issuer, token: str) -> Mapping[str, Any]:
    """Return the claims of `token` after the checks of issuer, algorithm, signature, audience and times."""
    import jwt

    try:
        claimed = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ProblemError(401, "Unauthorized", "Failed to decode token.") from error
    if claimed.get("iss") != issuer.name:
        raise ProblemError(403, "Forbidden", _REFUSED)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            issuer.key.public_key(),
            algorithms=[ALGORITHM],
            audience=issuer.audiences,
            issuer=issuer.name,
            options={"require": ["exp"]},
        )
    except jwt.PyJWTError as error:
        raise ProblemError(401, "Unauthorized", "Authorization token is invalid") from error
    if "scope" not in claims and "scopes" not in claims:
        raise ProblemError(401, "Unauthorized", "Authorization token is missing a scope.")
    return claims
