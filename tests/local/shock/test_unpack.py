"""Nodes made of the files in an archive: all of them or none, whatever the archive says (contract §4)."""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = bytes(range(256)) * 10_000  # two pieces and a half
FILES = {"a.txt": b"first", "sub/b.bin": LARGE, "sub/a.txt": b"second", "empty": b""}
HOSTILE = {
    "../../up.txt": "up.txt",
    "/etc/absolute.txt": "absolute.txt",
    "..\\..\\windows.txt": "windows.txt",
    "C:\\drive.txt": "drive.txt",
    "new\nline.txt": "new\nline.txt",
    "kö.txt": "kö.txt",
}
HIDDEN = (".hidden", "sub/.hidden", "..", "sub/.", "sub\\.hidden")


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *others: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for other in others:
            archive.addfile(other)
    return buffer.getvalue()


MAKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda files: gzip.compress(tarred(files), 1),
    "tar.bz2": lambda files: bz2.compress(tarred(files), 1),
}


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def unpack(shock: Any, archive: bytes, kind: str, user: str | None = "bob", **pieces: Any) -> Any:
    """Send an archive, ask for its files, and return the answer to that."""
    node = shock.post(user, upload=("archive", archive))
    return shock.form("POST", "/node", user, unpack_node=node["id"], archive_format=kind, **pieces)


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [node["file"]["name"] for node in answer.json()["data"]]


@pytest.mark.parametrize("kind", list(MAKERS))
def test_each_file_becomes_a_node(shock: Any, kind: str) -> None:
    archive = shock.post("bob", upload=("archive", MAKERS[kind](FILES)))
    answer = shock.form(
        "POST", "/node", "bob", unpack_node=archive["id"], archive_format=kind, attributes=b'{"from": "archive"}'
    )
    assert names(answer) == ["a.txt", "b.bin", "a.txt", "empty"]
    assert answer.json()["status"] == 200
    for made, content in zip(answer.json()["data"], FILES.values(), strict=True):
        node = shock.get(made, "bob")
        assert node["file"]["size"] == len(content)
        if content:
            assert shock.content(node, "bob") == content
        assert node["attributes"] == {"from": "archive"}
        assert node["linkage"] == [{"relation": "parent", "ids": [archive["id"]], "operation": kind}]
        assert node["type"] == "basic"
        assert shock.send("GET", f"/node/{node['id']}").status_code == 401
    assert shock.arriving() == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_lose_their_directories_and_hidden_files_are_left_out(shock: Any, kind: str) -> None:
    archive = MAKERS[kind](dict.fromkeys((*HOSTILE, *HIDDEN, "directory/"), b"x"))
    assert names(unpack(shock, archive, kind)) == [*HOSTILE.values()]


