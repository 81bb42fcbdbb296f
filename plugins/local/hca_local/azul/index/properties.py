"""What each field has in projects, chains and files, by the name of the field (contract §4)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas.values import CellLine, Organoid, Specimen
from hca_local.azul.index import ages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_local.azul.atlas.values import Bundle, Chain, File, Project

    Values = dict[str, list[Any]]


# Text that is longer is not indexed: no filter matches it (contract §0.8).
MOST_CHARACTERS = 256


def _indexed(text: str) -> str | None:
    """Return `text` unless it is too long for the index."""
    return text if len(text) <= MOST_CHARACTERS else None


@cache
def of_project(project: Project) -> Values:
    """Return the fields of a project."""
    return {
        "project": [project.short_name],
        "projectId": [project.id],
        "projectTitle": [_indexed(project.title)],
        "projectDescription": [_indexed(project.description)],
        "projectEstimatedCellCount": [project.estimated_cells],
        "laboratory": project.laboratories,
        "institution": project.institutions,
        "contactName": sorted({one.name for one in project.contributors}),
        "publicationTitle": [_indexed(one.title) for one in project.publications],
        "accessions": [{"namespace": space, "accession": name} for space, name in project.accessions],
        "tissueAtlas": [{"atlas": atlas, "version": version} for atlas, version in project.atlases],
        "isTissueAtlasProject": [bool(project.atlases)],
        "bionetworkName": [*project.bionetworks],
        "dataUseRestriction": [project.restriction],
        "duosId": [None],
        "sourceId": [project.source.id],
        "sourceSpec": [project.source.spec],
        "sourcePrefix": [project.source.spec.rpartition(":")[2]],
    }


@cache
def of_chains(chains: tuple[Chain, ...]) -> Values:
    """Return the fields of what cells come from and how they were read."""
    return _of_donors(chains) | _of_samples(chains) | _of_protocols(chains) | _counts(chains)


def _of_donors(chains: Iterable[Chain]) -> Values:
    donors = {chain.donor.id: chain.donor for chain in chains}.values()
    aged = [donor for donor in donors if donor.age is not None]
    return {
        "biologicalSex": _each(donor.sex for donor in donors),
        "genusSpecies": _each(donor.species for donor in donors),
        "developmentStage": _each(donor.stage for donor in donors),
        "donorDisease": _each(disease for donor in donors for disease in donor.diseases),
        "organismAge": [
            {"value": age, "unit": unit} for age, unit in _each((donor.age, donor.age_unit) for donor in aged)
        ],
        "organismAgeRange": _each(ages.seconds(str(donor.age), str(donor.age_unit)) for donor in aged),
        "donorCount": [len(donors)],
    }


def _of_samples(chains: Iterable[Chain]) -> Values:
    specimens = {chain.specimen.id: chain.specimen for chain in chains}.values()
    samples = {chain.sample.id: chain.sample for chain in chains}.values()
    own = [one for one in samples if isinstance(one, Specimen)]
    lines = {chain.cell_line.id: chain.cell_line for chain in chains if chain.cell_line}.values()
    organoids = {chain.organoid.id: chain.organoid for chain in chains if chain.organoid}.values()
    return {
        "sampleEntityType": _each(chain.sample_type for chain in chains),
        "sampleId": _each(one.name for one in samples),
        "organ": _each(one.organ for one in own),
        "organPart": _each(one.organ_part for one in own),
        "sampleDisease": _each(disease for one in own for disease in one.diseases),
        "specimenOrgan": _each(one.organ for one in specimens),
        "specimenOrganPart": _each(one.organ_part for one in specimens),
        "specimenDisease": _each(disease for one in specimens for disease in one.diseases),
        "preservationMethod": _each(one.preservation for one in specimens),
        "modelOrgan": _each([*(one.model_organ for one in lines), *(one.model_organ for one in organoids)]),
        "modelOrganPart": _each(one.model_organ_part for one in organoids),
        "cellLineType": _each(one.kind for one in lines),
        "effectiveOrgan": _each(effective_organ(one) for one in samples),
    }


def effective_organ(sample: Specimen | CellLine | Organoid) -> str | None:
    """Return the organ that a sample is of, or that it stands for."""
    return sample.organ if isinstance(sample, Specimen) else sample.model_organ


def _of_protocols(chains: Iterable[Chain]) -> Values:
    protocols = _each(chain.protocols for chain in chains)
    return {
        "libraryConstructionApproach": _each(one.library for one in protocols),
        "nucleicAcidSource": _each(one.nucleic_acid_source for one in protocols),
        "instrumentManufacturerModel": _each(one.instrument for one in protocols),
        "pairedEnd": _each(one.paired_end for one in protocols),
        "workflow": _each(one.workflow for one in protocols),
        "assayType": [],
    }


def _counts(chains: Iterable[Chain]) -> Values:
    suspensions = {chain.suspension.id: chain.suspension for chain in chains if chain.suspension}.values()
    return {
        "selectedCellType": _each(kind for one in suspensions for kind in one.cell_types),
        "cellCount": [total_cells(chains)],
        "effectiveCellCount": [total_cells(chains)],
    }


def total_cells(chains: Iterable[Chain]) -> int | None:
    """Return how many cells are estimated to be in all suspensions of `chains`, None if nobody has said so."""
    counts = {chain.suspension.id: chain.suspension.cells for chain in chains if chain.suspension}.values()
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def of_bundles(bundles: Iterable[Bundle]) -> Values:
    """Return the fields of bundles."""
    return {
        "bundleUuid": _each(bundle.uuid for bundle in bundles),
        "bundleVersion": _each(bundle.version for bundle in bundles),
    }


def of_files(files: Iterable[File]) -> Values:
    """Return the fields of files, all of them together."""
    counts = [file.matrix_cells for file in files if file.matrix_cells is not None]
    return {
        "fileId": _each(file.uuid for file in files),
        "fileName": _each(file.name for file in files),
        "fileFormat": _each(file.format for file in files),
        "fileSource": _each(file.source for file in files),
        "fileVersion": _each(file.version for file in files),
        "fileSize": _each(file.size for file in files),
        "sha256": _each(file.sha256 for file in files),
        "contentDescription": _each(text for file in files for text in file.content_description),
        "isIntermediate": _each(file.is_intermediate for file in files),
        "matrixCellCount": [sum(counts)] if counts else [],
    }


def _each(values: Iterable[Any]) -> list[Any]:
    """Return `values`, each once, in order."""
    return list(dict.fromkeys(values))
