"""What hits tell of donors, samples, cells and protocols (contract §5): the values of all together, in lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas.values import CellLine, Specimen
from hca_local.azul.index import ages
from hca_local.azul.index.properties import effective_organ, total_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hca_local.azul.atlas.values import Chain, Donor, Organoid

    Item = dict[str, Any]


def samples(chains: Iterable[Chain]) -> list[Item]:
    """Return an item for each type of sample."""
    by_type: dict[str, dict[str, Specimen | CellLine | Organoid]] = {}
    for chain in chains:
        by_type.setdefault(chain.sample_type, {})[chain.sample.id] = chain.sample
    return [
        {
            "sampleEntityType": [entity_type],
            "effectiveOrgan": _each(effective_organ(one) for one in found.values()),
            **_together([_fields(one) for one in found.values()]),
        }
        for entity_type, found in by_type.items()
    ]


def sample(one: Specimen | CellLine | Organoid) -> Item:
    """Return a sample by itself."""
    if isinstance(one, Specimen):
        entity_type = "specimens"
    else:
        entity_type = "cellLines" if isinstance(one, CellLine) else "organoids"
    return {"sampleEntityType": entity_type, "effectiveOrgan": effective_organ(one), **_fields(one)}


def specimens(chains: Iterable[Chain]) -> list[Item]:
    """Return the specimens."""
    return _one_item([_fields(one) for one in {chain.specimen.id: chain.specimen for chain in chains}.values()])


def cell_lines(chains: Iterable[Chain]) -> list[Item]:
    """Return the cultures of cells."""
    found = {chain.cell_line.id: chain.cell_line for chain in chains if chain.cell_line}
    return _one_item([_fields(one) for one in found.values()])


def organoids(chains: Iterable[Chain]) -> list[Item]:
    """Return the organoids."""
    found = {chain.organoid.id: chain.organoid for chain in chains if chain.organoid}
    return _one_item([_fields(one) for one in found.values()])


def _fields(one: Specimen | CellLine | Organoid) -> Item:
    if isinstance(one, Specimen):
        return {
            "id": one.name,
            "organ": one.organ,
            "organPart": one.organ_part,
            "disease": [*one.diseases] or [None],
            "preservationMethod": one.preservation,
            "source": "specimen_from_organism",
        }
    if isinstance(one, CellLine):
        return {"id": one.name, "cellLineType": one.kind, "modelOrgan": one.model_organ}
    return {"id": one.name, "modelOrgan": one.model_organ, "modelOrganPart": one.model_organ_part}


def donors(chains: Iterable[Chain]) -> list[Item]:
    """Return the donors, in one item."""
    found = [*{chain.donor.id: chain.donor for chain in chains}.values()]
    if not found:
        return []
    items = [_donor(one) for one in found]
    return [{"donorCount": len(found)} | _together(items)]


def _donor(one: Donor) -> Item:
    is_known = one.age is not None and one.age_unit is not None
    return {
        "id": one.name,
        "developmentStage": one.stage,
        "genusSpecies": one.species,
        "organismAge": {"value": one.age, "unit": one.age_unit} if is_known else None,
        "organismAgeRange": [*ages.seconds(str(one.age), str(one.age_unit))] if is_known else None,
        "biologicalSex": one.sex,
        "disease": [*one.diseases] or [None],
    }


def suspensions(chains: Sequence[Chain]) -> list[Item]:
    """Return the cells of each organ."""
    by_organ: dict[tuple[str | None, str | None], list[Chain]] = {}
    for chain in chains:
        if chain.suspension:
            by_organ.setdefault((effective_organ(chain.sample), chain.specimen.organ_part), []).append(chain)
    return [
        {
            "organ": [organ],
            "organPart": [part],
            "selectedCellType": _each(
                kind for chain in found if chain.suspension for kind in chain.suspension.cell_types
            )
            or [None],
            "totalCells": total_cells(found),
            "totalCellsRedundant": total_cells(found),
        }
        for (organ, part), found in by_organ.items()
    ]


def protocols(chains: Iterable[Chain]) -> list[Item]:
    """Return an item for each kind of protocol."""
    found = _each(chain.protocols for chain in chains)
    workflows = _each(one.workflow for one in found if one.workflow is not None)
    items: list[Item] = [{"workflow": workflows}] if workflows else []
    library = {
        "libraryConstructionApproach": _each(one.library for one in found),
        "nucleicAcidSource": _each(one.nucleic_acid_source for one in found),
    }
    sequencing = {
        "instrumentManufacturerModel": _each(one.instrument for one in found),
        "pairedEnd": _each(one.paired_end for one in found),
    }
    return [*items, library, sequencing] if found else []


def _one_item(items: list[Item]) -> list[Item]:
    return [_together(items)] if items else []


def _together(items: list[Item]) -> Item:
    """Return one item whose values are lists of those of all `items`, each once; lists are joined, null is none."""
    found: Item = {}
    for name in items[0]:
        values: list[Any] = []
        for item in items:
            value = item[name]
            values += value if isinstance(value, list) and name == "disease" else [value]
        distinct = [value for index, value in enumerate(values) if value not in values[:index]]
        found[name] = [value for value in distinct if value is not None] or [None]
    return found


def _each(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
