"""One request to an operation, checked and typed, and the URLs that its answer is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.identity.caller import Caller
    from hca_local.server.deployment import Deployment


@dataclass(frozen=True)
class Call:
    """A request: its typed `parameters`, its decoded `body`, its `path` and its `query` as it came.

    `host` is name and port of this server as the client knows it; `caller` who asks, None where no token is needed.
    """

    deployment: Deployment
    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    parameters: Mapping[str, Any]
    body: Any
    caller: Caller | None = None

    @property
    def email(self) -> str:
        """The e-mail address of the caller. Raises ProblemError (401) if the token has none."""
        assert self.caller is not None  # noqa: S101 - only operations that need a token ask for it
        return self.caller.email

    @property
    def replica(self) -> str:
        """The replica that the request is about."""
        found: str = self.parameters["replica"]
        return found

    @property
    def base(self) -> str:
        """The URL of this server, without a path."""
        return f"http://{self.host}"

    def url(self, **replaced: object) -> str:
        """Return the URL of this request with some values of its query replaced or added."""
        query = [pair for pair in self.query if pair[0] not in replaced]
        return f"{self.base}{self.path}?{urlencode([*query, *replaced.items()])}"
