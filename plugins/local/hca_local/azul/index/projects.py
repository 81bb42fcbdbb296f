"""What hits tell of a project: a little in hits of other types, all of it in its own (contract §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hca_local.azul.atlas.values import Project


def aggregate(project: Project) -> dict[str, Any]:
    """Return what hits of other types tell of `project`: lists."""
    return {
        "projectId": [project.id],
        "projectTitle": [project.title],
        "projectShortname": [project.short_name],
        "laboratory": project.laboratories,
        "estimatedCellCount": project.estimated_cells,
        "isTissueAtlasProject": [bool(project.atlases)],
        "tissueAtlas": _tissue_atlases(project),
        "bionetworkName": [*project.bionetworks] or [None],
        "dataUseRestriction": [project.restriction],
    }


def whole(project: Project, *, old: bool) -> dict[str, Any]:
    """Return what its own hit tells of `project`, but for the trees of matrices."""
    return {
        "projectId": project.id,
        "projectTitle": project.title,
        "projectShortname": project.short_name,
        "laboratory": project.laboratories,
        "estimatedCellCount": project.estimated_cells,
        "isTissueAtlasProject": bool(project.atlases),
        "tissueAtlas": _tissue_atlases(project),
        "bionetworkName": [*project.bionetworks] or [None],
        "dataUseRestriction": project.restriction,
        **({} if old else {"duosId": None}),
        "projectDescription": project.description,
        "contributors": [
            {
                "contactName": one.name,
                "correspondingContributor": one.corresponding,
                "email": one.email,
                "institution": one.institution,
                "laboratory": one.laboratory,
                "projectRole": one.role,
            }
            for one in project.contributors
        ],
        "publications": [
            {
                "publicationTitle": one.title,
                "publicationUrl": one.url,
                "officialHcaPublication": one.official,
                "doi": one.doi,
            }
            for one in project.publications
        ],
        "supplementaryLinks": [*project.links] or [None],
        "accessions": [{"namespace": space, "accession": name} for space, name in project.accessions],
    }


def _tissue_atlases(project: Project) -> list[dict[str, str]]:
    return [{"atlas": atlas, "version": version} for atlas, version in project.atlases]
