"""Indexes of a node's file: built, lost, failed, uploaded, refused; `hca shock index`."""

from __future__ import annotations

import json
import struct
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import NetworkError, NotFoundError, UsageError
from hca_core.testing import isolated
from hca_local import launch
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError, ShockNodeError
from hca_shock.forms import FilePart, Form
from hca_shock.index import indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome, Request

ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"
FASTQ = b"".join(b"@reads%d\nACGT\n+\nIIII\n" % number for number in range(1, 6))
TABLE = b"a\t1\na\t2\nb\t3\nc\t4\n"
UNSET = "0001-01-01T00:00:00Z"
READY = {"total_units": 5, "average_unit_size": 20, "created_on": "2026-01-01T00:00:00Z", "locked": None}
LOST = {"total_units": 0, "average_unit_size": 0, "created_on": UNSET, "locked": None}
BUSY = {**LOST, "locked": {"created_on": "2026-01-01T00:00:00Z", "error": ""}}
FAILED = {**LOST, "locked": {"created_on": "2026-01-01T00:00:00Z", "error": "Invalid file type for filter"}}


@pytest.fixture(scope="module", params=["plain", "quirks"])
def shock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShockClient]:
    """A server, with and without the traps of the real one."""
    folder = tmp_path_factory.mktemp("indexes")
    with ExitStack() as stack:
        stack.enter_context(isolated(folder))
        quirks = int(request.param == "quirks")
        launched = stack.enter_context(launch.private(folder / "data", empty=True, shock_quirks=quirks))
        url = json.loads(launched.directory.state.read_bytes())["shock_url"]
        yield stack.enter_context(ShockClient(url))


@pytest.fixture
def node(shock: ShockClient) -> str:
    return put(shock, FASTQ)


def put(shock: ShockClient, content: bytes, name: str = "reads.fastq") -> str:
    made = shock.server.call("POST", "node", form=Form(files=[FilePart("upload", name, content)]))
    return str(made["id"])


def is_plain(shock: ShockClient) -> bool:
    return shock.server.is_local


def test_indexes_are_built_one_after_the_other_whoever_asks(shock: ShockClient, node: str) -> None:
    built: dict[str, Any] = {}
    errors: list[Exception] = []

    def build(kind: str) -> None:
        try:
            built[kind] = shock.indexes.build(node, kind)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=build, args=(kind,)) for kind in ("line", "record", "chunkrecord")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # The server counts what is behind the last line as a line.
    assert {kind: index.total_units for kind, index in built.items()} == {"line": 21, "record": 5, "chunkrecord": 1}
    listed = shock.indexes.list(node)
    assert {kind: listed[kind].total_units for kind in built} == {"line": 21, "record": 5, "chunkrecord": 1}


def test_an_index_that_is_there_is_built_anew_if_that_is_asked_for(shock: ShockClient, node: str) -> None:
    first = shock.indexes.build(node, "record")
    with pytest.raises(UsageError, match="has an index 'record' already") as refused:
        shock.indexes.build(node, "record")
    assert refused.value.hint == "--rebuild builds it anew"
    again = shock.indexes.build(node, "record", rebuild=True)
    assert first is not None
    assert again is not None
    assert again.created_on != first.created_on
    assert again.total_units == 5


def test_an_index_that_can_not_be_built_tells_why(shock: ShockClient) -> None:
    table = put(shock, TABLE, "table.tsv")
    with pytest.raises(ShockNodeError, match="could not build the index 'record'"):
        shock.indexes.build(table, "record")
    with pytest.raises(ShockNodeError, match="could not build"):
        shock.indexes.wait(table, "record")


def test_a_node_without_a_file_has_no_indexes(shock: ShockClient) -> None:
    empty = str(shock.server.call("POST", "node")["id"])
    with pytest.raises(ShockNodeError, match="has no file"):
        shock.indexes.build(empty, "line")


