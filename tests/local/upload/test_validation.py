"""Validations: scheduled, done in the process, told (contract §7)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.upload import holds, validations
from hca_local.upload.buckets.values import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Launch = Callable[..., Any]

IMAGE = {"validator_image": "quay.io/example/validator:1"}


@pytest.fixture
def filled(area: Any) -> Any:
    """Return an area with two files."""
    for name in ("a b", "c/d"):
        area.put(name, b"1")
    return area


def test_one_file(filled: Any) -> None:
    assert filled.document("a b", "validate") == {"validation_status": "UNSCHEDULED", "validation_results": "N/A"}
    answer = filled.send("PUT", "/a%20b/validate", json=IMAGE)
    assert (answer.status_code, list(answer.json())) == (200, ["validation_id"])
    filled.reaches("a b", "VALIDATED", "validate")
    results = filled.document("a b", "validate")["validation_results"]
    assert json.loads(results) == {"validation_state": "VALID", "validation_errors": []}
    assert filled.status("c/d", "validate") == "UNSCHEDULED"
    expected = {"VALIDATING": 0, "VALIDATED": 1, "SCHEDULED": 0}
    assert filled.send("GET", "/validations", key=None).json() == expected


def test_several_files_together(filled: Any) -> None:
    filled.service.change("INSERT INTO upload_holds VALUES ('validations', 'SCHEDULED')")
    try:
        body = {**IMAGE, "files": ["a b", "c/d"], "original_validation_id": "before", "environment": {"X": "1"}}
        identity = filled.send("PUT", "/validate", json=body).json()["validation_id"]
        assert filled.send("GET", "/validations").json() == {"VALIDATING": 0, "VALIDATED": 0, "SCHEDULED": 2}
        kept = filled.service.rows("SELECT image, original, environment FROM upload_validations WHERE id=?", identity)
        assert kept == [(IMAGE["validator_image"], "before", '{"X": "1"}')] * 2
    finally:
        filled.service.change("UPDATE upload_holds SET status='VALIDATING'")
    filled.reaches("a b", "VALIDATING", "validate")
    assert filled.send("GET", "/validations").json() == {"VALIDATING": 2, "VALIDATED": 0, "SCHEDULED": 0}
    filled.service.change("DELETE FROM upload_holds")
    for name in ("a b", "c/d"):
        filled.reaches(name, "VALIDATED", "validate")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"validator_image": 1},
        [],
        {**IMAGE, "files": "a b"},
        {**IMAGE, "files": []},
        {**IMAGE},
        {**IMAGE, "files": ["a b"], "environment": "x"},
        {**IMAGE, "files": ["a b"], "original_validation_id": 1},
    ],
)
def test_what_is_no_order(filled: Any, body: Any) -> None:
    answer = filled.send("PUT", "/validate", json=body)
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")
    assert filled.send("GET", "/validations").json()["SCHEDULED"] == 0


def test_files_that_are_not_there(filled: Any) -> None:
    for path, body in (("/none/validate", IMAGE), ("/validate", {**IMAGE, "files": ["a b", "none"]})):
        answer = filled.send("PUT", path, json=body)
        assert (answer.status_code, answer.json()["title"]) == (404, "No such file")
    assert filled.status("a b", "validate") == "UNSCHEDULED"


def test_files_that_are_too_large_together(filled: Any) -> None:
    with closing(sqlite3.connect(next(filled.service.directory.s3.glob("*.sqlite3")), timeout=60)) as buckets:
        half = "UPDATE object SET size=? WHERE CAST(key AS TEXT) LIKE ?"
        buckets.execute(half, (10**12 // 2, f"{filled.uuid}/%"))
        buckets.commit()
    answer = filled.send("PUT", "/validate", json={**IMAGE, "files": ["a b", "c/d"]})
    assert (answer.status_code, answer.json()["title"]) == (400, "File too large for validation")
    assert filled.send("PUT", "/validate", json={**IMAGE, "files": ["a b"]}).status_code == 200


def test_a_new_content_is_not_validated_yet(filled: Any) -> None:
    filled.send("PUT", "/a%20b/validate", json=IMAGE)
    filled.reaches("a b", "VALIDATED", "validate")
    filled.put("a b", b"2")
    assert filled.status("a b", "validate") == "UNSCHEDULED"


def test_a_validator_elsewhere_tells_its_results(filled: Any) -> None:
    filled.service.change("INSERT INTO upload_holds VALUES ('validations', 'SCHEDULED')")
    try:
        identity = filled.send("PUT", "/a%20b/validate", json=IMAGE).json()["validation_id"]
        update = f"/update_validation/{identity}"
        assert filled.send("POST", update, json={"status": "DONE"}).status_code == 400
        failed = {"status": "FAILED", "job_id": "1", "payload": {}}
        assert filled.service.area().send("POST", update, json=failed).status_code == 404, "of another area"
        assert filled.send("POST", update, json=failed).status_code == 204
        assert filled.document("a b", "validate") == {"validation_status": "FAILED", "validation_results": "N/A"}
        for payload, told in (("fine", "fine"), ({"x": 1}, '{"x": 1}')):
            filled.send("POST", update, json={"status": "VALIDATED", "job_id": "1", "payload": payload})
            assert filled.document("a b", "validate")["validation_results"] == told
        assert filled.send("GET", "/validations").json()["VALIDATED"] == 1
    finally:
        filled.service.change("DELETE FROM upload_holds")


def test_validations_outlive_a_kill(data: Path, launched: Launch, served: Any) -> None:
    first = launched(data, empty=True)
    service = served(first)
    area = service.area()
    area.put("file", b"1")
    service.change("INSERT INTO upload_holds VALUES ('validations', 'VALIDATING')")
    area.send("PUT", "/file/validate", json=IMAGE)
    area.reaches("file", "VALIDATING", "validate")
    first.process.kill()
    first.process.wait()
    service.change("DELETE FROM upload_holds")
    area.service = served(launched(data))
    area.reaches("file", "VALIDATED", "validate")


def test_none_begins_while_they_are_held_wherever_they_stay(store: Any) -> None:
    connection, _ = store
    for name, status in (("a", "VALIDATING"), ("b", "SCHEDULED")):
        holds.hold(connection, holds.VALIDATIONS, status)
        held = Held(f"area/{name}", 1, "etag", "", datetime.now(UTC))
        validations.add(connection, validations.Wanted("area", {name: held}, "x", None, {}))
        assert validations.begin(connection) is None
    assert validations.counts(connection, "area") == {"VALIDATING": 1, "VALIDATED": 0, "SCHEDULED": 1}
    assert validations.begin(connection) is None
    holds.release(connection, holds.VALIDATIONS)
    begun = validations.begin(connection)
    assert begun is not None
    assert begun.keys == ("area/a",)


def test_a_validator_of_one_s_own_gets_the_files_and_may_fail(store: Any) -> None:
    connection, writer = store
    asked: list[tuple[str, Sequence[str]]] = []
    told: list[str] = []

    def validate(image: str, keys: Sequence[str]) -> str:
        asked.append((image, keys))
        if image == "broken":
            raise ValueError("no such format")
        return "good"

    worker = validations.Validating(writer, validate, told.append)
    assert worker.step(connection, lambda: False) is None
    files = {name: Held(f"area/{name}", 1, "etag", "", datetime.now(UTC)) for name in ("a", "b")}
    for image in ("broken", "fine"):
        wanted = validations.Wanted("area", files, image, None, {})
        writer.submit(lambda connection, wanted=wanted: validations.add(connection, wanted)).result()
        assert worker.step(connection, lambda: False) == 0
        file = connection.execute("SELECT number FROM upload_files WHERE name='b'").fetchone()[0]
        expected = ("FAILED", "no such format") if image == "broken" else ("VALIDATED", "good")
        assert validations.status(connection, file) == expected
    assert asked == [("broken", ("area/a", "area/b")), ("fine", ("area/a", "area/b"))]
    assert len(told) == 1
