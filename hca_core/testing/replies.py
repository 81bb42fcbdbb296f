"""What a scripted service answers: requests as they came, answers with their faults, the script of one route."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from email.message import Message

_UNSET: Any = object()
_NO_JSON = b"<html><body><h1>It works!</h1></body></html>"  # what a misconfigured proxy likes to answer
_PAGE = "page"  # the query parameter of the addresses that `Route.pages` gives


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire: `path` is not decoded, `time` is monotonic, `headers` heeds no case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Message
    body: bytes
    time: float

    def json(self) -> Any:
        """Return the decoded body."""
        return json_module.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer; the fields after `ranges` are faults: see the methods of Route."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ranges: bool = False
    truncate_after: int | None = None
    piece_wait: float = 0.0
    dropped: bool = False
    reset: bool = False
    hanging: bool = False
    declared: int | None = None

    def part(self, asked: str | None) -> Reply:
        """Return the part of this answer that a `Range` header asks for (RFC 9110 §14; one range only)."""
        if not self.ranges or not asked or not asked.startswith("bytes=") or self.status != 200:
            return self
        size = len(self.body)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start >= size:
            return Reply(416, {**self.headers, "Content-Range": f"bytes */{size}"})
        headers = {**self.headers, "Content-Range": f"bytes {start}-{end}/{size}"}
        return replace(self, status=206, headers=headers, body=self.body[start : end + 1])


def reply(
    *,
    json: Any = _UNSET,
    body: bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    link: str | None = None,
    ranges: bool = False,
) -> Reply:
    """Return an answer with a `json` document or a `body` of bytes; `link` is the next page's URL.

    With `ranges` a request for a part (`Range: bytes=N-M`) gets that part only.
    """
    told = dict(headers or {})
    if json is not _UNSET:
        body = json_module.dumps(json).encode()
        told.setdefault("Content-Type", "application/json")
    if link is not None:
        told["Link"] = f'<{link}>; rel="next"'
    return Reply(status, told, body, ranges)


class Route:
    """The script of one method and path: answers are given in their order, each once, the last again and again.

    `url` is that of the service.
    """

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._answers: list[Reply | Callable[[Request], Any]] = []
        self._given = 0

    def reply(self, answer: Callable[[Request], Any] | Reply | None = None, **settings: Any) -> Route:
        """Add an answer: keywords as of `reply()`, or a function of the request.

        The function returns a Reply, or a document that is sent as JSON.
        """
        return self._add(answer if answer is not None else reply(**settings))

    def pages(self, items: Sequence[Any], *, size: int, key: str = "results", status: int = 206) -> Route:
        """Add an answer that gives `items` in pages of `size`, each with a `Link` to the next one.

        Parameters: `key` is where the items lie in a page (dotted, or empty if the page is the list itself), `status`
        that of all pages but the last, which has 200. A page is asked for again and again as often as you like.
        """

        def page(request: Request) -> Reply:
            number = int(dict(request.query).get(_PAGE, 1))
            some = list(items[(number - 1) * size : number * size])
            document: Any = some
            for name in reversed(key.split(".") if key else []):
                document = {name: document}
            told = {"X-OpenAPI-Paginated-Content-Key": key} if key else {}
            if number * size >= len(items):
                return reply(json=document, headers=told)
            query = [pair for pair in request.query if pair[0] != _PAGE]
            link = f"{self._url}{request.path}?{urlencode([*query, (_PAGE, number + 1)])}"
            return reply(json=document, headers=told, status=status, link=link)

        return self._add(page)

    def fail(self, status: int = 503, times: int = 1, retry_after: object = None, **settings: Any) -> Route:
        """Add `times` error answers, with a `Retry-After` header if one is given."""
        problem = settings.pop("json", {"status": status, "code": "scripted", "title": f"scripted {status}"})
        headers = {"Content-Type": "application/problem+json", **(settings.pop("headers", None) or {})}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._add(reply(json=problem, status=status, headers=headers, **settings), times)

    def redirect(self, location: str, status: int = 302, retry_after: object = None, times: int = 1) -> Route:
        """Add `times` redirects to `location`, with a `Retry-After` header if one is given."""
        headers = {"Location": location}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return self._add(reply(status=status, headers=headers), times)

    def truncate(self, after_bytes: int, times: int = 1, **settings: Any) -> Route:
        """Add `times` answers that declare their full length, but end after so many bytes of the body."""
        return self._add(replace(reply(**settings), truncate_after=after_bytes), times)

    def reset(self, after_bytes: int = 0, times: int = 1, **settings: Any) -> Route:
        """Add `times` answers whose connection is reset (RST) after so many bytes of the body."""
        return self._add(replace(reply(**settings), truncate_after=after_bytes, reset=True), times)

    def wrong_length(self, declared: int, times: int = 1, **settings: Any) -> Route:
        """Add `times` answers whose `Content-Length` is `declared`, whatever the length of the body that follows."""
        return self._add(replace(reply(**settings), declared=declared), times)

    def garbage(self, times: int = 1, *, body: bytes = _NO_JSON, content_type: str = "application/json") -> Route:
        """Add `times` answers with status 200 that claim to be JSON and are none."""
        return self._add(reply(body=body, headers={"Content-Type": content_type}), times)

    def slow(self, seconds: float, **settings: Any) -> Route:
        """Add an answer that waits `seconds` before each of the eight pieces of its body."""
        return self._add(replace(reply(**settings), piece_wait=seconds))

    def drop(self, times: int = 1) -> Route:
        """Close the connection without an answer, `times` times."""
        return self._add(Reply(dropped=True), times)

    def hang(self, times: int = 1) -> Route:
        """Give no answer and keep the connection, `times` times, until the service is closed."""
        return self._add(Reply(hanging=True), times)

    def next_answer(self) -> Reply | Callable[[Request], Any] | None:
        """Return the answer whose turn it is, or None if there is none."""
        if not self._answers:
            return None
        answer = self._answers[min(self._given, len(self._answers) - 1)]
        self._given = min(self._given + 1, len(self._answers))
        return answer

    def _add(self, answer: Reply | Callable[[Request], Any], times: int = 1) -> Route:
        self._answers += [answer] * times
        return self
