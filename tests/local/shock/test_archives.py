"""Archives of the embedded Shock: the files of several nodes behind one URL (contract §6)."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    import requests

MIB = 1024 * 1024


def md5(content: bytes) -> bytes:
    return hashlib.md5(content).hexdigest().encode()


def refusal(answer: requests.Response, status: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["data"], len(body["error"])) == (status, status, None, 1)
    return str(body["error"][0])


def told(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def fetched(shock: Any, url: str) -> requests.Response:
    """Use a URL up."""
    answer: requests.Response = shock.send("GET", f"/preauth/{url.rpartition('/')[2]}")
    assert answer.status_code == 200, answer.text
    return answer


def members(content: bytes, format: str) -> dict[str, bytes]:
    """Return the files of an archive by their names."""
    if format == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            assert len(set(archive.namelist())) == len(archive.namelist())
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        files = archive.getmembers()
        assert all(file.isreg() for file in files)
        return {file.name: archive.extractfile(file).read() for file in files}  # type: ignore[union-attr]


def posted(shock: Any, ids: list[str], format: str = "zip", user: str | None = None, **more: str) -> dict[str, Any]:
    return told(shock.form("POST", "/node", user, download_url="1", archive_format=format, ids=",".join(ids), **more))


@pytest.mark.parametrize("format", ["zip", "tar"])
def test_an_archive_has_the_files_and_their_sums(shock: Any, format: str) -> None:
    files = {"a.txt": b"alpha", "empty": b"", "long ü" * 30: b"x", "big.bin": bytes(range(256)) * 4096 * 3 + b"end"}
    ids = [shock.post(upload=(name, content))["id"] for name, content in files.items()]
    link = posted(shock, ids, format, file_name="mine")
    assert {key: link[key] for key in ("format", "filename", "files", "size")} == {
        "format": format, "filename": "mine", "files": 4, "size": sum(map(len, files.values())),
    }  # fmt: skip
    answer = fetched(shock, link["url"])
    assert answer.headers["Content-Disposition"] == "attachment; filename=mine"
    found = members(answer.content, format)
    assert found == files | {f"{name}.md5": md5(content) for name, content in files.items()}
    assert list(found)[:4] == ["a.txt", "a.txt.md5", "empty", "empty.md5"]


def test_the_programs_of_the_system_read_them(shock: Any, tmp_path: Path) -> None:
    ids = [shock.post(upload=(name, name.encode() * 50_000))["id"] for name in ("one", "two")]
    content = fetched(shock, posted(shock, ids, "tar")["url"]).content
    listed = subprocess.run(["tar", "-tf", "-"], input=content, capture_output=True, check=True)
    assert listed.stdout.split() == [b"one", b"one.md5", b"two", b"two.md5"]
    assert len(content) % 10240 == 0


@pytest.mark.parametrize("format", ["zip", "tar"])
def test_names_are_safe_and_different(shock: Any, format: str) -> None:
    names = ["x", "x", "x.md5", "../../x", "/etc/passwd", "..\\evil", "a\x01b", "..", "x.2", "y.md5", "y"]
    ids = []
    for number, name in enumerate(names):
        node = shock.post(upload=str(number).encode())
        ids.append(shock.put(node, file_name=name)["id"])
    found = members(fetched(shock, posted(shock, ids, format)["url"]).content, format)
    named = {content.decode(): name for name, content in found.items() if len(content) < 3}
    assert named == {
        "0": "x", "1": "x.2", "2": "x.md5.2", "3": "x.3", "4": "passwd", "5": "evil", "6": "ab", "7": ids[7],
        "8": "x.2.2", "9": "y.md5", "10": "y.2",
    }  # fmt: skip
    assert all(found[f"{name}.md5"] == md5(content.encode()) for content, name in named.items())


def test_all_nodes_of_a_query_are_in_it(shock: Any, quirky: Any) -> None:
    mark = uuid.uuid4().hex
    for server, count in ((shock, 27), (quirky, 25)):
        for number in range(27):
            server.post(upload=(f"f{number}", b"%d" % number), attributes_str=f'{{"mark": "{mark}"}}')
        server.post(attributes_str=f'{{"mark": "{mark}"}}')  # it has no file
        link = told(server.send("GET", f"/node?query&mark={mark}&download_url&archive=zip&file_name=all.zip"))
        assert link["filename"] == "all.zip"
        found = members(fetched(server, link["url"]).content, "zip")
        assert len([name for name in found if not name.endswith(".md5")]) in (count, count - 1)
        sums = {content for name, content in found.items() if name.endswith(".md5")}
        assert (sums == {b""}) == (server is quirky)
    tar = told(shock.send("GET", f"/node?query&mark={mark}&download_url&archive=tar&limit=2&direction=asc"))
    assert sorted(members(fetched(shock, tar["url"]).content, "tar")) == ["f0", "f0.md5", "f1", "f1.md5"]
    assert "zip or tar" in refusal(shock.send("GET", f"/node?query&mark={mark}&download_url&archive=rar"), 400)


def test_one_file_alone_is_no_archive(shock: Any, quirky: Any) -> None:
    for server in (shock, quirky):
        ids = [server.post(upload=b"alone")["id"], server.post(file_name="no file")["id"]]
        link = posted(server, ids, "zip", file_name="a.zip")
        assert (link["files"], link["filename"]) == (1, "a.zip")
        answer = fetched(server, link["url"])
        assert answer.content == b"alone"
        assert answer.headers["Content-Disposition"] == "attachment; filename=a.zip"


def test_who_may_not_read_a_node_gets_no_archive_with_it(shock: Any) -> None:
    public, private = shock.post(upload=b"a")["id"], shock.post("bob", upload=b"b")["id"]
    form = {"download_url": "1", "archive_format": "zip"}
    for user in (None, "cal"):
        assert refusal(shock.form("POST", "/node", user, **form, ids=f"{public},{private}"), 401)
    assert posted(shock, [public, private], user="bob")["files"] == 2
    assert "not found" in refusal(shock.form("POST", "/node", **form, ids=f"{public},{'0' * 36}"), 404)
    empty = shock.post(file_name="x")["id"]
    assert "None of the nodes" in refusal(shock.form("POST", "/node", **form, ids=empty), 400)
    assert "None of the nodes" in refusal(shock.form("POST", "/node", **form), 400)
    assert "zip or tar" in refusal(shock.form("POST", "/node", **(form | {"archive_format": "rar"}), ids=public), 400)


def test_what_is_gone_or_locked_at_the_download_is_left_out(shock: Any) -> None:
    nodes = [shock.post(upload=(name, name.encode())) for name in ("here", "gone", "locked", "lost", "there")]
    before = shock.data_files()
    lost = shock.post(upload=("lost", b"on disk"))
    (path,) = [shock.root / "files" / name[:2] / name for name in shock.data_files() - before]
    link = posted(shock, [node["id"] for node in [*nodes[:3], lost, nodes[4]]])
    shock.send("DELETE", f"/node/{nodes[1]['id']}")
    shock.put(nodes[2], file_lock="1")
    path.unlink()
    found = members(fetched(shock, link["url"]).content, "zip")
    assert list(found) == ["here", "here.md5", "there", "there.md5"]


def test_the_sum_of_a_file_that_has_none_is_computed(shock: Any) -> None:
    parent = shock.post(upload=b"a\nb\nc\n")["id"]
    shock.send("PUT", f"/node/{parent}/index/line")
    until(lambda: shock.get({"id": parent})["indexes"]["line"]["locked"] is None)
    subset = shock.post(parent_node=parent, parent_index="line", subset_indices=b"1\n3\n", file_name="chosen")
    assert subset["file"]["checksum"] == {}
    shock.put(subset, file_name="chosen")
    found = members(fetched(shock, posted(shock, [parent, subset["id"]])["url"]).content, "zip")
    assert (found["chosen"], found["chosen.md5"]) == (b"a\nc\n", md5(b"a\nc\n"))
