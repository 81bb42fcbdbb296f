"""The fields of the Human Cell Atlas in version 9.2 (contract §3, §4), for services that do not list theirs."""

from __future__ import annotations

from functools import cache

from hca_azul.search.fields import Field, Kind

_TEXT = """
    biologicalSex bionetworkName cellLineType contactName contentDescription dataUseRestriction developmentStage
    donorDisease effectiveOrgan entryId fileFormat fileName fileSource fileVersion genusSpecies institution
    instrumentManufacturerModel laboratory libraryConstructionApproach modelOrgan modelOrganPart nucleicAcidSource organ
    organPart preservationMethod project projectDescription projectId projectTitle publicationTitle sampleDisease
    sampleEntityType sampleId selectedCellType specimenDisease specimenOrgan specimenOrganPart workflow
"""
_TEXT_NEVER_NULL = "bundleUuid bundleVersion fileId sourceId sourceSpec"
_DATE = """
    submissionDate updateDate lastModifiedDate aggregateSubmissionDate aggregateUpdateDate aggregateLastModifiedDate
"""
_INTEGER = "cellCount effectiveCellCount donorCount fileSize matrixCellCount projectEstimatedCellCount"
_BOOLEAN = "isIntermediate isTissueAtlasProject pairedEnd"

_FACETS = """
    accessible organ organPart modelOrgan modelOrganPart effectiveOrgan specimenOrgan specimenOrganPart sampleEntityType
    libraryConstructionApproach nucleicAcidSource genusSpecies organismAge biologicalSex sampleDisease specimenDisease
    donorDisease developmentStage instrumentManufacturerModel pairedEnd workflow assayType project fileFormat fileSource
    isIntermediate contentDescription laboratory preservationMethod projectTitle cellLineType selectedCellType
    projectDescription institution contactName publicationTitle isTissueAtlasProject tissueAtlas bionetworkName
    dataUseRestriction
"""


@cache
def fields() -> dict[str, Field]:
    """Return the fields by name."""
    kinds = {
        **dict.fromkeys(_TEXT.split(), (Kind.TEXT, ("is",), True)),
        **dict.fromkeys(_TEXT_NEVER_NULL.split(), (Kind.TEXT, ("is",), False)),
        **dict.fromkeys(_DATE.split(), (Kind.DATE, ("is",), True)),
        **dict.fromkeys(_INTEGER.split(), (Kind.INTEGER, ("is", "within"), True)),
        **dict.fromkeys(_BOOLEAN.split(), (Kind.BOOLEAN, ("is",), True)),
        "accessible": (Kind.BOOLEAN, ("is",), False),
        "assayType": (Kind.JSON, ("is",), False),
        "organismAge": (Kind.AGE, ("is",), True),
        "organismAgeRange": (Kind.RANGE, ("is", "within", "contains", "intersects"), False),
    }
    facets = set(_FACETS.split())
    found = {
        name: Field(name, kind, relations, nullable, is_facet=name in facets)
        for name, (kind, relations, nullable) in kinds.items()
    }
    for name, keys in (("accessions", ("namespace", "accession")), ("tissueAtlas", ("atlas", "version"))):
        found[name] = Field(name, Kind.NESTED, nullable=False, keys=keys, is_facet=name in facets)
    return dict(sorted(found.items()))
