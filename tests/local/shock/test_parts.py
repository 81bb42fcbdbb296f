"""Files in parts: in any order, at once, compressed, closed, failed, interrupted by a kill."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = [os.urandom(random.Random(number).randrange(1, 700_000)) for number in range(8)]
WHOLE = b"".join(PIECES)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def parts_on_disk(shock: Any, node: dict[str, Any]) -> list[str]:
    try:
        return sorted(os.listdir(shock.root / "parts" / node["id"]))
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("order", [range(1, 9), range(8, 0, -1), [4, 1, 7, 2, 8, 3, 6, 5]], ids=["up", "down", "mixed"])
def test_parts_come_in_any_order(shock: Any, order: list[int]) -> None:
    node = shock.post(parts="8")
    assert (node["type"], node["parts"]) == (
        "parts", {"count": 8, "length": 0, "varlen": False, "parts": [None] * 8, "compression": ""},
    )  # fmt: skip
    for count, number in enumerate(order, 1):
        found = shock.put(node, **{f"_{number}": (f"part{number}", PIECES[number - 1])})
        assert found["parts"]["length"] == count
        assert found["parts"]["parts"][number - 1] == [f"part{number}", md5(PIECES[number - 1])]
    assert found["file"]["locked"]["error"] == ""
    found = shock.unlocked(node)
    assert (found["file"]["name"], found["file"]["size"]) == (node["id"], len(WHOLE))
    assert found["file"]["checksum"] == {"md5": md5(WHOLE)}
    assert found["indexes"]["size"]["total_units"] == -(-len(WHOLE) // 1048576)
    assert found["parts"]["parts"] == [[f"part{n}", md5(piece)] for n, piece in enumerate(PIECES, 1)]
    assert shock.content(node) == WHOLE
    until(lambda: parts_on_disk(shock, node) == [])


def test_parts_come_at_once(shock: Any) -> None:
    node = shock.post("bob", parts="8", file_name="whole.bin")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: shock.put(node, "bob", **{f"_{n}": PIECES[n - 1]}), range(1, 9)))
    found = shock.unlocked(node, "bob")
    assert (found["file"]["name"], found["file"]["checksum"]) == ("whole.bin", {"md5": md5(WHOLE)})
    assert shock.content(node, "bob") == WHOLE


def test_of_one_part_that_comes_twice_at_once_one_is_kept(shock: Any) -> None:
    node = shock.post(parts="2")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: shock.form("PUT", f"/node/{node['id']}", _1=PIECES[n]), range(8)))
    (kept,) = [answer for answer in answers if answer.ok]
    assert {shock.refused(answer)[1] for answer in answers if not answer.ok} == {"Node file immutable"}
    known = kept.json()["data"]["parts"]["parts"][0][1]
    shock.put(node, _2=b"end")
    assert shock.unlocked(node)["file"]["size"] == len(shock.content(node))
    assert md5(shock.content(node)[:-3]) == known
    assert shock.arriving() == []


def test_several_parts_come_in_one_request(shock: Any) -> None:
    node = shock.post(parts="3")
    shock.put(node, _2=b"two", _1=b"one", _03=b"three")
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(b"onetwothree")}


def test_what_has_come_is_put_together_before_the_last_part_comes(shock: Any) -> None:
    node = shock.post(parts="3")
    shock.put(node, _1=PIECES[0], _2=PIECES[1])
    until(lambda: parts_on_disk(shock, node) == [])
    assert shock.refused(shock.send("GET", f"/node/{node['id']}?download"))[0] == 400
    shock.put(node, _3=PIECES[2])
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(b"".join(PIECES[:3]))}


def test_an_unknown_number_of_parts_is_closed(shock: Any) -> None:
    node = shock.post(parts="unknown")
    assert (node["parts"]["count"], node["parts"]["varlen"]) == (0, True)
    shock.put(node, _3=b"three")
    found = shock.put(node, _1=b"one")
    assert [found["parts"]["count"], found["parts"]["length"], found["parts"]["parts"][1]] == [3, 2, []]
    assert shock.put(node, parts="close")["file"]["locked"]
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(b"onethree")}  # what never came is left out
    for more in ({"parts": "close"}, {"_2": b"two"}, {"_4": b"four"}):
        assert shock.refuses("PUT", f"/node/{node['id']}", **more) == (400, "Node file immutable")


def test_closed_without_a_part_it_is_an_empty_file(shock: Any) -> None:
    node = shock.post(parts="unknown")
    shock.put(node, parts="close")
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(b"")}
    assert shock.content(node) == b""


@pytest.mark.parametrize("kind", ["gzip", "bzip2"])
def test_compressed_parts_are_unpacked_together(shock: Any, kind: str) -> None:
    content = WHOLE[:1_100_000]  # bzip2 is slow
    packed = (gzip.compress if kind == "gzip" else bz2.compress)(content)
    cut = len(packed) // 3
    node = shock.post(parts="3", compression=kind)
    for number, piece in ((2, packed[cut:-9]), (1, packed[:cut]), (3, packed[-9:])):
        shock.put(node, **{f"_{number}": piece})
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(content)}
    assert shock.content(node) == content


def test_a_failed_file_stays_locked_and_can_be_tried_again(shock: Any) -> None:
    node = shock.post(parts="2", compression="gzip")
    packed = gzip.compress(WHOLE)
    shock.put(node, _1=packed[:100])
    shock.put(node, _2=packed[100:-1])
    assert "unexpected EOF" in shock.unlocked(node)["file"]["locked"]["error"]
    assert shock.refused(shock.send("GET", f"/node/{node['id']}?download"))[0] == 423
    assert shock.send("GET", "/locked/file").json()["data"][node["id"]]["error"]
    assert shock.put(node, _3=b"no part")["file"]["locked"]["error"]  # nothing happens while it is locked
    assert shock.put(node, file_unlock="1")["file"]["locked"] is None
    again = shock.put(node, _3=b"no part")
    assert (again["file"]["locked"]["error"], again["parts"]["length"]) == ("", 2)
    assert "unexpected EOF" in shock.unlocked(node)["file"]["locked"]["error"]
    shock.data(shock.send("DELETE", f"/node/{node['id']}"))
    assert parts_on_disk(shock, node) == []


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ({"_1": b"again"}, "immutable"), ({"_3": b"x"}, "no part 3"), ({"_0": b"x"}, "numbered from 1"),
        ({"upload": b"x"}, "in parts"), ({"parts": "close"}, "unknown"), ({"parts": "3"}, "announced"),
        ({"_-1": b"x"}, "invalid file param"), ({"_2": b"x", "parts": "close"}, "incompatible"),
    ],
)  # fmt: skip
def test_parts_that_can_not_be(shock: Any, pieces: dict[str, Any], told: str) -> None:
    node = shock.post(parts="2")
    before = shock.put(node, _1=b"one")
    status, error = shock.refuses("PUT", f"/node/{node['id']}", **pieces)
    assert (status, told in error) == (400, True), error
    assert shock.get(node)["parts"] == before["parts"]
    assert shock.arriving() == []


@pytest.mark.parametrize("count", ["0", "-1", "x", "1000000", "close"])
def test_numbers_of_parts_that_can_not_be(shock: Any, count: str) -> None:
    assert shock.refuses("POST", "/node", parts=count)[0] == 400


def test_a_part_for_a_node_without_parts(shock: Any) -> None:
    assert "does not take parts" in shock.refuses("PUT", f"/node/{shock.post()['id']}", _1=b"x")[1]


def test_with_the_quirks_a_part_too_many_is_ignored(quirky: Any) -> None:
    node = quirky.post(parts="2")
    assert quirky.put(node, _5=b"x")["parts"]["length"] == 0


def test_a_node_goes_while_its_parts_come(shock: Any) -> None:
    node = shock.post(parts="8")
    with ThreadPoolExecutor(4) as threads:
        path = f"/node/{node['id']}"
        coming = [threads.submit(shock.form, "PUT", path, **{f"_{n}": PIECES[n - 1]}) for n in range(1, 8)]
        coming[0].result()
        shock.data(shock.send("DELETE", path))
        assert {one.result().status_code for one in coming} <= {200, 404}
    assert shock.refused(shock.send("GET", f"/node/{node['id']}")) == (404, "Node not found")


def test_what_a_kill_has_interrupted_goes_on(own_shock: Callable[..., Any]) -> None:
    """The parts that came are there, with what was put together of them; what was half-arrived is gone."""
    shock = own_shock()
    plain, packed, whole = shock.post(parts="8"), shock.post(parts="2", compression="gzip"), shock.post(upload=WHOLE)
    for number in (1, 2, 5):
        shock.put(plain, **{f"_{number}": PIECES[number - 1]})
    until(lambda: parts_on_disk(shock, plain) == ["5"])
    shock.put(packed, _1=gzip.compress(WHOLE)[:1000])
    shock.process.kill()
    shock.process.wait()
    (shock.root / "incoming" / "half").write_bytes(b"x")
    (shock.root / "files" / "zz").mkdir()
    (shock.root / "files" / "zz" / "zz-nobody").write_bytes(b"x")
    (shock.root / "parts" / "no-such-node").mkdir()
    # It was killed while it wrote: there is more in the file than it knows of.
    growing = next(path for path in (shock.root / "files").rglob("*") if path.is_file() and path.stat().st_size == len(
        PIECES[0] + PIECES[1]))  # fmt: skip
    with growing.open("ab") as file:
        file.write(b"half a part")
    shock = own_shock()
    assert shock.arriving() == []
    assert "zz-nobody" not in shock.data_files()
    assert not (shock.root / "parts" / "no-such-node").exists()
    assert shock.content(whole) == WHOLE
    for number in (3, 4, 6, 7, 8):
        shock.put(plain, **{f"_{number}": PIECES[number - 1]})
    shock.put(packed, _2=gzip.compress(WHOLE)[1000:])
    for node in (plain, packed):
        assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(WHOLE)}
        assert shock.content(node) == WHOLE


def test_a_file_that_was_complete_is_put_together_after_a_kill(own_shock: Callable[..., Any]) -> None:
    shock = own_shock()
    content = os.urandom(40_000_000)
    node = shock.post(parts="2")
    shock.put(node, _2=content[1_000_000:])
    assert shock.put(node, _1=content[:1_000_000])["file"]["locked"]
    shock.process.kill()
    shock.process.wait()
    shock = own_shock()
    assert shock.unlocked(node)["file"]["checksum"] == {"md5": md5(content)}
    assert shock.content(node) == content
    until(lambda: parts_on_disk(shock, node) == [])  # they go when the node has its file
