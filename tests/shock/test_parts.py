"""Uploads in parts: taken up where they broke off, by whom, and what is done with those that went wrong."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers
from waiting import until

from hca_core.errors import IntegrityError, NetworkError, UsageError
from hca_core.progress import Bar
from hca_shock.errors import ShockNodeError, ShockRefusedError
from hca_shock.forms import FilePart, Form
from hca_shock.node import Node
from hca_shock.transfer import assembling, claims, in_parts, marks, putting, unfinished
from hca_shock.transfer.counting import nobody
from hca_shock.transfer.description import Description
from hca_shock.transfer.reading import Digest, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome
    from hca_shock.client import ShockClient


faults = servers.faults
KIBIBYTE = 1024
PART = 64 * KIBIBYTE
DATA = servers.noise(5 * PART + 11)  # six parts
both = pytest.mark.parametrize("deployment", [0, 1], ids=["plain", "quirks"], indirect=True)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of six parts, with a name that no other test has."""
    made = tmp_path / f"parts-{os.urandom(6).hex()}"
    made.write_bytes(DATA)
    return str(made)


def named(shock: ShockClient, path: str) -> list[Node]:
    """Return the nodes with a file of this name."""
    params = [("querynode", None), ("file.name", os.path.basename(path)), ("limit", "0")]
    return [Node.parse(one) for one in shock.server.call("GET", "node", params=params)]


def broken(shock: ShockClient, proxy: Any, path: str, first: int = 3) -> Node:
    """Begin to put a file; the connection breaks for good before the part that is sent as the `first`."""
    rule = proxy.rule(servers.says(401, "User Unauthorized"), method="PUT", first=first, times=None)
    with pytest.raises(ShockRefusedError):
        shock.put(path, part_size=PART)
    assert rule.hits
    proxy.heal()
    (node,) = named(shock, path)
    assert not node.file.exists
    return node


def _plan(path: str) -> marks.Plan:
    return marks.plan(len(DATA), Reading(path).fingerprint(), PART)


def arrived(node: Node) -> list[int]:
    """Return the numbers of the parts that a node has."""
    assert node.parts is not None
    return [number for number, part in enumerate(node.parts.parts, 1) if part]


@both
def test_a_file_in_parts_arrives_with_all_that_is_said_of_it(shock: ShockClient, proxy: Any, path: str) -> None:
    node = shock.put(path, part_size=PART, attributes={"a": ["b" * 10_000]}, tags=["one", "two"])
    assert (node.file.size, node.file.md5, node.type) == (len(DATA), servers.md5(DATA), "parts")
    assert (node.attributes, node.tags) == ({"a": ["b" * 10_000]}, ("one", "two"))
    assert node.parts is not None
    assert [marks.of_mark(part.name) for part in node.parts.parts if part] == [_plan(path)] * 6
    assert len(proxy.of("PUT")) == 6


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1])
def test_sizes_at_the_edges_of_parts(shock: ShockClient, path: str, size: int) -> None:
    data = servers.noise(size)
    Path(path).write_bytes(data)
    node = shock.put(path, part_size=PART)
    assert (node.file.size, node.file.md5) == (size, servers.md5(data))


@both
def test_only_what_is_missing_is_sent_again(shock: ShockClient, proxy: Any, path: str) -> None:
    before = broken(shock, proxy, path)
    there = arrived(before)
    assert 0 < len(there) < 6
    node = shock.put(path, part_size=PART)
    assert node.id == before.id
    assert node.file.md5 == servers.md5(DATA)
    assert len(proxy.of("PUT")) == 6 - len(there)
    assert proxy.of("POST") == []


def test_one_who_may_not_go_on_begins_his_own(shock: ShockClient, proxy: Any, path: str) -> None:
    before = broken(shock, proxy, path)
    proxy.rule(servers.says(401, "User Unauthorized"), method="PUT", path=before.id, times=None)
    node = shock.put(path, part_size=PART)
    assert node.id != before.id
    assert node.file.md5 == servers.md5(DATA)


@both
def test_a_file_that_has_changed_begins_anew(shock: ShockClient, proxy: Any, path: str) -> None:
    before = broken(shock, proxy, path)
    other = servers.noise(len(DATA), 1)
    Path(path).write_bytes(other)
    node = shock.put(path, part_size=PART)
    assert node.id != before.id
    assert node.file.md5 == servers.md5(other)
    assert arrived(shock.node(before.id)) == arrived(before)  # somebody may have the former file still
    assert shock.put(path).file.md5 == servers.md5(other)  # the client is as good as before