def test_column_and_subset_are_built_on_our_server_and_refused_on_others(shock: ShockClient, node: str) -> None:
    table = put(shock, TABLE, "table.tsv")
    shock.indexes.build(node, "record")
    if not is_plain(shock):
        with pytest.raises(UsageError, match="ends the whole server for everybody"):
            shock.indexes.build(table, "column", number=1)
        with pytest.raises(UsageError, match="always fails there"):
            shock.indexes.subset(node, "mine", "record", [2, 4])
        return
    column = shock.indexes.build(table, "column", number=1)
    assert column is not None
    assert column.total_units == 3
    subset = shock.indexes.subset(node, "mine", "record", [2, 4])
    assert subset is not None
    assert subset.total_units == 2
    assert shock.indexes.list(node)["mine"] == subset


def test_an_index_is_removed(shock: ShockClient, node: str) -> None:
    shock.indexes.build(node, "line")
    shock.indexes.remove(node, "line")
    assert "line" not in shock.indexes.list(node)
    with pytest.raises(NotFoundError, match="has no index 'line'"):
        shock.indexes.remove(node, "line")
    with pytest.raises(UsageError, match="nothing to remove"):
        shock.indexes.remove(node, "size")


def test_an_index_from_here_gets_its_units_counted(shock: ShockClient, node: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.idx"
    path.write_bytes(struct.pack("<6q", 0, 10, 10, 20, 90, 9))
    index = shock.indexes.upload(node, "mine", path, format="array")
    assert (index.total_units, index.average_unit_size) == (3, 13)
    assert b"".join(shock.slices.units(node, "mine", 2)) == FASTQ[10:30]
    with pytest.raises(UsageError, match="has an index 'mine' already"):
        shock.indexes.upload(node, "mine", path)
    path.write_bytes(struct.pack("<2q", 5, 6))
    assert shock.indexes.upload(node, "mine", path, rebuild=True).total_units == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no pairs"),
        (b"123", "no pairs"),
        (struct.pack("<4q", 0, 10, 95, 6), "unit 2 has 6 bytes at 95, the file has 100"),
        (struct.pack("<2q", -1, 2), "unit 1 has 2 bytes at -1"),
        (struct.pack("<2q", 5, -2), "unit 1 has -2 bytes"),
    ],
)
def test_a_file_that_is_no_index_of_this_file_is_not_sent(
    shock: ShockClient, node: str, tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "bad.idx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=told) as refused:
        shock.indexes.upload(node, "mine", path)
    assert ("--help tells" in (refused.value.hint or "")) is ("no pairs" in told)
    assert "mine" not in shock.indexes.list(node)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x"])
def test_names_that_would_lead_elsewhere_on_the_server_are_refused(
    service: LoopbackService, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "i.idx"
    path.write_bytes(struct.pack("<2q", 0, 1))
    with ShockClient(service.url) as client:
        with pytest.raises(UsageError, match="can't be the name of an index"):
            client.indexes.upload(ID, name, path)
        with pytest.raises(UsageError, match="can't be the name of an index"):
            client.indexes.subset(ID, name, "record", [1])
    assert service.requests == []


@pytest.mark.parametrize("records", [[], [0], [2, 1], [1, 1]])
def test_a_subset_needs_ascending_numbers(service: LoopbackService, records: list[int]) -> None:
    with ShockClient(service.url) as client, pytest.raises(UsageError, match="ascending order"):
        client.indexes.subset(ID, "mine", "record", records)
    assert service.requests == []


def test_kinds_and_numbers_are_checked_before_anything_is_sent(service: LoopbackService) -> None:
    with ShockClient(service.url) as client:
        for kind, settings in (("lines", {}), ("subset", {}), ("column", {}), ("line", {"number": 1})):
            with pytest.raises(UsageError):
                client.indexes.build(ID, kind, **settings)
    assert service.requests == []


class Building:
    """A server that builds an index: `states` are what the node tells of it, one after the other, the last for ever."""

    def __init__(self, service: LoopbackService, *states: Any, size: int = 100) -> None:
        self.states = list(states)
        self.size = size
        self.service = service
        service.on("GET", "/").reply(json={"id": "Shock"})
        service.on("GET", f"/node/{ID}").reply(self.node)
        service.on("PUT", f"/node/{ID}/index/*").reply(json={"status": 200, "data": None, "error": None})

    def node(self, _: Request) -> Any:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        file = {"name": "f", "size": self.size, "checksum": {"md5": "0" * 32}}
        return {"status": 200, "data": {"id": ID, "file": file, "indexes": state}, "error": None}

    @property
    def puts(self) -> list[list[tuple[str, str]]]:
        return [one.query for one in self.service.asked("PUT")]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_GRACE_SECONDS", 0.05)


@pytest.mark.usefixtures("hurry")
def test_an_index_that_the_server_has_lost_is_built_once_more(service: LoopbackService) -> None:
    building = Building(service, {})
    building.states = [{}, {"record": LOST}]

    def put(_: Request) -> Any:
        if len(building.puts) == 2:
            building.states = [{"record": BUSY}, {"record": READY}]
        return {"status": 200, "data": None, "error": None}

    service.on("PUT", f"/node/{ID}/index/record").reply(put)
    with ShockClient(service.url) as client:
        index = client.indexes.build(ID, "record")
    assert index is not None
    assert index.total_units == 5
    assert building.puts == [[], [("force_rebuild", "1")]]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("state", [{}, {"record": LOST}, {"record": {**READY, "total_units": 0}}])
def test_an_index_that_the_server_loses_again_is_an_error(service: LoopbackService, state: Any) -> None:
    building = Building(service, state)
    with ShockClient(service.url) as client, pytest.raises(ShockNodeError, match="loses the index 'record'"):
        client.indexes.build(ID, "record")
    assert len(building.puts) == 2


@pytest.mark.usefixtures("hurry")
def test_an_index_that_a_server_makes_and_does_not_list_is_no_lost_one(service: LoopbackService) -> None:
    building = Building(service, {})
    with ShockClient(service.url) as client:
        assert client.indexes.build(ID, "bai") is None
    assert building.puts == [[]]


def test_a_broken_index_is_built_anew_without_being_asked(service: LoopbackService) -> None:
    building = Building(service, {"record": LOST}, {"record": BUSY}, {"record": READY})
    with ShockClient(service.url) as client:
        assert client.indexes.build(ID, "record") is not None
    assert building.puts == [[("force_rebuild", "1")]]


def test_an_index_that_is_built_anew_is_not_taken_for_the_old_one(service: LoopbackService) -> None:
    new = {**READY, "created_on": "2026-01-02T00:00:00Z"}
    building = Building(service, {"record": READY}, {"record": READY}, {"record": BUSY}, {"record": new})
    with ShockClient(service.url) as client:
        index = client.indexes.build(ID, "record", rebuild=True)
    assert index is not None
    assert index.created_on == datetime(2026, 1, 2, tzinfo=UTC)
    assert building.puts == [[("force_rebuild", "1")]]


def test_another_index_that_is_being_built_is_waited_for(service: LoopbackService) -> None:
    building = Building(service, {"line": BUSY}, {"line": BUSY}, {"line": READY}, {"line": READY, "record": READY})
    seen: list[int] = []
    service.on("PUT", f"/node/{ID}/index/record").reply(
        lambda request: seen.append(len(building.states)) or {"status": 200, "data": None, "error": None}
    )
    with ShockClient(service.url) as client:
        assert client.indexes.build(ID, "record") is not None
    assert seen == [1]


def test_a_failed_index_tells_the_reason_of_the_server(service: LoopbackService) -> None:
    Building(service, {}, {"record": BUSY}, {"record": FAILED})
    with ShockClient(service.url) as client, pytest.raises(ShockNodeError, match="Invalid file type for filter"):
        client.indexes.build(ID, "record")


def test_waiting_ends(service: LoopbackService) -> None:
    Building(service, {"record": BUSY})
    started = time.monotonic()
    with ShockClient(service.url) as client, pytest.raises(NetworkError, match="is not ready after"):
        client.indexes.wait(ID, timeout=0.1)
    assert time.monotonic() - started < 60


def test_without_waiting_it_is_only_begun(service: LoopbackService) -> None:
    building = Building(service, {})
    with ShockClient(service.url) as client:
        assert client.indexes.build(ID, "line", wait=False) is None
    assert building.puts == [[]]


@pytest.mark.parametrize(("kind", "settings"), [("column", {"number": 2}), ("subset", {})])
def test_what_harms_the_server_is_sent_only_by_force(
    service: LoopbackService, kind: str, settings: dict[str, int]
) -> None:
    building = Building(service, {})

    def ask(client: ShockClient, **more: Any) -> None:
        if kind == "subset":
            client.indexes.subset(ID, "mine", "record", [1, 3], wait=False, **more)
        else:
            client.indexes.build(ID, kind, wait=False, **settings, **more)

    with ShockClient(service.url) as client:
        with pytest.raises(UsageError, match=f"kind '{kind}' is not built on this server"):
            ask(client)
        assert building.puts == []
        ask(client, force=True)
    sent = service.asked("PUT")[0]
    assert sent.path == f"/node/{ID}/index/{kind}"
    assert sent.query == ([("number", "2")] if settings else [])
    assert (b"1\n3\n" in sent.body) == (kind == "subset")


def test_an_upload_that_the_server_does_not_keep_is_an_error(service: LoopbackService, tmp_path: Path) -> None:
    path = tmp_path / "i.idx"
    path.write_bytes(struct.pack("<2q", 0, 1))
    building = Building(service, {}, {"mine": {**READY, "total_units": 0}})
    with ShockClient(service.url) as client, pytest.raises(ShockNodeError, match="has not kept"):
        client.indexes.upload(ID, "mine", path)
    assert building.puts == [[("upload", ""), ("avgUnitSize", "1"), ("totalUnits", "1")]]


def test_a_refusal_of_the_server_is_told(service: LoopbackService) -> None:
    Building(service, {})
    told = {"status": 423, "data": None, "error": ["Node index is locked"]}
    service.on("PUT", f"/node/{ID}/index/line").reply(json=told, status=423)
    with ShockClient(service.url) as client, pytest.raises(ShockApiError, match="Node index is locked"):
        client.indexes.build(ID, "line")


def test_the_verbs(shock: ShockClient, node: str, hca: Callable[..., Outcome], tmp_path: Path) -> None:
    def index(*words: object) -> Outcome:
        return hca("shock", "index", *map(str, words), env={"HCA_SHOCK_URL": shock.url})

    built = index("build", node, "line", "--output", "json")
    assert built.exit_status == 0, built.stderr
    assert (built.json()[0]["name"], built.json()[0]["state"], built.json()[0]["total_units"]) == ("line", "ready", 21)
    path = tmp_path / "mine.idx"
    path.write_bytes(struct.pack("<4q", 0, 10, 10, 20))
    assert index("upload", node, "mine", path, "--output", "json").json()[0]["total_units"] == 2
    rows = {row["name"]: row for row in index("list", node, "--output", "json").json()}
    assert {"line", "mine"} <= set(rows)
    assert {row["name"] for row in index("wait", node, "--output", "json").json()} == set(rows)
    assert index("rm", node, "line", "mine").exit_status == 0
    assert not {"line", "mine"} & set(shock.indexes.list(node))
    assert index("rm", node, "line").exit_status == 4
    assert index("build", node, "subset", "--name", "x").exit_status == 2
    assert index("build", node, "line", "--name", "x").exit_status == 2
    assert index("build", node, "nonsense").exit_status == 2
