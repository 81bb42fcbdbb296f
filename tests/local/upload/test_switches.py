"""`hca local area`: lists areas, locks them, holds checksums and validations."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Launch = Callable[..., Any]
    Hca = Callable[..., Any]


@pytest.mark.parametrize("command", ["list", "hold", "release", "lock", "unlock"])
def test_every_command_has_help_with_an_example(hca: Hca, command: str) -> None:
    answer = hca("local", "area", command, "-h")
    assert answer.returncode == 0
    assert f"hca local area {command}" in answer.stdout.split("Options:")[0].split("\n", 1)[1]


def test_a_list_of_areas(hca: Hca, data: Path, launched: Launch, served: Any) -> None:
    service = served(launched(data, empty=True))
    first, second = sorted((service.area(), service.area()), key=lambda one: one.uuid)
    for content in (b"123", b"12345"):
        first.put("file", content)
        first.reaches("file", "CHECKSUMMED")
    second.send("DELETE")
    rows = json.loads(hca("local", "area", "list", "--data", data, "--output", "json").stdout)
    assert rows[0] == {"uuid": first.uuid, "status": "UNLOCKED", "files": 1, "bytes": 5}
    assert (rows[1]["uuid"], rows[1]["files"], rows[1]["bytes"]) == (second.uuid, 0, 0)
    assert rows[1]["status"] in ("DELETION_QUEUED", "DELETING", "DELETED")
    assert hca("local", "area", "list", "--data", data).stdout.split()[:4] == ["uuid", "status", "files", "bytes"]


def test_locked_areas_give_no_keys(hca: Hca, data: Path, launched: Launch, served: Any) -> None:
    area = served(launched(data, empty=True)).area()
    for _ in range(2):
        locked = hca("local", "area", "lock", area.uuid, "--data", data)
        assert (locked.returncode, locked.stderr) == (0, f"The area {area.uuid} is LOCKED.\n")
    refused = area.send("POST", "/credentials")
    assert (refused.status_code, refused.json()["title"]) == (409, "Upload Area is Not Writable")
    assert area.send("HEAD").status_code == 200
    assert hca("local", "area", "unlock", area.uuid, "--data", data).returncode == 0
    assert area.send("POST", "/credentials").status_code == 201

    unknown = hca("local", "area", "lock", uuid.uuid4(), "--data", data)
    assert (unknown.returncode, "there is no area" in unknown.stderr) == (4, True)
    area.service.change("UPDATE upload_areas SET status='DELETED'")
    gone = hca("local", "area", "unlock", area.uuid, "--data", data)
    assert (gone.returncode, "is DELETED and can't be UNLOCKED" in gone.stderr) == (1, True)


def test_holding_checksums_while_the_services_run(hca: Hca, data: Path, launched: Launch, served: Any) -> None:
    first = launched(data, empty=True)
    area = served(first).area()
    answer = hca("local", "area", "hold", "checksums", "--data", data)
    assert (answer.returncode, "stay SCHEDULED" in answer.stderr) == (0, True)
    area.put("file", b"1")
    area.reaches("file", "SCHEDULED")

    first.process.terminate()
    first.process.wait()
    area.service = served(launched(data))
    area.put("other", b"1")
    area.reaches("other", "SCHEDULED")
    assert area.jobs() == [("file", "SCHEDULED"), ("other", "SCHEDULED")], "a restart released them"
    assert hca("local", "area", "hold", "checksums", "--at", "CHECKSUMMING", "--data", data).returncode == 0
    for name in ("file", "other"):
        area.reaches(name, "CHECKSUMMING")
    assert hca("local", "area", "hold", "checksums", "--data", data).returncode == 0
    area.put("last", b"1")
    area.reaches("last", "SCHEDULED")
    assert area.status("file") == "CHECKSUMMING", "what was held went on"
    assert hca("local", "area", "release", "validations", "--data", data).returncode == 0
    assert area.status("last") == "SCHEDULED"
    assert hca("local", "area", "release", "checksums", "--data", data).returncode == 0
    for name in ("file", "other", "last"):
        area.reaches(name, "CHECKSUMMED")


def test_holding_validations_before_the_services_run(hca: Hca, data: Path, launched: Launch, served: Any) -> None:
    first = launched(data, empty=True)
    first.process.terminate()
    first.process.wait()
    assert hca("local", "area", "hold", "validations", "--data", data).returncode == 0
    area = served(launched(data)).area()
    area.put("file", b"1")
    area.reaches("file", "CHECKSUMMED")
    area.send("PUT", "/file/validate", json={"validator_image": "x"})
    assert area.status("file", "validate") == "SCHEDULED"
    assert hca("local", "area", "hold", "validations", "--at", "VALIDATING", "--data", data).returncode == 0
    area.reaches("file", "VALIDATING", "validate")
    released = hca("local", "area", "release", "all", "--data", data)
    assert (released.returncode, released.stderr) == (0, "Checksums and validations go on.\n")
    area.reaches("file", "VALIDATED", "validate")


def test_wrong_orders(hca: Hca, data: Path, tmp_path: Path) -> None:
    for order in (["hold"], ["hold", "all"], ["release"], ["lock"], ["hold", "checksums", "--at", "DONE"]):
        assert hca("local", "area", *order).returncode == 2, order
    nobody = hca("local", "area", "list", "--data", data)
    assert (nobody.returncode, "There is no deployment in" in nobody.stderr) == (1, True)
    assert not data.exists(), "asking must not make anything"
    answer = hca("local", "area", "hold", "checksums", "--at", "VALIDATING", "--data", data)
    assert (answer.returncode, "checksums can't be held at VALIDATING" in answer.stderr) == (2, True)
    assert "Traceback" not in answer.stderr
