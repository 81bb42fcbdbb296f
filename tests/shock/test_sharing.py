"""Nodes for others: links, archives, copies on other servers, and what goes wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import IntegrityError, NotFoundError, UsageError
from hca_core.testing import LoopbackService, isolated, reply
from hca_local import launch
from hca_shock.client import ShockClient
from hca_shock.errors import ShockError, ShockNodeError
from hca_shock.forms import FilePart, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import Outcome, Request

ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"
OTHER = "230cadb5-9435-4bd9-be13-715ec40b2bb5"
LARGE = bytes(range(256)) * 10_000  # more than is fetched ahead
LONG = {"text": "ä" * 50_000, "n": [1, 2.5, None, True]}


class Served:
    """Two servers, and nodes on the first one: 30 with the attribute project=many, and some odd ones."""

    def __init__(self, client: ShockClient, other: ShockClient) -> None:
        self.client, self.other = client, other
        self.many = {f"{number}.txt": b"%d" % number * number for number in range(1, 31)}
        for name, content in self.many.items():
            self.put(content, name, {"project": "many"})
        self.large = self.put(LARGE, "large.bin", LONG)
        self.alone = self.put(b"alone", "alone.txt", {"project": "one"})
        self.bare = str(client.server.call("POST", "node", form=Form(files=[attributes({"project": "bare"})]))["id"])

    def put(self, content: bytes, name: str, document: Any = None) -> str:
        files = [attributes(document)] if document else []
        form = Form(files=[*files, FilePart("upload", name, content)])
        return str(self.client.server.call("POST", "node", form=form)["id"])


def attributes(document: Any) -> FilePart:
    return FilePart("attributes", "a.json", json.dumps(document).encode())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The URLs of a server with the traps of the real one, and of one without."""
    folder = tmp_path_factory.mktemp("sharing")
    with ExitStack() as stack:
        urls = {}
        for name, quirks in (("plain", 0), ("quirks", 1)):
            launched = stack.enter_context(launch.private(folder / name, empty=True, shock_quirks=quirks))
            urls[name] = json.loads(launched.directory.state.read_bytes())["shock_url"]
        yield urls


