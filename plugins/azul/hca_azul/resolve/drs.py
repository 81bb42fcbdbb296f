"""DRS, the way to the repository itself: from `drs://` to a URL that gives the bytes (contract §9, GA4GH DRS 1.x).

An object lists ways to its bytes. One is a URL, or the id of a way that has to be asked for; the repository of the
Human Cell Atlas has both on one way: an address in Google's storage, and an id that leads to a signed URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from hca_azul.errors import AzulError
from hca_azul.resolve import compact
from hca_azul.resolve.repositories import asked
from hca_azul.resolve.signed import signed
from hca_core.errors import NotFoundError, one_line

if TYPE_CHECKING:
    from hca_azul.resolve.signed import Signed
    from hca_azul.service import AzulService

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What belongs to the connection or to the piece that is asked for, whatever a repository says.
_OURS = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "if-range", "range", "te", "transfer-encoding"}
)
_BUCKETS = {"gs://": "https://storage.googleapis.com/", "s3://": "https://s3.amazonaws.com/"}
_DIGESTS = {"sha256": "sha256", "sha-256": "sha256", "md5": "md5", "crc32c": "crc32c"}
_HEX = re.compile(r"[0-9A-Fa-f]{8,128}")


class Object(NamedTuple):
    """What a repository tells of an object.

    `url` is its own address there. `size` in bytes, None if it is not told; `checksums` are digests in lower-case hex
    by sha256, md5, crc32c. `methods` are the ways to its bytes, as they were told.
    """

    url: str
    size: int | None
    checksums: Mapping[str, str]
    methods: tuple[Mapping[str, Any], ...]


def address(service: AzulService, uri: str, *, anew: bool = False) -> Signed:
    """Return a URL that gives the bytes of a DRS URI; one that is known already while it is good, unless `anew`.

    Repositories are asked without a login first. Raises UsageError for what is no DRS URI, NotFoundError if there is
    no such object or no way to it, LoginError if it is managed, NetworkError if it is not ready in time.
    """
    return service.remembered.get(uri, lambda: _address(service, uri), anew=anew)


def described(service: AzulService, uri: str) -> Object:
    """Return what a repository tells of a DRS URI. Raises what `address` raises."""
    url = compact.object_url(service, uri)
    document = asked(service, url)
    methods = document.get("access_methods")
    found = tuple(one for one in methods if isinstance(one, dict)) if isinstance(methods, list) else ()
    size = document.get("size")
    has_size = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    return Object(url, size if has_size else None, _checksums(document.get("checksums")), found)


def _address(service: AzulService, uri: str) -> Signed:
    found = described(service, uri)
    # What has to be asked for is signed, and the address beside it is not for everybody: see above.
    for method in found.methods:
        access_id = method.get("access_id")
        if isinstance(access_id, str) and access_id not in ("", ".", ".."):
            path, mark, query = found.url.partition("?")
            document = asked(service, f"{path}/access/{quote(access_id, safe='')}{mark}{query}")
            return _usable(service, uri, document)
    for method in found.methods:
        access_url = method.get("access_url")
        if isinstance(access_url, dict) and _in_http(access_url.get("url")) is not None:
            return _usable(service, uri, access_url)
    raise NotFoundError(f"the repository has no way to the bytes of {one_line(uri)}", hint="ask those who run it")


def _usable(service: AzulService, uri: str, document: Mapping[str, Any]) -> Signed:
    """Return where an answer leads. Raises AzulError for what is no address, UsageError for one that is not safe."""
    url = _in_http(document.get("url"))
    if url is None:
        raise AzulError(f"the repository does not tell where the bytes of {one_line(uri)} are", hint="try again later")
    service.storage.check(url)
    return signed(url, _headers(document.get("headers")))


def _in_http(url: Any) -> str | None:
    """Return an address as one of HTTP, None if it is none. What lies open in a bucket needs no more than that."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return None
    for scheme, place in _BUCKETS.items():
        if url.startswith(scheme):
            return place + quote(url.removeprefix(scheme), safe="/")
    return url if url.startswith(("https://", "http://")) else None


def _headers(told: Any) -> dict[str, str]:
    """Return the headers that storage wants: pairs, or lines `Name: value` (both are in use)."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(told, Mapping):
        pairs = list(told.items())
    elif isinstance(told, list):
        lines = (str(one).partition(":") for one in told)
        pairs = [(name.strip(), value.strip()) for name, colon, value in lines if colon]
    return {
        name: value
        for name, value in pairs
        if _HEADER.fullmatch(name) and name.lower() not in _OURS and isinstance(value, str) and value.isprintable()
    }


def _checksums(told: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in told if isinstance(told, list) else ():
        kind, value = (one.get("type"), one.get("checksum")) if isinstance(one, dict) else ("", "")
        name = _DIGESTS.get(kind.lower()) if isinstance(kind, str) else None
        if name and isinstance(value, str) and _HEX.fullmatch(value):
            found[name] = value.lower()
    return found
