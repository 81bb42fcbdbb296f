"""One request to an operation, checked and typed, and the forms that answers have."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from hca_local.fusillade import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection
    from typing import TypeVar

    from hca_local.server.deployment import Deployment

    T = TypeVar("T")

_MOST_PER_PAGE = 30


@dataclass(frozen=True)
class Call:
    """A request of `user`: its typed `parameters`, its decoded `body`, its `url` without the query, its `query`."""

    deployment: Deployment
    user: str
    url: str
    query: tuple[tuple[str, str], ...]
    parameters: Mapping[str, Any]
    body: Any

    @property
    def records(self) -> Connection:
        """Where the directory is read."""
        return self.deployment.records

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Make a change, whole or not at all, and return its result."""
        return await self.deployment.writer.run(work)


def text(content: str, status: int = 200) -> Response:
    """Return an answer that is a sentence. The service sends it as HTML, so nothing in it may come from outside
    that is not a checked name.
    """
    return Response(content, status, media_type="text/html")


def page(
    call: Call, key: str, rows: str, values: tuple[Any, ...], shown: Callable[[str], Any] = str, **more: Any
) -> Response:
    """Return one page (contract §12) of what `call` lists.

    Parameters: `key` is where the entries are in the answer, `rows` the query that selects them, in one column `name`,
    `values` what stands for its question marks, `shown` makes an entry of a name, `more` is told beside the entries.
    Raises FusilladeError (400) if the token of the page is not one of ours.
    """
    token, limit = call.parameters["next_token"], call.parameters["per_page"] or _MOST_PER_PAGE
    after = "" if token is None else _decoded(token)
    # One more than asked for tells whether there is a next page.
    select = f"SELECT name FROM ({rows}) WHERE name > ? ORDER BY name LIMIT ?"  # noqa: S608 - no text from outside
    names = [row[0] for row in call.records.execute(select, (*values, after, limit + 1))]
    content = {key: [shown(name) for name in names[:limit]], **more}
    headers = {"X-OpenAPI-Pagination": str(len(names) > limit), "X-OpenAPI-Paginated-Content-Key": key}
    if len(names) <= limit:
        return JSONResponse(content, 200, headers)
    following = {"next_token": _encoded(names[limit - 1]), "per_page": str(limit)}
    query = [pair for pair in call.query if pair[0] not in following]
    headers["Link"] = f'<{call.url}?{urlencode([*query, *following.items()])}>; rel="next"'
    return JSONResponse(content, 206, headers)


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).rstrip(b"=").decode()


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(f"{token}{'=' * (-len(token) % 4)}", b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise errors.bad_request("The next_token is not one that this service gave; leave it out.") from error
