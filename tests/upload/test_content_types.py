"""Content types: by the first bytes, else by the name; what the field's files are taken for, and are not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mimetypes
import os
import random
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from hca_core.errors import UsageError
from hca_upload import content_types

if TYPE_CHECKING:
    from pathlib import Path


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("arr_0.npy", b"\x93NUMPY" * 20)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("name"))
    return stream.getvalue()


BAM = bytes.fromhex("1f8b0804000000000 0ff0600424302001b0003".replace(" ", "")) + bytes(20)
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(40)
FASTQ = b"@SRR1 1 length=8\nACGTNACG\n+\nIIIIIIII\n"
OFFICE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.fastq.gz", gzip.compress(FASTQ, mtime=0), "application/gzip"),
        ("a", gzip.compress(b"", mtime=0), "application/gzip"),
        ("a.bam", BAM, "application/gzip"),
        ("a.h5ad", HDF5, "application/x-hdf5"),
        ("a.loom", HDF5, "application/x-hdf5"),
        ("a.mat", b"MATLAB 7.3 MAT-file".ljust(512, b"\0") + HDF5, "application/x-hdf5"),
        ("a.zip", zipped(), "application/zip"),
        ("a.npz", zipped(), "application/zip"),
        ("a.txt", zipped(), "application/zip"),
        ("a.xlsx", zipped(), OFFICE),
        ("a.ome.tif", b"II*\0\x08\0\0\0", "image/tiff"),
        ("a", b"MM\0*\0\0\0\x08", "image/tiff"),
        ("big", b"II+\0\x08\0\0\0", "image/tiff"),
        ("a", b"MM\0+\0\x08\0\0", "image/tiff"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a", b"%PDF-1.7\n", "application/pdf"),
        ("a", bz2.compress(FASTQ), "application/x-bzip2"),
        ("a", lzma.compress(FASTQ), "application/x-xz"),
        ("a", b"\x28\xb5\x2f\xfd\x04", "application/zstd"),
        ("a", tarred(), "application/x-tar"),
        ("a", b"PAR1\x15\x04", "application/vnd.apache.parquet"),
        ("a.nc", b"CDF\x02\0\0", "application/x-netcdf"),
        ("a.fcs", b"FCS3.1    ", "application/vnd.isac.fcs"),
        ("renamed.txt", gzip.compress(FASTQ, mtime=0), "application/gzip"),
    ],
)
def test_the_first_bytes_tell(name: str, head: bytes, expected: str) -> None:
    assert content_types.sniffed(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
        ("a", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(90), "application/msword"),
        ("a", bytes(128) + b"DICM" + bytes(90), "application/dicom"),
        ("a", b"GIF89a\x01\0", "image/gif"),
        ("a", b"7z\xbc\xaf\x27\x1c\0\x04", "application/x-7z-compressed"),
    ],
)
def test_rare_formats(name: str, head: bytes, expected: str) -> None:
    assert content_types.sniffed(name, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.fastq", FASTQ, None),
        ("a.fa", b">chr1\nACGT\n", None),
        ("a.mtx", b"%%MatrixMarket matrix coordinate integer general\n", None),
        ("a.sam", b"@HD\tVN:1.6\n", None),
        ("a.csv", b"cell,gene\n", "text/csv"),
        ("a.tsv", b"cell\tgene\n", "text/tab-separated-values"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.ipynb", b'{"cells": []}', "application/json"),
        ("a.vcf", b"##fileformat=VCFv4.2\n", "text/plain"),
        # Words that are magics elsewhere.
        ("a.csv", b"ID3,gene\n", "text/csv"),
        ("a.txt", b"BMP4 and BMP7", "text/plain"),
        ("a.txt", b"MZ twins", "text/plain"),
        ("a.csv", b"PAR1,0.3\n", "text/csv"),
        ("a.csv", b"CDF,PK\n", "text/csv"),
        ("P5.txt", b"P5 P7 adapters", "text/plain"),
        ("a.txt", "ünï".encode(), "text/plain"),
        ("a.txt", "ünï".encode("latin-1"), "text/plain"),
        ("a.csv", b"\xef\xbb\xbfcell,gene\n", "text/csv"),
        ("a.csv", "cell,gene\n".encode("utf-16"), "text/csv"),
        # Nothing in it, or not what the name says.
        ("a.fastq.gz", b"", "application/gzip"),
        ("a.tar.bz2", b"", "application/x-bzip2"),
        ("a.tgz", b"", "application/gzip"),
        ("a.h5", b"", "application/x-hdf5"),
        ("A.CSV", b"", "text/csv"),
        ("d.csv/a", b"", None),
        ("http://x;y?.csv", b"", "text/csv"),
        ("data:,a.csv", b"", "text/csv"),
        (".gz", b"", None),
        ("", b"", None),
    ],
)
def test_else_the_name_tells(name: str, head: bytes, expected: str | None) -> None:
    assert content_types.sniffed(name, head) == (expected or "application/octet-stream")


@pytest.mark.parametrize("length", [1, 3, 16, content_types.HEAD])
def test_chance_tells_nothing(length: int) -> None:
    chance = random.Random(length)
    heads = [b"\0" + chance.randbytes(length) for _ in range(2000)]
    assert {content_types.sniffed("a", head) for head in heads} == {"application/octet-stream"}


def test_more_than_the_head_changes_nothing() -> None:
    assert content_types.sniffed("a.txt", b"GIF89a\0") == "image/gif"
    assert content_types.sniffed("a.txt", b"GIF89a".ljust(content_types.HEAD) + b"\0") == "text/plain"


def test_what_the_machine_knows_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "mime.types").write_text("application/x-mine csv fastq\n")
    mimetypes.init([str(tmp_path / "mime.types")])
    try:
        assert mimetypes.guess_type("a.fastq")[0] == "application/x-mine"
        assert content_types.sniffed("a.csv", b"") == "text/csv"
        assert content_types.sniffed("a.fastq", b"") == "application/octet-stream"
    finally:
        mimetypes.init()


def test_others_are_not_changed() -> None:
    assert mimetypes.MimeTypes().guess_type("a.vcf")[0] != "text/plain"


def test_the_content_type_of_a_file() -> None:
    assert content_types.of_file("a.csv", b"x") == "text/csv; dcp-type=data"
    assert content_types.of_file("a.csv", b"x", "metadata/file") == 'text/csv; dcp-type="metadata/file"'


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("x/a.fastq.gz", "application/gzip"),
        ("a.csv", "text/csv"),
        ("a.ipynb", "application/json"),
        ("a.fastq", "application/data"),
        ("a", "application/data"),
    ],
)
def test_the_content_type_of_an_object(key: str, expected: str) -> None:
    assert content_types.of_object(key, "data") == f"{expected}; dcp-type=data"


@pytest.mark.parametrize(
    "dcp_type", ["", "a b", "a;b", 'a"b', "a\r\nX-Evil: 1", "data\n", "é", "a/b/c", "/a", "a/", "a,b"]
)
def test_types_that_can_not_go_into_a_header(dcp_type: str) -> None:
    for call in (lambda: content_types.of_file("a", b"", dcp_type), lambda: content_types.of_object("a", dcp_type)):
        with pytest.raises(UsageError, match="can't be a dcp-type"):
            call()


@pytest.mark.parametrize("head", [FASTQ, gzip.compress(FASTQ, mtime=0), HDF5])
def test_common_files_load_nothing(head: bytes) -> None:
    code = f"import sys; from hca_upload import content_types; content_types.of_file('a', {head!r})"
    code += "; print('puremagic' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
