"""The fields of the index: which kinds they are of, and what each document has in them (contract §4)."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What the values of a field are, and so which filters it takes."""

    TEXT = "text"
    NAMED = "text that is never null"
    DATE = "date"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ACCESSIBLE = "accessible"
    RANGE = "range"
    AGE = "value and unit"
    NESTED = "nested"
    BLOB = "blob"


_TEXTS = (
    "biologicalSex bionetworkName cellLineType contactName contentDescription dataUseRestriction developmentStage "
    "donorDisease effectiveOrgan entryId fileFormat fileName fileSource fileVersion genusSpecies institution "
    "instrumentManufacturerModel laboratory libraryConstructionApproach modelOrgan modelOrganPart nucleicAcidSource "
    "organ organPart preservationMethod project projectDescription projectId projectTitle publicationTitle "
    "sampleDisease sampleEntityType sampleId selectedCellType specimenDisease specimenOrgan specimenOrganPart workflow"
)
_KINDS = {
    Kind.TEXT: _TEXTS,
    Kind.NAMED: "bundleUuid bundleVersion fileId sourceId sourceSpec",
    Kind.DATE: (
        "submissionDate updateDate lastModifiedDate "
        "aggregateSubmissionDate aggregateUpdateDate aggregateLastModifiedDate"
    ),
    Kind.INTEGER: "cellCount effectiveCellCount donorCount fileSize matrixCellCount projectEstimatedCellCount",
    Kind.BOOLEAN: "isIntermediate isTissueAtlasProject pairedEnd",
    Kind.ACCESSIBLE: "accessible",
    Kind.RANGE: "organismAgeRange",
    Kind.AGE: "organismAge",
    Kind.NESTED: "accessions tissueAtlas",
    Kind.BLOB: "assayType",
}
_ALL = {name: kind for kind, names in _KINDS.items() for name in names.split()}
# Fields that came after October 2024 (contract §4).
_NEW = {"sha256": Kind.TEXT, "duosId": Kind.TEXT, "sourcePrefix": Kind.TEXT}
NESTED_KEYS = {"accessions": ("namespace", "accession"), "tissueAtlas": ("atlas", "version")}
# In the order of the answer (contract §3).
_FACETS = (
    "organ organPart modelOrgan modelOrganPart effectiveOrgan specimenOrgan specimenOrganPart sampleEntityType "
    "libraryConstructionApproach nucleicAcidSource genusSpecies organismAge biologicalSex sampleDisease "
    "specimenDisease donorDisease developmentStage instrumentManufacturerModel pairedEnd workflow assayType project "
    "fileFormat fileSource isIntermediate contentDescription laboratory preservationMethod projectTitle cellLineType "
    "selectedCellType projectDescription institution contactName publicationTitle isTissueAtlasProject tissueAtlas "
    "bionetworkName dataUseRestriction"
)
FACETS = tuple(_FACETS.split())


def kinds(*, old: bool) -> dict[str, Kind]:
    """Return the kind of each field, by name, of the service as it was in October 2024 or as it is today."""
    return _ALL if old else dict(sorted((_ALL | _NEW).items()))
