"""Files as values, where their content lies, and a filestore on another disk than the layout."""

from __future__ import annotations

import hashlib
import os

import pytest

from hca_core.transfer import filestore
from hca_dss.files import DSSFile, stored_in

DATA = b"content\n"
SHA = hashlib.sha256(DATA).hexdigest()


def test_the_path_is_that_of_the_published_example():
    sha256 = "b43cebcca9cd5213699acce7356d226de07edef5c5604510a697159af1a12149"
    assert filestore.path("", sha256) == f".hca/v2/files_2_4/b4/3ceb/{sha256}"
    for directory in ("", "a/b", "a/", "/abs", "..", "a b"):
        assert stored_in(directory)(sha256) == filestore.path(directory, sha256)
    assert filestore.path("a/b", sha256) == f"a/b/.hca/v2/files_2_4/b4/3ceb/{sha256}"


def test_a_download_says_how_many_copies_it_made(shelf, hca, other_disk, tree):
    """A filestore that is a symbolic link to another disk, as people make it where the first is small."""
    os.symlink(other_disk, ".hca")
    bundle = shelf.bundle(shelf.file("a", b"a"), shelf.file("b", b"b"))
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid)
    assert outcome.exit_status == 0
    assert (outcome.json()["copies"], outcome.json()["links"]) == (2, 0)
    assert {name: data for name, data in tree(bundle.fqid).items() if name != "bundle.json"} == {"a": b"a", "b": b"b"}


ENTRY = {"name": "a/b.txt", "uuid": "u-1", "version": "v.1", "sha256": SHA.upper(), "size": 8, "indexed": True}


def test_a_file_is_a_tuple_with_the_published_fields():
    file = DSSFile.from_dss_bundle_response(ENTRY, "aws")
    assert file == ("a/b.txt", "u-1", "v.1", SHA, 8, True, "aws")
    assert DSSFile._fields == ("name", "uuid", "version", "sha256", "size", "indexed", "replica")
    assert (file.index("aws"), file.count(8)) == (6, 1)


def test_a_bundles_manifest_is_kept_like_a_file():
    assert DSSFile.for_bundle_manifest(DATA, "u", "v", "gcp") == ("bundle.json", "u", "v", SHA, 8, False, "gcp")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": "../x"},
        {"name": ""},
        {"uuid": "../x"},
        {"uuid": None},
        {"version": ""},
        {"sha256": "abc"},
        {"sha256": 1},
        {"size": -1},
        {"size": "8"},
        {"size": True},
    ],
    ids=str,
)
def test_what_a_service_says_of_a_file_is_checked(wrong):
    with pytest.raises(ValueError, match=r"file (name|'a/b.txt' has the)"):
        DSSFile.from_dss_bundle_response(ENTRY | wrong, "aws")
