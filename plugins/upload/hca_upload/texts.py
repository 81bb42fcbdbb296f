"""The lines that `hca upload` writes about files; names in them can't break a line or move a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_upload.checking import Row
    from hca_upload.upload import Outcome
    from hca_upload.uri import UploadAreaURI

_NOT_THE_SAME = {
    "differs": "different",
    "missing": "missing in the area",
    "changed": "changed meanwhile",
    "unknown": "can't be compared",
}
# Names of checksums as people know them; the service has them in lower case.
_SUMS = ("S3_Etag", "CRC32C", "SHA1", "SHA256")


def name(raw: str) -> str:
    """Return a name as it is, or as a JSON string if it would not stand on one line or could be taken for one."""
    return raw if raw.isprintable() and not raw.startswith('"') else json.dumps(raw)


def described(file: Mapping[str, Any]) -> str:
    """Return the published long form of a file that `UploadArea.list(detail=True)` yields."""
    lines = [
        name(file["name"]),
        f"\tsize         {file['size']} bytes",
        f"\tURL          {name(file['url'])}",
        f"\tContent-Type {name(file['content_type'] or 'unknown')}",
    ]
    sums = file["checksums"] or {}
    lines += [f"\t{one:<12} {sums[one.lower()]}" for one in _SUMS if one.lower() in sums]
    return "\n".join(lines)


def uploaded(outcome: Outcome, uri: UploadAreaURI) -> str:
    """Return the published sentence on a file that is in the area now, or one on a file that was there."""
    if outcome.status == "present":
        return f"{name(outcome.name)} is in upload area {uri} already"
    return f"Upload complete of {name(outcome.name)} to upload area {uri}"


def comparison(found: Mapping[str, int]) -> str:
    """Return how many files have which status, as a sentence."""
    told = [f"{found.get('same', 0)} the same"]
    told += [f"{found[status]} {text}" for status, text in _NOT_THE_SAME.items() if found.get(status)]
    if extra := found.get("extra"):
        told.append(f"{extra} more in the area")
    return ", ".join(told)


def compared(row: Row) -> str:
    """Return what a comparison has found out about one file."""
    return f"{row.status:<8} {name(row.name)}" + (f": {row.detail}" if row.detail else "")
