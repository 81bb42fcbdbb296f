"""The verbatim manifest: the metadata documents of the files, each once, as lines of JSON (contract §7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from hca_local.azul.atlas.values import Chain, File, Project
    from hca_local.azul.manifests.rows import Selection

    Entity = tuple[str, str, dict[str, Any]]


def write(selection: Selection, file: BinaryIO) -> None:
    """Write the manifest of `selection` to `file`."""
    seen = set()
    for one in selection.files:
        for kind, identity, value in _entities(one):
            if identity not in seen:
                seen.add(identity)
                document = {"provenance": {"document_id": identity}, **value}
                file.write(json.dumps({"type": kind, "value": document}).encode() + b"\n")


def _entities(file: File) -> Iterator[Entity]:
    """Yield kind, id and content of the documents that belong to a file."""
    core = {"file_name": file.name, "format": file.format, "content_description": list(file.content_description)}
    yield file.file_type, file.id, {
        "file_core": core, **_known(read_index=file.read_index, lane_index=file.lane_index),
    }  # fmt: skip
    yield _project(file.project)
    for chain in file.chains:
        yield from _of_chain(chain)


def _project(project: Project) -> Entity:
    core = {
        "project_short_name": project.short_name,
        "project_title": project.title,
        "project_description": project.description,
    }
    contributors = [
        {"name": one.name, "institution": one.institution, "laboratory": one.laboratory} for one in project.contributors
    ]
    return "project", project.id, {"project_core": core, "contributors": contributors}


def _of_chain(chain: Chain) -> Iterator[Entity]:
    donor, specimen, suspension = chain.donor, chain.specimen, chain.suspension
    yield "donor_organism", donor.id, {
        **_core(donor.name),
        **_known(sex=donor.sex, organism_age=donor.age, development_stage=donor.stage, genus_species=donor.species),
    }  # fmt: skip
    organs = _known(organ=specimen.organ, organ_part=specimen.organ_part)
    yield "specimen_from_organism", specimen.id, {**_core(specimen.name), **organs}
    if chain.cell_line:
        yield "cell_line", chain.cell_line.id, {**_core(chain.cell_line.name), "type": chain.cell_line.kind}
    if chain.organoid:
        yield "organoid", chain.organoid.id, {**_core(chain.organoid.name), "model_organ": chain.organoid.model_organ}
    if suspension:
        counts = _known(estimated_cell_count=suspension.cells)
        yield "cell_suspension", suspension.id, {**_core(suspension.name), **counts}


def _core(name: str) -> dict[str, Any]:
    return {"biomaterial_core": {"biomaterial_id": name}}


def _known(**values: object) -> dict[str, object]:
    """Return the values that are known; a document leaves the others out."""
    return {name: value for name, value in values.items() if value is not None}
