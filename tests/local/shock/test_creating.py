"""POST /node: every way to make a node, and every way to be refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import http.client
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = os.urandom(3 * 1024 * 1024 + 17)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def raw(shock: Any, request: bytes, *, end: bool = True) -> bytes:
    """Send bytes on a connection of their own and return what comes back; `end` says that no more will come."""
    host, port = shock.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while block := connection.recv(65536):
            found += block
        return found


def test_an_empty_node_belongs_to_its_maker_and_has_no_file(shock: Any) -> None:
    node = shock.data(shock.send("POST", "/node", "bob"))
    assert list(node) == [
        "id", "version", "file", "attributes", "indexes", "version_parts", "tags", "linkage", "priority", "created_on",
        "last_modified", "expiration", "type", "parts", "locations", "restore",
    ]  # fmt: skip
    assert (node["type"], node["file"]["size"], node["file"]["checksum"]) == ("basic", 0, {})
    assert node["tags"] is node["linkage"] is node["locations"] is node["file"]["virtual_parts"] is None
    again = shock.get(node, "bob")
    assert again["tags"] == again["linkage"] == again["locations"] == again["file"]["virtual_parts"] == []
    assert shock.refused(shock.send("GET", f"/node/{node['id']}", "cal")) == (401, "User Unauthorized")
    assert shock.refused(shock.send("GET", f"/node/{node['id']}")) == (401, "No Authorization")


@pytest.mark.parametrize("content", [b"", b"some bytes", LARGE], ids=["empty", "small", "large"])
def test_an_uploaded_file_is_the_file_of_the_node(shock: Any, content: bytes) -> None:
    node = shock.post(upload=("../dir/näme.txt", content))
    assert node["file"]["name"] == "näme.txt"
    assert (node["file"]["size"], node["file"]["checksum"]) == (len(content), {"md5": md5(content)})
    assert node["indexes"]["size"]["total_units"] == -(-len(content) // 1048576)
    assert shock.content(node) == content
    assert shock.arriving() == []


@pytest.mark.parametrize(("field", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)], ids=["gzip", "bzip2"])
def test_a_compressed_file_is_unpacked(shock: Any, field: str, pack: Callable[[bytes], bytes]) -> None:
    content = LARGE[:1_300_000]  # bzip2 is slow
    packed = pack(content[:600_000]) + pack(content[600_000:])
    node = shock.post(**{field: ("reads.fastq.packed", packed)})
    assert (node["file"]["name"], node["file"]["size"]) == ("reads.fastq", len(content))
    assert node["file"]["checksum"] == {"md5": md5(content)}
    assert shock.content(node) == content
    small = shock.post(**{field: ("x", pack(b"") + pack(b"few"))})
    assert (small["file"]["name"], small["file"]["size"]) == ("x", 3)


@pytest.mark.parametrize("field", ["gzip", "bzip2"])
def test_a_damaged_stream_is_refused_and_leaves_nothing(shock: Any, field: str) -> None:
    pack = gzip.compress if field == "gzip" else bz2.compress
    before = shock.data_files()
    for content in (pack(LARGE[:200_000])[:-20], pack(b"x") + b"rubbish", b"", b"rubbish"):
        status, error = shock.refuses("POST", "/node", **{field: ("f.z", content)})
        assert (status, "can't be unpacked" in error) == (400, True)
    assert (shock.data_files(), shock.arriving()) == (before, [])


def test_a_body_that_is_no_form_is_the_file(shock: Any) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
        node = shock.data(shock.send("POST", "/node?file_name=x", data=b"a=b", headers={"Content-Type": kind}))
        assert (node["file"]["name"], node["file"]["size"]) == ("filename", 3)
    node = shock.data(shock.send("POST", "/node", data=iter([LARGE[:100], LARGE[100:]])))
    assert node["file"]["checksum"] == {"md5": md5(LARGE)}
    assert shock.data(shock.send("POST", "/node", data=b""))["file"]["checksum"] == {}


def test_an_interrupted_upload_makes_nothing(shock: Any) -> None:
    before, total = shock.data_files(), shock.send("GET", "/node?limit=1").json()["total_count"]
    form = b'--b\r\nContent-Disposition: form-data; name="upload"; filename="x"\r\n\r\n' + LARGE
    head = b"POST /node HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    assert raw(shock, head + b"Content-Length: 9000000\r\n\r\n" + form) == b""
    plain = b"POST /node HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
    assert raw(shock, plain + LARGE) == b""
    # The body is as long as it was said, but the form has no end.
    found = raw(shock, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(form) + form, end=False)
    assert found.startswith(b"HTTP/1.1 400")
    assert b"unexpected EOF" in found
    assert shock.send("GET", "/node?limit=1").json()["total_count"] == total
    # The connection of a client that has left is closed before what it has sent is removed.
    until(lambda: (shock.data_files(), shock.arriving()) == (before, []))


def test_attributes_are_kept_as_they_are(shock: Any) -> None:
    text = '{"a":{"b":[1.0,123456789012345678901,null,true]},"x.y":"<&>é","n":-0.5}'
    node = shock.post(attributes_str=text)
    assert shock.send("GET", f"/node/{node['id']}").text.count("[1.0,123456789012345678901,null,true]") == 1
    assert node["attributes"] == json.loads(text)
    assert "<" not in shock.send("GET", f"/node/{node['id']}").text
    large = [{"n": number, "text": "x" * 90} for number in range(2000)]
    assert shock.post(attributes=json.dumps(large).encode())["attributes"] == large
    assert shock.post(attributes_str=json.dumps(large))["attributes"] == large
    for value in ([1], "text", 0, False, None):
        assert shock.post(attributes_str=json.dumps(value))["attributes"] == value


@pytest.mark.parametrize("text", ["{", "", "NaN", '{"a":1e999}', '"\\ud800"', "[" * 100_000, "1" * 5000])
def test_attributes_that_are_no_json_are_refused(shock: Any, text: str) -> None:
    status, error = shock.refuses("POST", "/node", attributes=text.encode())
    assert status == 400
    assert "not valid JSON" in error


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ({"colour": "red"}, "invalid param: colour"),
        ({"upload": "no file name"}, "invalid param: upload"),
        ({"picture": b"x"}, "invalid file param: picture"),
        ({"upload": b"x", "gzip": gzip.compress(b"x")}, "only one upload file allowed"),
        ({"upload": b"x", "parts": "2"}, "incompatible"),
        ({"upload": b"x", "copy_data": "1"}, "incompatible"),
        ({"parts": "2", "_1": b"x"}, "incompatible"),
        ({"_1": b"x"}, "incompatible"),
        ({"attributes": b"1", "attributes_str": "1"}, "incompatible"),
        ({"_0": b"x"}, "numbered from 1"),
        ({"copy_data": "nobody"}, "not found"),
        ({"type": "virtual", "source": "nobody"}, "not there"),
        ({"type": "virtual"}, "'source'"),
        ({"parent_node": "x"}, "'parent_index'"),
        ({"subset_indices": b"1\n"}, "'parent_node'"),
        ({"upload_url": "file:///etc/passwd"}, "http://"),
        ({"upload_url": "http://[x"}, "http://"),
        ({"priority": "high"}, "whole number"),
        ({"expiration": "1Y"}, "M, H or D"),
        ({"expiration": "999999999D"}, "9999"),
        ({"linkage": "parent"}, "'ids'"),
        ({"path": "/etc/passwd"}, "action"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(shock: Any, pieces: dict[str, Any], told: str) -> None:
    before = shock.data_files()
    status, error = shock.refuses("POST", "/node", **pieces)
    assert status == 400
    assert told in error
    assert (shock.data_files(), shock.arriving()) == (before, [])


def test_a_value_may_be_long_or_empty_and_a_form_has_its_limits(shock: Any) -> None:
    assert shock.post(attributes_str=json.dumps("n" * 100_000), operation="")["attributes"] == "n" * 100_000
    assert "16 MiB" in shock.refuses("POST", "/node", attributes_str="x" * (16 * 1024 * 1024 + 1))[1]
    assert "document size" in shock.refuses("POST", "/node", attributes=b'"%s"' % (b"x" * (16 * 1024 * 1024 - 2)))[1]


def test_everything_that_is_told_of_a_node_at_once(shock: Any) -> None:
    node = shock.post(
        upload=b"x", file_name="n.txt", tags="a,b,a", format="fastq", priority="-3", expiration="2H", linkage="parent",
        ids="x,y", operation="trim",
    )  # fmt: skip
    assert (node["file"]["name"], node["file"]["format"], node["tags"]) == ("n.txt", "fastq", ["a", "b"])
    expires, made = (datetime.fromisoformat(node[name]) for name in ("expiration", "created_on"))
    assert (node["priority"], round((expires - made).total_seconds() / 60)) == (-3, 120)
    assert node["linkage"] == [{"relation": "parent", "ids": ["x", "y"], "operation": "trim"}]


def test_a_copy_shares_the_bytes_and_outlives_its_source(shock: Any) -> None:
    source = shock.post("bob", upload=("s.txt", b"shared"), attributes_str='{"k":1}')
    copy = shock.post("bob", copy_data=source["id"], copy_attributes="1")
    assert (copy["type"], copy["attributes"], copy["file"]["name"]) == ("copy", {"k": 1}, "s.txt")
    assert shock.refuses("POST", "/node", "cal", copy_data=source["id"]) == (400, "copy_data_node auth error")
    files = shock.data_files()
    assert shock.data(shock.send("DELETE", f"/node/{source['id']}", "bob")) is None
    assert shock.data_files() == files
    assert shock.content(copy, "bob") == b"shared"
    shock.send("DELETE", f"/node/{copy['id']}", "bob")
    assert len(files - shock.data_files()) == 1


def test_a_known_md5_makes_a_copy_for_those_who_may_read(shock: Any) -> None:
    content = os.urandom(20)
    source = shock.post("bob", upload=content)
    copy = shock.post("bob", **{"checksum-md5": md5(content)})
    assert (copy["type"], copy["file"]["checksum"]) == ("copy", source["file"]["checksum"])
    assert shock.post("cal", **{"checksum-md5": md5(content)})["file"]["size"] == 0
    assert "incompatible" in shock.refuses("POST", "/node", "bob", upload=content, **{"checksum-md5": md5(content)})[1]
    assert shock.post("cal", upload=content, **{"checksum-md5": md5(content)})["type"] == "basic"


def test_a_virtual_node_is_made_of_others_and_keeps_them(shock: Any) -> None:
    sources = [shock.post("bob", upload=content) for content in (b"one,", LARGE, b"two")]
    ids = [node["id"] for node in sources]
    node = shock.post("bob", type="virtual", source=",".join(ids))
    assert (node["type"], node["file"]["virtual_parts"]) == ("virtual", ids)
    assert node["file"]["checksum"] == {"md5": md5(b"one," + LARGE + b"two")}
    assert "size" not in node["indexes"]
    assert shock.content(node, "bob") == b"one," + LARGE + b"two"
    assert shock.refuses("POST", "/node", "cal", type="virtual", source=ids[0]) == (401, "User Unauthorized")
    assert shock.refused(shock.send("DELETE", f"/node/{ids[0]}", "bob")) == (500, "Node referenced by virtual node")
    for id in (node["id"], ids[0]):
        shock.data(shock.send("DELETE", f"/node/{id}", "bob"))


def test_a_subset_has_the_chosen_records_and_outlives_its_parent(shock: Any) -> None:
    parent = shock.post("bob", upload=b"a\nbb\nccc\ndddd\n")
    shock.data(shock.send("PUT", f"/node/{parent['id']}/index/line", "bob"))
    until(lambda: shock.get(parent, "bob")["indexes"]["line"]["locked"] is None)
    chosen = {"parent_node": parent["id"], "parent_index": "line"}
    node = shock.post("bob", **chosen, subset_indices=b"2\n4\n")
    assert (node["type"], node["file"]["size"], node["file"]["checksum"]) == ("subset", 8, {})
    assert shock.content(node, "bob") == b"bb\ndddd\n"
    copy = shock.post("bob", copy_data=node["id"])
    for listed, told in ((b"2\n1\n", "sorted"), (b"2\n2\n", "sorted"), (b"9\n", "does not exist"), (b"x\n", "number")):
        status, error = shock.refuses("POST", "/node", "bob", **chosen, subset_indices=listed)
        assert (status, told in error) == (400, True), error
    assert shock.refuses("POST", "/node", "cal", **chosen, subset_indices=b"1\n")[0] == 401
    shock.data(shock.send("DELETE", f"/node/{parent['id']}", "bob"))
    assert shock.content(node, "bob") == b"bb\ndddd\n"
    assert shock.content(copy, "bob") == b"bb\ndddd\n"


def test_files_on_the_server_are_kept_copied_or_moved(shock: Any) -> None:
    for action in ("keep_file", "copy_file", "move_file"):
        path = shock.files / f"{action}.txt"
        path.write_bytes(LARGE)
        node = shock.post(path=str(path), action=action)
        assert (node["file"]["name"], node["file"]["checksum"]) == (path.name, {"md5": md5(LARGE)})
        assert shock.content(node) == LARGE
        assert path.exists() == (action != "move_file")
        shock.data(shock.send("DELETE", f"/node/{node['id']}"))
        assert path.exists() == (action != "move_file")


def test_files_elsewhere_on_the_server_are_not_taken(shock: Any, quirky: Any) -> None:
    outside = shock.files.parent / f"{shock.files.name}-beside"
    outside.write_bytes(b"secret")
    link = shock.files / "link"
    link.symlink_to(outside)
    (shock.files / "dir").mkdir()
    for path in (outside, link, shock.files / ".." / outside.name, shock.files / "missing", "/etc/passwd", "relative"):
        for action in ("keep_file", "move_file"):
            status, error = shock.refuses("POST", "/node", path=str(path), action=action)
            assert (status, error.startswith("file not in local files path")) == (400, True), error
    assert "plain file" in shock.refuses("POST", "/node", path=str(shock.files / "dir"), action="copy_file")[1]
    assert "not in local" in quirky.refuses("POST", "/node", path=str(outside), action="copy_file")[1]
    assert outside.exists()


class Elsewhere(BaseHTTPRequestHandler):
    """Serves one file, half of one, and nothing."""

    def do_GET(self) -> None:
        assert "Authorization" not in self.headers
        self.send_response(404 if self.path.endswith("missing") else 200)
        self.send_header("Content-Length", str(len(LARGE)))
        self.end_headers()
        self.wfile.write(LARGE[:1000] if self.path.endswith("half") else LARGE)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_from_its_url(shock: Any, elsewhere: str) -> None:
    node = shock.post(upload_url=f"{elsewhere}/some/na%20me.bin?x=1")
    assert (node["file"]["name"], node["file"]["checksum"]) == ("na me.bin", {"md5": md5(LARGE)})
    for path, told in (("missing", "404"), ("half", "can't be fetched")):
        assert told in shock.refuses("POST", "/node", upload_url=f"{elsewhere}/{path}")[1]
    assert shock.arriving() == []


def test_with_the_quirks_values_are_read_once(quirky: Any) -> None:
    """Contract §0.1 and §0.2: short values before files arrive whole, long and empty ones do not."""
    for number in range(20):
        assert quirky.post(tags="t" * 40, upload=os.urandom(200 * number))["tags"] == ["t" * 40]
    assert "EOF" in quirky.refuses("POST", "/node", tags="")[1]
    assert quirky.refuses("POST", "/node", attributes_str=json.dumps("x" * 5000))[0] == 400
    assert quirky.post(attributes=json.dumps("x" * 200_000).encode())["attributes"] == "x" * 200_000
    piece = b'--b\r\nContent-Disposition: form-data; name="file_name"\r\n\r\nabcd'
    rest = b"efghij\r\n--b--\r\n"
    connection = http.client.HTTPConnection(quirky.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/node")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(len(piece + rest)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 100", "it reads what comes, before another request"
    connection.send(piece)
    while not quirky.send("GET", "/").ok:  # by its answer the server has read the first piece
        pass
    connection.send(rest)
    found = json.loads(connection.getresponse().read())
    connection.close()
    assert found["data"]["file"]["name"] == "abcd"


def test_with_the_quirks_values_behind_a_file_are_cut_at_the_end_of_the_buffer(quirky: Any) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="upload"; filename="f"\r\n\r\n'
    field = b'\r\n--b\r\nContent-Disposition: form-data; name="file_name"\r\n\r\n'
    body = head + b"x" * (4096 - 3 - len(head) - len(field)) + field + b"whole name\r\n--b--\r\n"
    node = quirky.data(
        quirky.send("POST", "/node", data=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    )
    assert node["file"]["name"] == "who"


def test_with_the_quirks_the_other_traps(quirky: Any) -> None:
    assert quirky.post(attributes_str="[1.0,9007199254740993]")["attributes"] == [1, 9007199254740992]
    node = quirky.post("bob", type="virtual", source="nobody")
    assert (node["type"], node["file"]["virtual"], node["file"]["size"]) == ("virtual", False, 0)
    private = quirky.post("bob", upload=b"private")
    assert "auth error" in quirky.refuses("POST", "/node", "cal", **{"checksum-md5": md5(b"private")})[1]
    assert quirky.send("GET", f"/node/{private['id']}?method=DELETE", "bob").json()["data"] is None
    assert quirky.refused(quirky.send("GET", f"/node/{private['id']}", "bob"))[0] == 404
    answer = quirky.send("GET", "/node/nobody?always200=1")
    assert (answer.status_code, answer.json()["status"], answer.headers["Connection"]) == (200, 404, "close")
    form = b'--b\r\nContent-Disposition: form-data; name="0"; filename="f"\r\n\r\nx\r\n--b--\r\n'
    head = b"POST /node HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    assert raw(quirky, head + b"Content-Length: %d\r\n\r\n" % len(form) + form, end=False) == b""


def test_many_uploads_at_once(shock: Any) -> None:
    contents = [os.urandom(5000) for _ in range(48)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda content: shock.post(upload=content), contents))
    assert [shock.content(node) for node in made] == contents
