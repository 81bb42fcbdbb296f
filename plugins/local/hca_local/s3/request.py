"""A request as S3 sees it: bucket, key, parameters, headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from hca_local.s3.errors import S3Error
from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Scope

_LONGEST_KEY = 1024


@dataclass(frozen=True)
class Request:
    """One request. `bucket` and `key` are decoded, and empty where the path has none.

    `pairs` are all the parameters, `query` the first value of each; `raw_headers` are all the headers, in `headers`
    the last of each.
    """

    method: str
    path: str
    bucket: str
    key: str
    pairs: Sequence[tuple[str, str]]
    query: Mapping[str, str]
    raw_headers: Sequence[tuple[bytes, bytes]]
    headers: Mapping[str, str]


def read(scope: Scope) -> Request:
    """Return the request of an ASGI scope. Raises S3Error."""
    # The path is taken as it was sent: a key may hold everything, also what looks like parts of a path.
    bucket, _, key = scope["raw_path"].decode("latin-1").removeprefix("/").partition("/")
    try:
        path = unquote(scope["raw_path"].decode("latin-1"), errors="strict")
        bucket, key = unquote(bucket, errors="strict"), unquote(key, errors="strict")
        pairs = _pairs(scope["query_string"].decode("latin-1"))
    except UnicodeDecodeError:
        raise S3Error(400, "InvalidURI", "The URI is not encoded in UTF-8.") from None
    if len(key.encode()) > _LONGEST_KEY:
        raise S3Error(
            400, "KeyTooLongError", "Your key is too long", Size=len(key.encode()), MaxSizeAllowed=_LONGEST_KEY
        )
    return Request(
        scope["method"], path, bucket, key, pairs, requests.first_values(pairs), scope["headers"],
        requests.headers(scope),
    )  # fmt: skip


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return names and values of a query; a name without a value has an empty one. Raises UnicodeDecodeError."""
    split = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")) for name, _, value in split]
