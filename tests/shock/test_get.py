"""Files of nodes as files of this machine: right or not there, whatever the server, the network or the disk does."""

from __future__ import annotations

import os
import pickle
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers
from waiting import until

from hca_core.errors import IntegrityError, NetworkError, UsageError
from hca_shock.errors import ShockLockedError, ShockNodeError, ShockNotFoundError
from hca_shock.forms import FilePart, Form
from hca_shock.node import Node
from hca_shock.transfer import making, ranges, streaming
from hca_shock.transfer.description import Description
from hca_shock.transfer.source import NodeSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome
    from hca_shock.client import ShockClient


faults = servers.faults
MEBIBYTE = servers.MEBIBYTE
DATA = servers.noise(200_000)
RAW = {"download_raw": ""}
both = pytest.mark.parametrize("deployment", [0, 1], ids=["plain", "quirks"], indirect=True)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads give up early."""
    monkeypatch.setattr(ranges, "RETRIES", 2)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads wait only shortly before they try again."""
    monkeypatch.setattr(ranges, "FIRST_WAIT_SECONDS", 0.01)


def made(shock: ShockClient, data: bytes = DATA, name: str = "name") -> Node:
    """Make a node of these bytes, whose file has this name, which no operating system has looked at."""
    raw = shock.server.call("POST", "node", form=Form([], [FilePart("upload", "sent", data)]))
    return shock.edits.rename(raw["id"], name)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty directory."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def left(folder: Path) -> list[str]:
    """Return all that lies in a folder."""
    return sorted(one.name for one in folder.iterdir())


