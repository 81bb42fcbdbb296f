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
    assert (status, err.count("\n")) == (1, 2)
    assert err.startswith(f"hca: {small_disk.folder}")
    assert err.endswith("next: make room, then run the same command again\n")
    assert "No space left on device" in err
    # Room for the file, but not for the file and a copy of what had arrived of it.
    small_disk.remount("size=3500k")
    assert download() == (0, "")
    asked = [one.headers["Range"] for one in shelf.service.requests if one.path.startswith("/blobs/")]
    assert asked[0] is None
    assert asked[1].startswith("bytes=")


def test_a_read_only_disk(small_disk, download):
    small_disk.remount("ro")
    status, err = download()
    assert (status, err.count("\n")) == (1, 1)
    assert "Read-only file system" in err
    small_disk.remount("rw,size=5m")
    assert download() == (0, "")
