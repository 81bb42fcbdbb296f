"""The sample dataset: the same bytes everywhere, and everything in it that was promised."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter

import pytest

from hca_local.sample import dataset, streams
from hca_local.sample.values import Dataset, SampleBundle

# A change of this digest is a change of the dataset for everybody: mean it.
DIGEST = "935b5ae617613b9dac4952e2bc78a0da886b62c5f08b40e71a21fe5509d2438c"

PUBLISHED_BUNDLES = {
    ("ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"),
    ("fff746b3-e3eb-496a-88a3-5fa1fa358392", "2019-08-01T200147.130156Z"),
    ("002aeac5-4d74-462d-baea-88f5c620cb50", "2019-08-01T200147.836900Z"),
    ("fff807ba-bc98-4247-a560-49fb90c9675c", "2019-08-01T200147.111027Z"),
    ("fff54b87-26fe-42a9-be54-3f5a7ef8176e", "2019-03-26T131455.775610Z"),
    ("ff818282-9735-45fa-a094-e9f2d3d0a954", "2019-08-06T170839.843085Z"),
}


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return dataset.build()


def bundle(sample: Dataset, uuid: str) -> SampleBundle:
    return next(one for one in sample.bundles if one.uuid == uuid)


def versions_of(sample: Dataset) -> dict[str, list[SampleBundle]]:
    found: dict[str, list[SampleBundle]] = {}
    for one in sorted(sample.bundles, key=lambda one: one.version):
        found.setdefault(one.uuid, []).append(one)
    return found


def test_the_bytes_are_the_pinned_ones(sample: Dataset) -> None:
    assert sample.digest() == DIGEST


def test_another_process_makes_the_same_bytes() -> None:
    code = "from hca_local.sample import dataset; print(dataset.build().digest())"
    environment = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == DIGEST


def test_published_identities_are_there(sample: Dataset) -> None:
    assert {(one.uuid, one.version) for one in sample.bundles} >= PUBLISHED_BUNDLES
    files = {(file.uuid, file.version): file for file in sample.files()}
    suspension = dict(bundle(sample, "002aeac5-4d74-462d-baea-88f5c620cb50").files)["cell_suspension_0.json"]
    assert (suspension.uuid, suspension.version) == (
        "c14b99ea-d8e2-4c84-9dc2-ce2245d8a743",
        "2019-07-09T231935.003000Z",
    )
    sequence_file = next(file for file in files.values() if file.uuid == "666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1")
    assert json.loads(sequence_file.content)["file_core"]["file_name"] == "SRR6546754_2.fastq.gz"
    donor = sorted(version for uuid, version in files if uuid == "6887bd52-8bea-47d9-bbd9-ff71e05faeee")
    assert donor[0] == "2019-01-30T165057.189000Z"
    assert len(donor) == 2


def test_it_has_the_size_of_a_sample(sample: Dataset) -> None:
    assert len({one.uuid for one in sample.bundles}) >= 60
    assert sum(len(file.content) for file in sample.files()) < 25_000_000
    projects = {dict(one.files)["project_0.json"].uuid for one in sample.bundles}
    assert len(projects) >= 3


def test_every_bundle_has_the_documents_of_the_metadata_model(sample: Dataset) -> None:
    wanted = {
        "project_0.json", "donor_organism_0.json", "specimen_from_organism_0.json", "cell_suspension_0.json",
        "sequencing_protocol_0.json", "library_preparation_protocol_0.json", "dissociation_protocol_0.json",
        "collection_protocol_0.json", "sequence_file_0.json", "sequence_file_1.json", "process_0.json", "links.json",
    }  # fmt: skip
    for one in sample.bundles:
        files = dict(one.files)
        assert wanted <= set(files), one.uuid
        assert len(files) == len(one.files), "a file name twice"
        for name in wanted - {"links.json"}:
            document = json.loads(files[name].content)
            assert document["describedBy"].endswith(name.rsplit("_", 1)[0])
            assert {"document_id", "submission_date", "update_date"} <= set(document["provenance"])
        assert json.loads(files["project_0.json"].content)["project_core"]["project_short_name"]
        assert json.loads(files["specimen_from_organism_0.json"].content)["organ"]["ontology"].startswith("UBERON:")


def test_links_name_documents_of_their_bundle(sample: Dataset) -> None:
    for one in sample.bundles:
        known = {file.uuid for _, file in one.files}
        for link in json.loads(dict(one.files)["links.json"].content)["links"]:
            assert {link["process"], *link["inputs"], *link["outputs"]} <= known


def test_content_types_tell_the_kind_of_file(sample: Dataset) -> None:
    files = dict(bundle(sample, "ffffaf55-f19c-40e3-aa81-a6c69d357265").files)
    assert files["cell_suspension_0.json"].content_type == 'application/json; dcp-type="metadata/biomaterial"'
    assert files["links.json"].content_type == 'application/json; dcp-type="metadata/links"'
    assert files["SRR6579532_2.fastq.gz"].content_type == "application/gzip; dcp-type=data"


def test_reads_are_valid_fastq_in_pairs(sample: Dataset) -> None:
    for one in sample.bundles:
        mates = [gzip.decompress(file.content) for name, file in one.files if name.endswith(".fastq.gz")]
        assert len(mates) == 2
        records = [mate.decode().splitlines() for mate in mates]
        assert len(records[0]) == len(records[1]) > 0
        assert all(line.startswith("@") for lines in records for line in lines[::4])
        assert all(set(line) <= set("ACGT") for lines in records for line in lines[1:40:4])
        assert all(len(lines[1]) == len(lines[3]) == streams.READ_LENGTH for lines in records)


def test_some_reads_are_large_enough_to_interrupt(sample: Dataset) -> None:
    assert sum(len(file.content) > 1_000_000 for file in sample.files()) >= 4


def test_metadata_is_shared_within_a_project(sample: Dataset) -> None:
    uses = Counter(dict(one.files)["project_0.json"].uuid for one in sample.bundles)
    assert min(uses.values()) > 1
    donors = Counter(dict(one.files)["donor_organism_0.json"].uuid for one in sample.bundles)
    assert max(donors.values()) >= 4


def test_bundles_have_histories(sample: Dataset) -> None:
    counts = Counter(len(versions) for versions in versions_of(sample).values())
    assert counts[2] >= 2
    assert counts[3] >= 1
    first, second, third = next(versions for versions in versions_of(sample).values() if len(versions) == 3)
    names = [{name for name, _ in one.files} for one in (first, second, third)]
    assert names[1] - names[2] == {"notes.txt"}
    suspensions = [dict(one.files)["cell_suspension_0.json"] for one in (first, second, third)]
    assert len({file.uuid for file in suspensions}) == 1
    assert len({file.content for file in suspensions}) == 3


def test_one_bundle_holds_a_file_version_that_is_not_the_latest(sample: Dataset) -> None:
    old = dict(bundle(sample, "fff54b87-26fe-42a9-be54-3f5a7ef8176e").files)["donor_organism_0.json"]
    assert max(file.version for file in sample.files() if file.uuid == old.uuid) > old.version


def test_odd_names_and_an_empty_file(sample: Dataset) -> None:
    files = dict(next(one for one in sample.bundles if any(name == "empty.txt" for name, _ in one.files)).files)
    assert files["empty.txt"].content == b""
    assert {
        "analysis/qc/metrics.csv",
        "analysis/qc/notes for print.txt",
        "analysis/Übersicht/größe.txt",
        "R&D plan #1 (100%).txt",
    } <= set(files)
    copies = [files["analysis/qc/notes for print.txt"], files["analysis/copy of notes for print.txt"]]
    assert copies[0].content == copies[1].content
    assert copies[0].uuid != copies[1].uuid


def test_one_bundle_needs_several_pages(sample: Dataset) -> None:
    assert max(len(one.files) for one in sample.bundles) == 1200


def test_tombstones(sample: Dataset) -> None:
    whole = [stone for stone in sample.tombstones if stone.version is None]
    single = [stone for stone in sample.tombstones if stone.version is not None]
    assert len(whole) == len(single) == 1
    assert versions_of(sample)[single[0].uuid][-1].version == single[0].version


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_gzip_members_are_readable_at_block_limits(size: int) -> None:
    content = streams.data("any", size)
    assert gzip.decompress(streams.gzip(content)) == content
