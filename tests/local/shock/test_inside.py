"""What can't be seen, or not be waited for, from outside: work that is interrupted, and what older stores hold."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
import zipfile
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.server.log import ServiceLog
from hca_local.shock import (
    content,
    derived,
    expiry,
    fetching,
    finding,
    index_files,
    index_routes,
    leftovers,
    nodes,
    parts,
    queries,
    reading,
    search,
    sending,
    times,
    unpacking,
    updating,
)
from hca_local.shock.accounts import ANONYMOUS
from hca_local.shock.arriving import Arrived
from hca_local.shock.calls import Call, ShockError
from hca_local.shock.forms import Form
from hca_local.shock.shock import Shock
from hca_local.store import database
from hca_local.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from sqlite3 import Connection

EVERY = finding.Search((search.ADMINISTRATORS,))
SETTINGS: Any = SimpleNamespace(shock_quirks=0, shock_anonymous="all", shock_reap_seconds=1)


class Faulty(Writer):
    """A writer whose disk is full after some changes, or that calls something before each."""

    left = 1_000_000
    before: Callable[[], None] = staticmethod(lambda: None)

    async def run(self, work: Callable[[Connection], Any]) -> Any:
        """Do what the real one does, or raise OSError."""
        self.before()
        self.left -= 1
        if self.left == 0:
            raise OSError(28, "No space left on device")
        return await super().run(work)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite3"
    with closing(database.connect(path)) as connection, database.transaction(connection):
        database.create_tables(connection)
    return path


@pytest.fixture
def inside(tmp_path: Path, store: Path) -> Iterator[Shock]:
    """Return a service in this process."""
    writer = Faulty(lambda: database.connect(store))
    with closing(database.connect(store)) as records, closing(ServiceLog(tmp_path / "log")) as log:
        made = Shock(tmp_path / "shock", records, writer, store, SETTINGS, log, "")
        yield made
        asyncio.run(made.stop())
        writer.close()


def call_of(shock: Shock) -> Call:
    async def receive() -> Any:
        raise AssertionError

    return Call(shock, "POST", {}, [], {}, receive, ANONYMOUS, "http://127.0.0.1")


def archive_in(shock: Shock, count: int) -> dict[str, Any]:
    """Return the node of a zip with `count` files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"x")
    doc = nodes.new(None)
    doc["data"] = "archive"
    shock.path_of("archive").parent.mkdir(parents=True)
    shock.path_of("archive").write_bytes(buffer.getvalue())
    nodes.set_file(doc, "a.zip", len(buffer.getvalue()), "0" * 32)
    asyncio.run(shock.writer.run(lambda connection: nodes.add(connection, doc)))
    return doc


def data_files(shock: Shock) -> list[str]:
    return [path.name for path in shock.files.rglob("*") if path.is_file()]


def rows(shock: Shock, table: str) -> int:
    found: tuple[int] = shock.records.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return found[0]


def unpacked(shock: Shock, doc: dict[str, Any]) -> Any:
    form = Form({"unpack_node": doc["id"], "archive_format": "zip"})
    return asyncio.run(unpacking.create(call_of(shock), form))


