"""Finding nodes: conditions against real servers with and without the traps, pages that move, `hca shock ls`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import UsageError
from hca_core.testing import isolated
from hca_local import launch
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError, ShockError
from hca_shock.forms import FilePart, Form
from hca_shock.query import choosing, expressions, listing

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome, Request

# Nodes by label: name and content of the file (None: there is none), attributes.
NODES: dict[str, tuple[str | None, bytes, Any]] = {
    "one": (
        "reads.1.fastq",
        b"a" * 10,
        {
            "project": "P1",
            "n": 1,
            "flag": True,
            "ratio": 2.5,
            "day": "2026-01-01",
            "deep": {"er": "x"},
            "method": "WGS",
            "limit": 3,
        },
    ),
    "two": (
        "readsX1.fastq",
        b"b" * 2000,
        {
            "project": "P2",
            "n": "1",
            "flag": False,
            "ratio": 3,
            "day": "2026-02-01",
            "deep": [{"er": "x"}, {"er": "y"}],
        },
    ),
    "three": (
        "notes.txt",
        b"",
        {"project": "P1", "n": 7, "flag": "true", "ratio": "2.5", "note": "", "day": "2025-12-31", "name": "own"},
    ),
    "four": ("[odd];name.txt", b"c" * 1500, {"project": "!bang", "n": None, "note": "*star", "ratio": -1}),
    "five": (None, b"", {"project": "null", "n": [5, 9], "note": "a;b"}),
    "six": ("six", b"dddd", None),
}

# TODAY and TOMORROW stand for the day on which the nodes were made and the next one.
FOUND = [
    ("", "one two three four five six"),
    ("project=P1", "one three"),
    ("project!=P1", "two four five six"),
    ('project!="P1"', "two four five six"),
    ("project", "one two three four five"),
    ("!project", "six"),
    ("project=P*", "one two three"),
    ("project=*1", "one three"),
    ("project!=P*", "four five six"),
    ('project="!bang"', "four"),
    ('project!="!bang"', "one two three five six"),
    ("project=null", "five six"),
    ('project="null"', "five"),
    ("project!=null", "one two three four"),
    ("n=1", "one two"),
    ('n="1"', "two"),
    ('n!="1"', "one three four five six"),
    ("n!=1", "three four five six"),
    ("n=01", ""),
    ("n>1", "three five"),
    ("n>=7", "three five"),
    ("n>7", "five"),
    ("n<7", "one five"),
    ("n=null", "four six"),
    ("!n", "six"),
    ("flag=true", "one three"),
    ('flag="true"', "three"),
    ("flag=false", "two"),
    ("flag!=true", "two four five six"),
    ("ratio=2.5", "one three"),
    ('ratio="2.5"', "three"),
    ("ratio>2.5", "two"),
    ("ratio>=2.5", "one two"),
    ("ratio>2", "one two"),
    ("ratio<2.6", "one four"),
    ("ratio<=-1", "four"),
    ('note=""', "three"),
    ('note="*star"', "four"),
    ("note=*ar", "four"),
    ('note="a;b"', "five"),
    ("note>=a", "five"),
    ("note<a", "three four"),
    ('note<=""', "three"),
    ("day>=2026-01-01", "one two"),
    ("day>2026-01-01", "two"),
    ("day<2026-01-01", "three"),
    ("day=2026-01-01", "one"),
    ("day<=2026-01-01", "one three"),
    ("deep.er=x", "one two"),
    ("deep.er=y", "two"),
    ("method=WGS", "one"),
    ("limit=3", "one"),
    ("attributes.name=own", "three"),
    ("name=own", ""),
    ("name=reads.1.fastq", "one"),
    ("name=reads.*", "one"),
    ("name=*.fastq", "one two"),
    ("name=*s.1*", "one"),
    ("name=*.1.*", "one"),
    ('name="[odd];name.txt"', "four"),
    ("name=[odd*", "four"),
    ("name=*;name.txt", "four"),
    ("node.file.name=notes.txt", "three"),
    ("node.file.virtual=false", "one two three four five six"),
    ("size>1K", "two four"),
    ("size!=10", "two three four five six"),
    ("size=0", "three five"),
    ("size>10 size<=1500", "four"),
    ("md5=E09C80C42FDA55F9D992E59CA6B3307D", "one"),
    ("type=basic project=P1 size>0", "one"),
    ("tags=t2", "six"),
    ("priority>=5", "six"),
    ("created_on=TODAY", "one two three four five six"),
    ("created_on>=TODAYT00:00:00Z created_on<TOMORROW", "one two three four five six"),
    ("created_on>TODAY", ""),
    ("created_on!=TODAY", ""),
    ("created_on<2020-01-01", ""),
    ("expiration<2999-01-01", "six"),
    ("expiration>2020-01-01T00:00:00.5+01:00", "six"),
]


@pytest.fixture(scope="module", params=["plain", "quirks"])
def shock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShockClient]:
    """A server that has NODES, with and without the traps of the real one."""
    folder = tmp_path_factory.mktemp("query")
    with ExitStack() as stack:
        stack.enter_context(isolated(folder))
        quirks = int(request.param == "quirks")
        launched = stack.enter_context(launch.private(folder / "data", empty=True, shock_quirks=quirks))
        url = json.loads(launched.directory.state.read_bytes())["shock_url"]
        client = stack.enter_context(ShockClient(url))
        nodes = made_nodes(client)
        while nodes[0]["created_on"][:10] != nodes[-1]["created_on"][:10]:  # midnight lies between them
            for node in nodes:
                client.server.call("DELETE", "node", node["id"])
            nodes = made_nodes(client)
        yield client


def made_nodes(client: ShockClient) -> list[Any]:
    made = []
    for label, (name, content, attributes) in NODES.items():
        fields = [("tags", "t1,t2"), ("priority", "5"), ("expiration", "1D")] if label == "six" else []
        files = [FilePart("attributes", "a.json", json.dumps(attributes).encode())] if attributes else []
        files += [FilePart("upload", name, content)] if name else []
        made.append(client.server.call("POST", "node", form=Form(fields, files)))
    return made


def label(node: Any) -> str:
    return next(
        one
        for one, (name, content, attributes) in NODES.items()
        if (node.file.name, node.file.size, node.attributes) == (name or "", len(content), attributes)
    )


@pytest.mark.parametrize(("where", "found"), FOUND)
def test_a_condition_names_these_nodes_and_no_others(shock: ShockClient, where: str, found: str) -> None:
    (first,) = shock.queries.nodes(limit=1)
    assert first.created_on is not None
    today = first.created_on.date()
    where = where.replace("TODAY", str(today)).replace("TOMORROW", str(today + timedelta(days=1)))
    words = [where] if '"' in where else where.split()
    assert [label(node) for node in shock.queries.nodes(words)] == found.split()
    assert shock.queries.count(words) == len(found.split())


def test_attributes_are_asked_for_to_the_letter_and_by_their_kind(shock: ShockClient) -> None:
    def found(**attributes: Any) -> list[str]:
        return [label(node) for node in shock.queries.nodes(choosing.chosen(attributes=attributes))]

    assert found(note="*star") == ["four"]
    assert found(flag=True, project="P1") == ["one", "three"]
    assert found(n=1) == ["one", "two"]
    assert found(ratio=2.5) == ["one", "three"]
    assert found(project="P*") == []


def test_the_order_the_limit_and_the_offset_hold_with_and_without_comparing_here(shock: ShockClient) -> None:
    def sizes(*where: str, **settings: Any) -> list[int]:
        return [node.file.size for node in shock.queries.nodes(where, **settings)]

    assert sizes(order="size", descending=True, limit=3) == [2000, 1500, 10]
    assert sizes(limit=2, offset=1) == [2000, 0]
    assert sizes("flag!=true", limit=2, offset=1) == [1500, 0]
    assert sizes("ratio>2", order="size", descending=True) == [2000, 10]
    assert sizes(limit=0) == []
    assert sizes(order="created_on", descending=True, limit=1) == [4]


def test_distinct_values_are_the_same_whoever_collects_them(shock: ShockClient) -> None:
    assert shock.queries.distinct("n") == [1, 5, 7, 9, "1", None]
    assert shock.queries.distinct("project", "size>0") == ["!bang", "P1", "P2"]
    assert shock.queries.distinct("deep.er", "flag=false") == ["x", "y"]


def test_the_servers_own_language_is_passed_on(shock: ShockClient) -> None:
    def found(*pairs: tuple[str, str]) -> list[str]:
        return [label(node) for node in shock.queries.nodes(choosing.chosen(verbatim=pairs))]

    assert found(("attributes.n", "[5;8]")) == ["three", "five"]
    assert found(("attributes.project", "!P1"), ("file.name", "*txt")) == ["four"]
    assert found(("public_read", "1"), ("attributes.method", "WGS")) == ["one"]


def test_users_and_public_rights_are_asked_for(shock: ShockClient) -> None:
    everybody = choosing.chosen("project=P1", public=["read", "write"])
    assert [label(node) for node in shock.queries.nodes(everybody)] == ["one", "three"]
    assert shock.queries.count(choosing.chosen(users={"read": ["nobody-here"]})) == 0
    assert shock.queries.count("owner=nobody-here") == 0


def test_several_users_go_into_one_value_for_the_server_reads_the_first(service: LoopbackService) -> None:
    service.on("GET", "/node").reply(json={"status": 200, "data": [], "error": None, "total_count": 0})
    with ShockClient(service.url) as client:
        client.queries.count(choosing.chosen("owner=ann", users={"read": ["bob", "eve"]}))
    assert service.requests[0].query[1:] == [("owner", "ann"), ("read", "bob,eve"), ("limit", "1")]


# What is sent so that neither a server that reads a wildcard as a regular expression, nor one that reads what looks
# like a date or a number as one, finds less than is meant.
SENT = {
    "name=reads.*": ("file.name", "reads*"),
    "name=*s.1.fastq": ("file.name", "*fastq"),
    "name=*(1)long*": ("file.name", "*long*"),
    "name=.*": ("file.name", ""),
    "day>=2026-01-01": ("attributes.day", "[2026-01-0;\U0010ffff]"),
    'n>="12"': ("attributes.n", ""),
    "note>a;b": ("attributes.note", "[a;\U0010ffff]"),
    "n>2.5": ("attributes.n", f"[2;{2**63 - 1}]"),
    "n<2.5": ("attributes.n", f"[{-(2**63)};3]"),
    "size>1K": ("file.size", f"[1024;{2**63 - 1}]"),
    "created_on=2026-01-31": ("created_on", "[2026-01-31T00:00:00+00:00;2026-02-01T00:00:00+00:00]"),
    "created_on<2026-01-31T12:00:00.5Z": ("created_on", "[1970-01-01T00:00:00+00:00;2026-01-31T12:00:01+00:00]"),
    "project=x y": ("attributes.project", "x y"),
}


@pytest.mark.parametrize("word", SENT)
def test_the_server_is_never_asked_for_less_than_is_meant(word: str) -> None:
    assert expressions.parsed([word]).params == (SENT[word],)


DAY = {
    "2026-01-30T23:59:59.999Z": "< <= !=",
    "2026-01-31T00:00:00Z": "= >= <=",
    "2026-01-31T23:59:59.999Z": "= >= <=",
    "2026-02-01T00:00:00Z": "> >= !=",
    "2026-02-01T00:30:00+01:00": "= >= <=",
    "0001-01-01T00:00:00Z": "!=",
}
MOMENT = {
    "2026-01-31T11:59:59.999Z": "< <= !=",
    "2026-01-31T12:00:00Z": "= >= <=",
    "2026-01-31T12:00:00.001Z": "> >= !=",
}


@pytest.mark.parametrize("at", [*DAY, *MOMENT])
def test_a_day_has_a_length_and_a_moment_has_none(at: str) -> None:
    for bound, table in (("2026-01-31", DAY), ("2026-01-31T13:00:00+01:00", MOMENT)):
        if at in table:
            operators = ("=", "!=", "<", "<=", ">", ">=")
            fitting = [
                one for one in operators if expressions.parsed(f"created_on{one}{bound}").holds({"created_on": at})
            ]
            assert sorted(fitting) == sorted(table[at].split())


WRONG = {
    "": "is no condition",
    "=x": "is no condition",
    "!": "is no condition",
    "project=": "has no value",
    "project=!x": "takes such a value for an order",
    "project=!x*": "takes such a value for an order",
    "project=[1;2]": "takes such a value for an order",
    "project=*": "says nothing",
    "project=a*b*": "an asterisk stands",
    "name=m1*.txt": "an asterisk stands",
    "name!=m1*.txt": "an asterisk stands",
    'project="a"b"': "no JSON string",
    "size=big": "is an integer",
    "size>2.5": "is an integer",
    "created_on>yesterday": "is a time",
    "created_on=2026-13-01": "is a time",
    "a..b=1": "names no field",
    "attributes.$where=1": "names no field",
    f"n>{'9' * 5000}": "further than a server counts",
    f"size>{'9' * 5000}K": "is an integer",
    "n>1e300": "further than a server counts",
    "owner!=ann": "only be asked for as owner=USER",
    "owner": "only be asked for as owner=USER",
    "node.acl.owner=*x.*": "does not show acl.owner",
}


@pytest.mark.parametrize("word", WRONG)
def test_what_can_not_be_asked_is_refused_before_anything_is_sent(word: str) -> None:
    with pytest.raises(UsageError, match=WRONG[word]):
        expressions.parsed([word])


@pytest.mark.parametrize("key", ["method", "always200", "callback", "limit", "Distinct", "query", ""])
def test_the_servers_own_keys_are_never_sent_raw(key: str) -> None:
    with pytest.raises(UsageError, match="is no field of a node"):
        choosing.chosen(verbatim=[(key, "DELETE")])


@pytest.mark.parametrize("value", ["!", "*", "!*"])
def test_values_that_drop_the_connection_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="drop the connection"):
        choosing.chosen(verbatim=[("attributes.a", value)])


@pytest.mark.parametrize("name", ["", " ", "a,b", " ann"])
def test_a_name_of_which_the_server_would_make_an_account_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name"):
        choosing.chosen(users={"read": [name]})


class Moving:
    """A list of nodes that changes while it is read: `before` is called with the number of each request, from 1.

    `total` makes of the number of nodes what the server says of it.
    """

    def __init__(self, service: LoopbackService, count: int, per_second: int) -> None:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        self.nodes = [self.node(start + timedelta(seconds=number // per_second)) for number in range(count)]
        self.before: Callable[[int], None] = lambda number: None
        self.total: Callable[[int], int] = lambda count: count
        self.asked: list[dict[str, str]] = []
        service.on("GET", "/node").reply(self.answer)

    made = 0

    def node(self, at: datetime) -> dict[str, Any]:
        Moving.made += 1
        return {"id": f"{Moving.made:036}", "created_on": at.isoformat().replace("+00:00", "Z"), "file": {}}

    def answer(self, request: Request) -> Any:
        asked = dict(request.query)
        self.asked.append(asked)
        self.before(len(self.asked))
        found = sorted(self.nodes, key=lambda node: (node["created_on"], node["id"]))
        if "created_on" in asked:
            since = asked["created_on"][1:].partition(";")[0].replace("+00:00", "Z")
            found = [node for node in found if node["created_on"] >= since]
        if asked["direction"] == "desc":
            found.reverse()
        offset, limit = int(asked["offset"]), int(asked["limit"])
        page = found[offset : offset + limit]
        return {"status": 200, "data": page, "error": None, "total_count": self.total(len(found))}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 10)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("per_second", [1, 3, 25, 1000])
@pytest.mark.parametrize("descending", [False, True])
def test_all_pages_are_listed_each_node_once(service: LoopbackService, per_second: int, descending: bool) -> None:
    moving = Moving(service, 47, per_second)
    with ShockClient(service.url) as client:
        ids = [node.id for node in client.queries.nodes(descending=descending)]
    assert ids == sorted((node["id"] for node in moving.nodes), reverse=descending)
    assert all(asked["limit"] == "10" and "querynode" in asked for asked in moving.asked)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("descending", [False, True])
def test_nodes_that_vanish_between_two_pages_hide_no_others(service: LoopbackService, descending: bool) -> None:
    moving = Moving(service, 60, 1)
    gone = [node["id"] for node in (moving.nodes[-12:] if descending else moving.nodes[:12])]

    def vanish(number: int) -> None:
        if number == 3:
            moving.nodes = [node for node in moving.nodes if node["id"] not in gone]

    moving.before = vanish
    with ShockClient(service.url) as client:
        ids = [node.id for node in client.queries.nodes(descending=descending)]
    assert len(ids) == len(set(ids))
    assert {node["id"] for node in moving.nodes} <= set(ids)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("descending", [False, True])
def test_a_list_that_grows_faster_than_it_is_read_ends(service: LoopbackService, descending: bool) -> None:
    moving = Moving(service, 30, 1)
    first = {node["id"] for node in moving.nodes}

    def grow(number: int) -> None:
        assert number < 20, "it goes on and on"
        at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=number)
        moving.nodes += [moving.node(at + timedelta(seconds=one)) for one in range(30 if number > 1 else 0)]

    moving.before = grow
    with ShockClient(service.url) as client:
        ids = [node.id for node in client.queries.nodes(descending=descending)]
    assert len(ids) == len(set(ids)) == 30
    if not descending:
        assert set(ids) == first


@pytest.mark.usefixtures("small_pages")
def test_no_more_pages_are_asked_for_than_are_taken(service: LoopbackService) -> None:
    moving = Moving(service, 60, 1)
    with ShockClient(service.url) as client:
        nodes = client.queries.nodes()
        for _ in range(10):
            next(nodes)
        assert len(moving.asked) == 1
        assert len([*client.queries.nodes(limit=3)]) == 3
    assert moving.asked[1]["limit"] == "3"


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("per_second", "total"), [(1, None), (1000, None), (1, 10**9)])
def test_a_server_that_sends_the_same_page_again_and_again_is_an_error(
    service: LoopbackService, per_second: int, total: int | None, descending: bool
) -> None:
    moving = Moving(service, 47, per_second)
    moving.before = lambda number: moving.asked[-1].update(offset="0") or moving.asked[-1].pop("created_on", None)
    moving.total = lambda count: total or count
    with ShockClient(service.url) as client:
        found = client.queries.nodes(descending=descending)
        with pytest.raises(ShockError, match="the same nodes again"):
            list(found)
    assert len(moving.asked) <= 3


@pytest.mark.usefixtures("small_pages")
def test_a_server_whose_totals_alternate_is_an_error(service: LoopbackService) -> None:
    moving = Moving(service, 100, 1)
    moving.total = lambda count: count if len(moving.asked) % 2 else 10
    with ShockClient(service.url) as client, pytest.raises(ShockError, match="the same nodes again"):
        list(client.queries.nodes(descending=True))
    assert len(moving.asked) < 40


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", [2, 4])
@pytest.mark.parametrize("gone", [15, 25, 35])
def test_nodes_that_vanish_behind_the_place_are_no_error(service: LoopbackService, page: int, gone: int) -> None:
    moving = Moving(service, 100, 1)

    def vanish(number: int) -> None:
        if number == page:
            del moving.nodes[:gone]  # the last ones, as the list is descending

    moving.before = vanish
    with ShockClient(service.url) as client:
        ids = [node.id for node in client.queries.nodes(descending=True)]
    assert len(ids) == len(set(ids))
    assert {node["id"] for node in moving.nodes} <= set(ids)


@pytest.mark.usefixtures("small_pages")
def test_nodes_that_are_made_before_the_place_are_no_error(service: LoopbackService) -> None:
    moving = Moving(service, 30, 1)
    first = {node["id"] for node in moving.nodes}

    def grow(number: int) -> None:
        if number == 3:
            at = datetime(2026, 2, 1, tzinfo=UTC)
            moving.nodes += [moving.node(at + timedelta(seconds=one)) for one in range(10)]

    moving.before = grow
    with ShockClient(service.url) as client:
        assert {node.id for node in client.queries.nodes(descending=True)} == first


def test_a_count_fetches_one_node_and_never_all(service: LoopbackService) -> None:
    service.on("GET", "/node").reply(json={"status": 200, "data": [], "error": None, "total_count": 7000})
    with ShockClient(service.url) as client:
        assert client.queries.count("project=P1") == 7000
    assert service.requests[0].query == [("querynode", ""), ("attributes.project", "P1"), ("limit", "1")]


def test_distinct_values_are_left_to_a_server_that_keeps_them(service: LoopbackService) -> None:
    service.on("GET", "/").reply(json={"id": "Shock", "attribute_indexes": ["project"]})
    service.on("GET", "/node").reply(json={"status": 200, "data": ["b", "a", 3], "error": None})
    with ShockClient(service.url) as client:
        assert client.queries.distinct("project", "type=basic") == [3, "a", "b"]
    assert service.requests[1].query == [("querynode", ""), ("type", "basic"), ("distinct", "project")]


def test_an_error_of_the_server_is_told(service: LoopbackService) -> None:
    service.on("GET", "/node").reply(json={"status": 400, "data": None, "error": ["err no"]}, status=400)
    with ShockClient(service.url) as client, pytest.raises(ShockApiError, match="err no"):
        list(client.queries.nodes("a=1"))


@pytest.fixture
def ls(shock: ShockClient, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    return lambda *words: hca("shock", "ls", *words, env={"HCA_SHOCK_URL": shock.url})


def test_ls_writes_a_row_for_each_node(ls: Callable[..., Outcome]) -> None:
    outcome = ls("project=P1")
    header, first, second = (line.split("\t") for line in outcome.stdout.splitlines())
    assert header == ["id", "type", "size", "created_on", "name"]
    assert (first[1:3], first[4]) == (["basic", "10"], "reads.1.fastq")
    assert (second[2], second[4]) == ("0", "notes.txt")


def everything(screen: io.FileIO) -> bytes:
    """Return all that was written to a terminal whose other end is closed: one reading may give a part of it."""
    told = b""
    try:
        while block := screen.read(10_000):
            told += block
    except OSError:  # EIO, how Linux tells of the end
        pass
    return told


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_is_not_moved_by_what_others_have_written(service: LoopbackService, isolated_home: Path) -> None:
    import pty

    raw = {
        "id": "n1",
        "created_on": "2026-01-01T00:00:00Z",
        "file": {"name": "a\x1b[2Jb\x9bc"},
        "attributes": {"k": "x\x1by"},
    }
    service.on("GET", "/node").reply(json={"status": 200, "data": [raw], "error": None, "total_count": 1})
    service.on("GET", "/").reply(json={"id": "Shock", "type": "Shock"})
    command = [sys.executable, "-m", "hca_core", "shock", "--url", service.url, "ls"]
    for words in ((), ("--distinct", "k")):
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as screen:
            subprocess.run([*command, *words], stdout=theirs, stderr=subprocess.PIPE, timeout=60, check=True)
            os.close(theirs)
            told = everything(screen).decode()
        assert "\ufffd" in told
        assert "\x1b" not in told
        assert "\x9b" not in told
    piped = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    assert b"\x1b" in piped


def test_ls_has_other_shapes(ls: Callable[..., Outcome]) -> None:
    lines = [json.loads(line) for line in ls("--output", "jsonl", "--limit", "2").stdout.splitlines()]
    assert [line["attributes"]["project"] for line in lines] == ["P1", "P2"]
    assert ls("--count").stdout == "6\n"
    assert ls("--count", "size>1K", "--output", "json").json() == 2
    ids = ls("--ids", "project=P1").stdout.split()
    assert ls("project=P1", "--query", "[].id").json() == ids
    assert ls("project=P1", "--ids", "--output", "json").json() == ids
    assert ls("--distinct", "project", "size>0").stdout.splitlines() == ["!bang", "P1", "P2"]
    assert ls("--distinct", "n", "--output", "json").json() == [1, 5, 7, 9, "1", None]


def test_the_options_of_ls_are_conditions(ls: Callable[..., Outcome]) -> None:
    assert ls("--count", "--tag", "t1", "--type", "basic", "--name", "six").stdout == "1\n"
    assert ls("--count", "--attribute", "n=[5;8]", "--field", "file.size=7*").stdout == "0\n"
    assert ls("--count", "--attribute", "n=[5;8]").stdout == "2\n"
    assert ls("--count", "--public", "read", "--public", "delete").stdout == "6\n"
    assert ls("--order", "size", "--desc", "--ids", "--limit", "1").stdout == ls("--ids", "size=2000").stdout
    assert ls("--offset", "5", "--ids").stdout == ls("--ids", "name=six").stdout


def test_ls_tells_what_is_compared_here_and_what_can_not_be_asked(ls: Callable[..., Outcome]) -> None:
    outcome = ls("flag=true", "--ids")
    assert "the server can't compare flag=true" in outcome.stderr
    assert len(outcome.stdout.splitlines()) == 2
    outcome = ls("project=")
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert "'project=' has no value" in outcome.stderr
    assert ls("--field", "method=DELETE").exit_status == 2
