"""`hca dss verify`: what is right stays quiet, everything that is wrong is named, and `sha256sum -c` agrees."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

A, B, C = b"content of a\n", b"content of b\n", b"content of c\n"


def words(bundle, *more: str) -> tuple[str, ...]:
    return ("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, "--download-dir", "d", *more)


@pytest.fixture
def bundle(shelf, hca):
    """A bundle that was downloaded to the directory `d`."""
    made = shelf.bundle(
        shelf.file("cell.json", A, indexed=True),
        shelf.file("deep/donor.json", B, indexed=True),
        shelf.file("reads.fastq", C),
        shelf.file("notes.txt", b""),
    )
    assert hca(*words(made)).exit_status == 0
    return made


def unlinked(path: str, data: bytes) -> None:
    """Write to a file of a bundle without changing the filestore."""
    os.unlink(path)
    Path(path).write_bytes(data)


def test_what_is_right(bundle, hca, shelf):
    asked = len(shelf.service.requests)
    outcome = hca("dss", "verify", "d")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    size = 3 * len(A) + len(Path("d", bundle.fqid, "bundle.json").read_bytes())
    assert outcome.json() == {
        "directory": "d",
        "files": 9,
        "bytes": size,
        "bundles": 1,
        "wrong_files": 0,
        "extra_files": 0,
        "wrong": [],
        "extra": [],
    }
    assert len(shelf.service.requests) == asked


def test_the_current_directory_is_the_default(bundle, hca):
    os.chdir("d")
    document = hca("dss", "verify").json()
    assert (document["directory"], document["bundles"], document["wrong_files"]) == (".", 1, 0)


@pytest.mark.parametrize(
    ("name", "damage", "problem"),
    [
        ("cell.json", lambda path: unlinked(path, b"x" * len(A)), "has sha256 "),
        ("cell.json", lambda path: unlinked(path, A + b"x"), f"has {len(A) + 1} bytes, but should have {len(A)}"),
        ("deep/donor.json", os.unlink, "is missing"),
        ("notes.txt", lambda path: (os.unlink(path), os.mkdir(path)), "is not a file"),
        ("reads.fastq", lambda path: (os.unlink(path), os.symlink("/etc/passwd", path)), "is not a file"),
        ("bundle.json", os.unlink, "can't be read, so nothing here can be checked: No such file"),
        ("bundle.json", lambda path: (os.unlink(path), os.mkfifo(path)), "is not a file, so nothing"),
        ("bundle.json", lambda path: unlinked(path, b"{"), "is not the manifest of a bundle"),
        ("bundle.json", lambda path: unlinked(path, b'{"bundle": {"files": []}}'), "is the manifest of another bundle"),
    ],
)
def test_what_is_wrong_in_a_bundle(bundle, hca, name, damage, problem):
    path = os.path.join("d", bundle.fqid, name)
    damage(path)
    outcome = hca("dss", "verify", "d", "--jobs", "3")
    assert outcome.exit_status == 6
    (wrong,) = outcome.json()["wrong"]
    assert wrong["file"] == path
    assert wrong["problem"].startswith(problem)
    assert outcome.stderr.startswith("hca: 1 file below d is not as it should be")


def test_a_file_that_was_edited_in_place_is_told_by_all_its_names_and_mended_without_them(bundle, hca, stored):
    link = f"d/{bundle.fqid}/cell.json"
    with open(link, "r+b") as stream:
        stream.write(b"X")
    outcome = hca("dss", "verify", "d")
    assert [one["file"] for one in outcome.json()["wrong"]] == [f"d/{stored(A)}", link]
    assert outcome.json()["wrong"][1]["problem"] == f"is a link to d/{stored(A)}, which is wrong"
    assert outcome.exit_status == 6
    outcome = hca("cache", "verify", "d", "--remove")
    assert (outcome.exit_status, outcome.json()["removed"]) == (6, 1)
    assert "1 file had names in directories, too: delete them there" in outcome.stderr
    os.unlink(link)
    assert hca(*words(bundle)).exit_status == 0
    assert hca("dss", "verify", "d").exit_status == 0


@pytest.mark.parametrize("make", [lambda path: os.symlink("/etc/passwd", path), os.mkdir])
def test_what_is_no_file_where_content_should_be(bundle, hca, stored, make):
    os.unlink(f"d/{stored(A)}")
    make(f"d/{stored(A)}")
    (wrong,) = hca("dss", "verify", "d").json()["wrong"]
    assert wrong == {"file": f"d/{stored(A)}", "problem": "is not a file"}


def test_a_bundle_may_be_without_its_filestore(bundle, hca):
    shutil.rmtree("d/.hca")
    document = hca("dss", "verify", "d").json()
    assert (document["files"], document["wrong_files"]) == (4, 0)


def test_a_copy_is_read_itself(bundle, hca):
    unlinked(f"d/{bundle.fqid}/cell.json", A)
    document = hca("dss", "verify", "d").json()
    assert (document["wrong_files"], document["files"]) == (0, 9)


def test_what_filters_left_out_is_missing_unless_one_says_so(shelf, hca):
    bundle = shelf.bundle(shelf.file("a.json", A, indexed=True), shelf.file("b", B))
    hca(*words(bundle, "--no-data"))
    assert hca("dss", "verify", "d").exit_status == 6
    outcome = hca("dss", "verify", "d", "--ignore-missing", "--sums", "sums")
    assert (outcome.exit_status, outcome.json()["files"]) == (0, 3)
    assert len(Path("sums").read_text().splitlines()) == 1


def test_a_file_of_ones_own_is_no_fault(bundle, hca):
    Path("d", bundle.fqid, "deep", "mine.txt").write_text("x")
    Path("d", "notes").mkdir()
    Path("d", "notes", "a").write_text("x")
    document = hca("dss", "verify", "d").json()
    assert (document["extra_files"], document["extra"]) == (1, [f"d/{bundle.fqid}/deep/mine.txt"])
    assert document["wrong_files"] == 0


def test_a_manifest_can_not_lead_out_of_its_directory(bundle, hca):
    path = f"d/{bundle.fqid}/bundle.json"
    document = json.loads(Path(path).read_bytes())
    document["bundle"]["files"][0]["name"] = "../../secret"
    unlinked(path, json.dumps(document).encode())
    (wrong,) = hca("dss", "verify", "d").json()["wrong"]
    assert "leads out of its directory" in wrong["problem"]


def test_two_bundles_with_one_wrong_file_each(bundle, shelf, hca):
    other = shelf.bundle(shelf.file("other", b"other"))
    hca(*words(other))
    os.unlink(f"d/{bundle.fqid}/cell.json")
    os.unlink(f"d/{other.fqid}/other")
    outcome = hca("dss", "verify", "d", "--query", "[bundles, wrong_files]")
    assert outcome.json() == [2, 2]
    assert outcome.stderr.startswith("hca: 2 files below d are not")


@pytest.mark.parametrize("directory", ["nothing", "empty"])
def test_a_directory_without_downloads(hca, directory):
    os.mkdir("empty")
    outcome = hca("dss", "verify", directory, "--sums", "sums")
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert not os.path.exists("sums")


# sha256sum


def sha256sum(cwd: str, sums: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    return subprocess.run(
        ["sha256sum", "--strict", "-c", os.path.abspath(sums)], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_the_real_sha256sum_reads_the_sums(bundle, hca):
    assert hca("dss", "verify", "d", "--sums", "sums").exit_status == 0
    done = sha256sum("d", "sums")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    unlinked(f"d/{bundle.fqid}/cell.json", b"y" * len(A))
    assert sha256sum("d", "sums").returncode == 1


def test_the_sums_of_a_store_without_directories(shelf, hca, stored):
    bundle = shelf.bundle(shelf.file("a", A), shelf.file("b", B))
    hca(*words(bundle))
    shutil.rmtree(f"d/{bundle.fqid}")
    hca("dss", "verify", "d", "--sums", "d/sums")
    assert {stored(A), stored(B)} <= {line.split("  ")[1] for line in Path("d/sums").read_text().splitlines()}
    assert sha256sum("d", "d/sums").returncode == 0


def test_names_are_escaped_as_gnu_does(tmp_path):
    import io

    from hca_core.transfer.findings import add_sum

    names = ["plain", "new\nline", "back\\slash", "re\rturn", " blank", "both\\\n"]
    stream = io.BytesIO()
    for name in names:
        data = name.encode()
        (tmp_path / name).write_bytes(data)
        add_sum(stream, str(tmp_path / name), hashlib.sha256(data).hexdigest(), str(tmp_path))
    Path("sums").write_bytes(stream.getvalue())
    done = sha256sum(str(tmp_path), "sums")
    assert (done.returncode, done.stdout.count(": OK")) == (0, len(names)), done


@pytest.mark.parametrize(
    ("place", "why"),
    [("no/sums", "there is no directory no"), ("d", "it is a directory"), ("m.tsv", "another file is there")],
)
def test_sums_that_can_not_be_written(bundle, hca, place, why):
    Path("m.tsv").write_text("bundle_uuid\n")
    outcome = hca("dss", "verify", "d", "--sums", place)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"hca: the checksums can't be written to {place}: {why}")


def test_sums_replace_sums(bundle, hca):
    for _ in range(2):
        assert hca("dss", "verify", "d", "--sums", "sums").exit_status == 0
    assert len(Path("sums").read_text().splitlines()) == 4
