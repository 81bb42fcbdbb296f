"""What administrators ask the embedded Shock: locations, types, restore marks, locks (contract §2, §10)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from waiting import until

ANN, BOB = "ann", "bob"
PLACES = ("present", "missing", "inflight", "restore")


def make(shock: Any, user: str = BOB) -> str:
    return str(shock.send("POST", "/node", user).json()["data"]["id"])


def locate(shock: Any, node: str, **location: Any) -> Any:
    return shock.send("POST", f"/node/{node}/locations", ANN, data=json.dumps(location))


def test_a_location_is_added_shown_and_taken(shock: Any) -> None:
    id = make(shock)
    path = f"/node/{id}/locations"
    assert shock.send("GET", path, BOB).json()["data"] == []
    tape = {"id": "tape", "stored": True, "requested": True, "requestedDate": "2018-09-22T12:42:31+07:00"}
    assert locate(shock, id, **tape).json()["data"] == [tape]
    cloud = {"id": "cloud", "requestedDate": "2026-11-22T00:00:00Z"}
    answer = shock.send("POST", f"{path}/", ANN, data='{"id": "cloud", "stored": false, "requestedDate": "2026-11-22"}')
    assert answer.json()["data"] == [tape, cloud]
    assert shock.send("GET", f"{path}/", BOB).json()["data"] == [tape, cloud]
    assert shock.send("GET", f"{path}/cloud", BOB).json()["data"] == cloud
    assert shock.send("GET", f"/node/{id}", BOB).json()["data"]["locations"] == [tape, cloud]
    assert shock.send("DELETE", f"{path}/tape", ANN).json()["data"] == [cloud]
    assert shock.send("DELETE", path, ANN).json()["data"] is None
    assert shock.send("GET", path, BOB).json()["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"id": ""}',
        '{"id": 1}',
        '{"id": "x", "stored": "yes"}',
        '{"id": "x", "requested": 1}',
        '{"id": "x", "requestedDate": "tomorrow"}',
        '{"id": "x", "requestedDate": 5}',
        '{"id": "x", "requestedDate": "2026-13-01"}',
        '{"id": "tape"}',
        "[" * 60_000,
    ],
)
def test_what_is_no_location_is_refused(shock: Any, quirky: Any, body: str) -> None:
    for service, status in ((shock, 400), (quirky, 500)):
        id = make(service)
        locate(service, id, id="tape")
        answer = service.send("POST", f"/node/{id}/locations", ANN, data=body)
        if service is quirky and 'requested"' in body:
            continue  # it does not look at that
        assert answer.status_code == status, answer.text
        assert len(answer.json()["error"]) == 1
        assert service.send("GET", f"/node/{id}/locations", BOB).json()["data"] == [{"id": "tape"}]


def test_a_location_that_is_not_there(shock: Any, quirky: Any) -> None:
    for service, status in ((shock, 404), (quirky, 500)):
        id = make(service)
        for method in ("GET", "DELETE"):
            assert service.send(method, f"/node/{id}/locations/none", ANN).status_code == status


def test_only_administrators_change_and_list_locations(shock: Any, quirky: Any) -> None:
    id = make(shock)
    for method, path in [
        ("POST", f"/node/{id}/locations"),
        ("DELETE", f"/node/{id}/locations"),
        ("DELETE", f"/node/{id}/locations/x"),
        ("POST", f"/node/{id}/restore/true"),
        *(("GET", f"/location/tape/{place}") for place in (*PLACES, "info")),
        ("GET", "/types/run/info"),
        ("GET", "/trace/start"),
        ("POST", "/trace/stop"),
    ]:
        answer = shock.send(method, path, BOB, data="{}")
        assert (answer.status_code, answer.json()["error"]) == (401, ["User Unauthorized"]), path
        answer = shock.send(method, path, data="{}")
        assert (answer.status_code, answer.json()["error"]) == (401, ["No Authorization"]), path
    assert quirky.send("GET", "/location/tape/info", BOB).status_code == 500
    assert shock.send("GET", f"/node/{id}/locations", "cal").status_code == 401


def test_the_nodes_of_a_location(shock: Any, quirky: Any) -> None:
    place = f"place-{uuid.uuid4()}"
    stored, asked, back, other, away = (make(shock) for _ in range(5))
    locate(shock, stored, id=place, stored=True)
    locate(shock, asked, id=place)
    locate(shock, asked, id="elsewhere", stored=True)
    locate(shock, back, id=place, stored=True)
    locate(shock, other, id="elsewhere", stored=True)
    shock.send("POST", f"/node/{back}/restore/true", ANN)
    shock.send("POST", f"/node/{other}/restore/true", ANN)

    def found(kind: str) -> list[str]:
        answer = shock.send("GET", f"/location/{place}/{kind}", ANN)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["status", "data", "error"]
        return [node["id"] for node in answer.json()["data"]]

    assert found("present") == [back, stored]
    assert found("inflight") == [asked]
    assert found("restore") == [back]
    missing = found("missing")
    assert missing[:3] == [away, other, asked]
    assert not {stored, back} & set(missing)
    assert shock.send("GET", f"/location/{place}/info", ANN).json()["data"]["id"] == place
    assert shock.send("GET", f"/location/{place}/elsewhere", ANN).status_code == 400
    assert shock.send("GET", f"/types/{place}/info", ANN).json()["data"] == {
        "id": place, "description": "", "priority": 0,
    }  # fmt: skip
    locate(quirky, make(quirky), id=place, stored=True)
    assert [quirky.send("GET", f"/location/{place}/{kind}", ANN).json()["data"] for kind in PLACES] == [[]] * 4


def test_the_mark_to_restore(shock: Any, quirky: Any) -> None:
    for service in (shock, quirky):
        id = make(service)
        path = f"/node/{id}/restore"
        assert service.send("GET", f"{path}/", BOB).json()["data"] is False
        assert service.send("POST", f"{path}/true", ANN).status_code == 200
        assert service.send("GET", path, BOB).json()["data"] is True
        assert service.send("GET", f"/node/{id}", BOB).json()["data"]["restore"] is True
        at_value = service.send("GET", f"{path}/true", BOB)
        assert (at_value.status_code, at_value.content == b"") == (200, service is quirky)
        assert service.send("POST", f"{path}/false", ANN).json()["data"] is False
        assert service.send("GET", path, BOB).json()["data"] is False
        assert service.send("POST", f"{path}/maybe", ANN).status_code == 400
        assert service.send("GET", path, "cal").status_code == 401


def test_locks_are_shown_to_everybody(shock: Any) -> None:
    id = make(shock)
    assert shock.send("PUT", f"/node/{id}", BOB, files={"file_lock": (None, "1")}).status_code == 200
    locks = shock.send("GET", "/locked/file").json()["data"]
    assert list(locks[id]) == ["created_on", "error"]
    assert shock.send("PUT", f"/node/{id}", BOB, files={"file_unlock": (None, "1")}).status_code == 200
    assert id not in shock.send("POST", "/locked/file").json()["data"]
    assert shock.send("GET", "/locker", BOB).json()["data"] == []
    assert shock.send("GET", "/locked/node").json()["data"] == []
    assert shock.send("GET", "/trace/start", ANN).json() == {"status": 200, "data": None, "error": None}


def test_a_failed_index_is_among_the_locks(shock: Any) -> None:
    answer = shock.send("POST", "/node", BOB, files={"upload": ("a.txt", b"no sequences\n")})
    id = answer.json()["data"]["id"]
    assert shock.send("PUT", f"/node/{id}/index/record", BOB).status_code == 200
    locked = until(lambda: shock.send("GET", "/locked/index").json()["data"].get(id))
    assert list(locked) == ["record"]
    assert until(lambda: shock.send("GET", "/locked/index").json()["data"][id]["record"]["error"])
    assert id not in shock.send("GET", "/locked/file").json()["data"]
