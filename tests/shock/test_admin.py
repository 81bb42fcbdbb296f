"""`hca shock locations`, `location`, `types`, `restore`, `locks` and `wait`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import shock_doubles as doubles

from hca_core.errors import NotFoundError, UsageError
from hca_core.http import Session
from hca_local import launch
from hca_shock.admin import locks
from hca_shock.client import ShockClient
from hca_shock.errors import ShockError, ShockNodeError, ShockRefusedError
from hca_shock.metadata.errors import LostChangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome


ID = doubles.ID
SINCE = "2026-01-01T00:00:00Z"
WORKING = {"created_on": SINCE, "error": ""}
FAILED = {"created_on": SINCE, "error": "unexpected EOF"}


@pytest.fixture
def node(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    service.on("GET", "/").reply(json={"id": "Shock", "type": "Shock"})
    return doubles.Node(service)


@pytest.fixture
def shock(service: LoopbackService) -> Iterator[ShockClient]:
    with ShockClient(service.url, first_wait=0.01, tries=2) as client:
        yield client


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded Shock; ann and root (an administrator) are known."""
    data = tmp_path_factory.mktemp("admin") / "data"
    with launch.private(data, empty=True, shock_users=["ann:secret", "root:secret:admin"]) as launched:
        yield str(json.loads(launched.directory.state.read_bytes())["shock_url"])


@pytest.fixture
def ann(embedded: str) -> Iterator[ShockClient]:
    with ShockClient(embedded, user=("ann", "secret")) as client:
        yield client


@pytest.fixture
def root(embedded: str) -> Iterator[ShockClient]:
    with ShockClient(embedded, user=("root", "secret")) as client:
        yield client


@pytest.fixture
def made(ann: ShockClient) -> str:
    """The id of an empty node of ann's."""
    return str(ann.server.call("POST", "node")["id"])


# --- locations --------------------------------------------------------------------------------------------------------


def test_a_location_comes_and_goes(root: ShockClient, ann: ShockClient, made: str) -> None:
    root.admin.add_location(made, "S3", stored=True, requested_date="2026-01-31")
    assert [one["id"] for one in ann.admin.locations(made)] == ["S3"]
    assert ann.admin.location(made, "S3")["stored"] is True
    root.admin.add_location(made, "tape", requested=True)
    assert [one["id"] for one in root.admin.remove_location(made, "S3")] == ["tape"]
    root.admin.clear_locations(made)
    assert ann.admin.locations(made) == []


def test_a_location_that_is_there_or_missing_is_told_before_the_server_fails(root: ShockClient, made: str) -> None:
    root.admin.add_location(made, "S3")
    with pytest.raises(UsageError, match="has the location 'S3' already"):
        root.admin.add_location(made, "S3", stored=True)
    for ask in (root.admin.location, root.admin.remove_location):
        with pytest.raises(NotFoundError, match="no location 'tape'") as missing:
            ask(made, "tape")
        assert missing.value.hint == f"hca shock locations list {made} shows those that it has"


def test_changes_are_for_administrators(ann: ShockClient, made: str) -> None:
    changes: list[Callable[[], Any]] = [
        lambda: ann.admin.add_location(made, "S3"),
        lambda: ann.admin.location_report("S3"),
        lambda: ann.admin.type_info("basic"),
        lambda: ann.admin.set_restore(made),
    ]
    for change in changes:
        with pytest.raises(ShockRefusedError) as caught:
            change()
        assert caught.value.hint == "this is for administrators of the server"


@pytest.fixture
def place(service: LoopbackService, node: Any) -> dict[str, Any]:
    """Locations of the scripted node: `list` is what the server has, of the next `lost` changes nothing is kept."""
    place: dict[str, Any] = {"list": [], "lost": 0, "bodies": []}
    path = f"{node.path}/locations"

    def keeps() -> bool:
        place["lost"] -= 1
        return bool(place["lost"] < 0)

    def add(request: Any) -> Any:
        place["bodies"].append(request.json())
        if keeps():
            place["list"].append(request.json())
        return doubles.answer(place["list"])

    def remove(request: Any) -> Any:
        gone = request.path.removeprefix(path).strip("/")
        if keeps():
            place["list"] = [one for one in place["list"] if gone and one["id"] != gone]
        return doubles.answer(place["list"] or None)

    service.on("GET", path).reply(lambda _: doubles.answer(place["list"] or None))
    service.on("POST", path).reply(add)
    service.on("DELETE", path).reply(remove)
    service.on("DELETE", f"{path}/*").reply(remove)
    return place


