"""The Shock service of `hca local` as curl sees it, nodes and rights: promises of the group SHOCK.

The pages guide-shock.md and shock-from-curl.md, which tests/docs runs, have the equivalents of all published curl
commands (SH-086); test_shock_files.py looks at the bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from neighbours import load

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


curled = load(Path(__file__).with_name("curled.py"), "shock_curled")
FASTQ = curled.FASTQ
OPTIONS = curled.OPTIONS
USERS = curled.USERS
Shock = curled.Shock


@pytest.fixture(scope="module")
def deployment(start):
    """A deployment whose Shock server has users."""
    return start("--empty", *OPTIONS)


@pytest.fixture(scope="module")
def shock(deployment):
    return Shock(deployment.environment["HCA_SHOCK_URL"])


@pytest.fixture(scope="module")
def closed(start):
    """A Shock server that does nothing for callers without a login."""
    started = start("--empty", f"--shock-user=alice:{USERS['alice']}", "--shock-anonymous=none")
    return Shock(started.environment["HCA_SHOCK_URL"])


def test_the_port_is_told(hca):
    """SH-001."""
    assert "7445" in hca("shock", "--help").stdout


@pytest.mark.parametrize("path", ["/", "/node", "/node/x", "/node/x/acl/read", "/node/x/index/line"])
def test_every_route_tells_web_pages_what_is_allowed(shock, path):
    """SH-002."""
    answer = shock(path, method="OPTIONS", user=None)
    assert (answer.data, answer.headers["access-control-allow-origin"]) == (None, "*")
    assert "DELETE" in answer.headers["access-control-allow-methods"]


def test_what_a_server_without_strangers_refuses(closed):
    """SH-003, SH-015, SH-076."""
    node = closed.make(content=b"x")["id"]
    assert closed(f"/node/{node}/acl/public_read", method="PUT").data["public"]["read"] is True
    for method, path in (("POST", "/node"), ("GET", "/node"), ("GET", f"/node/{node}"), ("DELETE", f"/node/{node}")):
        closed(path, method=method, user=None).refused(401, "No Authorization")


def test_the_resource_and_what_is_no_more(shock):
    """SH-004, SH-005, SH-019, SH-033, SH-035, SH-084."""
    told = shock("/", user=None).envelope
    assert (told["id"], told["type"], told["resources"], told["url"]) == ("Shock", "Shock", ["node"], f"{shock.url}/")
    assert told["documentation"].startswith(shock.url)
    assert isinstance(told["contact"], str)
    node = shock.make()["id"]
    assert shock.make(user=None)["file"]["size"] == 0
    for path in ("/wiki/", "/user", "/user/alice"):
        shock(path).refused(400)
    shock("/node", "-F", 'attributes_str={"id": 10}', method="PUT").refused(400)
    shock(f"/node/{node}?index=line", method="PUT").refused(400)


def test_lists_hold_what_the_caller_may_read(shock):
    """SH-006, SH-007, SH-089, SH-073, SH-075."""
    node = shock.make('attributes_str={"of": "lists"}', content=b"x")["id"]
    found = {user: shock("/node?query&of=lists", user=user).envelope for user in (*USERS, None)}
    assert {user: page["total_count"] for user, page in found.items()} == {"alice": 1, "root": 1, "bob": 0, None: 0}
    assert [found["alice"][key] for key in ("limit", "offset")] == [25, 0]
    one = shock(f"/node/{node}").envelope
    assert set(one) == {"status", "data", "error"}
    assert shock(f"/node/{node}", user="root").data["id"] == node
    for user in ("bob", None):
        shock(f"/node/{node}", user=user).refused(401)
    assert shock(f"/node/{node}/acl/read?users=bob", method="PUT").status == 200
    assert shock("/node?query&of=lists", user="bob").envelope["total_count"] == 1
    assert shock(f"/node/{node}", user="bob").status == 200
    assert shock(f"/node/{node}/acl/public_read", method="PUT").status == 200
    assert shock(f"/node/{node}", user=None).status == 200


def test_what_each_right_allows(shock):
    """SH-008 to SH-014: bob gets one right after the other."""
    node = shock.file()
    shock.edit(node, "file_name=b", user="bob").refused(401)
    shock.edit(node, "file_name=b", user=None).refused(401)
    grant = f"/node/{node}/acl"
    assert shock(f"{grant}/read?users=bob", method="PUT").status == 200
    for kind in ("", "read", "all"):
        assert shock(f"{grant}/{kind}", user="bob").data["owner"]
    shock.edit(node, "file_name=b", user="bob").refused(401)
    shock(f"/node/{node}/index/line", method="PUT", user="bob").refused(401)
    shock(f"/node/{node}/index/mine?upload&totalUnits=0", "-F", "upload=@/dev/null;filename=x", method="PUT",
          user="bob").refused(401)  # fmt: skip
    assert shock(f"{grant}/write?users=bob", method="PUT").status == 200
    for user in ("bob", "root"):
        assert shock.edit(node, f"file_name={user}", user=user).data["file"]["name"] == user
    assert shock(f"/node/{node}/index/line", method="PUT", user="bob").status == 200
    shock.ready(node, "line")
    assert shock(f"/node/{node}/index/line", method="DELETE", user="bob").status == 200
    # Who may write may not give rights away: nobody but the owner and administrators may.
    shock(f"{grant}/read?users=root", method="PUT", user="bob").refused(400)
    shock(f"/node/{node}", method="DELETE", user="bob").refused(401)
    assert shock(f"{grant}/write?users=bob", method="DELETE").status == 200
    shock.edit(node, "file_name=c", user="bob").refused(401)
    assert shock(f"{grant}/public_write", method="PUT").status == 200
    assert shock.edit(node, "file_name=d", user=None).data["file"]["name"] == "d"
    assert shock(f"{grant}/delete?users=bob", method="PUT").status == 200
    assert shock(f"/node/{node}", method="DELETE", user="bob").status == 200
    shock(f"/node/{node}").refused(404, "Node not found")


@pytest.mark.parametrize("word", ["OAuth", "oauth"])
def test_a_token_logs_in(shock, hca, deployment, word):
    """SH-018; SH-017 is in every test here."""
    token = hca("local", "shock", "token", "bob", "--data", str(deployment.data)).stdout.strip()
    node = shock("/node", "-H", f"Authorization: {word} {token}", method="POST", user=None).data["id"]
    assert shock(f"/node/{node}", user="bob").status == 200
    shock("/node", "-H", f"Authorization: {word} {token}x", user=None).refused(400)
    shock(f"/node/{node}", user="alice").refused(401)


def test_the_fields_of_a_node(shock):
    """SH-020, SH-021, SH-024, SH-025, SH-036, SH-051, SH-080."""
    made = shock.make(content=FASTQ, name="reads.fastq")
    assert str(UUID(made["id"])) == made["id"]
    node = shock(f"/node/{made['id']}").data
    digest = hashlib.md5(FASTQ).hexdigest()
    wanted = {"name": "reads.fastq", "size": len(FASTQ), "checksum": {"md5": digest}, "format": "", "virtual": False}
    assert {name: node["file"][name] for name in wanted} == wanted
    assert node["file"]["virtual_parts"] == []
    assert (node["attributes"], node["tags"], node["linkage"], node["type"]) == (None, [], [], "basic")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", node["created_on"])
    changed = shock.edit(node["id"], "file_name=other").data
    assert (changed["file"]["name"], changed["version"] == node["version"]) == ("other", False)
    assert datetime.fromisoformat(changed["last_modified"]) >= datetime.fromisoformat(node["created_on"])
    assert shock.get(node["id"]) == FASTQ


@pytest.mark.parametrize("document", ['{"a": {"b": [1, null, "\u00e9"]}}', "[1, 2]", '"text"', "null"])
def test_attributes_are_any_json(shock, document):
    """SH-022, SH-034, SH-035, SH-078, SH-088."""
    Path("a.json").write_text(document)
    by_file = shock.make("attributes=@a.json")
    by_text = shock("/node", "--form-string", f"attributes_str={document}", method="POST").data
    assert by_file["attributes"] == by_text["attributes"] == json.loads(document)
    shown = shock(f"/node/{by_file['id']}").data["attributes"]
    assert shown == json.loads(document)
    assert shock.edit(by_file["id"], 'attributes_str={"new": 1}').data["attributes"] == {"new": 1}
    Path("file").write_bytes(b"later")
    assert shock.edit(by_file["id"], "upload=@file").data["attributes"] == {"new": 1}


def test_locations(shock):
    """SH-038, SH-039."""
    node = shock.file()
    path, kind = f"/node/{node}/locations", ("-H", "Content-Type: application/json")
    body = {"id": "test1", "stored": True, "requested": True, "requestedDate": "2018-09-22T12:42:31+07:00"}
    shock(path, *kind, "-d", '{"id": "Location1"}', method="POST").refused(401)
    for told in ({"id": "Location1"}, body):
        assert shock(path, *kind, "-d", json.dumps(told), method="POST", user="root").status == 200
    first, second = shock(path, user="root").data
    assert (first["id"], second["id"], second["stored"]) == ("Location1", "test1", True)
    assert second["requestedDate"].startswith("2018-09-22T")


@pytest.mark.parametrize("kind", ["read", "write", "delete", "all"])
def test_lists_of_rights(shock, kind):
    """SH-064, SH-066, SH-067."""
    node = shock.file()
    path = f"/node/{node}/acl/{kind}?users=bob,root"
    lists = ("read", "write", "delete")
    assert [len(shock(path, method="PUT").data[name]) for name in lists] == [
        3 if kind in (name, "all") else 1 for name in lists
    ]
    assert [len(shock(path, method="DELETE").data[name]) for name in lists] == [1, 1, 1]
    for view in ("", kind, "owner"):
        assert shock(f"/node/{node}/acl/{view}").data["owner"]


def test_another_owner(shock):
    """SH-065, SH-071, SH-072."""
    node = shock.file(b"x", 'attributes_str={"in": "owners"}')
    shock(f"/node/{node}/acl/owner?users=bob,root", method="PUT").refused(400)
    before = shock(f"/node/{node}/acl/").data["owner"]
    after = shock(f"/node/{node}/acl/owner?users=bob", method="PUT").data["owner"]
    assert after != before
    counted = {
        query: shock(f"/node?querynode&attributes.in=owners&{query}", user=user).envelope["total_count"]
        for user, query in [
            ("bob", "owner=bob"), ("bob", f"owner={after}"), ("bob", "owner=alice"), ("bob", "read=alice"),
            ("bob", "write=bob"), ("bob", "delete=alice"), ("root", "read=alice,bob"), ("bob", "public_read=1"),
        ]
    }  # fmt: skip
    assert list(counted.values()) == [1, 1, 0, 1, 0, 1, 0, 0]
    for number, kind in enumerate(("read", "write", "delete")):
        assert shock(f"/node?querynode&attributes.in=owners&public_{kind}=1", user="bob").envelope["total_count"] == 0
        assert shock(f"/node/{node}/acl/public_{kind}", method="PUT", user="bob").data["public"][kind] is True
        assert shock(f"/node?querynode&attributes.in=owners&public_{kind}=1", user="bob").envelope["total_count"] == 1
        assert number or shock("/node?querynode&attributes.in=owners&owner=bob", user=None).envelope["total_count"] == 1
    strangers = shock.make('attributes_str={"in": "owners"}', user=None)["id"]
    (found,) = shock("/node?querynode&attributes.in=owners&public_owner=1").data
    assert found["id"] == strangers


def test_queries(shock):
    """SH-068, SH-069, SH-070, SH-072."""
    for number in range(12):
        about = "metagenome" if number % 2 else "genome"
        document = {"number": number, "about": about, "metadata": {"env_biome": "ENVO:human-associated habitat"}}
        shock.make(f"attributes_str={json.dumps(document)}", f"file_name=q{number}")
    biome = "metadata.env_biome=ENVO:human-associated%20habitat"
    assert shock(f"/node?query&{biome}").envelope["total_count"] == 12
    both = shock(f"/node/?query&{biome}&about=metagenome").data
    assert sorted(node["attributes"]["number"] for node in both) == [1, 3, 5, 7, 9, 11]
    page = shock(f"/node?query&{biome}&limit=10&offset=10").envelope
    assert [node["attributes"]["number"] for node in page["data"]] == [1, 0]  # the newest come first
    assert (page["limit"], page["offset"], page["total_count"]) == (10, 10, 12)
    assert len(shock(f"/node?query&{biome}&limit=10").data) == 10
    (named,) = shock("/node?querynode&file.name=q7").data
    assert named["attributes"]["number"] == 7


def test_files_do_not_change(shock):
    """SH-077, SH-079, SH-074."""
    node = shock.file()
    Path("more").write_bytes(b"more")
    shock.edit(node, "upload=@more").refused(400, "Node file immutable")
    assert shock.get(node) == FASTQ
    empty = shock.make()["id"]
    assert shock.edit(empty, "upload=@more").data["file"]["size"] == 4


@pytest.mark.parametrize(("text", "status"), [("5M", 200), ("5H", 200), ("5D", 200), ("5W", 400), ("soon", 400)])
def test_expiration(shock, text, status):
    """SH-081; that expired nodes vanish is in tests/local/shock/test_nodes.py."""
    node = shock.file()
    assert shock.edit(node, f"expiration={text}").status == status
    assert shock(f"/node/{node}").data["expiration"].startswith("0001-") == (status != 200)
    assert shock.edit(node, "remove_expiration=true").data["expiration"].startswith("0001-")
