"""A document as a hit (contract §5).

In the list that is named like its type it is told with single values; in all others the values of many are together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.azul import links
from hca_local.azul.atlas.values import Bundle, File, Project
from hca_local.azul.index import biology, dates, matrices, projects
from hca_local.azul.index.summaries import file_type_summaries

if TYPE_CHECKING:
    from hca_local.azul.index.documents import Document


@dataclass(frozen=True)
class Telling:
    """How hits are told: of which catalog, to whom the service is at `base`, in the spelling of 2024 if `old`."""

    catalog: str
    base: str
    old: bool


def hit(document: Document, entity_type: str, telling: Telling, *, accessible: bool) -> dict[str, Any]:
    """Return the hit that a document is."""
    source = document.project.source
    found: dict[str, Any] = {
        "protocols": biology.protocols(document.chains),
        "entryId": document.id,
        "sources": [{"sourceId": source.id, "sourceSpec": source.spec}],
        "projects": [projects.aggregate(document.project)],
        "samples": biology.samples(document.chains),
        "specimens": biology.specimens(document.chains),
        "cellLines": biology.cell_lines(document.chains),
        "donorOrganisms": biology.donors(document.chains),
        "organoids": biology.organoids(document.chains),
        "cellSuspensions": biology.suspensions(document.chains),
        "dates": [dates.of(document)],
    }
    if entity_type in ("files", "bundles"):
        found["bundles"] = [{"bundleUuid": one.uuid, "bundleVersion": one.version} for one in document.bundles]
        found["files"] = [file_item(one, telling) for one in document.files]
    else:
        found["fileTypeSummaries"] = file_type_summaries(document.files)
    found[entity_type] = [_own(document, telling) | {"accessible": accessible}]
    return found


def _own(document: Document, telling: Telling) -> dict[str, Any]:
    """Return the entity that a document is about, with single values."""
    entity = document.entity
    if isinstance(entity, File):
        return file_item(entity, telling)
    if isinstance(entity, Bundle):
        return {"bundleUuid": entity.uuid, "bundleVersion": entity.version}
    if isinstance(entity, Project):
        trees = matrices.trees(document.files, lambda file: file_item(file, telling))
        return projects.whole(entity, old=telling.old) | trees
    return biology.sample(entity)


def file_item(file: File, telling: Telling) -> dict[str, Any]:
    """Return what hits and trees of matrices tell of a file."""
    url = links.azul_url(file, telling.catalog, telling.base)
    item: dict[str, Any] = {
        "contentDescription": [*file.content_description] or [None],
        "format": file.format,
        "isIntermediate": file.is_intermediate,
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "fileSource": file.source,
        "uuid": file.uuid,
        "version": file.version,
        "matrixCellCount": file.matrix_cells,
        "drs_uri": links.drs_uri(file, telling.base),
    }
    if telling.old:
        return item | {"url": url}
    return item | {"azul_url": url, "azul_mirror_uri": links.mirror_uri(file)}