@pytest.mark.parametrize("words", [["--anew"], ["--part-size", "32K"]])
def test_another_upload_is_begun_if_that_is_wanted(
    shock: ShockClient, proxy: Any, path: str, run: Callable[..., Outcome], words: list[str]
) -> None:
    before = broken(shock, proxy, path)
    outcome = run("put", path, *(["--part-size", "64K"] if len(words) == 1 else []), *words, "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    assert outcome.json()[0]["id"] != before.id


def test_files_of_the_same_name_side_by_side_get_nodes_of_their_own(shock: ShockClient, tmp_path: Path) -> None:
    paths = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "same-name").write_bytes(servers.noise(len(DATA), number % 5))  # two have the same content
        paths.append(str(folder / "same-name"))
    order = putting.Order(part_size=PART)
    outcomes = list(putting.put(shock.server, putting.readings(paths, order), Description(), order, Bar()))
    assert [one.error for one in outcomes] == [None] * 6
    assert len({one.node.id for one in outcomes if one.node}) == 6
    for one in outcomes:
        assert one.node is not None
        assert one.node.file.md5 == servers.md5(Path(one.path).read_bytes())


def test_an_upload_that_is_under_way_is_not_taken_up(shock: ShockClient, proxy: Any, path: str) -> None:
    before = broken(shock, proxy, path)
    with claims.claimed(shock.url, before.id) as ours:
        assert ours
        assert shock.put(path, part_size=PART).id != before.id
    assert shock.put(path, part_size=PART).id == before.id


@both
def test_a_part_that_is_damaged_on_its_way_ends_it(shock: ShockClient, proxy: Any, path: str) -> None:
    proxy.rule(faults.corrupt(700), method="PUT", first=3)
    with pytest.raises(IntegrityError, match=r"part \d of node"):
        shock.put(path, part_size=PART)
    assert named(shock, path) == []
    assert shock.put(path, part_size=PART).file.md5 == servers.md5(DATA)


@both
@pytest.mark.parametrize("action", [faults.swallow, faults.cut(10_000), faults.cut(0), servers.page(502)])
def test_parts_whose_requests_break_are_sent_again(shock: ShockClient, proxy: Any, path: str, action: Any) -> None:
    proxy.rule(action, method="PUT", first=2, times=3)
    node = shock.put(path, part_size=PART)
    assert node.file.md5 == servers.md5(DATA)
    assert len(named(shock, path)) == 1
    if action is faults.swallow:
        assert len(proxy.of("PUT")) == 6  # it is looked whether they have arrived


@pytest.mark.parametrize("told", ["err@node_Update: Node file immutable", "unexpected EOF", "Node file is locked"])
def test_a_part_that_an_earlier_try_still_brings_is_tried_again(
    shock: ShockClient, proxy: Any, path: str, told: str
) -> None:
    rule = proxy.rule(servers.says(400, told), method="PUT", first=2, times=2)
    assert shock.put(path, part_size=PART).file.md5 == servers.md5(DATA)
    assert rule.hits == 2


def test_a_network_that_stays_broken_keeps_what_has_arrived(shock: ShockClient, proxy: Any, path: str) -> None:
    proxy.rule(faults.cut(10), method="PUT", first=3, times=None)
    with pytest.raises(NetworkError):
        shock.put(path, part_size=PART)
    (node,) = named(shock, path)
    assert arrived(node)
    proxy.heal()
    assert shock.put(path, part_size=PART).id == node.id


def test_a_wrong_file_in_the_end_is_told_and_goes(shock: ShockClient, proxy: Any, path: str) -> None:
    def other(data: Any) -> None:
        if data["file"]["checksum"].get("md5"):
            data["file"]["checksum"]["md5"] = "0" * 32

    proxy.rule(servers.changes(other), path="^/node/", method="PUT", times=None)
    proxy.rule(servers.changes(other), path="^/node/", method="GET", times=None)
    with pytest.raises(IntegrityError, match="0000"):
        shock.put(path, part_size=PART)
    assert named(shock, path) == []


# What the server puts together


