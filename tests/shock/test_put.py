"""Files as new nodes, by real servers and a proxy that breaks things: what arrives, what is refused, what is left."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers

from hca_core.errors import IntegrityError, NetworkError, UsageError
from hca_shock.errors import ShockApiError, ShockRefusedError
from hca_shock.node import Link
from hca_shock.transfer import creating, making, putting
from hca_shock.transfer.counting import nobody
from hca_shock.transfer.description import Description
from hca_shock.transfer.reading import ChangedError, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome
    from hca_shock.client import ShockClient
    from hca_shock.node import Node


faults = servers.faults
MEBIBYTE = servers.MEBIBYTE
WORDS = [f"{number:02}-" + "t" * 37 for number in range(60)]


both = pytest.mark.parametrize("deployment", [0, 1], ids=["plain", "quirks"], indirect=True)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """A function that writes a file and returns its path."""

    def write(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def named(shock: ShockClient, name: str) -> list[Any]:
    """Return the nodes whose file has this name."""
    return list(shock.server.call("GET", "node", params=[("querynode", None), ("file.name", name), ("limit", "0")]))


def content(shock: ShockClient, node: Node) -> bytes:
    """Return the file of a node."""
    with shock.server.stream("node", node.id, params=[("download_raw", None)]) as answer:
        return bytes(answer.content)


# What arrives


@both
@pytest.mark.parametrize("size", [0, 1, 3 * MEBIBYTE + 7])
def test_a_file_of_any_size_arrives(shock: ShockClient, file: Callable[..., str], size: int) -> None:
    data = servers.noise(size)
    node = shock.put(file(f"of-{size}", data))
    assert (node.file.name, node.file.size, node.file.md5) == (f"of-{size}", size, servers.md5(data))
    if size:
        assert content(shock, node) == data


@both
@pytest.mark.parametrize(
    "name", ['a "quoted" one', "back\\slash", "ümläut 海.txt", "line\nbreak", "a;b&c=d%22 e+f", "'", ".hidden", " x "]
)
def test_a_name_arrives_as_it_is(shock: ShockClient, file: Callable[..., str], name: str) -> None:
    node = shock.put(file(name, b"content"))
    assert node.file.name == name
    assert shock.node(node.id).file.name == name


@both
def test_a_description_arrives_whole(shock: ShockClient, file: Callable[..., str]) -> None:
    attributes = {"text": "ä" * 200_000, "n": [1, 2.5, None, True], "": {"a.b": "$c"}}
    described = Description(
        attributes=attributes,
        tags=tuple(WORDS),
        format="fastq",
        priority=-7,
        lifetime="30D",
        links=(Link("parent", ("one", "two"), "split"), Link("derived", ("three",), "")),
    )
    node = creating.of_file(shock.server, Reading(file("described", b"x")), described, nobody)
    node = shock.node(node.id)
    assert node.attributes == attributes
    assert list(node.tags) == WORDS  # 2400 bytes: more than one form takes
    assert (node.file.format, node.priority) == ("fastq", -7)
    assert node.expiration is not None
    assert node.linkage == described.links


def test_many_uploads_with_long_tags_are_all_intact(shock: ShockClient, file: Callable[..., str]) -> None:
    path = file("many", servers.noise(5000))
    for number in range(25):
        node = shock.put(path, tags=[f"{number:03}" + "x" * 37, "short"], attributes={"n": number})
        assert node.tags == (f"{number:03}" + "x" * 37, "short")
        assert node.attributes == {"n": number}


@pytest.mark.parametrize(
    ("described", "marker", "seen"),
    [
        (Description(tags=("abcdefghijkl",), priority=5), b"12345", ("priority", 5)),
        (Description(priority=12345), b"12345", ("priority", 12345)),
    ],
)
def test_a_value_that_was_cut_is_sent_again(
    shock: ShockClient, proxy: Any, file: Callable[..., str], described: Description, marker: bytes, seen: Any
) -> None:
    path = file("cut", b"x")
    if described.tags:
        described = Description(tags=described.tags, priority=12345)
        seen = ("priority", 12345)
    proxy.rule(servers.torn(marker), method="POST")
    node = creating.of_file(shock.server, Reading(path), described, nobody)
    assert getattr(shock.node(node.id), seen[0]) == seen[1]
    assert node.tags == described.tags


def test_a_tag_that_was_cut_can_not_be_mended(proxy: Any, shock: ShockClient, file: Callable[..., str]) -> None:
    proxy.rule(servers.torn(b"abcdefghijkl"), method="POST")
    with pytest.raises(IntegrityError, match="damaged tag 'abcdef'"):
        shock.put(file("cut-tag", b"x"), tags=["abcdefghijkl"])
    assert named(shock, "cut-tag") == []


def test_a_link_that_was_cut_can_not_be_mended(proxy: Any, shock: ShockClient, file: Callable[..., str]) -> None:
    described = Description(links=(Link("derived", ("abcdefgh", "ijklmnop"), ""),))
    proxy.rule(servers.torn(b"abcdefgh,ijklmnop"), method="POST")
    with pytest.raises(IntegrityError, match="damaged link derived=abcdefgh"):
        creating.of_file(shock.server, Reading(file("cut-link", b"x")), described, nobody)
    assert named(shock, "cut-link") == []


def test_a_name_that_was_cut_is_mended(proxy: Any, shock: ShockClient, file: Callable[..., str]) -> None:
    name = "a-name-that-is-cut-on-its-way"
    proxy.rule(servers.torn(name.encode()), method="POST")
    node = shock.put(file(name, servers.noise(3000)), part_size=1000)
    assert shock.node(node.id).file.name == name


def test_large_files_go_in_parts_unless_told(
    shock: ShockClient, run: Callable[..., Outcome], file: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(putting, "WHOLE", 1000)
    path = file("large", servers.noise(1001))
    assert shock.node(shock.put(path).id).type == "parts"
    whole = run("put", path, "--whole", "--output", "json")
    assert shock.node(whole.json()[0]["id"]).type == "basic"


# Packed files


@pytest.mark.parametrize("kind", ["gzip", "bzip2"])
def test_a_packed_file_is_unpacked_by_the_server(shock: ShockClient, file: Callable[..., str], kind: str) -> None:
    pack = gzip.compress if kind == "gzip" else bz2.compress
    suffix = {"gzip": ".gz", "bzip2": ".bz2"}[kind]
    first, second = servers.noise(300_000, 1), b"second" * 900_000
    node = shock.put(file(f"packed.txt{suffix}", pack(first) + pack(second)), compression=kind)
    assert (node.file.name, node.file.md5) == ("packed.txt", servers.md5(first + second))
    assert shock.put(file(f"no{suffix}", pack(b"")), compression=kind).file.size == 0


@pytest.mark.parametrize("kind", ["gzip", "bzip2"])
@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: b"garbage" * 99, lambda _: b""])
@pytest.mark.parametrize("part_size", [None, 100_000])
def test_a_packed_file_that_is_broken_leaves_nothing(
    shock: ShockClient, file: Callable[..., str], kind: str, spoil: Callable[[bytes], bytes], part_size: int | None
) -> None:
    packed = (gzip.compress if kind == "gzip" else bz2.compress)(servers.noise(300_000))
    with pytest.raises((IntegrityError, ShockApiError)):
        shock.put(file("spoiled", spoil(packed)), compression=kind, part_size=part_size)
    assert named(shock, "spoiled") == []


# Standard input


@both
@pytest.mark.parametrize("size", [0, 5, 2 * MEBIBYTE + 1])
def test_a_stream_arrives(shock: ShockClient, size: int) -> None:
    data = servers.noise(size, 3)
    node = shock.put(io.BytesIO(data), part_size=MEBIBYTE, tags=["a"], attributes=[1])
    assert (node.file.name, node.file.size, node.file.md5) == ("stdin", size, servers.md5(data))
    assert (node.tags, node.attributes) == (("a",), [1])
    assert shock.node(node.id).type == ("parts" if size >= MEBIBYTE else "basic")


def test_a_packed_stream_is_unpacked(shock: ShockClient) -> None:
    data = servers.noise(3 * MEBIBYTE)
    for size in (MEBIBYTE, 100 * MEBIBYTE):
        node = shock.put(io.BytesIO(gzip.compress(data)), name="x", compression="gzip", part_size=size)
        assert node.file.md5 == servers.md5(data)
    with pytest.raises(IntegrityError):
        shock.put(io.BytesIO(gzip.compress(data)[:-1]), name="bad", compression="gzip", part_size=MEBIBYTE)
    assert named(shock, "bad") == []


@pytest.mark.parametrize("size", [10, 3 * MEBIBYTE])
def test_no_answer_to_a_stream_is_missed(shock: ShockClient, proxy: Any, size: int) -> None:
    """Each request of its upload but the first is answered into the void once."""
    proxy.rule(faults.swallow, method="PUT", times=2)
    proxy.rule(faults.swallow, method="PUT", first=4)  # "close"
    proxy.rule(faults.swallow, method="POST", path="^/node$" if size == 10 else "nowhere")
    data = servers.noise(size, size)
    name = f"stream-{size}-{os.urandom(4).hex()}"
    node = shock.put(io.BytesIO(data), name=name, part_size=MEBIBYTE)
    assert node.file.md5 == servers.md5(data)
    assert [one["id"] for one in named(shock, name)] == [node.id]


def test_a_stream_that_fails_leaves_nothing(shock: ShockClient, proxy: Any) -> None:
    proxy.rule(servers.says(401, "User Unauthorized"), method="PUT", first=2)
    with pytest.raises(ShockRefusedError):
        shock.put(io.BytesIO(servers.noise(4 * MEBIBYTE)), name="fails", part_size=MEBIBYTE)
    assert named(shock, "fails") == []


# Many files


def test_one_of_fifty_files_fails_and_the_others_arrive(
    run: Callable[..., Outcome], proxy: Any, file: Callable[..., str], shock: ShockClient
) -> None:
    prefix = os.urandom(4).hex()
    paths = [file(f"{prefix}-{number}", servers.noise(1000, number)) for number in range(50)]
    proxy.rule(servers.says(401, "User Unauthorized"), method="POST", first=20)
    outcome = run("put", *paths, "--output", "json")
    assert outcome.exit_status == 7, outcome.stderr
    rows = outcome.json()
    assert len(rows) == 49
    assert all(row["md5"] == servers.md5(Path(row["source"]).read_bytes()) for row in rows)
    assert "49 of 50" in outcome.stderr
    assert "User Unauthorized" in outcome.stderr


def test_a_file_that_vanishes_does_not_stop_the_others(
    shock: ShockClient, file: Callable[..., str], tmp_path: Path
) -> None:
    order = putting.Order(jobs=2)
    readings = putting.readings([file(f"v{number}", b"x") for number in range(6)], order)
    (tmp_path / "v2").unlink()
    from hca_core.progress import Bar

    outcomes = list(putting.put(shock.server, readings, Description(), order, Bar()))
    assert len(outcomes) == 6
    assert [Path(one.path).name for one in outcomes if isinstance(one.error, ChangedError)] == ["v2"]


def test_what_can_not_be_put_is_said_before_anything_is_sent(
    run: Callable[..., Outcome], proxy: Any, file: Callable[..., str], tmp_path: Path
) -> None:
    good = file("good", b"x")
    os.mkfifo(tmp_path / "pipe")
    for words in (
        ["put", good, tmp_path / "missing"],
        ["put", tmp_path],
        ["put", tmp_path / "pipe"],
        ["put"],
        ["put", good, "-"],
        ["put", good, "--tag", "a,b"],
        ["put", good, "--name", "a/b"],
        ["put", good, "--attributes", "{"],
        ["put", good, "--expire", "soon"],
        ["put", good, "--part-size", "0"],
        ["put", good, "--part-size", "1M", "--whole"],
        ["put", good, good, "--name", "x"],
        ["put", good, "--link", "parent"],
        ["put", good, "--copy-of", "x"],
    ):
        outcome = run(*words)
        assert outcome.exit_status == 2, (words, outcome.stderr)
        assert outcome.stdout == ""
        assert "Traceback" not in outcome.stderr
    assert proxy.asked == []


# Into a node that is there


@both
def test_a_file_goes_into_a_node_that_has_none(shock: ShockClient, run: Any, file: Callable[..., str]) -> None:
    node = making.empty(shock.server, Description(tags=("before",), attributes={"a": 1}))
    outcome = run("put", file("late", b"late"), "--node", node.id, "--tag", "after", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    node = shock.node(node.id)
    assert (node.file.name, node.file.md5) == ("late", servers.md5(b"late"))
    assert (node.tags, node.attributes) == (("before", "after"), {"a": 1})
    again = run("put", file("other", b"other"), "--node", node.id)
    assert again.exit_status == 1
    assert "immutable" in again.stderr
    assert shock.node(node.id).file.md5 == servers.md5(b"late")


def test_an_answer_about_a_node_that_is_there_is_lost(shock: ShockClient, proxy: Any, file: Callable[..., str]) -> None:
    node = making.empty(shock.server, Description())
    proxy.rule(faults.swallow, method="PUT")
    order = putting.Order(node_id=node.id)
    (reading,) = putting.readings([file("lost-put", b"lost")], order)
    assert putting.put_file(shock.server, reading, Description(), order, nobody).file.md5 == servers.md5(b"lost")
    assert len(proxy.of("PUT")) == 1


# Files that change while they are sent


@pytest.mark.parametrize("part_size", [None, MEBIBYTE])
@pytest.mark.parametrize("change", ["shrinks", "grows", "changes", "vanishes"])
def test_a_file_that_changes_meanwhile_is_not_kept(
    shock: ShockClient, proxy: Any, file: Callable[..., str], change: str, part_size: int | None
) -> None:
    name = f"{change}-{os.urandom(4).hex()}"
    path = file(name, servers.noise(8 * MEBIBYTE))
    os.utime(path, (1_000_000_000, 1_000_000_000))  # else a change in the same tick of the clock would not be seen
    hold = faults.Hold()
    proxy.rule(hold, method="PUT" if part_size else "POST", first=2 if part_size else 1)

    def meddle() -> None:
        assert hold.came.wait(servers.PATIENCE)
        if change == "vanishes":
            os.unlink(path)
        elif change == "shrinks":
            os.truncate(path, 17)
        else:
            with open(path, "r+b") as stream:
                stream.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                stream.write(b"other")
        hold.go.set()

    other = threading.Thread(target=meddle)
    other.start()
    try:
        with pytest.raises(ChangedError, match="changed while it was read"):
            shock.put(path, part_size=part_size)
    finally:
        other.join()
    assert named(shock, name) == []
    assert len(proxy.of("POST")) == 1


# Answers that are lost, refusals, faults of the server


@both
@pytest.mark.parametrize("size", [10, 3 * MEBIBYTE])
def test_an_answer_that_is_lost_makes_no_second_node(
    shock: ShockClient, proxy: Any, file: Callable[..., str], size: int
) -> None:
    name = f"lost-{os.urandom(4).hex()}"
    proxy.rule(faults.swallow, method="POST")
    node = shock.put(file(name, servers.noise(size)), tags=["a"])
    assert [one["id"] for one in named(shock, name)] == [node.id]
    assert node.tags == ("a",)


@both
@pytest.mark.parametrize("after", [0, 100, MEBIBYTE])
def test_a_request_that_is_cut_is_sent_again(
    shock: ShockClient, proxy: Any, file: Callable[..., str], after: int
) -> None:
    name = f"cut-{os.urandom(4).hex()}"
    data = servers.noise(3 * MEBIBYTE, after)
    proxy.rule(faults.cut(after), method="POST", times=2)
    node = shock.put(file(name, data))
    assert node.file.md5 == servers.md5(data)
    assert [one["id"] for one in named(shock, name)] == [node.id]


def test_an_answer_that_is_cut_is_asked_for_again(shock: ShockClient, proxy: Any, file: Callable[..., str]) -> None:
    name = f"half-{os.urandom(4).hex()}"
    proxy.rule(faults.cut_answer(50), method="POST")
    node = shock.put(file(name, b"half"))
    assert [one["id"] for one in named(shock, name)] == [node.id]


@pytest.mark.parametrize("status", [502, 503, 429])
def test_a_server_that_is_busy_is_asked_again(
    shock: ShockClient, proxy: Any, file: Callable[..., str], status: int
) -> None:
    rule = proxy.rule(servers.says(status, "busy", retry_after="0"), method="POST", times=2)
    assert shock.put(file(f"busy-{status}", b"busy")).file.size == 4
    assert rule.hits == 2


def test_a_server_that_stays_busy_is_given_up(shock: ShockClient, proxy: Any, file: Callable[..., str]) -> None:
    proxy.rule(servers.page(503), method="POST", times=None)
    with pytest.raises(NetworkError):
        shock.put(file("busy", b"busy"))
    assert len(proxy.of("POST")) == creating._TRIES


@pytest.mark.parametrize(
    ("action", "kind", "told"),
    [
        (
            servers.says(400, "err@node_Create: (node.X) bad thing", code=200),
            ShockApiError,
            "bad thing (HTTP 400",
        ),
        (servers.says(400, "Invalid authorization header or content"), ShockRefusedError, "Invalid authorization"),
        (servers.page(500), ShockApiError, "HTTP 500"),
    ],
)
def test_a_refusal_is_told_once_and_well(
    shock: ShockClient, proxy: Any, file: Callable[..., str], action: Any, kind: type[Exception], told: str
) -> None:
    proxy.rule(action, method="POST", times=None)
    with pytest.raises(kind) as caught:
        shock.put(file("refused", b"x"))
    assert told in str(caught.value)
    assert "secret trace" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert len(proxy.of("POST")) == 1


def _wrong_md5(data: Any) -> None:
    data["file"]["checksum"]["md5"] = "0" * 32


def _wrong_size(data: Any) -> None:
    data["file"]["size"] += 1


@pytest.mark.parametrize("action", [servers.changes(_wrong_md5), servers.changes(_wrong_size), faults.corrupt(600)])
def test_a_server_with_other_bytes_is_an_error_and_they_go(
    shock: ShockClient, proxy: Any, file: Callable[..., str], action: Any
) -> None:
    name = f"wrong-{os.urandom(4).hex()}"
    proxy.rule(action, method="POST")
    with pytest.raises(IntegrityError, match="md5"):
        shock.put(file(name, servers.noise(4000)))
    assert named(shock, name) == []
    assert len(proxy.of("DELETE")) == 1


def test_a_refusal_before_the_body_was_read_is_told_as_one(file: Callable[..., str]) -> None:
    """The server answers, and closes while the client still sends (service contract §1)."""
    path = file("large", bytes(64 * MEBIBYTE))
    refused = pytest.raises(ShockRefusedError, match="User Unauthorized")
    with servers.refusing(401, "User Unauthorized") as url, servers.quick(url) as shock, refused:
        shock.put(path)


# Nodes of something else than files


@both
def test_nodes_are_made_of_others(shock: ShockClient, file: Callable[..., str]) -> None:
    one, two = shock.put(file("m1", b"one\n"), attributes={"a": 1}), shock.put(file("m2", b"two\n"))
    copied = making.copy(shock.server, one.id, Description(name="copied"), attributes=True)
    assert (copied.file.name, copied.attributes, content(shock, copied)) == ("copied", {"a": 1}, b"one\n")
    both = making.concatenation(shock.server, [two.id, one.id], Description(name="both"))
    assert content(shock, both) == b"two\none\n"
    with pytest.raises(ShockApiError, match=r"[Nn]ot found"):
        making.concatenation(shock.server, [one.id, "00000000-0000-0000-0000-000000000000"], Description())
    with pytest.raises(UsageError):
        making.concatenation(shock.server, [one.id], Description())


# What a server can't keep


def test_a_number_of_which_digits_would_be_lost_is_refused_before_anything_is_sent(
    shock: ShockClient, proxy: Any, file: Callable[..., str], run: Callable[..., Outcome]
) -> None:
    path = file("number", b"data")
    document = '{"a": {"n": 9007199254740993}}'
    for words in (["put", path], ["put", "--empty"], ["put", path, "--part-size", "2"], ["put", "-"]):
        outcome = run(*words, "--attributes", document)
        assert outcome.exit_status == 2, outcome.stderr
        assert "9007199254740993" in outcome.stderr
        assert "'a.n'" in outcome.stderr
    assert proxy.of("POST") == []
    assert run("put", path, "--attributes", '{"n": 9007199254740992}').exit_status == 0


def test_a_name_that_is_no_text_is_refused_before_anything_is_sent(
    proxy: Any, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    with open(path, "wb") as stream:
        stream.write(b"data")
    outcome = run("put", os.fsdecode(path))
    assert outcome.exit_status == 2, outcome.stderr
    assert "UTF-8" in outcome.stderr
    assert proxy.of("POST") == []
    assert run("put", os.fsdecode(path), "--name", "plain").exit_status == 0


def test_options_that_have_no_use_are_refused(run: Callable[..., Outcome], file: Callable[..., str]) -> None:
    path = file("f", b"data")
    for words in (
        ["--empty", "--gzip"],
        ["--empty", "--node", "x"],
        ["-", "--whole"],
        [path, "--index", "line"],
        [path, "--empty"],
        [path, "-"],
        [],
    ):
        assert run("put", *words).exit_status == 2, words


def test_ids_of_what_was_put_in_the_order_of_the_files(
    shock: ShockClient, run: Callable[..., Outcome], file: Callable[..., str]
) -> None:
    paths = [file(f"{number:02}", b"%d" % number) for number in range(12)]
    ids = run("put", *paths, "--ids").stdout_bytes.decode().split()
    assert [shock.node(one).file.name for one in ids] == [os.path.basename(path) for path in paths]