@both
@pytest.mark.parametrize("size", [0, 1, 200_000, 3 * MEBIBYTE + 1])
def test_a_file_of_any_size_comes(shock: ShockClient, tmp_path: Path, size: int) -> None:
    data = servers.noise(size)
    node = made(shock, data)
    assert shock.get(node.id, tmp_path / "new" / "copy") == str(tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_bytes() == data
    assert left(tmp_path / "new") == ["copy"]


def test_names_and_places(shock: ShockClient, run: Callable[..., Outcome], tmp_path: Path) -> None:
    one, two = made(shock, b"one", "1.txt"), made(shock, b"two", "zwei ü.txt")
    outcome = run("get", one.id, two.id, one.id, "-d", tmp_path / "d", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    assert [row["status"] for row in outcome.json()] == ["fetched"] * 2
    assert left(tmp_path / "d") == ["1.txt", "zwei ü.txt"]
    assert run("get", one.id, "--by-id", "-d", tmp_path / "ids").exit_status == 0
    assert left(tmp_path / "ids") == [one.id]
    assert run("get", one.id, "-o", tmp_path / "chosen").exit_status == 0
    assert (tmp_path / "chosen").read_bytes() == b"one"
    assert run("get", two.id).exit_status == 0
    assert Path("zwei ü.txt").read_bytes() == b"two"
    assert run("get", one.id, two.id, "-o", tmp_path / "x").exit_status == 2
    assert run("get", one.id, "00000000-0000-0000-0000-000000000000", "-d", tmp_path / "n").exit_status == 4
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..", ".", "a/b", "new\nline", "nul\0", "-" * 300])
def test_a_hostile_name_leads_nowhere(shock: ShockClient, proxy: Any, run: Any, tmp_path: Path, name: str) -> None:
    node = made(shock, b"hostile", "sent")

    def rename(data: Any) -> None:
        data["file"]["name"] = name

    proxy.rule(servers.changes(rename), method="GET", path=f"^/node/{node.id}$", times=2)
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    outcome = run("get", node.id, "-d", folder)
    assert outcome.exit_status in (1, 2), outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert left(folder) == []
    assert left(tmp_path / "inner") == ["folder"]
    assert run("get", node.id, "--by-id", "-d", folder).exit_status == 0
    assert left(folder) == [node.id]


def test_a_file_without_a_name_is_called_as_its_node(shock: ShockClient, proxy: Any, run: Any, tmp_path: Path) -> None:
    node = made(shock, b"x", "sent")

    def rename(data: Any) -> None:
        data["file"]["name"] = ""

    proxy.rule(servers.changes(rename), method="GET", path=f"^/node/{node.id}$", times=1)
    assert run("get", node.id, "-d", tmp_path / "d").exit_status == 0
    assert left(tmp_path / "d") == [node.id]


def test_equal_names_are_refused(shock: ShockClient, run: Any, tmp_path: Path) -> None:
    one, two = made(shock, b"1", "same"), made(shock, b"2", "same")
    outcome = run("get", one.id, two.id, "-d", tmp_path / "d")
    assert outcome.exit_status == 2
    assert "--by-id" in outcome.stderr
    assert run("get", one.id, two.id, "--by-id", "-d", tmp_path / "d").exit_status == 0


def test_a_file_that_is_there(shock: ShockClient, proxy: Any, run: Any, tmp_path: Path) -> None:
    node = made(shock)
    target = tmp_path / "there"
    target.write_bytes(DATA)
    outcome = run("get", node.id, "-o", target, "--output", "json")
    assert outcome.json()[0]["status"] == "present"
    assert [one for one in proxy.of("GET") if "download_raw" in one.query] == []
    target.write_bytes(b"mine")
    refused = run("get", node.id, "-o", target)
    assert refused.exit_status == 2
    assert "--force" in refused.stderr
    assert target.read_bytes() == b"mine"
    assert run("get", node.id, "-o", target, "--force").exit_status == 0
    assert target.read_bytes() == DATA
    (tmp_path / "folder").mkdir()
    assert run("get", node.id, "-o", tmp_path / "folder").exit_status == 2
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert run("get", node.id, "-o", tmp_path / "link").exit_status == 2
    assert not (tmp_path / "elsewhere").exists()


# What the server and the network do


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("at", [0, len(DATA) - 1])
def test_wrong_bytes_are_not_kept(shock: ShockClient, proxy: Any, run: Any, out: Path, at: int) -> None:
    node = made(shock)
    proxy.rule(servers.flips(at), query=RAW, times=None)
    outcome = run("get", node.id, "-o", out / "wrong")
    assert outcome.exit_status == 6, outcome.stderr
    assert "md5" in outcome.stderr
    assert left(out) == []


def test_wrong_bytes_once_are_fetched_again(shock: ShockClient, proxy: Any, tmp_path: Path) -> None:
    node = made(shock)
    proxy.rule(servers.flips(5), query=RAW)
    shock.get(node, tmp_path / "right")
    assert (tmp_path / "right").read_bytes() == DATA


@pytest.mark.usefixtures("hasty")
def test_a_node_that_tells_a_wrong_md5(shock: ShockClient, proxy: Any, run: Any, out: Path) -> None:
    node = made(shock)

    def other(data: Any) -> None:
        data["file"]["checksum"]["md5"] = "0" * 32

    proxy.rule(servers.changes(other), method="GET", path=f"^/node/{node.id}$", times=1)
    outcome = run("get", node.id, "-o", out / "wrong")
    assert outcome.exit_status == 6, outcome.stderr
    assert left(out) == []


@both
@pytest.mark.parametrize("action", [faults.cut_answer(70_000), faults.cut_answer(0), faults.swallow, servers.page(503)])
def test_an_answer_that_breaks_off_goes_on_where_it_was(
    shock: ShockClient, proxy: Any, tmp_path: Path, action: Any
) -> None:
    node = made(shock)
    rule = proxy.rule(action, query=RAW, times=2)
    shock.get(node, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == DATA
    assert rule.hits == 2


def test_what_has_come_is_not_asked_for_again(shock: ShockClient, proxy: Any, tmp_path: Path) -> None:
    data = servers.noise(5 * MEBIBYTE)
    node = made(shock, data)
    proxy.rule(faults.cut_answer(3 * MEBIBYTE + 10), query=RAW)
    shock.get(node, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == data
    seeks = [int(one.query["seek"]) for one in proxy.of("GET") if "seek" in one.query]
    assert len(seeks) == 1
    assert 2 * MEBIBYTE <= seeks[0] <= 3 * MEBIBYTE + 10


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("action", [servers.empty, faults.cut_answer(0)])
def test_an_answer_that_stays_short_is_given_up_and_kept_for_later(
    shock: ShockClient, proxy: Any, run: Any, out: Path, action: Any
) -> None:
    """200 with no bytes is what the server says when one seeks too far (service contract §0.8)."""
    data = servers.noise(2 * MEBIBYTE)
    node = made(shock, data)
    first = proxy.rule(faults.cut_answer(MEBIBYTE + 5), query=RAW)
    others = proxy.rule(action, query=RAW, times=None)
    target = out / "short"
    outcome = run("get", node.id, "-o", target)
    assert outcome.exit_status == 5, outcome.stderr
    assert first.hits == 1
    assert others.hits <= 4  # RETRIES, and what the session itself repeats
    assert not target.exists()
    proxy.heal()
    shock.get(node, target)
    assert target.read_bytes() == data
    (asked,) = [one for one in proxy.of("GET") if "seek" in one.query]
    assert int(asked.query["seek"]) >= MEBIBYTE
    assert left(target.parent) == ["short"]


def test_a_node_that_is_deleted_meanwhile(shock: ShockClient, tmp_path: Path) -> None:
    node = made(shock)
    shock.server.call("DELETE", "node", node.id)
    with pytest.raises(ShockNotFoundError):
        shock.get(node, tmp_path / "gone")
    assert left(tmp_path) == []


def test_a_node_without_a_file_or_with_a_lock(shock: ShockClient, run: Any, tmp_path: Path) -> None:
    bare = making.empty(shock.server, Description())
    with pytest.raises(ShockNodeError, match="has no file"):
        shock.get(bare.id, tmp_path / "x")
    unfinished = shock.server.call("POST", "node", form=Form([("parts", "2")]))["id"]
    with pytest.raises(ShockNodeError, match="not finished"):
        shock.get(unfinished, tmp_path / "x")
    node = made(shock)
    shock.edits.lock_file(node.id)
    with pytest.raises(ShockLockedError, match=f"the file of node {node.id} is locked"):
        shock.get(node.id, tmp_path / "x")
    outcome = run("get", node.id, "-o", tmp_path / "x")
    assert (outcome.exit_status, f"hca shock unlock {node.id}" in outcome.stderr) == (1, True)
    with pytest.raises(ShockLockedError):
        shock.get(node, tmp_path / "x")  # locked since we have looked at it
    assert run("cat", node.id).exit_status == 1
    assert left(tmp_path) == []


def test_a_subset_has_no_seek(shock: ShockClient, proxy: Any, run: Any, tmp_path: Path) -> None:
    node = made(shock, b"".join(b">%d\nACGT\n" % number for number in range(10)))
    shock.indexes.build(node.id, "record")
    units = tmp_path / "units"
    units.write_text("2\n5\n")
    (row,) = run("put", "--subset-of", node.id, "--index", "record", "--units", units, "--output", "json").json()
    assert run("get", row["id"], "-o", tmp_path / "subset").exit_status == 0
    assert (tmp_path / "subset").read_bytes() == b">1\nACGT\n>4\nACGT\n"
    assert run("cat", row["id"]).stdout_bytes == b">1\nACGT\n>4\nACGT\n"
    (tmp_path / "subset").write_bytes(b"x" * 16)  # of its length: nothing tells them apart but the bytes
    assert run("get", row["id"], "-o", tmp_path / "subset").exit_status == 2
    assert run("get", row["id"], "-o", tmp_path / "subset", "--force").exit_status == 0
    assert (tmp_path / "subset").read_bytes() == b">1\nACGT\n>4\nACGT\n"
    proxy.rule(faults.cut_answer(3), query=RAW, times=None)
    assert run("cat", row["id"]).exit_status == 5


# The disk


def test_a_disk_that_is_full(shock: ShockClient, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("nobody here may mount a small disk")
    try:
        node = made(shock, servers.noise(MEBIBYTE))
        with pytest.raises(OSError, match="No space left"):
            shock.get(node, small / "big")
        assert not (small / "big").exists()
        assert shock.put(__file__).file.size  # the client is as good as before
        shock.get(made(shock, b"x"), tmp_path / "x")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_directory_that_is_read_only(shock: ShockClient, run: Any, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.geteuid() == 0:  # who may write everywhere but there
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(closed)], capture_output=True)
        if mounted.returncode:
            pytest.skip("nobody here may mount a disk that is read-only")
    try:
        outcome = run("get", made(shock).id, "-o", closed / "x")
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(closed)], check=True)
    assert outcome.exit_status == 1
    assert str(closed) in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "unexpected" not in outcome.stderr


def test_one_of_several_fails_and_the_others_come(shock: ShockClient, proxy: Any, run: Any, tmp_path: Path) -> None:
    nodes = [made(shock, b"%d" % number, f"several-{number}") for number in range(6)]
    proxy.rule(servers.says(401, "User Unauthorized"), path=nodes[3].id, query=RAW, times=None)
    outcome = run("get", *[one.id for one in nodes], "-d", tmp_path / "d", "--output", "json")
    assert outcome.exit_status == 7, outcome.stderr
    assert "5 of 6" in outcome.stderr
    assert nodes[3].id in outcome.stderr
    assert len(outcome.json()) == 5
    assert left(tmp_path / "d") == [f"several-{number}" for number in range(6) if number != 3]


def test_a_directory_that_is_none(shock: ShockClient, run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    outcome = run("get", made(shock).id, "-d", tmp_path / "file")
    assert outcome.exit_status in (1, 2)
    assert "Traceback" not in outcome.stderr
    assert "unexpected" not in outcome.stderr


# Several connections


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Pieces are small."""
    monkeypatch.setattr(ranges, "PIECE", 64 * 1024)
    monkeypatch.setattr(ranges, "_WORTH_SEVERAL", 256 * 1024)
    yield 64 * 1024
    # What was begun before a break goes on by itself, and is nothing that the next test has asked for.
    until(lambda: not any(thread.name == "range" for thread in threading.enumerate()))


def _most_at_once(proxy: Any, fetch: Callable[[], object], action: Any, awaited: int = 1) -> int:
    """Fetch a file and return how many of its requests were under way at the same time.

    Each waits until `awaited` are under way for the first time: a busy machine may not bring them in step.
    """
    lock, now, most, together = threading.Lock(), [0], [0], threading.Event()

    def count(exchange: Any) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] >= awaited:
                together.set()
        if not together.wait(15):  # less than the client waits for an answer
            together.set()
        try:
            action(exchange)
        finally:
            with lock:
                now[0] -= 1

    proxy.rule(count, query=RAW, times=None)
    fetch()
    return most[0]


def _streamed(shock: ShockClient, node: Node) -> bytes:
    return b"".join(streaming.blocks(shock.server, node))


def test_a_slow_server_is_asked_by_several_connections(
    shock: ShockClient, proxy: Any, pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_FAST_SECONDS", 0.05)
    data = servers.noise(20 * pieces + 3)
    node = made(shock, data)
    found: list[bytes] = []
    proxy.rule(servers.slowly(0.1), query=RAW)  # the first piece, which is asked for alone
    assert _most_at_once(proxy, lambda: found.append(_streamed(shock, node)), servers.slowly(0.1), awaited=4) == 4
    assert found == [data]
    asked = sorted((int(one.query["seek"]), int(one.query["length"])) for one in proxy.of("GET") if "seek" in one.query)
    assert sum(length for _, length in asked) == len(data)


def test_a_fast_server_is_asked_by_one(
    shock: ShockClient, proxy: Any, pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_FAST_SECONDS", 600.0)  # however slow this machine is
    data = servers.noise(20 * pieces + 3)
    node = made(shock, data)
    assert _most_at_once(proxy, lambda: _streamed(shock, node), faults.pass_on) == 1
    assert len([one for one in proxy.of("GET") if "seek" in one.query]) == 2


@pytest.mark.parametrize("action", [faults.cut_answer(1000), servers.empty, servers.page(502)])
def test_one_of_several_connections_breaks(
    shock: ShockClient, proxy: Any, pieces: int, tmp_path: Path, action: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_FAST_SECONDS", 0.0)
    data = servers.noise(20 * pieces + 3)
    node = made(shock, data)
    rule = proxy.rule(action, query=RAW, first=4, times=2)
    assert _streamed(shock, node) == data
    assert rule.hits == 2


def test_the_engine_is_told_how_to_ask_for_a_piece(shock: ShockClient) -> None:
    source = NodeSource(shock.server, made(shock).id, len(DATA))
    for request, expected in (
        (source.request(0), DATA),
        (source.request(7), DATA[7:]),
        (source.piece(7, 1000), DATA[7:1007]),
        (pickle.loads(pickle.dumps(source)).piece(len(DATA) - 1, 1), DATA[-1:]),
    ):
        answer = request.session.request("GET", request.url, authenticated=request.authenticated)
        assert answer.content == expected
    assert source.piece(7, 1000).begins == 7


# Standard output


@both
def test_files_go_to_standard_output(shock: ShockClient, run: Any) -> None:
    one, two, none = made(shock, DATA), made(shock, b"two"), made(shock, b"")
    outcome = run("cat", two.id, none.id, one.id)
    assert outcome.exit_status == 0, outcome.stderr
    assert outcome.stdout_bytes == b"two" + DATA


@pytest.mark.usefixtures("hasty")
def test_what_is_wrong_at_standard_output_is_told(shock: ShockClient, proxy: Any, run: Any) -> None:
    node = made(shock)
    proxy.rule(servers.flips(5), query=RAW)
    outcome = run("cat", node.id)
    assert outcome.exit_status == 6
    assert "md5" in outcome.stderr
    proxy.heal()
    proxy.rule(servers.empty, query=RAW, times=None)
    assert run("cat", node.id).exit_status == 5


def test_blocks_break_and_go_on(shock: ShockClient, proxy: Any) -> None:
    node = made(shock)
    proxy.rule(faults.cut_answer(90_000), query=RAW, times=1)
    assert b"".join(streaming.blocks(shock.server, node)) == DATA


def test_errors_of_the_client_in_python(shock: ShockClient, proxy: Any, tmp_path: Path, hasty: None) -> None:
    node = made(shock)
    (tmp_path / "x").write_bytes(b"mine")
    with pytest.raises(UsageError):
        shock.get(node, tmp_path / "x")
    proxy.rule(servers.flips(0), query=RAW, times=None)
    with pytest.raises(IntegrityError):
        shock.get(node, tmp_path / "y")
    proxy.heal()
    proxy.rule(faults.cut_answer(0), query=RAW, times=None)
    with pytest.raises(NetworkError):
        shock.get(node, tmp_path / "y")
    proxy.heal()
    assert shock.get(node, tmp_path / "y") == str(tmp_path / "y")  # the client is as good as before