@both
def test_packed_parts_are_unpacked_together(shock: ShockClient, path: str) -> None:
    Path(path).write_bytes(gzip.compress(DATA))
    node = shock.put(path, compression="gzip", part_size=PART)
    assert node.file.md5 == servers.md5(DATA)


def test_parts_that_the_server_can_not_put_together_are_told(shock: ShockClient, deployment: Any, path: str) -> None:
    """A node that was begun as a packed file, and gets what is not packed."""
    plan = _plan(path)
    form = Form([("parts", str(plan.count)), ("file_name", os.path.basename(path)), ("compression", "gzip")])
    node = Node.parse(shock.server.call("POST", "node", form=form))
    for number in range(1, plan.count + 1):
        part = FilePart(str(number), plan.mark(number), DATA[(number - 1) * PART : number * PART])
        shock.server.call("PUT", "node", node.id, form=Form((), [part]))
    until(lambda: (lock := shock.node(node.id).file.locked) and lock.error)
    states = [unfinished.row(one)["state"] for one in unfinished.nodes(shock.server) if one.id == node.id]
    assert [state.partition(":")[0] for state in states] == ["failed"]
    # A line of the log may be written after its answer was sent.
    until(lambda: len(deployment.requests(f"PUT /node/{node.id}")) == plan.count)
    with pytest.raises(ShockNodeError, match="can't put the parts"):
        assembling.wait(shock.server, shock.node(node.id))
    until(lambda: len(deployment.requests(f"PUT /node/{node.id}")) > plan.count)  # it was told to begin again, once


@pytest.mark.parametrize("lock", [{"created_on": "2026-11-22T09:00:00Z", "error": "disk full"}, None])
def test_a_server_that_has_lost_its_work_is_told_to_begin_again(
    shock: ShockClient, proxy: Any, path: str, lock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembling, "_LOST_SECONDS", 0.2)

    def lose(data: Any) -> None:
        data["file"] |= {"locked": lock, "size": 0, "checksum": {}}

    def lose_until_told(data: Any) -> None:  # however long it takes until then
        if len(proxy.of("PUT")) <= 6:
            lose(data)

    proxy.rule(servers.changes(lose), method="PUT", times=6)
    if lock is None:
        proxy.rule(servers.changes(lose_until_told), method="GET", path="^/node/", times=None)
    node = shock.put(path, part_size=PART)
    assert node.file.md5 == servers.md5(DATA)
    again = proxy.of("PUT")[6:]
    assert len(again) == (2 if lock else 1)  # the lock is taken away, and a part behind the last one comes


# Nodes that were made for it