def test_nobody_finds_the_files_of_an_archive_before_the_last_one(
    inside: Shock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_PORTION", 3)
    doc = archive_in(inside, 10)
    before = []
    md5 = queries.condition("file.checksum.md5", "9dd4e461268c8034f5c8564e155c67a6", quirks=False)

    def look() -> None:
        listed = finding.page(inside.store, finding.Search(EVERY.readers, (md5,)), finding.ALL, 0).total
        before.append((rows(inside, "shock_nodes"), listed, derived.find(call_of(inside), md5.values[1]) is not None))

    inside.writer.before = look  # type: ignore[attr-defined]
    unpacked(inside, doc)
    look()
    assert before == [(1, 0, False), (4, 0, False), (7, 0, False), (10, 0, False), (11, 0, False), (11, 10, True)]


@pytest.mark.parametrize("at", [1, 2, 4, 5])
def test_an_archive_that_fails_half_way_leaves_nothing(inside: Shock, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(unpacking, "_PORTION", 3)
    doc = archive_in(inside, 10)
    leaves = rows(inside, "shock_leaves")
    inside.writer.left = at  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="space"):
        unpacked(inside, doc)
    assert (rows(inside, "shock_nodes"), rows(inside, "shock_leaves"), data_files(inside)) == (1, leaves, ["archive"])


def test_a_start_removes_what_a_kill_left_of_an_archive(inside: Shock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_PORTION", 3)
    doc = archive_in(inside, 10)
    leaves = rows(inside, "shock_leaves")

    async def killed(*_: Any) -> None:
        raise RuntimeError

    inside.writer.left = 4  # type: ignore[attr-defined]
    with monkeypatch.context() as context:
        context.setattr(unpacking, "remove", killed)
        with suppress(RuntimeError):
            unpacked(inside, doc)
    assert (rows(inside, "shock_nodes"), len(data_files(inside))) == (10, 11)

    asyncio.run(leftovers.clean(inside))
    assert (rows(inside, "shock_nodes"), rows(inside, "shock_leaves"), data_files(inside)) == (1, leaves, ["archive"])
    assert finding.page(inside.store, EVERY, finding.ALL, 0).total == 1


def test_who_expires_is_looked_at_again_before_he_goes(inside: Shock) -> None:
    gone, kept = nodes.new(None), nodes.new(None)
    gone["expiration"] = kept["expiration"] = times.text(datetime.now(UTC) - timedelta(hours=1))
    for doc in (gone, kept):
        asyncio.run(inside.writer.run(lambda connection, doc=doc: nodes.add(connection, doc)))

    def prolong() -> None:
        with closing(database.connect(inside.store)) as other, database.transaction(other):
            later = times.text(datetime.now(UTC) + timedelta(hours=1))
            nodes.change(other, kept["id"], lambda doc: doc.update(expiration=later))

    inside.writer.before = prolong  # type: ignore[attr-defined]
    asyncio.run(expiry.remove_expired(inside))
    assert not nodes.is_there(inside.records, gone["id"])
    assert nodes.is_there(inside.records, kept["id"])


def test_a_virtual_node_of_an_older_store_is_opened_in_no_time(inside: Shock) -> None:
    inner = nodes.new(None)
    inner["data"] = "one"
    inside.path_of("one").parent.mkdir(parents=True)
    inside.path_of("one").write_bytes(b"x")
    nodes.set_file(inner, "one", 1, "0" * 32)
    docs = [inner]
    for level in range(1, 4):
        doc = nodes.new(None)
        doc["file"] |= {"size": 100**level, "virtual": True, "virtual_parts": [docs[-1]["id"]] * 100}
        docs.append(doc)
    for doc in docs:
        asyncio.run(inside.writer.run(lambda connection, doc=doc: nodes.add(connection, doc)))
    began = time.process_time()
    whole = content.of(inside, docs[-1])
    assert (whole.size, whole.files) == (100**3, 100**3)
    assert whole.read_sync(999_000, 999_010) == b"x" * 10
    assert time.process_time() - began < 2


def test_a_long_name_of_an_older_store_is_cut_in_the_header() -> None:
    async def pieces() -> Any:
        yield b"x"

    async def head(*, quirks: bool) -> bytes:
        sent = []

        async def send(message: Any) -> None:
            sent.append(message)

        name = "ö" * 1_000_000
        respond = await sending.stream(pieces(), size=1, name=name, quirks=quirks)
        await respond({}, send, send)  # type: ignore[arg-type]
        return dict(sent[0]["headers"])[b"content-disposition"]

    for quirks in (False, True):
        assert len(asyncio.run(head(quirks=quirks))) < 4000


def test_a_server_that_sends_byte_by_byte_comes_to_its_end(inside: Shock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not over.wait(0.01):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with pytest.raises(ShockError, match="1800 seconds"):
            fetching.fetched(inside, f"http://127.0.0.1:{server.getsockname()[1]}/", began + 0.1)
        assert time.monotonic() - began < 60
        over.set()
        thread.join()
    assert list(inside.incoming.iterdir()) == []


def delete(shock: Shock, doc: dict[str, Any]) -> None:
    """Remove a node with all that it has, as another request does."""
    with closing(database.connect(shock.store)) as other, database.transaction(other):
        data = nodes.remove(other, doc["id"])
    asyncio.run(shock.discard(doc["id"], data))


@pytest.mark.parametrize("when", ["before it moves", "when it has moved"])
def test_a_node_that_goes_while_its_part_is_put_away(inside: Shock, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    doc = nodes.new(None)
    parts.begin(doc, "2", None, "data")
    asyncio.run(inside.writer.run(lambda connection: nodes.add(connection, doc)))
    part, move = Arrived(inside.incoming, "1"), updating._move
    part.feed(b"x")
    part.finish()

    async def form(call: Call) -> Form:
        return Form({}, {"1": part})

    def disturbed(directory: Path, files: dict[int, Arrived]) -> None:
        if when == "before it moves":
            delete(inside, doc)
            raise FileNotFoundError(directory)
        move(directory, files)
        delete(inside, doc)
        directory.mkdir()  # the file came when the directory had been looked at, and was not there

    monkeypatch.setattr(reading, "form", form)
    monkeypatch.setattr(updating, "_move", disturbed)
    call = call_of(inside)
    call.ids["id"], call.headers["content-type"] = doc["id"], "multipart/form-data; boundary=b"
    with pytest.raises(ShockError, match="not found") as refused:
        asyncio.run(updating.update(call))
    assert refused.value.status == 404
    assert list(inside.parts.iterdir()) == []


def test_a_node_that_goes_before_its_index_has_a_place(inside: Shock, monkeypatch: pytest.MonkeyPatch) -> None:
    doc, of = archive_in(inside, 1), content.of

    def disturbed(shock: Shock, doc: dict[str, Any]) -> Any:
        whole = of(shock, doc)
        delete(shock, doc)
        return whole

    monkeypatch.setattr(content, "of", disturbed)
    asyncio.run(index_routes._build(inside, doc, index_routes._Wanted("line")))
    assert not index_files.directory(inside.root, doc["id"]).exists()
    assert list(inside.incoming.iterdir()) == []
