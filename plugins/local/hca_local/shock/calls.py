"""One request to Shock, and how it is answered."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response, StreamingResponse

from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from starlette.types import ASGIApp, Receive

    from hca_local.shock.accounts import Caller
    from hca_local.shock.forms import Form
    from hca_local.shock.shock import Shock

    Handler = Callable[["Call"], Awaitable[ASGIApp]]

# As Go writes them, so that an answer can stand in a web page.
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class ShockError(Exception):
    """A request that is refused: `status` is that of HTTP and of the envelope, `message` one sentence."""

    def __init__(self, status: int, message: str, *, is_page: bool = False) -> None:
        """Parameters: `is_page` sends a page in place of the envelope, as the real server does at times (quirks)."""
        super().__init__(message)
        self.status = status
        self.is_page = is_page
        self.message = message


class DroppedError(Exception):
    """The connection is to be closed without an answer, as the real server does where it fails (quirks only)."""


class ClientGoneError(Exception):
    """The client has closed the connection before its request was complete."""


class Route(NamedTuple):
    """What is done at a method and a path such as `/node/{id}/acl/{type}`; nobody logs in where it is `open`."""

    method: str
    pattern: str
    handler: Handler
    open: bool = False


@dataclass
class Call:
    """A request: `ids` are the names in its path, `base` is where its client thinks that we are (http://host:port)."""

    shock: Shock
    method: str
    ids: dict[str, str]
    query: list[tuple[str, str]]
    headers: dict[str, str]
    receive: Receive
    caller: Caller
    base: str
    _forms: list[Form] = field(default_factory=list)

    def first(self, key: str) -> str | None:
        """Return the first value of `key` in the query, None if it is not there."""
        return next((value for name, value in self.query if name == key), None)

    def has(self, key: str) -> bool:
        """Tell whether `key` is in the query, with a value or without."""
        return any(name == key for name, _ in self.query)

    async def form(self) -> Form:
        """Return the multipart form that the body is; its files go when the request ends, unless they are kept.

        Raises ShockError (400), ClientGoneError, OSError.
        """
        from hca_local.shock import reading  # it needs the names of this module

        form = await reading.form(self)
        self._forms.append(form)
        return form

    async def body(self, most: int) -> bytes:
        """Return the whole body. Raises ShockError (400) if it has more than `most` bytes, ClientGoneError."""
        try:
            return await requests.body(self.receive, most)
        except requests.TooLargeError as error:
            raise ShockError(400, f"The body may have {most} bytes.") from error

    def close(self) -> None:
        """Remove the files that came with the request and were not kept."""
        for form in self._forms:
            form.close()


def answer(data: Any, status: int = 200, **paging: int) -> Response:
    """Return the answer with `data` in the envelope; `paging` adds limit, offset and total_count to it."""
    return document({"status": status, "data": data, "error": None, **paging}, status)


def long_answer(pieces: Iterable[list[Any]], **paging: int) -> Response:
    """Return the answer whose data are the elements of all `pieces`; it is never in memory as a whole."""

    async def texts() -> AsyncIterator[bytes]:
        begin, end = bytes(answer([], **paging).body).split(b"[]", 1)
        yield begin + b"["
        separator = b""
        for piece in pieces:
            if piece:
                yield separator + bytes(document(piece).body)[1:-1]
                separator = b","
        yield b"]" + end

    return StreamingResponse(texts(), media_type="application/json")


def refusal(error: ShockError) -> Response:
    """Return the answer to a request that is refused."""
    if error.is_page:
        page = f"<html><body><h1>{error.status}</h1><p>{html.escape(error.message)}</p></body></html>"
        return Response(page, error.status, media_type="text/html")
    return document({"status": error.status, "data": None, "error": [error.message]}, error.status)


def document(content: Any, status: int = 200) -> Response:
    """Return an answer that is the JSON `content`, without the envelope."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")
