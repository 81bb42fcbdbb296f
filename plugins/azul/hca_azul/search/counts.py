"""The summary as rows: how many there are of what, and how many bytes (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.values import as_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("what", "count", "bytes")
_COUNTS = {
    "projects": "projectCount",
    "specimens": "specimenCount",
    "donors": "donorCount",
    "species": "speciesCount",
    "laboratories": "labCount",
}


def rows(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for what a summary counts, and one for each format of files; formats told in parts are summed up."""
    for what, key in _COUNTS.items():
        if key in summary:
            yield {"what": what, "count": summary[key]}
    yield {"what": "files", "count": summary.get("fileCount"), "bytes": _whole(summary.get("totalFileSize"))}
    formats: dict[str, list[float]] = {}
    for one in as_list(summary.get("fileTypeSummaries")):
        if isinstance(one, dict):
            sums = formats.setdefault(str(one.get("format")), [0, 0])
            sums[0] += one.get("count") or 0
            sums[1] += one.get("totalSize") or 0
    for name, (count, size) in sorted(formats.items(), key=lambda one: (-one[1][0], one[0])):
        yield {"what": name, "count": _whole(count), "bytes": _whole(size)}


def _whole(number: Any) -> int | None:
    return int(number) if isinstance(number, (int, float)) else None
