"""`hca local seed`: folders become bundles, or are refused with all reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import checksums

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

    Hca = Callable[..., subprocess.CompletedProcess[str]]
    Launch = Callable[..., Launched]

FILES = {
    "project_0.json": b'{"project_core": {}}',
    "reads/R1.fastq.gz": b"\x1f\x8b not really",
    "reads/notes.txt": b"hello",
    "table.csv": b"a,b\n",
    "matrix.tar.bz2": b"x",
    "blob": b"",
    "ünï & cödé #1.txt": b"y",
    ".hidden": b"z",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def bundle_of(http: requests.Session, url: str, row: dict[str, Any], replica: str = "aws") -> Any:
    return http.get(f"{url}/v1/bundles/{row['uuid']}?replica={replica}&version={row['version']}", timeout=30).json()


def test_a_folder_becomes_a_bundle_while_the_services_run(
    hca: Hca, folder: Path, data: Path, launched: Launch, http: requests.Session
) -> None:
    url = launched(data, empty=True, first_get_redirects=0).url
    answer = hca("local", "seed", folder, "--data", data, "--output", "json")
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = json.loads(answer.stdout)
    assert [(row["files"], row["bytes"]) for row in rows] == [(len(FILES), sum(map(len, FILES.values())))]
    for replica in ("aws", "gcp"):
        bundle = bundle_of(http, url, rows[0], replica)["bundle"]
        files = {file["name"]: file for file in bundle["files"]}
        assert list(files) == sorted(FILES)
        assert {name: (file["content-type"], file["indexed"]) for name, file in files.items()} == {
            "project_0.json": ("application/json", True),
            "reads/R1.fastq.gz": ("application/gzip; dcp-type=data", False),
            "reads/notes.txt": ("text/plain; dcp-type=data", False),
            "table.csv": ("text/csv; dcp-type=data", False),
            "matrix.tar.bz2": ("application/x-bzip2; dcp-type=data", False),
            "blob": ("application/octet-stream; dcp-type=data", False),
            "ünï & cödé #1.txt": ("text/plain; dcp-type=data", False),
            ".hidden": ("application/octet-stream; dcp-type=data", False),
        }
    for name, content in FILES.items():
        file = files[name]
        sums = checksums.of_bytes(content)
        assert (file["sha256"], file["s3_etag"], file["size"]) == (sums.sha256, sums.s3_etag, sums.size)
        got = http.get(f"{url}/v1/files/{file['uuid']}?replica=gcp&version={file['version']}", timeout=30)
        assert got.content == content
    assert len({file["uuid"] for file in files.values()}) == len(FILES)


def test_the_services_need_not_run_and_the_identity_can_be_given(
    hca: Hca, folder: Path, data: Path, launched: Launch, http: requests.Session
) -> None:
    uuid, version = "ABCDEF00-0000-4000-8000-000000000001", "2020-02-02T020202.020202Z"
    arguments = ["local", "seed", folder, "--data", data, "--uuid", uuid, "--replica", "gcp", "--output", "json"]
    row = json.loads(hca(*arguments, "--version", version).stdout)[0]
    assert (row["uuid"], row["version"]) == (uuid.lower(), version)
    taken = hca(*arguments, "--version", version)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert "already has a version" in taken.stderr
    later = json.loads(hca(*arguments).stdout)[0]
    assert (later["uuid"], later["version"] > version) == (uuid.lower(), True)
    url = launched(data).url
    assert bundle_of(http, url, row, "gcp")["bundle"]["version"] == version
    assert bundle_of(http, url, row, "aws")["code"] == "not_found"
    listing = http.get(f"{url}/v1/bundles/all?replica=gcp", timeout=30).json()["bundles"]
    assert len(listing) == 2, "a store made by seed has no sample dataset"


def test_several_folders_and_a_bad_one_make_nothing(hca: Hca, folder: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    answer = hca("local", "seed", folder, tmp_path / "empty", "--data", data)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "has no files in it" in answer.stderr
    assert not data.exists()
    assert "is not a folder" in hca("local", "seed", tmp_path / "nowhere", "--data", data).stderr
    both = hca("local", "seed", folder, folder, "--data", data, "--output", "json")
    assert len({row["uuid"] for row in json.loads(both.stdout)}) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--uuid", "x"], "'x' is not a uuid"),
        (["--version", "2020"], "'2020' is not a version"),
        (["--uuid", "abcdef00-0000-4000-8000-000000000001", "other"], "--uuid is for a single folder"),
    ],
)
def test_wrong_identities(hca: Hca, folder: Path, data: Path, arguments: list[str], sentence: str) -> None:
    answer = hca("local", "seed", folder, *arguments, "--data", data)
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert not data.exists()


def test_names_that_differ_in_case_only_are_told(hca: Hca, folder: Path, data: Path) -> None:
    (folder / "TABLE.csv").write_text("c")
    answer = hca("local", "seed", folder, "--data", data)
    assert answer.returncode == 0
    assert "differ in case only: TABLE.csv, table.csv" in answer.stderr
