"""The two forms of DRS URIs: with the name of a host, and compact ones that identifiers.org knows (contract §9)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from hca_azul.errors import AzulError
from hca_core import answers, urls
from hca_core.errors import NotFoundError, ServiceError, UsageError, one_line

if TYPE_CHECKING:
    from hca_azul.service import AzulService

_IDENTIFIERS_ORG = "https://registry.api.identifiers.org"
_OBJECTS = "/ga4gh/drs/v1/objects/"
_HOST_FORM = re.compile(
    r"drs://(?P<host>[A-Za-z0-9.-]+(?::[0-9]{1,5})?)/(?P<id>[A-Za-z0-9._~!$&'()*+,;=@%-]+)(?P<query>\?[!-~]*)?"
)
_COMPACT_FORM = re.compile(r"drs://(?P<prefix>[A-Za-z0-9._-]+):(?P<accession>[A-Za-z0-9._~!$&'()*+,;=:@%/-]+)")
_PATTERN = re.compile(rf"(?P<base>https?://[A-Za-z0-9.:-]+){re.escape(_OBJECTS)}\{{\$id\}}")
_NUMBER = re.compile(r"/namespaces/([0-9]{1,12})$")


def object_url(service: AzulService, uri: str) -> str:
    """Return the URL of the object that a DRS URI names. Raises UsageError, NotFoundError, HCAError."""
    match = _HOST_FORM.fullmatch(uri)
    # A stand-in has its repository on this machine, at a port. Elsewhere a colon tells a compact identifier, and no
    # service on the network leads to one on this machine.
    is_here = match is not None and urls.is_loopback(f"http://{match['host']}") and urls.is_loopback(service.url)
    if match and (is_here or ":" not in match["host"]):
        _check_id(uri, match["id"])
        scheme = "http" if is_here else "https"
        return f"{scheme}://{match['host']}{_OBJECTS}{match['id']}{match['query'] or ''}"
    match = _COMPACT_FORM.fullmatch(uri)
    if match is None:
        raise UsageError(f"{one_line(uri)!r} is no DRS URI", hint="it looks like drs://HOST/ID or drs://PREFIX:ID")
    _check_id(uri, match["accession"])
    # What is encoded already stays so; a slash in an id is part of it.
    return _base(service, match["prefix"]) + _OBJECTS + quote(match["accession"], safe="%~!$&'()*+,;=:@")


def _check_id(uri: str, identifier: str) -> None:
    if unquote(identifier) in (".", ".."):
        raise UsageError(f"{one_line(uri)!r} names no object")


def _base(service: AzulService, prefix: str) -> str:
    """Return where the objects of a prefix are, as identifiers.org knows it."""
    registry = str(service.config.lookup("azul.identifiers_url", _IDENTIFIERS_ORG)).rstrip("/") + "/restApi"
    unknown = NotFoundError(
        f"identifiers.org knows no repository of objects drs://{prefix}:...", hint="name its host: drs://HOST/ID"
    )
    try:
        query = urlencode({"prefix": prefix})
        namespace = _document(service, f"{registry}/namespaces/search/findByPrefix?{query}")
        links = namespace.get("_links")
        own = links.get("self") if isinstance(links, dict) else None
        number = _NUMBER.search(str(own.get("href"))) if isinstance(own, dict) else None
        if number is None:
            raise unknown
        query = urlencode({"id": number[1]})
        found = _document(service, f"{registry}/resources/search/findAllByNamespaceId?{query}")
    except ServiceError as error:
        raise (unknown if error.code == 404 else error) from error
    patterns = [_PATTERN.fullmatch(one) for one in _patterns(found)]
    if len(patterns) != 1 or patterns[0] is None:
        # One of several would be a guess, and another path is not that of a repository of this kind.
        raise unknown
    return patterns[0]["base"]


def _patterns(document: dict[str, Any]) -> list[str]:
    """Return the patterns of the URLs of all resources that are still in use."""
    embedded = document.get("_embedded")
    resources = embedded.get("resources") if isinstance(embedded, dict) else None
    return [
        str(one.get("urlPattern"))
        for one in (resources if isinstance(resources, list) else ())
        if isinstance(one, dict) and one.get("deprecated") is not True
    ]


def _document(service: AzulService, url: str) -> dict[str, Any]:
    document = answers.decode_json(service.storage.request("GET", url))
    if not isinstance(document, dict):
        raise AzulError("identifiers.org does not answer as it should", hint="try again later")
    return document