def test_lost_changes_of_locations_are_made_again(shock: ShockClient, place: dict[str, Any]) -> None:
    place["lost"] = 2
    shock.admin.add_location(ID, "S3")
    assert place["bodies"] == [{"id": "S3"}] * 3
    place["lost"] = 1
    assert shock.admin.remove_location(ID, "S3") == []
    place.update(lost=100)
    with pytest.raises(LostChangeError, match="get the location 'S3'"):
        shock.admin.add_location(ID, "S3")
    place["list"] = [{"id": "S3"}]
    for change in (lambda: shock.admin.remove_location(ID, "S3"), lambda: shock.admin.clear_locations(ID)):
        with pytest.raises(LostChangeError, match="lose"):
            change()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2026-01-31", "2026-01-31"),
        (date(2026, 1, 31), "2026-01-31"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00+00:00"),
        ("2018-09-22T12:42:31+07:00", "2018-09-22T12:42:31+07:00"),
        (datetime(2026, 1, 31, 10, tzinfo=UTC), "2026-01-31T10:00:00+00:00"),
    ],
)
def test_dates_are_sent_as_the_server_reads_them(
    shock: ShockClient, place: dict[str, Any], given: str | date, sent: str
) -> None:
    shock.admin.add_location(ID, "S3", stored=False, requested_date=given)
    assert place["bodies"] == [{"id": "S3", "stored": False, "requestedDate": sent}]


@pytest.mark.parametrize("given", ["", "tomorrow", "2026-13-01", "2026-01-31T10:00:00", datetime(2026, 1, 31)])
def test_other_dates_are_refused(shock: ShockClient, place: dict[str, Any], given: str | date) -> None:
    with pytest.raises(UsageError):
        shock.admin.add_location(ID, "S3", requested_date=given)
    assert place["bodies"] == []


def test_a_location_that_the_server_keeps_otherwise_is_an_error(shock: ShockClient, place: dict[str, Any]) -> None:
    class Twisted(list[Any]):
        def append(self, value: Any) -> None:
            super().append({**value, "stored": False})

    place["list"] = Twisted()
    with pytest.raises(LostChangeError, match="another location than was sent"):
        shock.admin.add_location(ID, "S3", stored=True)


def test_what_can_not_be_asked_of_a_location_is_refused(shock: ShockClient) -> None:
    with pytest.raises(UsageError, match="inflight"):
        shock.admin.location_report("S3", "secrets")
    with pytest.raises(UsageError, match="id of a location"):
        shock.admin.add_location(ID, " ")


# --- restoring --------------------------------------------------------------------------------------------------------


def test_restoring_is_ordered_and_taken_back(root: ShockClient, made: str) -> None:
    assert root.admin.restore(made) is False
    assert root.admin.set_restore(made) is True
    assert root.admin.restore(made) is True
    assert root.admin.set_restore(made, on=False) is False


def test_an_order_that_is_lost_is_an_error(shock: ShockClient, service: LoopbackService) -> None:
    service.on("POST", "/node/n/restore/true").reply(lambda _: doubles.answer(None))
    service.on("GET", "/node/n/restore").reply(lambda _: doubles.answer(False))
    with pytest.raises(LostChangeError, match="restoring"):
        shock.admin.set_restore("n")
    assert len(service.asked("POST")) == 3


# --- locks and waiting ------------------------------------------------------------------------------------------------


def test_locks_of_the_server_are_listed(hca: Callable[..., Outcome], node: Any) -> None:
    busy = [{"id": "n1", "locked": True, "updated_on": SINCE}]
    node.service.on("GET", "/locked/node").reply(lambda _: doubles.answer(busy))
    node.service.on("GET", "/locked/file").reply(lambda _: doubles.answer({"n2": FAILED}))
    node.service.on("GET", "/locked/index").reply(lambda _: doubles.answer({"n3": {"line": WORKING}}))
    rows = hca("shock", "locks", "--output", "json").json()
    assert [tuple(row.values()) for row in rows] == [
        ("n1", "node", SINCE, ""),
        ("n2", "file", SINCE, "unexpected EOF"),
        ("n3", "index line", SINCE, ""),
    ]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("file", [1]),
        ("file", {"n": "x"}),
        ("index", ["x"]),
        ("index", {"n": ["x"]}),
        ("index", {"n": {"l": 1}}),
        ("node", 5),
    ],
)
def test_locks_in_another_shape_are_an_error(
    shock: ShockClient, service: LoopbackService, kind: str, data: Any
) -> None:
    for one in ("node", "file", "index"):
        service.on("GET", f"/locked/{one}").reply(lambda _, one=one: doubles.answer(data if one == kind else None))
    with pytest.raises(ShockError, match="can't be read"):
        shock.admin.locks()


