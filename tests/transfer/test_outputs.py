"""Files that a run writes because somebody named them: what may be replaced, and what gets the bytes as they come."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hca_core.errors import UsageError
from hca_core.transfer import outputs

OURS = {
    outputs.REPORT: b'{\n  "directory": "d",\n  "files": 3\n}\n',
    outputs.EVENTS: b'{"event": "start", "time": 1}\n',
    outputs.FAILURES: b'{"name": "a", "error": "b", "exit_status": 5, "row": {"x": 1}}\n',
    outputs.SUMS: b"0" * 64 + b"  a\n",
}
KINDS = pytest.mark.parametrize("kind", OURS, ids=["report", "events", "failures", "sums"])


def refusal(path: object, kind=outputs.REPORT) -> str:
    with pytest.raises(UsageError) as refused:
        outputs.check(str(path), "the report", kind)
    return str(refused.value)


@KINDS
def test_files_of_the_kind_and_empty_ones_may_be_replaced(tmp_path, kind):
    path = tmp_path / "f"
    outputs.check(str(path), "it", kind)
    for content in (b"", OURS[kind]):
        path.write_bytes(content)
        outputs.check(str(path), "it", kind)


@pytest.mark.parametrize(("path", "why"), [("", "its name is empty"), ("-", "standard output is called /dev/stdout")])
def test_names_that_are_none(path, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(path) == f"the report can't be written to {path}: {why}"
    outputs.check("./-", "the report", outputs.REPORT)


@KINDS
def test_files_of_other_kinds_stay(tmp_path, kind):
    path = tmp_path / "f"
    others = [content for other, content in OURS.items() if other is not kind]
    for content in [*others, b"bundle_uuid\tbundle_version\n", b"{}\n", b"\xff\x00", b" "]:
        path.write_bytes(content)
        assert refusal(path, kind).endswith("f: another file is there; name another one, or move it away")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/such/f", "there is no directory {}/no/such"),
        ("folder", "it is a directory"),
        ("file/f", "there is no directory {}/file"),
        ("circle", "Too many levels of symbolic links"),
        ("socket", "it is neither a file nor a pipe"),
        ("astray", "there is no directory {}/nowhere"),
    ],
)
def test_places_that_can_not_be_written_to(tmp_path, name, why):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere" / "f")
    os.chdir(tmp_path)  # the name of a socket may have 100 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert refusal(tmp_path / name).endswith(f"{name}: {why.format(tmp_path)}")


def test_a_read_only_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert refusal(tmp_path / "f").endswith(f"the directory {tmp_path} is read-only")


def test_a_descriptor_that_is_not_open():
    assert refusal("/dev/fd/999").endswith("/dev/fd/999: Bad file descriptor")


def test_a_file_changes_at_the_end_and_keeps_its_links(tmp_path):
    path, link = tmp_path / "f", tmp_path / "link"
    path.write_bytes(b"old")
    link.symlink_to("f")
    with outputs.replacing(str(link)) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), os.readlink(link)) == (b"new", "f")
    with pytest.raises(ZeroDivisionError), outputs.replacing(str(link)) as stream:
        stream.write(b"%d" % (1 // 0))
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["f", "link"]


def test_a_pipe_is_written_to(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    outputs.check(path, "it", outputs.REPORT)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path(path).read_bytes()))
    reader.start()
    with outputs.replacing(path) as stream:
        stream.write(b"told")
    reader.join(60)
    assert read == [b"told"]
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    assert not outputs.is_file(path)


def test_a_device_stays_one():
    outputs.check(os.devnull, "it", outputs.REPORT)
    with outputs.replacing(os.devnull) as stream:
        stream.write(b"nothing")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


PROGRAM = """
from hca_core.transfer import outputs
print("before", flush=True)
outputs.check("{place}", "it", outputs.REPORT)
with outputs.replacing("{place}") as stream:
    stream.write(b"told\\n")
with outputs.appending("{place}") as stream:
    stream.write("more\\n")
print("behind")
"""


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_file_behind_a_stream_is_not_written_anew(tmp_path, place):
    with open(tmp_path / "out", "wb") as out:
        subprocess.run([sys.executable, "-c", PROGRAM.format(place=place)], stdout=out, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "before\ntold\nmore\nbehind\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_told_with_the_name():
    with pytest.raises(OSError, match="No space left") as full, outputs.replacing("/dev/full") as stream:
        stream.write(b"x")
    assert (full.value.errno, full.value.filename) == (errno.ENOSPC, "/dev/full")


def test_an_error_of_somebody_else_keeps_its_name(tmp_path):
    with pytest.raises(OSError, match="gone") as raised, outputs.replacing(str(tmp_path / "f")):
        raise FileNotFoundError(errno.ENOENT, "gone", "other")
    assert raised.value.filename == "other"


def test_which_names_are_one_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "f")
    names = [str(tmp_path / "f"), str(tmp_path / "g")]
    assert not outputs.are_one(names)
    assert outputs.are_one([*names, str(tmp_path / "link")])
    assert outputs.are_one([*names, str(tmp_path / ".." / tmp_path.name / "g")])
    assert not outputs.are_one([*names, "/dev/stdout", "/dev/stdout", os.devnull, os.devnull])
