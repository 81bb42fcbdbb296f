"""A disk that is full or read-only: one sentence, and the next run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB; `remount(options)` changes it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")

    def remount(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)

    yield SimpleNamespace(folder=folder, remount=remount)
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def download(shelf, small_disk, start_hca):
    """A function that downloads a bundle with a file of 3 MiB to the small disk in a process of its own."""
    data = os.urandom(3 * 2**20)
    bundle = shelf.bundle(shelf.file("big", data))
    words = ("--replica", "aws", "--bundle-uuid", bundle.uuid, "--download-dir", str(small_disk.folder))

    def run() -> tuple[int, str]:
        process = start_hca("dss", "download", *words)
        _, err = process.communicate(timeout=60)
        return process.returncode, err

    yield run
    assert (small_disk.folder / bundle.fqid / "big").read_bytes() == data
    assert not list(small_disk.folder.rglob("*.part"))


def test_a_full_disk(shelf, small_disk, download):
    status, err = download()
    assert status == 1
    assert err.startswith(f"hca: there is not enough room in {small_disk.folder}")
    assert not [one for one in shelf.service.requests if one.path.startswith("/blobs/")]
    # Room for the file, but not for the file and a copy of it.
    small_disk.remount("size=3500k")
    assert download() == (0, "")


def test_a_read_only_disk(small_disk, download):
    small_disk.remount("ro,size=5m")
    status, err = download()
    assert (status, err.count("\n")) == (1, 2)
    assert "Read-only file system\nnext: " in err
    small_disk.remount("rw")
    assert download() == (0, "")