def test_what_a_server_says_of_a_failure_stays_one_line(hca: Callable[..., Outcome], node: Any) -> None:
    failed = {"created_on": SINCE, "error": "bad\n\x1b[2Jhca: done"}
    node.raw["file"]["locked"] = failed
    node.raw["indexes"] = {"line": {"total_units": 0, "locked": failed}}
    for kind, data in (("node", []), ("file", {"n": failed}), ("index", {"n": {"line": failed}})):
        node.service.on("GET", f"/locked/{kind}").reply(lambda _, data=data: doubles.answer(data))
    lines = {("wait", ID): 2, ("locks",): 4, ("locks", ID): 4, ("index", "list", ID): 3, ("index", "wait", ID): 2}
    for words, count in lines.items():
        outcome = hca("shock", *words)
        told = outcome.stdout + outcome.stderr
        assert (len(told.splitlines()), "\x1b" in told, "hca: done" in told) == (count, False, True), told


def test_nothing_is_locked_at_a_server_at_rest(ann: ShockClient, made: str) -> None:
    assert ann.admin.locks() == []
    assert ann.admin.locks([made]) == []


def test_locks_of_nodes_are_listed(hca: Callable[..., Outcome], node: Any) -> None:
    node.raw["file"]["locked"] = WORKING
    node.raw["indexes"] = {"line": {"total_units": 0, "locked": FAILED}, "size": {"total_units": 1, "locked": None}}
    rows = hca("shock", "locks", ID, "--output", "json").json()
    assert [(row["what"], row["error"]) for row in rows] == [("file", ""), ("index line", "unexpected EOF")]


def test_it_is_waited_until_nothing_is_locked(hca: Callable[..., Outcome], node: Any) -> None:
    node.raw["file"]["locked"] = WORKING

    def meddle(number: int) -> None:
        if number == 2:
            node.raw["file"]["locked"] = None
            node.raw["indexes"] = {"line": {"total_units": 0, "locked": WORKING}}
        if number == 3:
            node.raw["indexes"]["line"]["locked"] = None

    node.meddle = meddle
    assert hca("shock", "wait", ID).json()["id"] == ID
    assert node.gets == 3


@pytest.mark.parametrize(
    ("broken", "said", "next_step"),
    [
        ({"file": {"name": "x", "size": 0, "locked": FAILED}}, "the file of node", f"hca shock unlock {ID}"),
        ({"indexes": {"line": {"locked": FAILED}}}, "the index line of node", f"hca shock index build {ID} line"),
    ],
)
def test_what_has_failed_is_not_waited_for(
    shock: ShockClient, node: Any, broken: dict[str, Any], said: str, next_step: str
) -> None:
    node.raw.update(broken)
    with pytest.raises(ShockNodeError, match=rf"{said} {ID} could not be made: unexpected EOF") as caught:
        shock.admin.wait(ID)
    assert next_step in str(caught.value.hint)
    assert node.gets == 1


def test_waiting_ends_when_the_time_is_over(
    hca: Callable[..., Outcome], node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on while somebody waits only, so that we know how often is asked."""
    waits: list[float] = []
    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: sum(waits)))
    monkeypatch.setattr(Session, "wait", lambda self, seconds: waits.append(seconds))
    node.raw["file"]["locked"] = WORKING
    outcome = hca("shock", "wait", ID, "--timeout", "0.15")
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"hca: node {ID} is still locked after 0.15 s (file)\n")
    assert f"hca shock unlock {ID}" in outcome.stderr
    assert node.gets == 3
    assert sum(waits) == pytest.approx(0.15)


def test_missing_parts_are_told_of(shock: ShockClient, node: Any, caplog: pytest.LogCaptureFixture) -> None:
    node.raw["file"] = {"name": "", "size": 0, "checksum": {}, "locked": None}
    node.raw["parts"] = {"count": 3, "length": 1, "varlen": False, "parts": [["a", "0" * 32], [], None]}
    shock.admin.wait(ID)
    assert f"node {ID} has no file yet: 1 of 3 parts are there" in caplog.text


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_verbs_of_administrators(hca: Callable[..., Outcome], embedded: str, made: str) -> None:
    def run(*words: str) -> Outcome:
        return hca("shock", "--user", "root:secret", *words, env={"HCA_SHOCK_URL": embedded})

    added = run("locations", "add", made, "S3", "--stored", "--requested", "--requested-date", "2026-01-31").json()
    assert (added["id"], added["stored"]) == ("S3", True)
    assert run("locations", "show", made, "S3").json() == added
    assert run("locations", "list", made, "--output", "table").stdout.split()[:4] == [
        *("id", "stored", "requested", "requestedDate"),
    ]
    assert run("locations", "show", made, "tape").exit_status == 4
    assert run("locations", "rm", made).exit_status == 2
    assert run("locations", "rm", made, "S3").json() == []
    assert run("locations", "rm", made, "--all").json() == []
    assert run("location", "info", "S3").json()["id"] == "S3"
    assert run("location", "present", "S3").exit_status == 0
    assert run("types", "info", "basic").json()["id"] == "basic"
    assert run("restore", "set", made).stdout == "true\n"
    assert run("restore", "get", made).stdout == "true\n"
    assert run("restore", "set", made, "--off").stdout == "false\n"
    assert run("info").json()["id"] == "Shock"
