"""Files counted by format, and the summary of a selection (contract §5, §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul.index.properties import effective_organ, total_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hca_local.azul.atlas.values import Chain, File, Project
    from hca_local.azul.index.documents import Document


def file_type_summaries(files: Iterable[File]) -> list[dict[str, Any]]:
    """Return counts and sizes by format, intermediacy and content; a format may come several times."""
    groups: dict[Any, list[File]] = {}
    for file in files:
        groups.setdefault((file.format, file.is_intermediate, file.content_description), []).append(file)
    return [
        {
            "format": format,
            "count": len(members),
            "totalSize": float(sum(file.size for file in members)),
            "matrixCellCount": _matrix_cells(members),
            "isIntermediate": is_intermediate,
            "contentDescription": [*description] or [None],
            "fileSource": list(dict.fromkeys(file.source for file in members)),
        }
        for (format, is_intermediate, description), members in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def summary(files: Sequence[Document], projects: Iterable[Project]) -> dict[str, Any]:
    """Return the summary of the documents of files, which are of `projects`."""
    found = [document.files[0] for document in files]
    chains = list(dict.fromkeys(chain for document in files for chain in document.chains))
    donors = {chain.donor.id: chain.donor for chain in chains}
    by_organ = _by_organ(chains)
    formats = _by_format(found)
    return {
        "projectCount": len({file.project.id for file in found}),
        "specimenCount": len({chain.specimen.id for chain in chains}),
        "speciesCount": len({donor.species for donor in donors.values() if donor.species}),
        "fileCount": sum(one["count"] for one in formats),
        "totalFileSize": float(sum(one["totalSize"] for one in formats)),
        "donorCount": len(donors),
        "labCount": len({laboratory for file in found for laboratory in file.project.laboratories}),
        "organTypes": [organ for organ in by_organ if organ],
        "fileTypeSummaries": formats,
        "cellCountSummaries": [
            {
                "organType": [organ],
                "countOfDocsWithOrganType": len({chain.suspension.id for chain in members if chain.suspension}),
                "totalCellCountByOrgan": float(total_cells(members) or 0),
            }
            for organ, members in by_organ.items()
        ],
        "projects": _cells(chains, projects),
    }


def _by_format(files: Iterable[File]) -> list[dict[str, Any]]:
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault(file.format, []).append(file)
    return [
        {
            "format": format,
            "count": len(members),
            "totalSize": float(sum(file.size for file in members)),
            "matrixCellCount": float(_matrix_cells(members) or 0),
        }
        for format, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _matrix_cells(files: Iterable[File]) -> int | None:
    counts = [file.matrix_cells for file in files if file.matrix_cells is not None]
    return sum(counts) if counts else None


def _by_organ(chains: Iterable[Chain]) -> dict[str | None, list[Chain]]:
    found: dict[str | None, list[Chain]] = {}
    for chain in chains:
        if chain.suspension:
            found.setdefault(effective_organ(chain.sample), []).append(chain)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), str(item[0]))))


def _cells(chains: Sequence[Chain], projects: Iterable[Project]) -> list[dict[str, Any]]:
    """Return the cells that projects estimate and those of suspensions, by which of the two is known."""
    estimated = float(sum(project.estimated_cells or 0 for project in projects))
    counted = float(total_cells(chains) or 0)
    rows = ((estimated, None), (None, counted), (estimated, counted))
    return [{"projects": {"estimatedCellCount": one}, "cellSuspensions": {"totalCells": two}} for one, two in rows]
