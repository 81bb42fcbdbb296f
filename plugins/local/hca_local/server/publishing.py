"""API descriptions as clients read them: with this server's address in them, and only once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


@dataclass(frozen=True)
class Published:
    """A document as a client gets it."""

    content: bytes
    etag: str


def packaged(package: str) -> dict[str, Any]:
    """Return the API description that `package` ships."""
    found: dict[str, Any] = json.loads(resources.files(package).joinpath("api.json").read_bytes())
    return found


def published(document: Mapping[str, Any]) -> Published:
    """Return `document` as it is sent."""
    content = json.dumps(document, indent=2, ensure_ascii=False).encode()
    return Published(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def response(found: Published, request: Request) -> Response:
    """Return the answer to a `request` for a document; 304 if the client has it."""
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type="application/json")