def test_links_and_devices_are_left_out(shock: Any) -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
    archive = tarred({"file": b"x"}, *(special(f"odd{number}", kind) for number, kind in enumerate(kinds)))
    assert names(unpack(shock, archive, "tar")) == ["file"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, mode in (("file", stat.S_IFREG), ("link", stat.S_IFLNK), ("pipe", stat.S_IFIFO)):
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            made.writestr(info, b"/etc/passwd")
    assert names(unpack(shock, buffer.getvalue(), "zip")) == ["file"]


def damaged(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def with_password() -> bytes:
    """Return a zip whose file claims to be encrypted."""
    content = bytearray(zipped({"file": b"secret" * 10}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def with_long_header() -> bytes:
    """Return a tar with a header of names that is said to be longer than it ought to be."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 2 * 1024 * 1024
    return header.tobuf(tarfile.USTAR_FORMAT) + b"x" * header.size + tarred({"file": b"x"})


TWO = {"one": b"1" * 2000, "two": b"2" * 2000}
BAD = {
    "no zip": (b"not an archive", "zip"),
    "no tar": (b"not an archive" * 100, "tar"),
    "no gzip": (tarred(TWO), "tar.gz"),
    "no bzip2": (tarred(TWO), "tar.bz2"),
    "another kind": (zipped(TWO), "tar"),
    "empty tar": (b"", "tar.gz"),
    "damaged zip": (damaged(zipped(TWO, zipfile.ZIP_STORED), 2060), "zip"),
    "damaged bzip2 in a zip": (damaged(zipped({"one": LARGE}, zipfile.ZIP_BZIP2), 60), "zip"),
    "damaged list": (damaged(zipped(TWO), -25 % len(zipped(TWO))), "zip"),
    "password": (with_password(), "zip"),
    "cut zip": (zipped(TWO)[:-30], "zip"),
    "cut tar": (tarred(TWO)[:4000], "tar"),
    "cut in a header": (tarred(TWO)[:2700], "tar"),
    "damaged header": (damaged(tarred(TWO), 512 + 2048 + 10), "tar"),
    "long header": (with_long_header(), "tar"),
    "cut gzip": (gzip.compress(tarred(TWO))[:-12], "tar.gz"),
    "wrong sum": (damaged(gzip.compress(tarred(TWO)), -6 % len(gzip.compress(tarred(TWO)))), "tar.gz"),
    "cut bzip2": (bz2.compress(tarred(TWO))[:-8], "tar.bz2"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_of_a_bad_archive_nothing_is_made(shock: Any, name: str) -> None:
    content, kind = BAD[name]
    archive = shock.post("bob", upload=("archive", content)) if content else shock.post("bob", gzip=gzip.compress(b""))
    before, count = shock.data_files(), total(shock)
    answer = shock.form("POST", "/node", "bob", unpack_node=archive["id"], archive_format=kind)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["error"]
    assert "unpacked" in error
    assert shock.data_files() == before
    assert shock.arriving() == []
    assert total(shock) == count


def total(shock: Any) -> int:
    return int(shock.send("GET", "/node?limit=1", "ann").json()["total_count"])


def test_a_bomb_is_stopped(shock: Any) -> None:
    before = shock.data_files()
    head = tarred({"small": b"x"})[:1024]
    info = tarfile.TarInfo("zeros")
    info.size = 65 * 1024 * 1024
    bomb = bz2.compress(head + info.tobuf() + bytes(info.size) + bytes(1024), 1)
    answer = unpack(shock, bomb, "tar.bz2")
    assert answer.status_code == 400
    assert "bomb" in answer.json()["error"][0]
    assert len(shock.data_files() - before) == 1  # the archive
    assert shock.arriving() == []


@pytest.mark.parametrize("kind", ["", "rar", "tar.xz", "ZIP"])
def test_an_unknown_format_is_refused(shock: Any, kind: str) -> None:
    answer = unpack(shock, zipped(TWO), kind)
    assert answer.status_code == 400
    assert "zip, tar, tar.gz, tar.bz2" in answer.json()["error"][0]


def test_who_may_not_read_an_archive_gets_nothing_of_it(shock: Any, quirky: Any) -> None:
    for service, status in ((shock, 401), (quirky, 200)):
        node = service.post("bob", upload=("a.zip", zipped(TWO)))
        for user in ("cal", None):
            answer = service.form("POST", "/node", user, unpack_node=node["id"], archive_format="zip")
            assert answer.status_code == status, answer.text
        service.send("PUT", f"/node/{node['id']}/acl/read?users=cal", "bob")
        answer = service.form("POST", "/node", "cal", unpack_node=node["id"], archive_format="zip")
        assert names(answer) == ["one", "two"]
        assert service.send("GET", f"/node/{answer.json()['data'][0]['id']}", "bob").status_code == 401


def test_the_new_nodes_may_have_the_rights_of_the_archive(shock: Any) -> None:
    archive = shock.post("bob", upload=("a.zip", zipped(TWO)))
    acl = shock.send("PUT", f"/node/{archive['id']}/acl/read?users=cal", "bob").json()["data"]
    pieces = {"unpack_node": archive["id"], "archive_format": "zip"}
    for kept in (False, True):
        answer = shock.form("POST", "/node", "cal", **pieces, **({"preserve_acls": "1"} if kept else {}))
        for node in answer.json()["data"]:
            shown = shock.send("GET", f"/node/{node['id']}/acl", "ann").json()["data"]
            assert (shown == acl) is kept
            if not kept:
                assert shown["read"] == [shown["owner"]]


def test_everybody_may_unpack_what_is_public(shock: Any) -> None:
    made = unpack(shock, zipped(TWO), "zip", None).json()["data"][0]
    acl = shock.send("GET", f"/node/{made['id']}/acl").json()["data"]
    assert (acl["owner"], acl["public"]) == ("public", {"read": True, "write": True, "delete": True})


def test_what_else_the_form_says_is_true_for_all_nodes(shock: Any) -> None:
    answer = unpack(shock, zipped(TWO), "zip", tags="t1,t2", attributes_str='{"n": 1}')
    for node in answer.json()["data"]:
        assert (node["tags"], node["attributes"]) == (["t1", "t2"], {"n": 1})
    before = shock.data_files()
    archive = shock.post("bob", upload=("a.zip", zipped(TWO)))
    for wrong in ({"attributes_str": "{"}, {"linkage": "parent", "ids": "x"}, {"priority": "high"}):
        answer = shock.form("POST", "/node", "bob", unpack_node=archive["id"], archive_format="zip", **wrong)
        assert answer.status_code == 400, wrong
    assert len(shock.data_files() - before) == 1


def test_an_archive_that_is_not_there_locked_or_no_file(shock: Any) -> None:
    for id in ("unknown", shock.send("POST", "/node", "bob").json()["data"]["id"]):
        answer = shock.form("POST", "/node", "bob", unpack_node=id, archive_format="zip")
        assert answer.status_code == 400, answer.text
    archive = shock.post("bob", upload=("a.zip", zipped(TWO)), file_lock="1")
    answer = shock.form("POST", "/node", "bob", unpack_node=archive["id"], archive_format="zip")
    assert (answer.status_code, answer.json()["error"]) == (423, ["Node file is locked"])


def test_an_archive_made_of_others_is_unpacked_too(shock: Any) -> None:
    content = zipped(FILES)
    halves = [shock.post("bob", upload=("half", half))["id"] for half in (content[:1000], content[1000:])]
    whole = shock.post("bob", type="virtual", source=",".join(halves))
    answer = shock.form("POST", "/node", "bob", unpack_node=whole["id"], archive_format="zip")
    assert names(answer) == ["a.txt", "b.bin", "a.txt", "empty"]
    assert shock.content(answer.json()["data"][1], "bob") == LARGE