@pytest.fixture(scope="module", params=["plain", "quirks"])
def served(
    request: pytest.FixtureRequest, servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Nodes on one of them; the other one is where they are copied to."""
    other = {"plain": "quirks", "quirks": "plain"}[request.param]
    with ExitStack() as stack:
        stack.enter_context(isolated(tmp_path_factory.mktemp("home")))
        clients = [stack.enter_context(ShockClient(servers[name])) for name in (request.param, other)]
        yield Served(*clients)


@pytest.fixture
def run(served: Served, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    return lambda *words: hca("shock", *map(str, words), env={"HCA_SHOCK_URL": served.client.url})


def fetched(url: str) -> Any:
    """Return the answer of an address to somebody who has no login."""
    import requests

    return requests.get(url, timeout=60)


def test_a_link_works_once_without_a_login(served: Served) -> None:
    link = served.client.sharing.url(served.alone)
    assert link.url.startswith(f"{served.client.url}/preauth/")
    assert fetched(link.url).content == b"alone"
    assert fetched(link.url).status_code >= 400


def test_a_link_may_name_the_file_and_change_it(served: Served) -> None:
    link = served.client.sharing.url(served.alone, name="other.txt", compression="gzip")
    answer = fetched(link.url)
    assert "other.txt" in answer.headers["Content-Disposition"]
    assert answer.content[:2] == b"\x1f\x8b"
    with pytest.raises(UsageError):
        served.client.sharing.url(served.alone, name="../x")
    with pytest.raises(UsageError):
        served.client.sharing.url(served.alone, filter="nope")
    with pytest.raises(ShockNodeError, match="has no file"):
        served.client.sharing.url(served.bare)


def test_the_verb_url_writes_the_link_alone(served: Served, run: Callable[..., Outcome]) -> None:
    outcome = run("url", served.alone)
    assert outcome.exit_status == 0, outcome.stderr
    assert "works once" in outcome.stderr
    assert fetched(outcome.stdout.strip()).content == b"alone"
    assert run("url", served.alone, "--query", "name").json() == "alone.txt"
    assert run("url", served.bare).exit_status == 1


@pytest.mark.parametrize("told", ["http://localhost/preauth/abc", "/preauth/abc", "https://elsewhere:99/x/preauth/abc"])
def test_a_link_leads_to_the_server_as_we_reach_it_and_is_never_looked_at(service: LoopbackService, told: str) -> None:
    data = {"url": told, "validtill": "Mon Nov 23 08:00:00 2026", "filename": "f", "files": 1, "size": 3}
    service.on("GET", f"/base/node/{ID}").reply(lambda one: answer(data if one.query else node(ID, b"abc")))
    with ShockClient(f"{service.url}/base") as client:
        link = client.sharing.url(ID)
    assert link.url == f"{service.url}/base/preauth/abc"
    assert link.valid_until == "Mon Nov 23 08:00:00 2026"
    assert not [one for one in service.requests if "preauth" in one.path or one.method == "HEAD"]


@pytest.mark.parametrize("told", ["http://localhost/elsewhere/abc", "http://localhost/preauth/", "/preauth/a/b", None])
def test_what_is_no_link_is_an_error(service: LoopbackService, told: str | None) -> None:
    service.on("GET", f"/node/{ID}").reply(lambda one: answer({"url": told} if one.query else node(ID, b"abc")))
    with ShockClient(service.url) as client, pytest.raises(ShockError, match="made no link"):
        client.sharing.url(ID)


def members(path: Path) -> dict[str, bytes]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            assert packed.testzip() is None
            return {name: packed.read(name) for name in packed.namelist()}
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_has_all_that_are_meant(served: Served, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"many.{kind}"
    heard: list[int] = []
    made = served.client.sharing.archive(path, "project=many", told=heard.append)
    assert members(path) == served.many
    assert (made.files, made.size) == (30, sum(map(len, served.many.values())))
    assert sum(heard) == made.size
    assert (made.without_file, made.unverified) == ((), ())


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_one_file_is_an_archive_too_and_a_large_one_streams(served: Served, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    made = served.client.sharing.archive(path, ids=[served.large, served.bare, served.large], format=kind)
    path.rename(path := tmp_path / f"x.{kind}")
    assert members(path) == {"large.bin": LARGE}
    assert made.without_file == (served.bare,)


def test_an_archive_needs_nodes_with_files_a_format_and_a_place(served: Served, tmp_path: Path) -> None:
    sharing = served.client.sharing
    for settings in ({}, {"where": "project=many", "ids": [served.alone]}):
        with pytest.raises(UsageError, match="nodes are"):
            sharing.archive(tmp_path / "a.zip", **settings)
        with pytest.raises(UsageError, match="nodes are"):
            sharing.archive_url(**settings)
    for name in ("a.rar", "missing/a.zip"):
        with pytest.raises(UsageError):
            sharing.archive(tmp_path / name, "project=many")
    with pytest.raises(NotFoundError, match="none of the nodes has a file"):
        sharing.archive(tmp_path / "a.zip", "project=bare")
    with pytest.raises(NotFoundError, match="no node is meant"):
        sharing.archive(tmp_path / "a.zip", "project=nothing")
    assert list(tmp_path.iterdir()) == []


def test_the_verb_archive(served: Served, run: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    outcome = run("archive", "project=many", "-o", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert outcome.json()["files"] == 30
    assert members(path) == served.many
    listed = tmp_path / "ids"
    listed.write_text(run("ls", "project=many", "size>20", "--ids").stdout)
    path = tmp_path / "b.zip"
    assert run("archive", "--ids", f"@{listed}", "-o", path).exit_status == 0
    assert len(members(path)) == len(listed.read_text().splitlines()) == 20
    assert run("archive", "-o", tmp_path / "c.zip").exit_status == 2
    assert run("archive", "project=one", "--link", "-o", path).exit_status == 2


@pytest.mark.parametrize("words", [[], ["-o", "nodes.zip"], ["--format", "tar"]])
def test_an_archive_replaces_a_file_only_by_force(
    served: Served, run: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ("nodes.tar" if "tar" in words else "nodes.zip")
    path.write_bytes(b"old")
    outcome = run("archive", "--ids", served.alone, *words)
    assert outcome.exit_status == 2
    assert "exists" in outcome.stderr
    assert "--force" in outcome.stderr
    assert path.read_bytes() == b"old"
    assert run("archive", "--ids", served.alone, *words, "--force").exit_status == 0
    assert members(path) == {"alone.txt": b"alone"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("made", ["9999-12-31T23:59:59-14:00", "9998-01-01T00:00:00Z", "2026-99-99T00:00:00Z"])
def test_an_odd_time_of_a_node_is_none_of_its_archive(
    service: LoopbackService, tmp_path: Path, kind: str, made: str
) -> None:
    script(service, {ID: (b"abc", {"created_on": made})})
    path = tmp_path / f"a.{kind}"
    with ShockClient(service.url) as client:
        client.sharing.archive(path, ids=[ID])
    assert members(path) == {"f": b"abc"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_link_to_an_archive_of_more_nodes_than_the_server_takes_by_itself(
    served: Served, run: Callable[..., Outcome], tmp_path: Path, kind: str
) -> None:
    link = run("archive", "project=many", "--link", "--format", kind).stdout.strip()
    path = tmp_path / f"a.{kind}"
    path.write_bytes(fetched(link).content)
    assert set(served.many) <= set(members(path))


def test_a_link_to_an_archive_of_these_nodes(served: Served) -> None:
    sharing = served.client.sharing
    ids = [node.id for node in served.client.queries.nodes(["project=many", "size<10"])]
    content = fetched(sharing.archive_url(ids=ids).url).content
    names = {name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if not name.endswith(".md5")}
    assert names == {f"{number}.txt" for number in range(1, 10)}
    with pytest.raises(UsageError, match="can't be told 30 ids at once"):
        sharing.archive_url(ids=[node.id for node in served.client.queries.nodes("project=many")])
    with pytest.raises(UsageError, match="is no format"):
        sharing.archive_url("project=many", format="rar")


def node(node_id: str, content: bytes, **more: Any) -> dict[str, Any]:
    md5 = hashlib.md5(content).hexdigest()
    file = {"name": "f", "size": len(content), "checksum": {"md5": md5}, **more.pop("file", {})}
    return {"id": node_id, "file": file, "attributes": None, **more}


def test_what_a_server_says_of_a_link_stays_one_line(service: LoopbackService, hca: Callable[..., Outcome]) -> None:
    data = {"url": "/preauth/abc", "validtill": "soon\n\x1b[2Jhca: done", "filename": "f"}
    service.on("GET", f"/node/{ID}").reply(lambda one: answer(data if one.query else node(ID, b"abc")))
    outcome = hca("shock", "url", ID, env={"HCA_SHOCK_URL": service.url})
    assert len(outcome.stderr.splitlines()) == 1
    assert "\x1b" not in outcome.stderr


def answer(data: Any) -> dict[str, Any]:
    return {"status": 200, "data": data, "error": None}


def script(service: LoopbackService, nodes: dict[str, tuple[bytes, dict[str, Any]]], **sent: bytes) -> None:
    """Script nodes: their content, and what of their documents is not as usual; `sent` is what comes instead."""
    for node_id, (content, more) in nodes.items():
        document = answer(node(node_id, content, **more))
        body = reply(body=sent.get("content", content))
        service.on("GET", f"/node/{node_id}").reply(
            lambda request, body=body, document=document: body if request.query else document
        )


def test_names_in_an_archive_lead_nowhere_and_are_unique(service: LoopbackService, tmp_path: Path) -> None:
    names = ["../../etc/x", "/abs/x", "a\\b\\X", "..", "", "x\n", "x", "x.2"]
    ids = [f"{number}30cadb5-9435-4bd9-be13-715ec40b2bb5" for number in range(len(names))]
    contents = {one: (f"{number}".encode(), {"file": {"name": names[number]}}) for number, one in enumerate(ids)}
    script(service, contents)
    with ShockClient(service.url) as client:
        client.sharing.archive(tmp_path / "a.tar", ids=ids)
    assert members(tmp_path / "a.tar") == {
        "x": b"0",
        "x.2": b"1",
        "X.3": b"2",
        ids[3]: b"3",
        ids[4]: b"4",
        ids[5]: b"5",
        "x.4": b"6",
        "x.2.2": b"7",
    }


@pytest.mark.parametrize("sent", [b"abd", b"ab"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_with_a_wrong_file_is_none(service: LoopbackService, tmp_path: Path, kind: str, sent: bytes) -> None:
    script(service, {ID: (b"abc", {})}, content=sent)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"old")
    with ShockClient(service.url) as client, pytest.raises(IntegrityError):
        client.sharing.archive(path, ids=[ID])
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_large_file_that_breaks_off_is_in_the_archive_all_the_same(
    service: LoopbackService, tmp_path: Path, kind: str
) -> None:
    cuts = [700_001]

    def body(request: Request) -> Any:
        if not request.query:
            return answer(node(ID, LARGE))
        whole = reply(body=LARGE[int(dict(request.query).get("seek", "0")) :])
        return replace(whole, truncate_after=cuts.pop()) if cuts else whole

    service.on("GET", f"/node/{ID}").reply(body)
    path = tmp_path / f"a.{kind}"
    with ShockClient(service.url, first_wait=0.001) as client:
        client.sharing.archive(path, ids=[ID])
    assert members(path) == {"f": LARGE}


def test_a_node_without_md5_is_told(service: LoopbackService, tmp_path: Path) -> None:
    script(service, {ID: (b"abc", {"file": {"checksum": {}}, "type": "subset"})})
    with ShockClient(service.url) as client:
        assert client.sharing.archive(tmp_path / "a.zip", ids=[ID]).unverified == (ID,)


def test_a_node_that_is_not_there_ends_it(service: LoopbackService, tmp_path: Path) -> None:
    script(service, {ID: (b"abc", {})})
    missing = {"status": 404, "data": None, "error": ["Node not found"]}
    service.on("GET", f"/node/{OTHER}").reply(json=missing, status=404)
    with ShockClient(service.url) as client, pytest.raises(NotFoundError):
        client.sharing.archive(tmp_path / "a.zip", ids=[ID, OTHER])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("via", ["auto", "client", "server"])
def test_a_copy_is_like_its_source(served: Served, via: str) -> None:
    made = served.client.sharing.copy(served.large, served.other.server, via=via)
    there = served.other.node(made.id)
    assert (there.file.name, there.file.size) == ("large.bin", len(LARGE))
    assert there.file.md5 == hashlib.md5(LARGE).hexdigest()
    assert there.attributes == LONG


@pytest.mark.parametrize("via", ["client", "server"])
def test_data_or_attributes_alone_are_copied(served: Served, via: str) -> None:
    copy = served.client.sharing.copy
    data = copy(served.alone, served.other.server, attributes=False, via=via)
    assert (data.attributes, data.file.size) == (None, 5)
    rest = copy(served.alone, served.other.server, data=False, via=via)
    assert (rest.attributes, rest.file.exists) == ({"project": "one"}, False)
    assert copy(served.bare, served.other.server, via=via).attributes == {"project": "bare"}
    with pytest.raises(UsageError, match="neither data nor attributes"):
        copy(served.alone, served.other.server, data=False, attributes=False)
    with pytest.raises(ShockNodeError, match="has nothing of what is to be copied"):
        copy(served.bare, served.other.server, attributes=False, via=via)


def test_a_subset_is_copied_through_this_machine_only(served: Served) -> None:
    reads = served.put(b"".join(b"@r%d\nA\n+\nI\n" % number for number in range(1, 4)), "r.fastq")
    served.client.indexes.build(reads, "record")
    form = Form([("parent_node", reads), ("parent_index", "record")], [FilePart("subset_indices", "n", b"1\n3\n")])
    subset = str(served.client.server.call("POST", "node", form=form)["id"])
    made = served.client.sharing.copy(subset, served.other.server)
    assert made.file.md5 == hashlib.md5(b"@r1\nA\n+\nI\n@r3\nA\n+\nI\n").hexdigest()
    with pytest.raises(UsageError, match="is a subset"):
        served.client.sharing.copy(subset, served.other.server, via="server")


def test_the_verb_copy_to(served: Served, run: Callable[..., Outcome]) -> None:
    outcome = run("copy-to", served.alone, served.other.url)
    assert outcome.exit_status == 0, outcome.stderr
    there = served.other.node(outcome.json()["id"])
    assert (there.file.name, there.attributes) == ("alone.txt", {"project": "one"})
    assert run("copy-to", served.alone, "ftp://elsewhere").exit_status == 2
    assert run("copy-to", OTHER, served.other.url).exit_status == 4


def copying(source: LoopbackService, target: LoopbackService, made: Any) -> None:
    """Copy ID from a scripted server to another one, whose node is `made`."""
    target.on("POST", "/node").reply(json=answer(made))
    target.on("DELETE", f"/node/{OTHER}").reply(json=answer(None))
    target.on("GET", f"/node/{OTHER}").reply(json=answer(made))
    with ShockClient(source.url, first_wait=0.001) as client, ShockClient(target.url, first_wait=0.001) as other:
        client.sharing.copy(ID, other.server)


@pytest.mark.parametrize("made", [b"abd", b"ab", b""])
def test_a_copy_that_is_not_like_its_source_is_deleted(service: LoopbackService, made: bytes) -> None:
    script(service, {ID: (b"abc", {})})
    with LoopbackService() as target:
        with pytest.raises(IntegrityError, match="the copy has"):
            copying(service, target, node(OTHER, made))
        assert [one.path for one in target.asked("DELETE")] == [f"/node/{OTHER}"]


@pytest.mark.parametrize("size", [3, 3_000_000])
def test_a_source_that_sends_something_else_makes_no_node(service: LoopbackService, size: int) -> None:
    script(service, {ID: (b"a" * size, {})}, content=b"b" * size)
    with LoopbackService() as target:
        with pytest.raises(IntegrityError, match="expected md5"):
            copying(service, target, node(OTHER, b"a" * size))
        assert not [one for one in target.asked("POST") if one.body.rstrip().endswith(b"--")]


def test_a_source_that_breaks_off_is_asked_for_the_rest(service: LoopbackService) -> None:
    content = bytes(range(250)) * 8000
    cuts = [700_000]

    def body(request: Request) -> Any:
        if not request.query:
            return answer(node(ID, content))
        start = int(dict(request.query).get("seek", "0"))
        whole = reply(body=content[start:])
        return replace(whole, truncate_after=cuts.pop()) if cuts else whole

    service.on("GET", f"/node/{ID}").reply(body)
    with LoopbackService() as target:
        copying(service, target, node(OTHER, content))
        assert content in target.asked("POST")[0].body
    assert ("seek", "700000") in service.requests[-1].query


def test_a_file_that_is_being_made_is_not_copied(service: LoopbackService) -> None:
    script(service, {ID: (b"abc", {"file": {"locked": {"created_on": "", "error": ""}}})})
    with LoopbackService() as target, pytest.raises(ShockNodeError, match="is not complete"):
        copying(service, target, None)


def test_a_push_of_which_nothing_is_told_is_an_error(service: LoopbackService) -> None:
    service.on("GET", f"/node/{ID}").reply(lambda one: answer(None if one.query else node(ID, b"abc")))
    nothing = pytest.raises(ShockError, match="does not tell what became")
    with ShockClient(service.url) as client, ShockClient("http://127.0.0.1:9") as other, nothing:
        client.sharing.copy(ID, other.server, via="server")
    assert dict(service.requests[-1].query) == {"download_post": "", "post_url": other.url, "post_attr": "0"}
