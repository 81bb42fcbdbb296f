"""The metadata documents of the sample dataset, in the shape that the metadata schemas gave them in 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.sample import identities, streams, values

if TYPE_CHECKING:
    from hca_local.sample.projects import Project
    from hca_local.sample.values import SampleFile

Document = dict[str, Any]

# Schema name -> the place of its schema below schema.humancellatlas.org, its version, its entity.
_SCHEMAS = {
    "project": ("type/project", "14.1.0", "project"),
    "donor_organism": ("type/biomaterial", "15.3.0", "biomaterial"),
    "specimen_from_organism": ("type/biomaterial", "10.2.0", "biomaterial"),
    "cell_suspension": ("type/biomaterial", "13.1.1", "biomaterial"),
    "collection_protocol": ("type/protocol/biomaterial_collection", "9.1.0", "protocol"),
    "dissociation_protocol": ("type/protocol/biomaterial_collection", "6.1.0", "protocol"),
    "library_preparation_protocol": ("type/protocol/sequencing", "6.1.0", "protocol"),
    "sequencing_protocol": ("type/protocol/sequencing", "10.0.0", "protocol"),
    "process": ("type/process", "9.1.0", "process"),
    "analysis_process": ("type/process/analysis", "11.0.0", "process"),
    "sequence_file": ("type/file", "9.0.0", "file"),
    "supplementary_file": ("type/file", "2.1.0", "file"),
    "links": ("system", "1.1.5", "links"),
}


def file(schema: str, owner: str, day: str, content: Document, document_id: str = "") -> SampleFile:
    """Return the metadata file of `schema` that belongs to `owner`, first submitted on `day`.

    Its document id is its uuid unless `document_id` is given.
    """
    uuid, version = identities.of(f"{schema} {owner}", day)
    return values.metadata_file(
        uuid, version, _SCHEMAS[schema][2], stamped(schema, content, document_id or uuid, version)
    )


def stamped(schema: str, content: Document, document_id: str, version: str) -> Document:
    """Return `content` with what every document of `schema` says of itself."""
    place, number, entity = _SCHEMAS[schema]
    head: Document = {
        "describedBy": f"https://schema.humancellatlas.org/{place}/{number}/{schema}",
        "schema_type": "link_bundle" if schema == "links" else entity,
        "schema_version": number,
    }
    if schema != "links":
        moment = f"{version[:13]}:{version[13:15]}:{version[15:21]}Z"
        head["provenance"] = {"document_id": document_id, "submission_date": moment, "update_date": moment}
    return head | content


def biomaterial(project: Project, kind: str, number: int) -> Document:
    """Return what donor, specimen and suspension `number` of a project say in the same way."""
    identifier = f"{project.short_name}_{kind}_{number + 1}"
    return {
        "biomaterial_core": {
            "biomaterial_id": identifier,
            "biomaterial_name": f"{project.organ.text}, {kind} {number + 1}",
            "ncbi_taxon_id": [project.taxon],
        },
        "genus_species": [project.species.document()],
    }


def project_file(project: Project) -> SampleFile:
    """Return the document of the project itself."""
    content: Document = {
        "project_core": {
            "project_short_name": project.short_name,
            "project_title": project.title,
            "project_description": project.description,
        },
        "contributors": [
            {"name": "Sample,,Person", "institution": "Institute of Examples", "corresponding_contributor": True}
        ],
        "supplementary_links": ["https://example.org/sample"],
    }
    return file("project", project.short_name, project.submitted, content)


def donor(project: Project, number: int) -> SampleFile:
    """Return the donor `number` of a project."""
    name = f"{project.short_name} {number}"
    mouse = project.taxon == 10090
    content = biomaterial(project, "donor", number) | {
        "sex": streams.choice(f"sex {name}", ("female", "male")),
        "is_living": "no",
        "organism_age": str(streams.number(f"age {name}", *((8, 20) if mouse else (19, 78)))),
        "organism_age_unit": {"text": "week" if mouse else "year"},
        "development_stage": {"text": "adult", "ontology": "EFO:0001272", "ontology_label": "adult"},
        "diseases": [term.document() for term in project.diseases[number % 2 : number % 2 + 1]],
    }
    return file("donor_organism", name, project.submitted, content)


def specimen(project: Project, number: int) -> SampleFile:
    """Return the specimen `number` of a project."""
    name = f"{project.short_name} {number}"
    content = biomaterial(project, "specimen", number) | {
        "organ": project.organ.document(),
        "organ_part": project.organ_parts[number % len(project.organ_parts)].document(),
        "diseases": [term.document() for term in project.diseases[:1]],
        "preservation_storage": {"storage_method": "fresh"},
    }
    return file("specimen_from_organism", name, project.submitted, content)


def suspension(project: Project, number: int, cells: int) -> Document:
    """Return the content of the cell suspension `number` of a project, with an estimate of `cells`."""
    return biomaterial(project, "suspension", number) | {
        "estimated_cell_count": cells,
        "cell_morphology": {"cell_viability_method": "DAPI exclusion", "percent_cell_viability": 80 + number % 20},
        "selected_cell_types": [{"text": f"cell of {project.organ.text}"}],
    }


def protocols(project: Project) -> dict[str, SampleFile]:
    """Return the four protocols that all bundles of a project share, by schema."""
    contents: dict[str, Document] = {
        "collection_protocol": {"method": {"text": project.collection}},
        "dissociation_protocol": {"method": {"text": project.dissociation}},
        "library_preparation_protocol": {
            "library_construction_approach": project.library.document(),
            "nucleic_acid_source": project.nucleic_acid_source,
            "end_bias": project.end_bias,
            "strand": "unstranded" if project.paired_end else "first",
            "input_nucleic_acid_molecule": {
                "text": "polyA RNA",
                "ontology": "OBI:0000869",
                "ontology_label": "polyA RNA",
            },
        },
        "sequencing_protocol": {
            "paired_end": project.paired_end,
            "instrument_manufacturer_model": project.instrument.document(),
            "sequencing_approach": {"text": "RNA-Seq", "ontology": "EFO:0008896", "ontology_label": "RNA-Seq"},
        },
    }
    return {
        schema: file(
            schema,
            project.short_name,
            project.submitted,
            {
                "protocol_core": {
                    "protocol_id": f"{project.short_name}_{schema}",
                    "protocol_name": schema.replace("_", " "),
                }
            }
            | content,
        )
        for schema, content in contents.items()
    }