@both
def test_a_node_that_waits_for_parts_gets_them(shock: ShockClient, path: str, run: Callable[..., Outcome]) -> None:
    form = Form([("parts", "6")])
    node = Node.parse(shock.server.call("POST", "node", form=form))
    outcome = run("put", path, "--node", node.id, "--part-size", "64K", "--tag", "x", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    found = shock.node(node.id)
    assert (found.file.md5, found.file.name, found.tags) == (servers.md5(DATA), os.path.basename(path), ("x",))


def test_a_node_with_other_parts_is_left_as_it_is(
    shock: ShockClient, proxy: Any, path: str, run: Callable[..., Outcome]
) -> None:
    before = broken(shock, proxy, path)
    same_ends = DATA[: KIBIBYTE * 100] + b"changed" + DATA[KIBIBYTE * 100 + 7 :]
    for data, status, told in (
        (servers.noise(len(DATA), 9), 2, "not the file"),
        (same_ends, 6, "another content"),
    ):
        Path(path).write_bytes(data)
        for words in (["put", path, "--node", before.id], ["uploads", "resume", before.id, path]):
            outcome = run(*words)
            assert outcome.exit_status == status, outcome.stderr
            assert told in outcome.stderr
    Path(path).write_bytes(b"short")
    for words in (["put", path, "--node", before.id], ["uploads", "resume", before.id, path]):
        outcome = run(*words)
        assert outcome.exit_status == 2, outcome.stderr
        assert "5 bytes" in outcome.stderr
    assert arrived(shock.node(before.id)) == arrived(before)
    assert [one.id for one in named(shock, path)] == [before.id]


def gapped(shock: ShockClient, path: str, *there: int) -> Node:
    """Begin an upload of a file as somebody else would, with the parts `there`."""
    plan = _plan(path)
    form = Form([("parts", str(plan.count)), ("file_name", os.path.basename(path))])
    node = Node.parse(shock.server.call("POST", "node", form=form))
    data = Path(path).read_bytes()
    for number in there:
        part = FilePart(str(number), plan.mark(number), data[(number - 1) * PART : number * PART])
        node = Node.parse(shock.server.call("PUT", "node", node.id, form=Form((), [part])))
    return node


def test_parts_behind_a_gap_are_looked_at_before_anything_is_sent(shock: ShockClient, proxy: Any, path: str) -> None:
    before = gapped(shock, path, 1, 5)
    changed = bytearray(DATA)
    changed[4 * PART + 9] ^= 1  # within part 5, and not at the ends of the file
    Path(path).write_bytes(changed)
    with pytest.raises(IntegrityError, match="another content"):
        in_parts.resumed(shock.server, before.id, Reading(path), nobody, jobs=2)
    assert proxy.of("PUT")[2:] == []
    assert shock.put(path, part_size=PART).id != before.id
    assert arrived(shock.node(before.id)) == [1, 5]


def test_of_an_upload_whose_parts_are_all_there_each_is_read_once(
    shock: ShockClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = _plan(path).count
    raw = gapped(shock, path, *range(1, last + 1)).raw
    assert [bool(part) for part in raw["parts"]["parts"]] == [True] * last
    read: list[int] = []
    piece = Reading.piece

    def noted(reading: Reading, offset: int, size: int) -> bytes:
        read.append(offset)
        return piece(reading, offset, size)

    plan = _plan(path)
    monkeypatch.setattr(Reading, "piece", noted)
    assert list(in_parts._missing(Reading(path), plan, Node.parse(raw), Digest(), nobody)) == []
    assert read == [number * PART for number in range(last)]


def test_an_upload_without_a_part_may_be_anybodys(shock: ShockClient, path: str) -> None:
    before = gapped(shock, path)
    assert shock.put(path, part_size=PART).id != before.id
    assert arrived(shock.node(before.id)) == []


def test_the_upload_of_another_machine_is_never_deleted(shock: ShockClient, proxy: Any, path: str) -> None:
    """Two machines with files that differ in the middle: the one that comes second finds out when parts are refused."""
    before = gapped(shock, path, 1, 2)
    changed = bytearray(DATA)
    changed[2 * PART + 9] ^= 1
    behind = "http://{}:{}".format(*proxy.upstream)

    def meanwhile(exchange: Any) -> None:  # before our part 3 arrives, theirs does
        part = FilePart("3", _plan(path).mark(3), DATA[2 * PART : 3 * PART])
        with servers.quick(behind) as theirs:
            theirs.server.call("PUT", "node", before.id, form=Form((), [part]))
        with exchange.fetched() as answer:
            exchange.answer(answer)

    Path(path).write_bytes(changed)
    proxy.rule(meanwhile, method="PUT")
    node = in_parts.of_file(shock.server, Reading(path), Description(), nobody, part_size=PART, jobs=1)
    assert node.id != before.id
    assert node.file.md5 == servers.md5(bytes(changed))
    assert proxy.of("DELETE") == []
    assert 3 in arrived(shock.node(before.id))


def test_what_is_being_sent_is_not_cleaned_away(shock: ShockClient, proxy: Any, path: str, run: Any) -> None:
    node = broken(shock, proxy, path)
    with claims.claimed(shock.url, node.id) as ours:
        assert ours
        (row,) = run("uploads", "clean", node.id, "--output", "json").json()
        assert row["status"] == "in use"
    assert shock.node(node.id)
    (row,) = run("uploads", "clean", node.id, "--output", "json").json()
    assert row["status"] == "removed"


def test_a_node_that_was_given_is_never_deleted(shock: ShockClient, proxy: Any, path: str) -> None:
    node = Node.parse(shock.server.call("POST", "node", form=Form([("parts", "6"), ("file_name", "given")])))
    proxy.rule(faults.corrupt(700), method="PUT", first=3)
    with pytest.raises(IntegrityError):
        in_parts.of_file(shock.server, Reading(path), Description(), nobody, part_size=PART, node_id=node.id)
    assert shock.node(node.id).id == node.id
    assert proxy.of("DELETE") == []


# The verbs that look after them


def test_uploads_are_listed_finished_and_removed(
    shock: ShockClient, proxy: Any, path: str, run: Callable[..., Outcome]
) -> None:
    before = broken(shock, proxy, path)
    rows = {row["id"]: row for row in run("uploads", "list", "--output", "json").json()}
    told = rows[before.id]
    assert (told["name"], told["parts"], told["size"]) == (os.path.basename(path), 6, len(DATA))
    assert (told["arrived"], told["state"]) == (len(arrived(before)), "uploading")
    outcome = run("uploads", "resume", before.id, path)
    assert outcome.exit_status == 0, outcome.stderr
    assert shock.node(before.id).file.md5 == servers.md5(DATA)
    assert before.id not in {one.id for one in unfinished.nodes(shock.server)}
    refused = run("uploads", "clean", before.id)
    assert refused.exit_status == 2
    assert "no unfinished upload" in refused.stderr
    assert run("uploads", "resume", before.id, path).exit_status == 2

    second = Node.parse(shock.server.call("POST", "node", form=Form([("parts", "2"), ("file_name", "second")])))
    assert run("uploads", "clean").exit_status == 2
    dry = run("uploads", "clean", second.id, "--dry-run", "--output", "json")
    assert dry.json() == [{"id": second.id, "name": "second", "status": "would be removed"}]
    assert shock.node(second.id).id == second.id
    assert run("uploads", "clean", second.id).exit_status == 0
    assert run("show", second.id).exit_status == 4


def test_more_uploads_than_a_page_are_found(shock: ShockClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {shock.server.call("POST", "node", form=Form([("parts", "1")]))["id"] for _ in range(5)}
    monkeypatch.setattr(unfinished, "_PAGE", 2)
    assert made <= {one.id for one in unfinished.nodes(shock.server)}
    unfinished.clean(shock.server, sorted(made))
    assert not made & {one.id for one in unfinished.nodes(shock.server)}


def test_claims_are_one_at_a_time_and_leave_no_file(tmp_path: Path) -> None:
    with claims.claimed("u", "n") as first, claims.claimed("u", "n") as second, claims.claimed("u", "m") as other:
        assert (first, second, other) == (True, False, True)
    from hca_core import paths

    assert list((Path(paths.cache_dir()) / "shock" / "uploads").iterdir()) == []


def test_how_files_are_cut() -> None:
    assert marks.plan(10 * 1024**3, "c" * 12).count <= 1000
    assert marks.plan(1024**4, "c" * 12).part_size == 64 * 1024**2
    assert marks.of_mark("hca-1-0-cccccccccccc-1") is None
    assert marks.of_mark("hca-9-3-cccccccccccc-2") == marks.Plan(9, 3, "c" * 12)
    assert marks.of_mark("reads.fq") is None
    assert marks.Plan(5, 2, "c" * 12).mark(3) == "hca-5-2-cccccccccccc-3"
    assert [marks.Plan(5, 2, "").length(number) for number in (1, 2, 3)] == [2, 2, 1]


def test_of_files_in_parts_one_that_fails_does_not_stop_others(shock: ShockClient, proxy: Any, tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        (tmp_path / f"f{number}").write_bytes(servers.noise(len(DATA), number))
        paths.append(str(tmp_path / f"f{number}"))
    proxy.rule(servers.says(401, "User Unauthorized"), method="PUT")
    order = putting.Order(part_size=PART, resume=False)
    outcomes = list(putting.put(shock.server, putting.readings(paths, order), Description(), order, Bar()))
    assert sorted(str(one.error is None) for one in outcomes) == ["False", "True", "True", "True"]


def test_a_file_that_can_not_be_the_one_is_refused(shock: ShockClient, path: str) -> None:
    node = Node.parse(shock.server.call("POST", "node", form=Form([("parts", "unknown"), ("file_name", "x")])))
    with pytest.raises(UsageError, match="parts"):
        in_parts.resumed(shock.server, node.id, Reading(path), nobody, jobs=1)
    part = FilePart("1", "somebody's", b"abc")
    shock.server.call("PUT", "node", node.id, form=Form((), [part]))
    with pytest.raises(UsageError, match="not begun by hca"):
        in_parts.reading_for(shock.node(node.id), path)
