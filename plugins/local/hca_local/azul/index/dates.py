"""When entities came and changed: their own dates, and those of all that belongs to them (contract §4, §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.azul.atlas.values import Bundle, File, Project

if TYPE_CHECKING:
    from hca_local.azul.index.documents import Document


def of(document: Document) -> dict[str, str | None]:
    """Return the six dates of a document."""
    submitted, updated = _own(document)
    everything = [*(file.version for file in document.files), *(one.version for one in document.bundles)]
    newest = max(everything)
    return {
        "submissionDate": submitted,
        "updateDate": updated,
        "lastModifiedDate": updated or submitted,
        "aggregateSubmissionDate": min(everything),
        "aggregateUpdateDate": newest,
        "aggregateLastModifiedDate": newest,
    }


def _own(document: Document) -> tuple[str, str | None]:
    """Return when the entity itself was submitted and when it was changed."""
    entity = document.entity
    if isinstance(entity, Project):
        return entity.submitted, entity.updated
    if isinstance(entity, Bundle):
        return entity.submitted, None if entity.submitted == entity.version else entity.version
    if isinstance(entity, File):
        return entity.version, None
    return document.project.submitted, None
