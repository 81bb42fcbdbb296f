"""`hca shock doctor`: each check in its good and its bad state."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.testing import reply
from hca_shock.admin import doctor
from hca_shock.client import ShockClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.doctor import Check
    from hca_core.testing import LoopbackService, Outcome

NOBODYS = "00000000-0000-0000-0000-000000000000"  # node
NO_NODE = {"status": 404, "data": None, "error": ["Node not found"]}
NOBODY = {"status": 400, "data": None, "error": ["Invalid authorization header or content"]}


class Server:
    """A scripted server: `document` is what it says of itself, `takes` whether it takes logins, `skew` of its clock."""

    def __init__(self, service: LoopbackService) -> None:
        self.url = service.url
        self.takes = True
        self.skew = 0.0
        self.document: dict[str, Any] = {
            "anonymous_permissions": {"read": True, "write": False, "delete": False},
            "auth": ["mgrast"],
            "id": "Shock",
            "type": "Shock",
            "uptime": "3h2m",
            "url": service.url + "/",
            "version": "0.9.29",
        }
        service.on("GET", "/").reply(lambda _: self.document | self.clock())
        service.on("GET", f"/node/{NOBODYS}").reply(lambda _: self.asked_node())
        service.on("GET", "/locker").reply(json={"status": 200, "data": [], "error": None})

    def clock(self) -> dict[str, str]:
        return {"server_time": datetime.fromtimestamp(time.time() + self.skew, UTC).isoformat()}

    def asked_node(self) -> Any:
        """Answer to who asks for a node that there is not, to see whether the login is taken."""
        return reply(json=NO_NODE, status=404) if self.takes else reply(json=NOBODY, status=400)

    def checks(self, **settings: Any) -> dict[str, Check]:
        with ShockClient(self.url, first_wait=0.01, tries=2, **settings) as shock:
            return {check.name: check for check in shock.admin.doctor()}


@pytest.fixture
def server(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    return Server(service)


def test_a_server_of_the_project_has_its_bugs_and_no_problem(server: Server) -> None:
    checks = server.checks()
    assert {name for name, check in checks.items() if check.state != "ok"} == {
        *("locks", "column indexes", "failed indexes"),
    }
    assert checks["kind"].text == "this is a Shock server, version 0.9.29"
    assert checks["login"].text == "nobody is logged in: you see what is public"
    assert checks["uptime"].text.endswith("3h2m")


def test_the_embedded_server_does_not_have_them(server: Server) -> None:
    server.document["implementation"] = "hca local"
    assert not {"column indexes", "failed indexes"} & set(server.checks())


def test_a_server_that_is_not_there_is_the_only_problem(hca: Callable[..., Outcome]) -> None:
    hca("config", "set", "http.tries", "1")
    outcome = hca("shock", "--url", "http://127.0.0.1:1", "doctor", "--output", "json")
    assert outcome.exit_status == 1
    assert [(row["name"], row["state"]) for row in outcome.json()] == [("reachable", "problem")]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_something_that_is_no_shock_is_a_problem(service: LoopbackService, body: bytes) -> None:
    service.on("GET", "/").reply(body=body)
    with ShockClient(service.url) as shock:
        checks = shock.admin.doctor()
    assert [(check.name, check.state) for check in checks] == [("reachable", "problem")]
    assert "does not answer as a Shock server" in checks[0].text


def test_another_service_is_no_shock(server: Server) -> None:
    server.document = {"id": "Awe", "type": "AWE"}
    assert [check.state for check in server.checks().values()] == ["ok", "problem"]


def test_a_login_is_tried(server: Server) -> None:
    assert "takes the login (account: ann" in server.checks(user=("ann", "secret"))["login"].text
    server.takes = False
    refused = server.checks(user=("ann", "wrong"))["login"]
    assert (refused.state, "Invalid authorization header" in refused.text) == ("problem", True)


def test_nobody_is_a_problem_where_anonymous_users_see_nothing(server: Server) -> None:
    server.document["anonymous_permissions"] = {"read": False, "write": False, "delete": False}
    checks = server.checks()
    assert checks["login"].state == "problem"
    assert checks["anonymous"].text == "nobody may do anything without a login"


@pytest.mark.parametrize(
    ("name", "value"), [("anonymous_permissions", "all"), ("auth", 5), ("url", "http://["), ("version", ["x"])]
)
def test_what_a_server_says_in_unknown_words_is_no_crash(server: Server, name: str, value: Any) -> None:
    server.document[name] = value
    assert {check.state for check in server.checks().values()} <= {"ok", "warning"}


def test_what_a_server_says_stays_one_line(server: Server) -> None:
    server.document |= {"version": "1\n\x1b[2J", "uptime": "\x1b]0;x\x07", "auth": ["a\nb"], "url": "http://a\n/"}
    assert all(check.text.isprintable() for check in server.checks().values())


def test_rights_of_everybody_are_a_warning(server: Server) -> None:
    server.document["anonymous_permissions"] = {"read": True, "write": True, "delete": True}
    check = server.checks()["anonymous"]
    assert (check.state, check.text[:38]) == ("warning", "everybody may read, write, delete with")


@pytest.mark.parametrize(
    ("skew", "state", "said"),
    [
        (0, "ok", "agree"),
        (100, "ok", "agree"),
        (-100, "ok", "agree"),
        (3600, "warning", "ahead of yours"),
        (-150, "warning", "behind yours"),
    ],
)
def test_clocks_are_compared(server: Server, skew: float, state: str, said: str) -> None:
    server.skew = skew
    check = server.checks()["clock"]
    assert (check.state, said in check.text) == (state, True)


def test_the_date_of_the_answer_is_taken_where_the_server_tells_no_time(service: LoopbackService) -> None:
    answers = service.on("GET", "/")
    answers.reply(json={"id": "Shock", "servername": "blobstore"}, headers={"Date": "Sat, 01 Jan 2000 00:00:00 GMT"})
    answers.reply(json={"id": "Shock", "servername": "blobstore"}, headers={"Date": "soon"})
    with ShockClient(service.url) as shock:
        states = [{check.name: check for check in shock.admin.doctor()} for _ in range(2)]
    assert "behind yours" in states[0]["clock"].text
    assert states[1]["clock"].text == "the server does not tell its time"
    assert states[0]["kind"].text.startswith("this is a KBase blobstore")


def test_a_login_of_a_blobstore_is_tried_too(service: LoopbackService) -> None:
    service.on("GET", "/").reply(json={"id": "Shock", "servername": "blobstore", "version": "0.9.6"})
    service.on("GET", f"/node/{NOBODYS}").reply(json=NO_NODE, status=404).reply(json=NOBODY, status=400)
    with ShockClient(service.url, user=("ann", "secret")) as shock:
        first, second = ({check.name: check for check in shock.admin.doctor()} for _ in range(2))
    assert set(first) == {"reachable", "kind", "login", "clock", "encryption"}
    assert (first["login"].state, second["login"].state) == ("ok", "problem")
    assert service.asked("GET", "/node") == []


def test_an_address_that_the_server_does_not_have_is_a_warning(server: Server) -> None:
    assert server.checks()["links"].state == "ok"
    server.document["url"] = "http://localhost/"
    check = server.checks()["links"]
    assert (check.state, "http://localhost/" in check.text) == ("warning", True)


def test_tokens_of_an_unknown_kind_are_a_warning(
    server: Server, hca: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_SHOCK_TOKEN", "token-of-ann-0123")
    assert server.checks()["schemes"].state == "ok"  # sent as OAuth, which every server takes
    hca("config", "set", "shock.scheme", "bearer")
    rows = {row["name"]: row for row in hca("shock", "doctor", "--output", "json").json()}
    assert rows["schemes"]["state"] == "warning"
    assert "'bearer', but the server lists: mgrast" in rows["schemes"]["text"]
    assert "token-of-ann" not in str(rows)


@pytest.mark.parametrize(
    ("url", "login", "state"),
    [
        ("https://shock.example.org", True, "ok"),
        ("http://127.0.0.1:7445", True, "ok"),
        ("http://shock.example.org:7445", True, "warning"),
        ("http://shock.example.org:7445", False, "warning"),
    ],
)
def test_unencrypted_logins_are_a_warning(url: str, login: bool, state: str) -> None:
    with ShockClient(url, user=("ann", "secret") if login else None) as shock:
        check = doctor._encryption(shock.server)
    assert (check.state, "login" in check.text) == (state, login and state == "warning")


def test_the_exit_status_tells_whether_there_is_a_problem(server: Server, hca: Callable[..., Outcome]) -> None:
    fine = hca("shock", "doctor")
    assert fine.exit_status == 0
    assert fine.stdout.splitlines()[0].split() == ["name", "state", "text", "hint"]
    server.takes = False
    assert hca("shock", "--user", "ann:wrong", "doctor").exit_status == 1


def everything(hca: Callable[..., Outcome], *words: str) -> dict[str, dict[str, str]]:
    """Return what `hca doctor` tells of Shock, by name."""
    rows = hca("doctor", "--timeout", "30", "--service", "shock", "--query", "[?area=='shock']", *words).json()
    return {row["name"]: row for row in rows}


def test_the_doctor_of_everything_asks_the_server_that_is_chosen(
    server: Server, service: LoopbackService, hca: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_TOKEN", "word-of-mine")
    rows = everything(hca)
    assert rows["server"]["text"] == server.url
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(
        ("server", "answer", "clock", "login"), "ok"
    )
    assert rows["login"]["text"] == "the token comes from HCA_TOKEN"
    assert [one.headers.get("Authorization") for one in service.requests] == [None]
    assert set(everything(hca, "--offline")) == {"server"}
    assert len(service.requests) == 1


def test_the_doctor_of_everything_without_a_server(hca: Callable[..., Outcome]) -> None:
    assert {name: row["state"] for name, row in everything(hca).items()} == {"server": "skipped"}


def test_the_doctor_of_everything_and_a_server_that_is_gone(
    hca: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_SHOCK_URL", "http://127.0.0.1:1")
    assert "connection refused" in everything(hca)["answer"]["text"]
