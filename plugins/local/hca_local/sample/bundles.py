"""Plain bundles of the sample dataset: metadata of one cell suspension, and the two files of its sequencing run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.sample import documents, identities, streams, values

if TYPE_CHECKING:
    from hca_local.sample.documents import Document
    from hca_local.sample.projects import Project
    from hca_local.sample.values import SampleBundle, SampleFile

DAY = "2019-08-01"
SPECIMENS_PER_DONOR = 2
BUNDLES_PER_SPECIMEN = 2
# These runs are about a megabyte a file: enough to interrupt a download in the middle.
LARGE_RUNS = {"KidneyTubuleAtlas 4", "KidneyTubuleAtlas 9", "PancreasIsletAgeing 7"}
LARGE_READS = 4_700
NAMES = {
    "project": "project_0.json",
    "donor_organism": "donor_organism_0.json",
    "specimen_from_organism": "specimen_from_organism_0.json",
    "cell_suspension": "cell_suspension_0.json",
    "links": "links.json",
}


class Shared:
    """The files that bundles of one project have in common, made once each."""

    def __init__(self, project: Project) -> None:
        specimens = -(-project.bundles // BUNDLES_PER_SPECIMEN)
        self.project = project
        self.project_file = documents.project_file(project)
        self.protocols = documents.protocols(project)
        self.specimens = [documents.specimen(project, number) for number in range(specimens)]
        self.donors = [documents.donor(project, number) for number in range(-(-specimens // SPECIMENS_PER_DONOR))]
        self.collections = [self._collection(number) for number in range(specimens)]

    def _collection(self, number: int) -> SampleFile:
        return process(
            f"collection {self.project.short_name} {number}", self.project.submitted, "collection of the specimen"
        )


def process(name: str, day: str, description: str) -> SampleFile:
    """Return the process document `name`."""
    content: Document = {
        "process_core": {"process_id": name.replace(" ", "_"), "process_description": description},
        "type": {"text": description.split(" ")[0]},
    }
    return documents.file("process", name, day, content)


def plain(shared: Shared, number: int) -> SampleBundle:
    """Return bundle `number` of a project."""
    name = f"{shared.project.short_name} {number}"
    uuid, version = identities.of(f"bundle {name}", DAY)
    day = version[:10]
    metadata = _metadata(shared, number, day)
    reads = [_reads(name, mate, day) for mate in (1, 2)]
    metadata |= {f"sequence_file_{mate}.json": _sequence_file(name, mate + 1, reads[mate][0], day) for mate in (0, 1)}
    metadata[NAMES["links"]] = _links(name, metadata, day)
    return values.SampleBundle(uuid, version, (*metadata.items(), *reads))


def _metadata(shared: Shared, number: int, day: str) -> dict[str, SampleFile]:
    """Return the documents on biomaterials, protocols and processes of bundle `number`, by file name."""
    project, name = shared.project, f"{shared.project.short_name} {number}"
    specimen = number // BUNDLES_PER_SPECIMEN
    cells = streams.number(f"cells {name}", 1_000, 9_000)
    return {
        NAMES["cell_suspension"]: documents.file(
            "cell_suspension", name, project.submitted, documents.suspension(project, number, cells)
        ),
        NAMES["specimen_from_organism"]: shared.specimens[specimen],
        NAMES["donor_organism"]: shared.donors[specimen // SPECIMENS_PER_DONOR],
        NAMES["project"]: shared.project_file,
        **{f"{schema}_0.json": file for schema, file in shared.protocols.items()},
        "process_0.json": shared.collections[specimen],
        "process_1.json": process(f"dissociation {name}", day, "dissociation of the specimen"),
        "process_2.json": process(f"sequencing {name}", day, "sequencing of the library"),
    }


def _reads(name: str, mate: int, day: str) -> tuple[str, SampleFile]:
    run = identities.run(name)
    reads = LARGE_READS if name in LARGE_RUNS else streams.number(f"count {name}", 5, 250)
    uuid, version = identities.of(f"reads {name} {mate}", day)
    content = streams.gzip(streams.fastq(run, mate, reads))
    return f"{run}_{mate}.fastq.gz", values.data_file(uuid, version, "application/gzip", content)


def _sequence_file(name: str, mate: int, file_name: str, day: str) -> SampleFile:
    content: Document = {
        "file_core": {"file_name": file_name, "file_format": "fastq.gz"},
        "read_index": f"read{mate}",
        "read_length": streams.READ_LENGTH,
        "lane_index": 1,
        "insdc_run": [identities.run(name)],
        "technical_replicate_group": f"Rep_id_{streams.number(f'replicate {name}', 1000, 9999)}",
    }
    published = {"PancreasIsletAgeing 1 2": "39a93f75-0db3-4ee2-ab22-3eaa9932cf67"}
    return documents.file("sequence_file", f"{name} {mate}", day, content, published.get(f"{name} {mate}", ""))


def _links(name: str, metadata: dict[str, SampleFile], day: str) -> SampleFile:
    """Return the document that tells which process made what out of what."""
    uuid_of = {file_name: file.uuid for file_name, file in metadata.items()}
    steps = (
        ("process_0.json", ["donor_organism_0.json"], ["specimen_from_organism_0.json"], ["collection_protocol"]),
        ("process_1.json", ["specimen_from_organism_0.json"], ["cell_suspension_0.json"], ["dissociation_protocol"]),
        (
            "process_2.json",
            ["cell_suspension_0.json"],
            ["sequence_file_0.json", "sequence_file_1.json"],
            ["library_preparation_protocol", "sequencing_protocol"],
        ),
    )
    links = [
        {
            "process": uuid_of[step],
            "inputs": [uuid_of[one] for one in inputs],
            "input_type": "biomaterial",
            "outputs": [uuid_of[one] for one in outputs],
            "output_type": "file" if step == "process_2.json" else "biomaterial",
            "protocols": [{"protocol_type": one, "protocol_id": uuid_of[f"{one}_0.json"]} for one in used],
        }
        for step, inputs, outputs, used in steps
    ]
    return documents.file("links", name, day, {"links": links})
