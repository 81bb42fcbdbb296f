"""One request to Azul, and how it is answered (contract §1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Receive

    from hca_local.azul.access import Caller
    from hca_local.azul.azul import Azul

    Handler = Callable[["Call"], Awaitable[ASGIApp]]

MOST_IN_BODY = 10 * 1024 * 1024


class AzulError(Exception):
    """A request that is refused: `code` is what the body of the answer calls it, `message` one sentence."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str) -> AzulError:
    """Return the error of a request that is wrong."""
    return AzulError(400, "BadRequestError", message)


def not_found(message: str) -> AzulError:
    """Return the error of something that is not there, or not for this caller."""
    return AzulError(404, "NotFoundError", message)


def opaque() -> AzulError:
    """Return the error of whatever the service has not thought of, such as values of a wrong type (contract §0.9)."""
    return AzulError(500, "InternalServerError", "An internal server error occurred.")


class Route(NamedTuple):
    """What is done at a path such as `/index/{entity_type}/{entity_id}`, whose last name may be `{name:path}`.

    A method that is not among `methods` is not routed: the gateway answers as for an unknown path.
    """

    methods: tuple[str, ...]
    pattern: str
    handler: Handler


@dataclass
class Call:
    """A request: `ids` are the names in its path, `base` is where its client thinks that we are (http://host:port).

    `query` has the parameters of the URL in order, `headers` those of the request by lower-case name.
    """

    azul: Azul
    method: str
    path: str
    ids: dict[str, str]
    query: list[tuple[str, str]]
    headers: dict[str, str]
    receive: Receive
    base: str

    @cached_property
    def caller(self) -> Caller:
        """Who sent it; ask in the thread of the event loop. Raises AzulError (401) for a token that is not good."""
        return self.azul.door.caller(self.headers)

    async def body(self) -> bytes:
        """Return the whole body. Raises AzulError (413) if it is too large."""
        try:
            return await requests.body(self.receive, MOST_IN_BODY)
        except requests.TooLargeError as error:
            raise AzulError(413, "RequestEntityTooLargeError", "The body is too large") from error


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer with a JSON document."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, headers=dict(headers or {}), media_type="application/json")


def refusal(error: AzulError) -> Response:
    """Return the answer to a request that is refused."""
    return answer({"Code": error.code, "Message": error.message}, error.status, error.headers)
