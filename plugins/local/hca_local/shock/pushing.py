"""Copies a node to another Shock server: what `download_post` asks for (contract §6)."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_local.shock import content, locks, nodes
from hca_local.shock.calls import ShockError, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.content import Content
    from hca_local.shock.nodes import Doc

_SECONDS = 600
_MOST_BYTES = 32 * 1024 * 1024
_REFUSED = 400
_SHOWN = 300


async def push(call: Call, doc: Doc) -> ASGIApp:
    """Make a node like `doc` on the server that `post_url` names, and answer with it.

    The caller's credentials go along, so that it becomes the caller's there. Raises ShockError.
    """
    locks.require_file(doc)
    if doc["subset"] and call.shock.quirks:
        raise ShockError(400, "subset nodes do not currently support download_post operation")
    url = _url(call.first("post_url"))
    is_whole = _is_wanted(call, "post_data") and nodes.has_file(doc)
    whole = await content.opened(call.shock, doc) if is_whole else None
    attributes = doc["attributes"] if _is_wanted(call, "post_attr") else None
    if whole is None and attributes is None:
        raise ShockError(400, "There is nothing to post: no file, or post_data=0, and no attributes, or post_attr=0.")
    boundary = secrets.token_hex(16)
    pieces = _form(boundary, doc["file"]["name"] or doc["id"], whole, attributes)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if "authorization" in call.headers:
        headers["Authorization"] = call.headers["authorization"]
    return answer(await call.shock.away.post(_post, url, headers, pieces))


def _url(text: str | None) -> SplitResult:
    """Return where nodes are made on another server. Raises ShockError (400)."""
    if not text:
        raise ShockError(400, "download_post needs post_url, the address of the other server.")
    try:
        url = urlsplit(text)
        is_usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_usable = False
    if is_usable and ("@" in url.netloc or "%" in url.netloc):
        raise ShockError(400, "post_url can't have a name and a password in it: the caller's own are sent along.")
    if not is_usable or any(letter <= " " or letter == "\x7f" or not letter.isascii() for letter in text):
        raise ShockError(400, "post_url is not the http or https address of a server.")
    path = url.path.rstrip("/")
    return url._replace(path=path if path.endswith("/node") else f"{path}/node")


def _is_wanted(call: Call, key: str) -> bool:
    """Return the value of a switch, on unless it says otherwise. Raises ShockError (400)."""
    value = call.first(key) if call.has(key) else "1"
    if value not in ("0", "1"):
        raise ShockError(400, f"Parameter {key} must be either 0 or 1")
    return value == "1"


def _form(boundary: str, name: str, whole: Content | None, attributes: Any) -> list[bytes | Content]:
    """Return the pieces of a multipart form, in order."""
    pieces: list[bytes | Content] = []
    if attributes is not None:
        text = json.dumps(attributes, ensure_ascii=False).encode()
        pieces += [_head(boundary, "attributes", "attributes.json"), text, b"\r\n"]
    if whole is not None:
        pieces += [_head(boundary, "upload", name), whole, b"\r\n"]
    return [*pieces, f"--{boundary}--\r\n".encode()]


def _head(boundary: str, field: str, name: str) -> bytes:
    safe = "".join(letter if letter.isprintable() and letter not in '"\\' else "_" for letter in name)
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode("utf-8", "replace")


def _post(url: SplitResult, headers: dict[str, str], pieces: list[bytes | Content]) -> Any:
    """Send a form and return the data of the answer. Raises ShockError."""
    size = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)
    where = f"{url.scheme}://{url.netloc}"
    connection = _connection(url)
    try:
        target = f"{url.path}?{url.query}" if url.query else url.path
        connection.request("POST", target, _blocks(pieces), {**headers, "Content-Length": str(size)})
        response = connection.getresponse()
        body = response.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise ShockError(500, f"The node could not be posted to {where}: {error or type(error).__name__}.") from error
    finally:
        connection.close()
    try:
        envelope = json.loads(body)
        status, data, told = envelope["status"], envelope["data"], envelope["error"]
    except (ValueError, TypeError, KeyError) as error:
        raise ShockError(500, f"{where} answered {response.status}, and not as a Shock server does.") from error
    if told or response.status >= _REFUSED or status != response.status:
        reason = "; ".join(map(str, told)) if isinstance(told, list) else str(told)
        raise ShockError(500, f"{where} refused the node with {status}: {reason[:_SHOWN]}")
    return data


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        return http.client.HTTPSConnection(host, url.port, timeout=_SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, url.port, timeout=_SECONDS)


def _blocks(pieces: list[bytes | Content]) -> Iterator[bytes]:
    """Yield the bytes of a form. Raises OSError."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.blocks()
