"""Whether the open-data mirror has a file: its info object tells, without a byte of the file (contract §11)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hca_azul.resolve.identifiers import SHA256
from hca_core.errors import ServiceError

if TYPE_CHECKING:
    from hca_azul.service import AzulService

_KNOWN_SCHEMA = re.compile(r"(?:.*/)?v[12]\.json")
# S3 says 403 of what is missing if it may not tell what there is (contract §0.15).
_MISSING = frozenset({403, 404})
_TYPES = {"sha256": 64, "sha1": 40, "md5": 32}


def key_of(sha256: str) -> str:
    """Return the key of the object that has the bytes of that digest."""
    return f"file/{sha256}.sha256"


def url_of(service: AzulService, bucket: str, key: str) -> str | None:
    """Return the URL of the object at a key `file/HEX.TYPE`, None if the mirror does not have it. Raises HCAError.

    It has what an info object of a known kind tells of: that is written once the digest was checked. Without one the
    object may be there by another digest.
    """
    if _document(service, bucket, _beside(key, "info")) is not None:
        return f"{service.place.bucket_url(bucket)}/{key}"
    alias = _document(service, bucket, _beside(key, "alias"))
    digest, kind = (alias.get("digest_value"), alias.get("digest_type")) if alias else (None, None)
    if not isinstance(digest, str) or not isinstance(kind, str) or not _is_digest(digest, kind):
        return None
    other = f"{key.rpartition('file/')[0]}file/{digest}.{kind}"
    if other == key or _document(service, bucket, _beside(other, "info")) is None:
        return None
    return f"{service.place.bucket_url(bucket)}/{other}"


def _beside(key: str, kind: str) -> str:
    """Return the key of the object that tells of the one at `key`."""
    prefix, _, name = key.rpartition("file/")
    return f"{prefix}{kind}/{name}.json"


def _is_digest(digest: str, kind: str) -> bool:
    return len(digest) == _TYPES.get(kind) and SHA256.fullmatch(digest.ljust(64, "0")) is not None


def _document(service: AzulService, bucket: str, key: str) -> dict[str, Any] | None:
    """Return a small document of the mirror; None if it is not there, or of a kind that we don't know."""
    try:
        response = service.storage.request("GET", f"{service.place.bucket_url(bucket)}/{key}")
    except ServiceError as error:
        if error.code in _MISSING:
            return None
        raise
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    known = isinstance(found, dict) and _KNOWN_SCHEMA.fullmatch(str(found.get("$schema")))
    return found if known else None
