"""The atlas of the Azul stand-in: the embedded DSS once more, and whatever is unusual."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from hca_local.azul.atlas import catalogs, facts, special
from hca_local.azul.atlas.values import Matrix, Mirror
from hca_local.azul.content import Contents
from hca_local.sample import dataset

if TYPE_CHECKING:
    from pathlib import Path

    from hca_local.azul.atlas.values import Atlas, File


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """Return where the bytes are."""
    return Contents(tmp_path_factory.mktemp("atlas") / "content")


@pytest.fixture(scope="module")
def atlas(contents: Contents) -> Atlas:
    """Return the atlas."""
    return catalogs.build(contents)


@pytest.fixture(scope="module")
def unusual(atlas: Atlas) -> dict[str, File]:
    """Return the files of the hand-made project by name."""
    return {file.name: file for file in atlas.catalogs["dcp46"].files if file.project.id == special.PROJECT.id}


def test_it_is_the_same_each_time(atlas: Atlas, contents: Contents) -> None:
    assert repr(catalogs.build(contents)) == repr(atlas)


def test_bytes_are_kept_by_their_digest(atlas: Atlas, contents: Contents, tmp_path: Path) -> None:
    for file in atlas.catalogs["dcp46"].files[:50]:
        content = contents.path(file.sha256).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
    own = Contents(tmp_path / "own")
    sums = own.add(b"whole")
    own.path(sums.sha256).write_bytes(b"half")
    own.add(b"whole")
    assert own.path(sums.sha256).read_bytes() == b"whole"
    assert own.path(sums.sha256).stat().st_mode & 0o777 == 0o600


def test_files_of_the_dss_are_the_same_here(atlas: Atlas) -> None:
    sample = dataset.build()
    there = {(one.uuid, facts.version(one.version)): one for one in sample.files() if not one.indexed}
    here = {(one.uuid, one.version): one for one in atlas.catalogs["dcp46"].files}
    shared = here.keys() & there.keys()
    assert len(shared) == len(here) - 15 - 4, "but for the two projects that were made for Azul"
    assert all(here[one].sha256 == hashlib.sha256(there[one].content).hexdigest() for one in shared)
    names = {(name, file.uuid) for bundle in sample.bundles for name, file in bundle.files}
    assert all((here[one].name, here[one].uuid) in names for one in shared)
    versions = {(bundle.uuid, facts.version(bundle.version)) for bundle in sample.bundles}
    assert all((bundle.uuid, bundle.version) in versions for one in shared for bundle in here[one].bundles)
    assert facts.version("2019-08-01T200147.836832Z") == "2019-08-01T20:01:47.836832Z"


def test_only_what_is_newest_and_not_deleted_is_in_todays_catalog(atlas: Atlas) -> None:
    sample = dataset.build()
    (withdrawn,) = [stone.uuid for stone in sample.tombstones if stone.version is None]
    (half,) = [(stone.uuid, facts.version(stone.version)) for stone in sample.tombstones if stone.version]
    now = {bundle.uuid: bundle.version for file in atlas.catalogs["dcp46"].files for bundle in file.bundles}
    before = {bundle.uuid: bundle.version for file in atlas.catalogs["dcp45"].files for bundle in file.bundles}
    assert withdrawn in before.keys() - now.keys()
    assert now[half[0]] < half[1]
    newer = [uuid for uuid in now.keys() & before.keys() if now[uuid] > before[uuid]]
    assert len(newer) == 3
    assert all(now[uuid] >= before[uuid] for uuid in now.keys() & before.keys())


def test_an_older_catalog_has_older_versions_and_fewer_projects(atlas: Atlas) -> None:
    now, before, internal = (atlas.catalogs[name] for name in ("dcp46", "dcp45", "dcp46-it"))
    assert atlas.default == "dcp46"
    assert [one.internal for one in (now, before, internal)] == [False, False, True]
    missing = {one.short_name for one in now.projects} - {one.short_name for one in before.projects}
    assert missing == {"MouseKidneyPilot", "ManagedLungCohort"}
    old, new = ({one.name: one for one in each.files}["retina.h5ad"] for each in (before, now))
    assert (old.uuid, old.id) == (new.uuid, new.id)
    assert old.version < new.version
    assert old.sha256 != new.sha256


def test_the_repository_keeps_what_has_newer_versions(atlas: Atlas) -> None:
    """So that a lock file leads to the same bytes after years."""
    contents: dict[str, set[str]] = {}
    for catalog in atlas.catalogs.values():
        for one in catalog.files:
            if one.drs_id:
                contents.setdefault(one.drs_id, set()).add(one.sha256)
    assert [drs_id for drs_id, found in contents.items() if len(found) > 1] == []


@pytest.mark.parametrize("name", ["dcp46", "dcp45", "dcp46-it"])
def test_nothing_is_there_twice(atlas: Atlas, name: str) -> None:
    files = atlas.catalogs[name].files
    ids = [file.id for file in files]
    assert ids == sorted(set(ids)), "rows of manifests are in this order"
    assert len({file.uuid for file in files}) == len(files)
    assert not {file.id for file in files} & {file.uuid for file in files}


def test_the_unusual_files_are_there(unusual: dict[str, File]) -> None:
    reads = {(one.lane_index, one.read_index) for one in unusual.values() if one.format == "fastq.gz"}
    assert reads == {(lane, read) for lane in (1, 2) for read in ("read1", "read2", "index1")}
    assert {one.format for one in unusual.values()} >= {"h5ad", "loom", "pdf", "tsv", "zarr"}
    odd, copy = unusual["plate #1: notes.tsv"], unusual["copy of notes.tsv"]
    assert odd.sha256 == copy.sha256
    assert odd.uuid != copy.uuid
    assert [one.name for one in unusual.values() if one.drs_id is None] == ["lost.bam"]
    assert [one.name for one in unusual.values() if one.mirror is Mirror.ABSENT] == ["cells.csv"]
    assert [one.name for one in unusual.values() if one.mirror is Mirror.WRONG] == ["retina.loom"]
    assert {one.name for one in unusual.values() if one.mirror is Mirror.NONE} == {"lost.bam", "counts.csv"}
    assert len(unusual["protocol.pdf"].bundles) == 2
    assert {one.matrix for one in unusual.values()} == {None, Matrix.PLATFORM, Matrix.CONTRIBUTED}


def test_a_store_is_one_file_with_three_related(unusual: dict[str, File], contents: Contents) -> None:
    store = unusual["retina.zarr/.zattrs"]
    names = [one.name for one in store.related]
    assert names == ["retina.zarr/.zgroup", "retina.zarr/expression/.zarray", "retina.zarr/expression/0"]
    for one in store.related:
        assert contents.path(one.sha256).stat().st_size == one.size
        assert one.drs_id
    assert not {one.uuid for one in store.related} & {one.uuid for one in unusual.values()}


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a_1.fastq.gz", "fastq.gz"), ("x.zarr/.zattrs", "zattrs"), ("R&D plan #1 (100%).txt", "txt"),
        ("b.c.csv", "csv"), ("only.gz", "gz"), ("bare", "bare"),
    ],
)  # fmt: skip
def test_what_the_format_of_a_name_is(name: str, format: str) -> None:
    assert facts.format_of(name) == format
