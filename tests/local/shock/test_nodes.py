"""The service as a whole, and nodes that are there: PUT, DELETE, expiry (contract §1, §2, §4)."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable


def at(text: str) -> datetime:
    """Return the moment that a node tells; as text 11.235Z is before 11.23Z."""
    return datetime.fromisoformat(text)


def test_the_first_page_tells_what_this_is(shock: Any, quirky: Any) -> None:
    found = shock.send("GET", "/", headers={"Authorization": "basic nonsense"}).json()
    assert (found["id"], found["type"], found["resources"]) == ("Shock", "Shock", ["node"])
    assert (found["url"], found["implementation"]) == (f"{shock.url}/", "hca local")
    assert found["anonymous_permissions"] == {"read": True, "write": True, "delete": True}
    assert {"contact", "documentation", "auth", "server_time", "uptime", "version"} <= set(found)
    assert "status" not in found
    assert "implementation" not in quirky.send("GET", "/").json()
    head = shock.send("HEAD", "/")
    assert (head.status_code, head.content) == (200, b"")


def test_every_path_tells_pages_what_they_may_send(shock: Any) -> None:
    for path in ("/", "/node", "/node/x/acl/read", "/anything"):
        found = shock.send("OPTIONS", path, headers={"Authorization": "nonsense"})
        assert (found.status_code, found.json()) == (200, {"status": 200, "data": None, "error": None})
        assert found.headers["Access-Control-Allow-Origin"] == "*"
        assert found.headers["Access-Control-Allow-Headers"] == "Authorization"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/wiki/", 400), ("GET", "/documentation.html", 400), ("PUT", "/node", 400), ("POST", "/node/{id}", 400),
        ("GET", "/node/{id}/index/", 400), ("GET", "/node//", 400), ("DELETE", "/node", 501), ("PATCH", "/node/", 501),
        ("POST", "/node/{id}/index/line", 501), ("PUT", "/node/{id}/acl/", 501), ("GET", "/node/%00", 404),
        ("GET", "/node/..%2f..%2fetc", 400), ("HEAD", "/node/{id}", 400), ("PUT", "/node/{id}?index=line", 400),
    ],
)  # fmt: skip
def test_requests_that_nobody_knows(shock: Any, method: str, path: str, status: int) -> None:
    found = shock.send(method, path.format(id=shock.post()["id"]))
    assert found.status_code == status
    assert method == "HEAD" or shock.refused(found)[0] == status


def test_a_slash_or_a_suffix_at_the_end_says_nothing(shock: Any) -> None:
    node = shock.post(file_name="x")
    for path in (f"/node/{node['id']}", f"/node/{node['id']}/", f"/node/{node['id']}.json"):
        assert shock.data(shock.send("GET", path)) == shock.get(node)
    assert shock.data(shock.send("POST", "/node/"))["id"]


def test_pages_from_elsewhere_are_not_let_in(shock: Any) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert shock.refused(shock.send("GET", "/", headers=headers))[0] == 403
    assert shock.send("GET", "/", headers={"Origin": "http://localhost:8000"}).status_code == 200


def test_who_is_not_logged_in_may_be_kept_out(own_shock: Callable[..., Any]) -> None:
    shock = own_shock(shock_anonymous="none", shock_reap_seconds=1)
    assert shock.refused(shock.send("POST", "/node")) == (401, "No Authorization")
    assert shock.refused(shock.send("GET", "/node/x")) == (401, "No Authorization")
    assert shock.refused(shock.send("POST", "/node", "ann"))[0] == 400  # nobody has this name here
    assert shock.send("GET", "/").json()["anonymous_permissions"] == {"read": False, "write": False, "delete": False}


def test_the_rights_for_a_node(shock: Any) -> None:
    node = shock.post("bob", upload=b"x", attributes_str="1")
    path = f"/node/{node['id']}"
    for user, error in (("cal", "User Unauthorized"), (None, "No Authorization")):
        assert shock.refused(shock.send("GET", path, user)) == (401, error)
        assert shock.refuses("PUT", path, user, file_name="y") == (401, error)
        assert shock.refused(shock.send("DELETE", path, user)) == (401, error)
    assert shock.send("PUT", f"{path}/acl/write?users=cal", "bob").ok
    assert shock.put(node, "cal", file_name="z")["file"]["name"] == "z"
    assert shock.refuses("PUT", path, "cal", expiration="1D") == (401, "User Unauthorized")
    assert at(shock.put(node, "ann", expiration="1D")["expiration"]) > at(node["created_on"])
    assert shock.data(shock.send("DELETE", path, "ann")) is None


def test_changes_beside_the_file(shock: Any) -> None:
    node = shock.post(upload=("a.txt", b"x"), tags="a")
    renamed = shock.put(node, file_name="b.txt", tags="b,a", priority="7")
    assert (renamed["file"]["name"], renamed["tags"], renamed["priority"]) == ("b.txt", ["a", "b"], 7)
    assert renamed["version"] != node["version"]
    assert at(renamed["last_modified"]) >= at(node["created_on"])
    assert shock.content(node) == b"x"
    for value in ({"a": {"b": 1}}, [1, 2], None, {"c": 2}):
        changed = shock.put(node, attributes=json.dumps(value).encode())
        assert changed["attributes"] == value  # the whole value, not merged
    assert shock.put(node, attributes_str='"s"')["version"] != changed["version"]
    assert shock.put(node, format="fasta")["file"]["format"] == "fasta"
    assert "already set" in shock.refuses("PUT", f"/node/{node['id']}", format="fastq")[1]
    first = shock.put(node, linkage="parent", ids="x")
    assert shock.refuses("PUT", f"/node/{node['id']}", linkage="parent", ids="y") == (400, "Provenance info immutable")
    assert shock.put(node, linkage="sibling", ids="y")["linkage"][:1] == first["linkage"]
    assert shock.put(node, clear_revisions="1")["linkage"]
    assert at(shock.put(node, expiration="3M")["expiration"]) > at(node["created_on"])
    assert shock.put(node, remove_expiration="true")["expiration"] == "0001-01-01T00:00:00Z"


def test_a_form_that_is_refused_changes_nothing(shock: Any) -> None:
    node = shock.post(upload=b"x", format="a")
    before = shock.get(node)
    assert shock.refuses("PUT", f"/node/{node['id']}", file_name="y", tags="t", format="b")[0] == 400
    assert shock.refuses("PUT", f"/node/{node['id']}", file_name="y", attributes_str="{")[0] == 400
    assert shock.get(node) == before
    assert "multipart" in shock.refused(shock.send("PUT", f"/node/{node['id']}", data={"file_name": "y"}))[1]


def test_a_node_without_a_file_can_be_given_one_once(shock: Any) -> None:
    node = shock.post(attributes_str="1")
    found = shock.put(node, upload=("f.txt", b"content"))
    assert (found["file"]["name"], found["attributes"]) == ("f.txt", 1)
    before = shock.data_files()
    for more in ({"upload": b"y"}, {"copy_data": shock.post()["id"]}, {"upload_url": "http://127.0.0.1:1/x"}):
        assert shock.refuses("PUT", f"/node/{node['id']}", **more) == (400, "Node file immutable")
    assert (shock.data_files(), shock.arriving()) == (before, [])
    assert shock.content(node) == b"content"


def test_of_two_files_for_one_node_one_is_taken(shock: Any) -> None:
    for _ in range(5):
        node, before = shock.post(), shock.data_files()
        contents = [os.urandom(300_000) for _ in range(4)]
        start = threading.Barrier(4)

        def put(content: bytes, node: Any = node, start: threading.Barrier = start) -> Any:
            start.wait()
            return shock.form("PUT", f"/node/{node['id']}", upload=content)

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(put, contents))
        (taken,) = [number for number, answer in enumerate(answers) if answer.ok]
        refused = {shock.refused(answer) for answer in answers if not answer.ok}
        assert refused == {(400, "Node file immutable")}
        assert shock.content(node) == contents[taken]
        assert len(shock.data_files() - before) == 1


def test_a_file_can_be_locked(shock: Any) -> None:
    node = shock.post(upload=b"x")
    assert at(shock.put(node, file_lock="1")["file"]["locked"]["created_on"]) >= at(node["created_on"])
    assert shock.refuses("PUT", f"/node/{node['id']}", file_lock="1") == (423, "Node file is locked")
    assert shock.refused(shock.send("GET", f"/node/{node['id']}?download"))[0] == 423
    assert shock.refuses("POST", "/node", copy_data=node["id"]) == (423, "Node file is locked")
    assert shock.put(node, file_unlock="1", tags="t")["file"]["locked"] is None
    assert shock.content(node) == b"x"


def test_a_deleted_node_is_gone_with_its_file(shock: Any) -> None:
    before = shock.data_files()
    node = shock.post(upload=b"x")
    assert len(shock.data_files() - before) == 1
    assert shock.data(shock.send("DELETE", f"/node/{node['id']}")) is None
    assert shock.data_files() == before
    for method in ("GET", "DELETE"):
        assert shock.refused(shock.send(method, f"/node/{node['id']}")) == (404, "Node not found")
    assert shock.refuses("PUT", f"/node/{node['id']}", file_name="y") == (404, "Node not found")


def test_a_node_that_has_expired_is_removed(own_shock: Callable[..., Any]) -> None:
    import sqlite3

    shock = own_shock(shock_reap_seconds=1)
    node, source, kept = shock.post(upload=b"x", expiration="1M"), shock.post(upload=b"y"), shock.post(expiration="1D")
    shock.post(type="virtual", source=source["id"])
    with sqlite3.connect(shock.directory.store, timeout=60) as store:  # a minute is too long for a test
        store.execute("UPDATE shock_nodes SET expires = 1 WHERE id IN (?, ?)", (node["id"], source["id"]))
    store.close()
    until(lambda: shock.send("GET", f"/node/{node['id']}").status_code != 200)
    until(lambda: len(shock.data_files()) <= 1)
    assert shock.get(kept)["id"]
    assert shock.content(source) == b"y"  # another node is made of it


def test_half_a_body_of_a_client_that_waits_for_a_word(shock: Any) -> None:
    """Who sends `Expect` learns that he has no right before he sends a large file."""
    import http.client

    node = shock.post("bob")
    connection = http.client.HTTPConnection(shock.url.removeprefix("http://"), timeout=60)
    connection.putrequest("PUT", f"/node/{node['id']}")
    for name, value in (("Expect", "100-continue"), ("Content-Length", "5000000")):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (401, "close")
    connection.close()
