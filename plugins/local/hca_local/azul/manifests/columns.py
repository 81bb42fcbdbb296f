"""The columns of the compact manifest, in their order, and where their values come from (contract §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local.azul import links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hca_local.azul.atlas.values import Chain, Donor
    from hca_local.azul.manifests.rows import Row, Selection

    Values = Callable[[Row], Iterable[object]]


class Column(NamedTuple):
    """A column: its name in the header, and the values that a row has there."""

    name: str
    values: Values


def columns(selection: Selection) -> list[Column]:
    """Return the columns, in the spelling of the mode of `selection`."""
    base, catalog = selection.base, selection.catalog
    drs = _one("file_drs_uri", lambda row: links.drs_uri(row.item, base))
    azul = "file_url" if selection.is_old else "file_azul_url"
    urls = [_one(azul, lambda row: links.azul_url(row.item, catalog, base))]
    if not selection.is_old:
        urls.append(_one("file_mirror_uri", lambda row: links.mirror_uri(row.item)))
    return [*_FILE, drs, *urls, *_SEQUENCING, *_PROJECT, *_ORIGIN, *_SAMPLE]


def _one(name: str, value: Callable[[Row], object]) -> Column:
    return Column(name, lambda row: [value(row)])


def _each(name: str, value: Callable[[Chain], object]) -> Column:
    """Return a column with a value of each chain of the file; a tuple counts as several."""

    def values(row: Row) -> Iterable[object]:
        for chain in row.file.chains:
            found = value(chain)
            yield from found if isinstance(found, tuple) else (found,)

    return Column(name, values)


def _of(name: str, part: Callable[[Chain], Any], attributes: Mapping[str, str]) -> list[Column]:
    """Return the columns `<name>.<column>` of a part of a chain, which not every chain has.

    Parameters: `attributes` are those of the part, by the column.
    """

    def column(suffix: str, attribute: str) -> Column:
        def value(chain: Chain) -> object:
            found = part(chain)
            return () if found is None else getattr(found, attribute)

        return _each(f"{name}.{suffix}", value)

    return [column(suffix, attribute) for suffix, attribute in attributes.items()]


def _age(donor: Donor) -> str | None:
    return None if donor.age is None else f"{donor.age} {donor.age_unit or ''}".rstrip()


_ID = {"provenance.document_id": "id"}
_NAMED = {**_ID, "biomaterial_core.biomaterial_id": "name"}

_FILE = [
    _one("source_id", lambda row: row.file.project.source.id),
    _one("source_spec", lambda row: row.file.project.source.spec),
    Column("bundle_uuid", lambda row: [bundle.uuid for bundle in row.file.bundles]),
    Column("bundle_version", lambda row: [bundle.version for bundle in row.file.bundles]),
    _one("file_document_id", lambda row: row.file.id),
    _one("file_type", lambda row: row.file.file_type),
    _one("file_name", lambda row: row.item.name),
    _one("file_format", lambda row: row.file.format),
    _one("read_index", lambda row: row.file.read_index),
    _one("file_size", lambda row: row.item.size),
    _one("file_uuid", lambda row: row.item.uuid),
    _one("file_version", lambda row: row.item.version),
    _one("file_crc32c", lambda row: row.item.crc32c),
    _one("file_sha256", lambda row: row.item.sha256),
    _one("file_content_type", lambda row: row.item.content_type),
]
_SUSPENSION = {**_NAMED, "estimated_cell_count": "cells", "selected_cell_type": "cell_types"}
_SEQUENCER = {"instrument_manufacturer_model": "instrument", "paired_end": "paired_end"}
_LIBRARY = {"library_construction_approach": "library", "nucleic_acid_source": "nucleic_acid_source"}
_SEQUENCING = [
    *_of("cell_suspension", lambda chain: chain.suspension, _SUSPENSION),
    _each("sequencing_process.provenance.document_id", lambda chain: chain.sequencing or ()),
    *_of("sequencing_protocol", lambda chain: chain.protocols, _SEQUENCER),
    *_of("library_preparation_protocol", lambda chain: chain.protocols, _LIBRARY),
]
_PROJECT = [
    _one("project.provenance.document_id", lambda row: row.file.project.id),
    Column("project.contributors.institution", lambda row: row.file.project.institutions),
    Column("project.contributors.laboratory", lambda row: row.file.project.laboratories),
    _one("project.project_core.project_short_name", lambda row: row.file.project.short_name),
    _one("project.project_core.project_title", lambda row: row.file.project.title),
    _one("project.estimated_cell_count", lambda row: row.file.project.estimated_cells),
]
_SPECIMEN = {
    **_ID, "diseases": "diseases", "organ": "organ", "organ_part": "organ_part",
    "preservation_storage.preservation_method": "preservation",
}  # fmt: skip
_DONOR = {
    "sex": "sex", "biomaterial_core.biomaterial_id": "name", **_ID,
    "genus_species": "species", "development_stage": "stage", "diseases": "diseases",
}  # fmt: skip
_ORIGIN = [
    *_of("specimen_from_organism", lambda chain: chain.specimen, _SPECIMEN),
    *_of("donor_organism", lambda chain: chain.donor, _DONOR),
    _each("donor_organism.organism_age", lambda chain: _age(chain.donor)),
    *_of("cell_line", lambda chain: chain.cell_line, _NAMED),
    *_of(
        "organoid",
        lambda chain: chain.organoid,
        {**_NAMED, "model_organ": "model_organ", "model_organ_part": "model_organ_part"},
    ),
]
_SAMPLE = [
    _each("_entity_type", lambda chain: chain.sample_type),
    *_of("sample", lambda chain: chain.sample, _NAMED),
    *_of("sequencing_input", lambda chain: chain.suspension, _NAMED),
    _each("sequencing_input_type", lambda chain: "cell_suspension" if chain.suspension else ()),
]
