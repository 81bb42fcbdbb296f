"""Answers that come in pages: status, Link header and the headers that say where the items are."""

from __future__ import annotations

from starlette.responses import Response


def response(body: str, content_key: str, following: str | None, quote: str = "'") -> Response:
    """Return a page: `body` has its items at `content_key`, `following` is the URL of the next page if there is one.

    `quote` is what stands around `next` in the Link header: one route of the service has another than all others.
    """
    headers = {
        "X-OpenAPI-Pagination": "true" if following else "false",
        "X-OpenAPI-Paginated-Content-Key": content_key,
    }
    if following:
        headers["Link"] = f"<{following}>; rel={quote}next{quote}"
    return Response(body, 206 if following else 200, headers, media_type="application/json")
