"""The parameters of a download, checked as the service checks them (contract §8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.azul.calls import bad_request, opaque
from hca_local.azul.index.parameters import validated

if TYPE_CHECKING:
    from hca_local.azul.calls import Call

_VERSION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))(?:,.*)?", re.ASCII)
_ALLOWED = ("catalog", "version", "fileName", "wait", "replica", "requestIndex", "drsUri", "token")
_ALLOWED_NOW = (*_ALLOWED, "sha256", "md5")


@dataclass(frozen=True)
class Download:
    """What a request for a file says. `index` is how many answers came before; `first_byte` of an open range."""

    catalog: str | None
    version: str | None
    file_name: str | None
    waits: bool
    index: int
    drs_uri: str | None
    first_byte: int | None


def parsed(call: Call) -> Download:
    """Return what a request says. Raises AzulError (400, 500)."""
    given = dict(call.query)
    validated(given, _ALLOWED if call.azul.is_old else _ALLOWED_NOW)
    version, wait, index = given.get("version"), given.get("wait", "0"), given.get("requestIndex", "0")
    if version is not None and not _VERSION.fullmatch(version):
        raise bad_request(f"Version {version!r} is not a valid file version")
    if wait not in ("0", "1"):
        raise bad_request("Invalid value for `wait`")
    if not (index.isascii() and index.isdecimal()):
        raise bad_request("Invalid value for `requestIndex`")
    replica = given.get("replica", "gcp")
    if replica not in ("aws", "gcp"):
        raise bad_request("Invalid value for `replica`")
    if replica == "aws":
        raise opaque()  # the repository has no other replica, and the service does not look
    if int(index) and not (version and given.get("fileName")):
        if call.azul.is_old:
            raise opaque()
        raise bad_request("The parameters `version` and `fileName` are required with `requestIndex`")
    return Download(
        given.get("catalog"), version, given.get("fileName"), wait == "1", int(index), given.get("drsUri"),
        _first_byte(call.headers.get("range")),
    )  # fmt: skip


def _first_byte(header: str | None) -> int | None:
    """Return the first byte that a range of the kind `bytes=5-` names; other ranges are ignored. Raises AzulError."""
    if header is None:
        return None
    match = _RANGE.fullmatch(header)
    if match is None:
        raise bad_request(f"Invalid range specifier {header!r}")
    first, last, _ = match.groups()
    return int(first) if first and not last and "," not in header else None
