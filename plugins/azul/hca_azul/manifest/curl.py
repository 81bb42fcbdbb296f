"""Manifests for curl: a URL and a path a file, in the syntax of curl's configuration files (contract §7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from hca_azul.manifest.compact import uuid_in
from hca_azul.rows import Row
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_OPTION = re.compile(
    r'-{0,2}(?P<name>[a-zA-Z][a-zA-Z0-9.-]*)(?:\s*[=:]\s*|\s+|$)(?P<value>"(?:[^"\\]|\\.)*"|[^"\s]\S*|)'
)
_UNAVAILABLE = re.compile(r"# File '(?P<uuid>[^']*)', version '(?P<version>[^']*)' is currently not available in .*")
_ESCAPED = re.compile(r"\\(.)")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_MIRROR_HOST = re.compile(r"([a-z0-9][a-z0-9.-]*)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")
_MIRROR_PATH = re.compile(r"/((?:_it/)?file/([0-9a-f]+)\.([a-z0-9]+))")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_AGAIN = "make it again: hca azul create-manifest --format curl"


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """Yield a row for each file; what is not available becomes one that leads nowhere. It has no sizes and digests.

    Parameters: `name` is for messages. Raises UsageError with the number of the line.
    """
    url = ""
    number = 0
    for number, line in enumerate(stream, 1):
        text = line.strip()
        if match := _UNAVAILABLE.fullmatch(text):
            yield Row(match["uuid"], match["version"])
        elif option := _option(text, name, number):
            if option[0] == "url":
                if url:
                    raise UsageError(f"{name}: line {number} is a second url without an output between", hint=_AGAIN)
                url = option[1]
            elif option[0] in ("output", "o"):
                if not url:
                    raise UsageError(f"{name}: line {number} is an output without a url before it", hint=_AGAIN)
                yield row_of(url, option[1])
                url = ""
    if url:
        raise UsageError(f"{name} ends at line {number} with a url that has no output; it was cut off", hint=_AGAIN)


def is_curl(begin: str) -> bool:
    """Tell whether a file that begins with `begin` is a manifest for curl."""
    return begin.lstrip().startswith(("-", "#", "url=", "url "))


def row_of(url: str, output: str) -> Row:
    """Return the row for a URL whose bytes are meant for the path `output`: `<bundle>/<name>`."""
    bundle, slash, inner = output.partition("/")
    in_bundle = bool(slash) and _UUID.fullmatch(bundle) is not None
    told = {"name": inner if in_bundle else output, "bundle_uuids": (bundle,) if in_bundle else ()}
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise UsageError(f"{url!r} is no URL", hint=_AGAIN) from None
    if (key := _MIRROR_PATH.fullmatch(parts.path)) and (bucket := _MIRROR_HOST.fullmatch(host)):
        sha256 = key[2] if key[3] == "sha256" else ""
        return Row("", sha256=sha256, mirror_uri=f"s3://{bucket[1]}/{key[1]}", **told)  # type: ignore[arg-type]
    query = dict(parse_qsl(parts.query))
    return Row(
        uuid_in(url),
        query.get("version", ""),
        azul_url=url,
        drs_uri=query.get("drsUri", ""),
        **told,  # type: ignore[arg-type]
    )


def _option(text: str, name: str, number: int) -> tuple[str, str] | None:
    """Return name and value of an option, None for a comment or an empty line. Raises UsageError."""
    if not text or text.startswith("#"):
        return None
    match = _OPTION.fullmatch(text)
    if match is None:
        raise UsageError(f"{name}: line {number} is no option of curl", hint=_AGAIN)
    value = match["value"]
    if value.startswith('"'):
        value = _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), value[1:-1])
    return match["name"], value
