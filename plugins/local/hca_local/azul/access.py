"""Who asks, and which sources that caller may read (contract §1, §10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.azul.calls import AzulError
from hca_local.fusillade import names
from hca_local.identity import issuer
from hca_local.server.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hca_local.azul.atlas.values import Catalog
    from hca_local.identity.caller import Callers


@dataclass(frozen=True)
class Caller:
    """Who sent a request: `email` is empty for nobody in particular; `granted` may read managed sources."""

    email: str = ""
    granted: bool = False

    def sources(self, catalog: Catalog) -> frozenset[str]:
        """Return the ids of the sources of `catalog` that this caller may read."""
        return frozenset(source.id for source in catalog.sources if self.granted or not source.managed)


ANONYMOUS = Caller()


class Door:
    """Tells callers by their tokens, which are those of the deployment.

    Its first user and its administrators have the grant for managed data; other users are known, without a grant.
    """

    def __init__(
        self, callers: Callers, is_enabled: Callable[[str], bool], is_administrator: Callable[[str], bool]
    ) -> None:
        self._callers = callers
        self._is_enabled = is_enabled
        self._is_administrator = is_administrator

    def check_form(self, headers: Mapping[str, str]) -> None:
        """Raise AzulError (401) if `headers` have an Authorization that is not a scheme `Bearer` and one token."""
        given = headers.get("authorization")
        words = ["bearer", ""] if given is None else given.split()
        if len(words) != 2 or words[0].lower() != "bearer":
            raise AzulError(401, "UnauthorizedError", str(given))  # the service echoes it: contract §1

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who sent a request with `headers` of the right form. Raises AzulError (401) for a bad token."""
        if "authorization" not in headers:
            return ANONYMOUS
        try:
            email = names.canonical(self._callers.check(headers).email)
        except ProblemError as error:
            raise AzulError(401, "UnauthorizedError", "Invalid token") from error
        if not self._is_enabled(email):
            raise AzulError(401, "UnauthorizedError", "Invalid token")
        return Caller(email, email == issuer.FIRST_USER or self._is_administrator(email))
