"""Hits of the index as rows: the same thing under whatever name the service gives it (contract §0.1, §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulError
from hca_azul.rows import Row
from hca_azul.values import as_list, only

if TYPE_CHECKING:
    from collections.abc import Mapping

# How a hit of the type files calls the parts of a Row: the Human Cell Atlas today and before, then AnVIL.
_ALIASES = {
    "uuid": ("uuid", "file_id"),
    "version": ("version",),
    "name": ("name", "file_name"),
    "sha256": ("sha256", "file_sha256"),
    "crc32c": ("crc32c", "file_crc32c"),
    "format": ("format", "file_format"),
    "drs_uri": ("drs_uri",),
    "azul_url": ("azul_url", "url"),
    "mirror_uri": ("azul_mirror_uri", "mirror_uri"),
}
_SIZE = ("size", "file_size")
_MORE = ("fileSource", "contentDescription", "isIntermediate", "matrixCellCount", "accessible")


def row_of(hit: Mapping[str, Any]) -> Row:
    """Return the file of a hit of the type files. Raises AzulError if the hit tells of no single file."""
    files = [one for one in as_list(hit.get("files")) if isinstance(one, dict)]
    if len(files) != 1:
        raise AzulError(f"the service tells of {len(files)} files where it should of one", hint="hca azul get-version")
    (file,) = files
    texts = {name: _text(_first(file, aliases)) for name, aliases in _ALIASES.items()}
    for digest in ("sha256", "crc32c"):
        texts[digest] = texts[digest].lower()
    bundles = _bundles(hit)
    return Row(
        **texts,
        size=_size(_first(file, _SIZE)),
        document_id=_text(hit.get("entryId")),
        bundles=bundles,
        bundle_uuids=tuple(uuid for uuid, _ in bundles),
        project_id=_text(inner(hit, "projects", "projectId") or inner(hit, "datasets", "dataset_id")),
        project=_text(inner(hit, "projects", "projectShortname") or inner(hit, "datasets", "title")),
        extra={name: tuple(map(_text, as_list(file[name]))) for name in _MORE if file.get(name) is not None},
    )


def values(hit: Mapping[str, Any], name: str, key: str) -> list[Any]:
    """Return all values that the entities `name` of a hit have at `key`, in their order, without nulls."""
    entities = [one for one in as_list(hit.get(name)) if isinstance(one, dict)]
    return [value for one in entities for value in as_list(one.get(key)) if value is not None]


def inner(hit: Mapping[str, Any], name: str, key: str) -> list[Any]:
    """Return what `values` does, each value once."""
    found = values(hit, name, key)
    return [value for place, value in enumerate(found) if value not in found[:place]]


def _bundles(hit: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the bundles of a hit. Each is told by itself, so it is known which version is whose."""
    told = [one for one in as_list(hit.get("bundles")) if isinstance(one, dict)]
    pairs = [
        (_first(one, ("bundleUuid", "bundle_uuid")), _first(one, ("bundleVersion", "bundle_version"))) for one in told
    ]
    return tuple((_text(uuid), _text(version)) for uuid, version in pairs if only(uuid))


def _first(entity: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((entity[name] for name in names if entity.get(name) is not None), None)


def _text(value: Any) -> str:
    """Return the one value that is told as text, "" if there is none or if there are several."""
    found = only(value)
    return "" if found is None else str(found)


def _size(value: Any) -> int | None:
    found = only(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found < 0:
        return None
    return int(found)
