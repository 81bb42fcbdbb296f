"""What compact manifests call the parts of a row: names changed with time, and AnVIL has names of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Field of a Row -> columns that tell it, the newest spelling first (contract §0.1, §7).
ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "uuid": ("file_uuid", "files.uuid"),
        "version": ("file_version", "files.version"),
        "name": ("file_name", "files.file_name"),
        "size": ("file_size", "files.file_size"),
        "sha256": ("file_sha256", "files.sha256"),
        "crc32c": ("file_crc32c", "files.crc32c"),
        "content_type": ("file_content_type", "files.content_type"),
        "format": ("file_format", "files.file_format"),
        "read_index": ("read_index",),
        "drs_uri": ("file_drs_uri", "files.drs_uri"),
        "azul_url": ("file_azul_url", "file_url", "files.azul_url", "files.file_url"),
        "mirror_uri": ("file_mirror_uri", "file_azul_mirror_uri", "files.azul_mirror_uri", "files.mirror_uri"),
        "document_id": ("file_document_id", "files.document_id"),
        "file_type": ("file_type",),
        "bundle_uuids": ("bundle_uuid", "bundles.bundle_uuid"),
        "bundle_versions": ("bundle_version", "bundles.bundle_version"),
        "project_id": ("project.provenance.document_id", "datasets.dataset_id"),
        "project": ("project.project_core.project_short_name", "datasets.title"),
    }
)
# Without one of them nobody can say where the bytes of a file are.
_LEADING_TO_BYTES = ("uuid", "azul_url", "mirror_uri", "drs_uri")


def positions(header: Sequence[str]) -> dict[str, int]:
    """Return where in a row each field is: its first spelling that the `header` has; fields without one are left out.

    `bundle_versions` is among them, which a Row has in its `bundles` only.
    """
    places = {name: place for place, name in enumerate(header)}
    return {
        field: next(places[name] for name in names if name in places)
        for field, names in ALIASES.items()
        if any(name in places for name in names)
    }


def problem(header: Sequence[str]) -> str | None:
    """Return why there can't be rows of files below the `header` of a manifest, None if there can."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        return f"has the column {twice[0]!r} twice"
    if not any(field in positions(header) for field in _LEADING_TO_BYTES):
        wanted = ", ".join(ALIASES[field][0] for field in _LEADING_TO_BYTES)
        return f"has none of the columns {wanted}"
    return None
