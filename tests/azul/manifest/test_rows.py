"""Rows come from a file, from standard input and from pipes, as often as they are asked for; also those for curl."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from neighbours import load

from hca_azul.manifest import rows
from hca_core.errors import UsageError

tables = load(Path(__file__).with_name("tables.py"), "azul_tables")
BUNDLE = tables.BUNDLE_UUID
AZUL = "https://azul.example.org/repository/files"

CURL = rf"""--create-dirs

--compressed

--location

--globoff

--fail

--write-out "Downloading to: %{{filename_effective}}\n\n"

url="{AZUL}/{tables.FILE_UUID}?catalog=dcp1&version={tables.VERSION}"
output="{BUNDLE}/SRR3562915_1.fastq.gz"

# File '11111111-1111-4111-8111-111111111111', version '{tables.VERSION}' is currently not available in catalog 'dcp1'.

url="{AZUL}/2?catalog=dcp1&version=v&requestIndex=1&fileName=a.zarr%2F0.0&drsUri=drs%3A%2F%2Fhost%2Fid"
output="{BUNDLE}/a.zarr/0.0 \"x\" \\ #1"

"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "manifest"
    path.write_bytes(tables.table(tables.row(file_uuid="1"), tables.row(file_uuid="2")))
    return path


def test_again_and_again(file):
    found = rows.read(file)
    assert [row.uuid for row in found] == ["1", "2"]
    first, second = iter(found), iter(found)
    assert [next(first).uuid, next(second).uuid, next(first).uuid] == ["1", "1", "2"]


def test_standard_input_is_kept(file):
    with rows.read("-", io.BytesIO(file.read_bytes())) as found:
        assert found.name == "standard input"
        assert [row.uuid for row in found] == [row.uuid for row in found] == ["1", "2"]
        first, second = iter(found), iter(found)
        assert [next(first).uuid, next(second).uuid, next(first).uuid] == ["1", "1", "2"]
        assert found.content().read() == file.read_bytes()
    with pytest.raises(UsageError, match="standard input is closed already"):
        list(found)


def test_several_threads_read_what_was_kept(file):
    many = [str(number) for number in range(5000)]
    content = tables.table(*(tables.row(file_uuid=one) for one in many))
    with rows.read("-", io.BytesIO(content)) as found, ThreadPoolExecutor(4) as threads:
        for told in threads.map(lambda _: [row.uuid for row in found], range(4)):
            assert told == many


def test_nothing_is_left_of_what_was_kept_whatever_happens(file, tmp_path, monkeypatch):
    """It never has a name: what is killed leaves nothing."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with rows.read("-", io.BytesIO(file.read_bytes())) as found:
        assert len(list(found)) == 2
        assert os.listdir(folder) == []


def test_files_of_the_user_stay(file):
    with rows.read(file):
        pass
    assert file.exists()


def test_pipe(file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(file.read_bytes()))
    writer.start()
    with rows.read(pipe) as found:
        writer.join()
        assert [row.uuid for row in found] == [row.uuid for row in found] == ["1", "2"]


@pytest.mark.parametrize("name", ["nothing", "."])
def test_what_can_not_be_read(tmp_path, name):
    with pytest.raises(UsageError, match=r"the manifest can't be read: .*(No such file|Is a directory)"):
        list(rows.read(tmp_path / name))


def test_file_that_went_away(file):
    found = rows.read(file)
    file.unlink()
    with pytest.raises(UsageError, match="No such file"):
        list(found)


def test_curl(tmp_path):
    path = tmp_path / "manifest.curlrc"
    path.write_text(CURL)
    plain, unavailable, related = rows.read(path)
    assert (plain.uuid, plain.version, plain.name) == (tables.FILE_UUID, tables.VERSION, "SRR3562915_1.fastq.gz")
    assert plain.azul_url == f"{AZUL}/{tables.FILE_UUID}?catalog=dcp1&version={tables.VERSION}"
    assert plain.bundle_uuids == (BUNDLE,)
    assert (unavailable.uuid, unavailable.version) == (
        "11111111-1111-4111-8111-111111111111",
        tables.VERSION,
    )
    assert (unavailable.azul_url, unavailable.mirror_uri, unavailable.drs_uri) == ("", "", "")
    assert (related.uuid, related.version, related.drs_uri) == ("2", "v", "drs://host/id")
    assert related.name == 'a.zarr/0.0 "x" \\ #1'


@pytest.mark.parametrize("content", ["# x\n", "\n\n--fail\n", 'url = "https://a.example.org/x"\noutput = x\n', "-f\n"])
def test_curl_is_told_by_its_beginning(tmp_path, content):
    path = tmp_path / "x"
    path.write_text(content)
    assert [row.name for row in rows.read(path)] == (["x"] if "url" in content else [])


@pytest.mark.parametrize(
    ("host", "key", "sha256"),
    [
        ("humancellatlas.s3.amazonaws.com", f"file/{tables.SHA256}.sha256", tables.SHA256),
        ("b-1.s3.us-east-1.amazonaws.com", "_it/file/00ff.md5", ""),
    ],
)
def test_curl_from_the_mirror(tmp_path, host, key, sha256):
    path = tmp_path / "x"
    path.write_text(f'--fail\nurl="https://{host}/{key}"\noutput="{BUNDLE}/a.bam"\n')
    (row,) = rows.read(path)
    assert (row.uuid, row.mirror_uri, row.sha256) == ("", f"s3://{host.partition('.')[0]}/{key}", sha256)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('--fail\nurl="https://a/b"\n', "ends at line 2 with a url that has no output; it was cut off"),
        ('--fail\nurl="https://a/b"\nurl="https://a/c"\n', "line 3 is a second url without an output between"),
        ('--fail\noutput="x"\n', "line 2 is an output without a url before it"),
        ('--fail\nurl="https://a/b\n', "line 2 is no option of curl"),
        ("--fail\n<html>\n", "line 2 is no option of curl"),
        ('--fail\nurl="https://[a/b"\noutput="x"\n', "'https://[a/b' is no URL"),
    ],
)
def test_what_is_no_manifest_for_curl(tmp_path, content, told):
    path = tmp_path / "x.curlrc"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        list(rows.read(path))
    assert told in caught.value.message
