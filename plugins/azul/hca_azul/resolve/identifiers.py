"""What people name data by: UUIDs, digests, pages of the data portal, addresses of files (contract §15)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

from hca_core import urls
from hca_core.errors import UsageError, one_line

UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# What the service takes for the version of a file (contract §8).
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_MIRROR = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>(?:_it/)?file/(?P<hex>[0-9a-f]{32,64})"
    r"\.(?P<type>sha256|sha1|md5))"
)
_FILE_PATH = re.compile(rf"(?:/fetch)?/repository/files/(?P<uuid>{UUID.pattern})")
_ENTITY_PATH = re.compile(rf"(?:/[a-z-]+)*/(?P<type>[a-z]+)/(?P<uuid>{UUID.pattern})(?:/[^/]*)*")
_FORMS = "a UUID, a sha256, a page of the data portal, the URL of a file at Azul, drs://HOST/ID, s3://BUCKET/file/..."


class Kind(Enum):
    """What an identifier is."""

    UUID = "uuid"  # of a file or a project: only who asks knows
    DIGEST = "sha256"
    ENTITY = "entity"  # a page of the portal, or the address of an entity in the index
    FILE = "file"  # the address of a file at an Azul service
    MIRROR = "mirror"
    DRS = "drs"


@dataclass(frozen=True, slots=True)
class Identifier:
    """What somebody named; what is not told of it is "".

    `text` is as it was given. `uuid` and `sha256` are in lower case. `entity_type` (projects, files, ...) is told by
    entities. `service` is the base URL that the address of a file begins with. `bucket` and `key` are the mirror's.
    """

    kind: Kind
    text: str
    uuid: str = ""
    version: str = ""
    catalog: str = ""
    sha256: str = ""
    entity_type: str = ""
    service: str = ""
    bucket: str = ""
    key: str = ""


def parse(text: str) -> Identifier:
    """Return what `text` names. Raises UsageError for what names nothing."""
    given = text.strip()
    if UUID.fullmatch(given):
        return Identifier(Kind.UUID, given, uuid=given.lower())
    if SHA256.fullmatch(given):
        return Identifier(Kind.DIGEST, given, sha256=given.lower())
    scheme = given.partition("://")[0].lower()
    if scheme == "s3" and (match := _MIRROR.fullmatch(given)):
        sha256 = match["hex"] if match["type"] == "sha256" else ""
        return Identifier(Kind.MIRROR, given, sha256=sha256, bucket=match["bucket"], key=match["key"])
    if scheme == "drs" and given.partition("://")[2].isprintable() and len(given) > len("drs://"):
        return Identifier(Kind.DRS, given)
    found = _in_url(given) if scheme in ("http", "https") else None
    if found is None:
        raise UsageError(f"{one_line(text)!r} names no data", hint=f"give {_FORMS}")
    return found


def entity_id(text: str, entity_type: str = "projects") -> str:
    """Return the UUID of an entity of that type that `text` names, bare or in a URL. Raises UsageError."""
    found = parse(text)
    if found.kind is Kind.UUID or (found.kind is Kind.ENTITY and found.entity_type == entity_type):
        return found.uuid
    raise UsageError(
        f"{one_line(text)!r} does not name one of {entity_type}",
        hint=f"give its UUID, or its page: https://explore.data.humancellatlas.org/{entity_type}/UUID",
    )


def _in_url(url: str) -> Identifier | None:
    """Return what a URL names: a file at a service, or an entity. None if it names nothing."""
    try:
        parts = urlsplit(url)
        urls.origin(url)
    except ValueError:
        return None
    query = dict(parse_qsl(parts.query))
    catalog = query.get("catalog", "")
    if not parts.hostname or parts.username is not None:
        return None
    if match := _FILE_PATH.fullmatch(parts.path):
        service = f"{parts.scheme}://{parts.netloc}"
        version = query.get("version", "")
        return Identifier(Kind.FILE, url, match["uuid"].lower(), version, catalog, service=service)
    if match := _ENTITY_PATH.fullmatch(parts.path):
        return Identifier(Kind.ENTITY, url, match["uuid"].lower(), catalog=catalog, entity_type=match["type"])
    return None
