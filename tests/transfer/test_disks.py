"""Disks that are full, read-only or gone, processes that may have little: one sentence, and the next run goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import transfer_faults as faults
import transfer_tools as tools
from waiting import until

from hca_core.errors import HCAError

SMALL = {f"/{number}": tools.noise(30_000, number) for number in range(20)}
LARGE = {"/large": tools.noise(2_500_000, "large")}
CONTENTS = {**SMALL, **LARGE}
NOBODY = 65534


@pytest.fixture
def mounted(tmp_path):
    """A function that makes a file system in memory with these options; what it returns can be mounted anew."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    folders: list[Path] = []

    def make(options: str) -> SimpleNamespace:
        folder = tmp_path / f"disk-{len(folders)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(f"no file system with {options} can be mounted here")
        folders.append(folder)

        def remount(others: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{others}", folder], check=True)

        return SimpleNamespace(folder=folder, remount=remount)

    yield make
    for folder in folders:
        unmount(folder)


def unmount(folder):
    """End a file system, which nobody may have a file open on any more.

    A run that broke off gives its threads a second to close theirs; on a busy machine they may need longer.
    """
    try:
        until(lambda: subprocess.run(["umount", folder], capture_output=True).returncode == 0, 30)
    except AssertionError:
        subprocess.run(["umount", "--lazy", folder], check=True)  # or the folder could never be removed
        raise


@pytest.fixture
def served(server):
    """The server, with what is to be fetched."""
    for path, data in CONTENTS.items():
        server.put(path, data)
    return server


@pytest.fixture
def nursery(served, tmp_path):
    """Starts processes that fetch from it."""
    with tools.Nursery(served.url, tmp_path / "errors") as made:
        yield made


def ends_with(code, remote, contents=CONTENTS):
    """Fetch, which must end with an error of the disk that says where it happened."""
    with pytest.raises(OSError) as raised:
        remote.fetch(*(remote.file(path, data) for path, data in contents.items()))
    assert raised.value.errno == code
    assert str(raised.value.filename).startswith(str(remote.folder))


def arrive_now(remote, contents=CONTENTS):
    """Fetch again, which must succeed now."""
    results = remote.fetch(*(remote.file(path, data) for path, data in contents.items()))
    assert {one.status for one in results} <= {"fetched", "present"}
    assert tools.listing(remote.folder) == {path[1:]: data for path, data in contents.items()}


@pytest.mark.parametrize("contents", [SMALL, LARGE, CONTENTS], ids=["small", "large", "both"])
def test_a_full_disk(served, mounted, record, contents):
    disk = mounted("size=300k")
    with tools.Remote(served.url, disk.folder) as remote:
        ends_with(errno.ENOSPC, remote, contents)
        names = [name for name in tools.listing(disk.folder) if not os.path.basename(name).startswith(".")]
        assert all(tools.listing(disk.folder)[name] == contents["/" + name] for name in names)
        disk.remount("size=8m")
        served.requests.clear()
        arrive_now(remote, contents)
        assert not set(names) & {one.path[1:] for one in served.requests}
    record("disk full", 1, "exit 1; arrives once there is room")


def test_a_disk_without_names_left(served, mounted, record):
    disk = mounted("size=8m,nr_inodes=12")
    with tools.Remote(served.url, disk.folder) as remote:
        ends_with(errno.ENOSPC, remote)
        disk.remount("nr_inodes=1000")
        arrive_now(remote)
    record("disk without inodes left", 1, "exit 1; arrives once there are more")


def test_a_quota(nursery, mounted, record):
    """Of a user who is not root: nobody else has one on a file system in memory."""
    disk = mounted(f"size=8m,mode=777,usrquota,usrquota_block_hardlimit=1M,uid={NOBODY}")
    assert nursery.wait(nursery.start(disk.folder, CONTENTS, user=NOBODY)) == 1
    said = nursery.said()
    assert said.count("\n") == 1, said
    assert str(disk.folder) in said
    assert "quota" in said
    record("quota", 1, "exit 1")


def test_a_quota_as_root_sees_it(served, remote, monkeypatch, record):
    """Where no quota can be had: the system's answer to one, in the middle of the files."""
    real, written = os.write, []

    def limited(descriptor, data):
        if len(data) > 20_000:
            written.append(data)
            if len(written) > 5:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", limited)
    ends_with(errno.EDQUOT, remote, SMALL)
    monkeypatch.undo()
    arrive_now(remote, SMALL)
    record("quota (the answer of the system)", 1, "exit 1; arrives once there is room")


def test_a_limit_of_the_size_of_files(nursery, tmp_path, record):
    """What `ulimit -f` allows; the signal that the system sends for it is ignored by Python."""
    got = tmp_path / "got"
    assert nursery.wait(nursery.start(got, LARGE, limits={"size": 1_000_000})) == 1
    assert "File too large" in nursery.said()
    assert [name for name in tools.listing(got) if not name.startswith(".")] == []
    assert nursery.wait(nursery.start(got, LARGE)) == 0
    assert tools.listing(got) == {"large": LARGE["/large"]}
    record("a limit of the size of files (ulimit -f)", 1, "exit 1; arrives without it")


@pytest.mark.parametrize("contents", [SMALL, LARGE], ids=["small", "large"])
def test_a_read_only_folder(served, mounted, record, contents):
    disk = mounted("size=8m")
    disk.remount("ro")
    with tools.Remote(served.url, disk.folder) as remote:
        ends_with(errno.EROFS, remote, contents)
        disk.remount("rw")
        arrive_now(remote, contents)
    record("read-only directory", 1, "exit 1; arrives when it is not any more")


def test_a_folder_that_may_not_be_written_to(nursery, tmp_path, record):
    """By a user who is not root, as root may always."""
    if os.geteuid() != 0:
        pytest.skip("only root may be somebody else")
    got = Path("/tmp") / f"hca-{os.getpid()}-locked"
    got.mkdir(0o755)
    try:
        assert nursery.wait(nursery.start(got, CONTENTS, user=NOBODY)) == 1
        said = nursery.said()
        assert said.count("\n") == 1, said
        assert "Permission denied" in said
        assert os.listdir(got) == []
    finally:
        shutil.rmtree(got)
    record("a directory without permission", 1, "exit 1")


@pytest.mark.parametrize("contents", [SMALL, LARGE], ids=["small", "large"])
def test_a_folder_that_is_removed_while_files_arrive(served, remote, record, contents):
    """It may be made anew, or end the run; what is there in the end is right, and the next run brings all."""
    removing = threading.Lock()
    over = []

    def remove():
        with removing:
            if not over:
                shutil.rmtree(remote.folder, ignore_errors=True)

    for path, data in contents.items():
        served.put(path, data, faults.then(remove, faults.half))
    with contextlib.suppress(FileNotFoundError):
        remote.fetch(*(remote.file(path, data) for path, data in contents.items()))
    with removing:  # a run that has ended early leaves requests, which the server may answer only now
        over.append(True)
    for name, data in tools.listing(remote.folder).items() if remote.folder.exists() else ():
        assert os.path.basename(name).startswith(".") or data == contents["/" + name]
    arrive_now(remote, contents)
    record("directory removed while running", len(contents), "arrives, at the latest with the next run")


def test_a_file_where_a_folder_should_be(served, remote):
    served.put("/0/x", b"x")
    remote.folder.mkdir()
    (remote.folder / "0").write_bytes(b"a file")
    good, bad = SMALL["/0"], remote.file("/0/x", b"x")
    error = remote.fails(bad, HCAError)
    assert str(remote.folder / "0") in str(error)
    (one, two) = sorted(remote.fetch(bad, remote.file("/0", good)._replace(target=str(remote.folder / "1"))))
    assert {one.status, two.status} == {"failed", "fetched"}  # it is no reason not to fetch others


def test_a_folder_where_a_file_should_be(served, remote):
    (remote.folder / "0").mkdir(parents=True)
    (result,) = remote.fetch(remote.file("/0", SMALL["/0"]))
    assert "no regular file" in str(result.error)
    assert tools.left_over(remote.folder) == []


@pytest.mark.parametrize("jobs", [None, 64])
@pytest.mark.parametrize("files", [24, 40])
def test_few_file_descriptors(nursery, tmp_path, record, jobs, files):
    """A process that may open few files uses fewer connections; it loses nothing."""
    order = {"limits": {"files": files}, "settings": {"jobs": jobs}}
    status = nursery.wait(nursery.start(tmp_path / "got", CONTENTS, **order))
    said = nursery.said()
    assert status == 0, said
    assert tools.listing(tmp_path / "got") == {path[1:]: data for path, data in CONTENTS.items()}
    record("EMFILE (few file descriptors)", 1, "arrives")


@pytest.mark.parametrize("left", [9, 14, 20])
def test_file_descriptors_that_others_hold_for_a_while(nursery, tmp_path, record, left):
    """The engine has to wait for them, or to do with those that are left."""
    status = nursery.wait(
        nursery.start(tmp_path / "got", CONTENTS, limits={"files": 200}, hoard=200 - left, settings={"jobs": 16})
    )
    said = nursery.said()
    assert status == 0, said
    assert tools.listing(tmp_path / "got") == {path[1:]: data for path, data in CONTENTS.items()}
    record("EMFILE (others hold file descriptors for a while)", 1, "arrives")


def test_no_file_descriptor_at_all(nursery, tmp_path, record):
    """There is no way: one sentence, not a wait without end."""
    begun = time.monotonic()
    short = {"descriptors.WAIT_SECONDS": 0.02}
    status = nursery.wait(nursery.start(tmp_path / "got", CONTENTS, limits={"files": 5}, constants=short))
    said = nursery.said()
    assert status != 0
    assert "Too many open files" in said
    assert "Traceback" not in said, said
    assert time.monotonic() - begun < 60
    record("EMFILE (no file descriptor at all)", 1, "one sentence")


def test_a_file_system_that_links_can_not_lead_to(served, mounted, tmp_path, record):
    one, other = mounted("size=8m"), mounted("size=8m")
    with tools.Remote(served.url, one.folder) as remote:
        wanted = [remote.file(path, data, link=f"{other.folder}{path}") for path, data in CONTENTS.items()]
        results = remote.fetch(*wanted)
    assert {result.status for result in results} == {"fetched"}
    assert {result.linked for result in results} <= {"copy", "reflink"}
    assert tools.listing(other.folder) == tools.listing(one.folder)
    assert tools.listing(other.folder) == {path[1:]: data for path, data in CONTENTS.items()}
    record("a file system without hard links", len(results), "copies")


@pytest.fixture
def ext4(tmp_path):
    """A file system on which a file has 65,000 names at most."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("only root may mount, and mkfs.ext4 is needed")
    image, folder = tmp_path / "image", tmp_path / "ext4"
    with image.open("wb") as stream:
        stream.truncate(48 * tools.MEBIBYTE)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode:
        pytest.skip("no image of a file system can be mounted here")
    yield folder
    unmount(folder)


def test_the_hard_link_limit_of_ext4(served, ext4, record):
    with tools.Remote(served.url, ext4 / "got") as remote:
        (first,) = remote.arrive({"/0": SMALL["/0"]})
        (ext4 / "names").mkdir()
        for number in range(65_000 - 2):
            os.link(first.transfer.target, ext4 / "names" / str(number))
        wanted = [remote.file("/0", SMALL["/0"], link=f"{ext4}/links/{number}") for number in range(3)]
        results = [remote.fetch(one)[0] for one in wanted]
    assert [one.linked for one in results] == ["hard", "copy", "copy"]
    assert tools.listing(ext4 / "links") == {str(number): SMALL["/0"] for number in range(3)}
    record("the hard link limit of ext4", 3, "copies beyond it")


def test_a_limit_of_hard_links(served, remote, monkeypatch, record):
    """The same where nothing can be mounted: after so many links to one file there are no more."""
    data = SMALL["/0"]
    real, made = os.link, []

    def limited(*words, **settings):
        if len(made) >= 3:
            raise OSError(errno.EMLINK, os.strerror(errno.EMLINK), words[0])
        real(*words, **settings)
        made.append(words)

    monkeypatch.setattr(os, "link", limited)
    wanted = [remote.file("/0", data, link=f"{remote.folder}/links/{number}") for number in range(6)]
    results = [remote.fetch(one)[0] for one in wanted]
    assert [result.linked for result in results[:3]] == ["hard"] * 3
    assert {result.linked for result in results[3:]} <= {"copy", "reflink"}
    assert tools.listing(remote.folder / "links") == {str(number): data for number in range(6)}
    record("a hard link limit", 6, "copies beyond it")


@pytest.mark.parametrize("seconds", [86_400.0 * 400, -86_400.0 * 400])
def test_a_clock_that_jumps(nursery, tmp_path, record, seconds):
    """To and fro by more than a year at each look at it, with parts of the past and the future there."""
    got = tmp_path / "got"
    with tools.Remote("http://127.0.0.1:1", got) as remote:
        for number, moment in enumerate((1, time.time() + 10 * abs(seconds))):
            part = tools.part_of(remote.file("/large", LARGE["/large"]), LARGE["/large"][:1_000_000], number=number)
            os.utime(part, (moment, moment))
    begun = time.monotonic()
    assert nursery.wait(nursery.start(got, CONTENTS, clock=seconds)) == 0, nursery.said()
    assert time.monotonic() - begun < 60
    assert tools.listing(got) == {path[1:]: data for path, data in CONTENTS.items()}
    record("clock jumps", 1, "arrives")
