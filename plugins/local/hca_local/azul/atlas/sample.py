"""The projects and files of the embedded DSS, as Azul shows them: same UUIDs, same bytes, same bundles."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas import facts
from hca_local.azul.atlas.values import Bundle, Chain, Contributor, Donor, Project, Protocols, Specimen, Suspension
from hca_local.sample.bundles import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_local.azul.atlas.values import File
    from hca_local.azul.content import Contents
    from hca_local.sample.values import Dataset, SampleBundle, SampleFile

    Document = dict[str, Any]


def files(sample: Dataset, contents: Contents, *, older: bool = False) -> Iterator[File]:
    """Yield the data files of the newest bundles of `sample` that are not deleted; their bytes are put into `contents`.

    Parameters: `older` takes bundles as they were before their last change, and before any was deleted. Raises OSError.
    """
    projects: dict[str, Project] = {}
    for one in _before(sample) if older else _newest(sample):
        documents = {name: json.loads(file.content) for name, file in one.files if file.indexed}
        project = _project(documents[NAMES["project"]])
        project = projects.setdefault(project.id, project)
        version = facts.version(one.version)
        bundle = Bundle(one.uuid, version, project, (_chain(documents),), _moment(documents[NAMES["links"]], version))
        read = {document["file_core"]["file_name"]: document for document in _sequence_files(documents)}
        for name, file in one.files:
            if not file.indexed:
                yield _file(contents, name, file, bundle, read.get(name))


def _newest(sample: Dataset) -> Iterator[SampleBundle]:
    dead = {stone.uuid for stone in sample.tombstones if stone.version is None}
    gone = {(stone.uuid, stone.version) for stone in sample.tombstones}
    for uuid, versions in _histories(sample.bundles).items():
        alive = [one for one in versions if (uuid, one.version) not in gone]
        if alive and uuid not in dead:
            yield alive[-1]


def _before(sample: Dataset) -> Iterator[SampleBundle]:
    for versions in _histories(sample.bundles).values():
        yield versions[-2:][0]


def _histories(bundles: Iterable[SampleBundle]) -> dict[str, list[SampleBundle]]:
    """Return the versions of each bundle, the newest one last."""
    found = defaultdict(list)
    for bundle in sorted(bundles, key=lambda one: one.version):
        found[bundle.uuid].append(bundle)
    return found


def _sequence_files(documents: dict[str, Document]) -> list[Document]:
    return [document for name, document in documents.items() if name.startswith("sequence_file_")]


def _file(contents: Contents, name: str, file: SampleFile, bundle: Bundle, document: Document | None) -> File:
    media_type = file.content_type.partition(";")[0]
    datum = facts.Datum(name, file.content, media_type, file.uuid, facts.version(file.version))
    if document is None:
        return facts.file(contents, datum, (bundle,), source="Contributor")
    return facts.file(
        contents,
        datum,
        (bundle,),
        id=document["provenance"]["document_id"],
        format=document["file_core"]["file_format"],
        file_type="sequence_file",
        read_index=document["read_index"],
        lane_index=document["lane_index"],
        content_description=("DNA sequence",),
    )


def _project(document: Document) -> Project:
    core = document["project_core"]
    contributors = tuple(
        Contributor(
            one["name"], one["institution"], f"{core['project_short_name']} group", corresponding=True, role="Pretender"
        )
        for one in document["contributors"]
    )
    return Project(
        id=document["provenance"]["document_id"],
        short_name=core["project_short_name"],
        title=core["project_title"],
        description=core["project_description"],
        source=facts.source(core["project_short_name"]),
        contributors=contributors,
        links=tuple(document["supplementary_links"]),
        submitted=_moment(document, ""),
    )


def _moment(document: Document, otherwise: str) -> str:
    """Return when `document` was submitted, `otherwise` if it does not say so."""
    found = document.get("provenance", {}).get("submission_date")
    return f"{found[:19]}.{found[20:-1]:0<6}Z" if found else otherwise


def _chain(documents: dict[str, Document]) -> Chain:
    library = documents["library_preparation_protocol_0.json"]
    sequencing = documents["sequencing_protocol_0.json"]
    protocols = Protocols(
        library["library_construction_approach"]["text"],
        library["nucleic_acid_source"],
        sequencing["instrument_manufacturer_model"]["text"],
        sequencing["paired_end"],
    )
    return Chain(
        _donor(documents[NAMES["donor_organism"]]),
        _specimen(documents[NAMES["specimen_from_organism"]]),
        _suspension(documents[NAMES["cell_suspension"]]),
        protocols,
        documents["process_2.json"]["provenance"]["document_id"],
    )


def _donor(document: Document) -> Donor:
    return Donor(
        document["provenance"]["document_id"],
        document["biomaterial_core"]["biomaterial_id"],
        document["sex"],
        document["genus_species"][0]["text"],
        document["organism_age"],
        document["organism_age_unit"]["text"],
        document["development_stage"]["text"],
        tuple(one["text"] for one in document["diseases"]),
    )


def _specimen(document: Document) -> Specimen:
    return Specimen(
        document["provenance"]["document_id"],
        document["biomaterial_core"]["biomaterial_id"],
        document["organ"]["text"],
        document["organ_part"]["text"],
        tuple(one["text"] for one in document["diseases"]),
        document["preservation_storage"]["storage_method"],
    )


def _suspension(document: Document) -> Suspension:
    return Suspension(
        document["provenance"]["document_id"],
        document["biomaterial_core"]["biomaterial_id"],
        document["estimated_cell_count"],
        tuple(one["text"] for one in document["selected_cell_types"]),
    )
