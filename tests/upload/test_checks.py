"""What `hca doctor` tells of the Upload Service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome


def checked(hca: Callable[..., Outcome], *words: str) -> dict[str, dict[str, str]]:
    # Of itself it waits for five seconds, and a busy machine may take longer.
    words = ("--timeout", "60", "--query", "[?area=='upload']", *words)
    rows = hca("doctor", "--service", "upload", *words).json()
    return {row["name"]: row for row in rows}


def test_without_an_area_nobody_is_asked(upload: LoopbackService, hca: Callable[..., Outcome]) -> None:
    assert {name: row["state"] for name, row in checked(hca).items()} == {"area": "skipped"}
    assert upload.requests == []


@pytest.mark.usefixtures("selected")
def test_the_service_of_the_area_is_asked_without_its_key(upload: LoopbackService, hca: Callable[..., Outcome]) -> None:
    hca("config", "set", "upload.api_key", "word-of-mine")
    rows = checked(hca)  # it has nothing at this address, and says so
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(
        ("area", "address", "answer", "clock"), "ok"
    )
    assert rows["address"]["text"] == f"{upload.url}/v1 (stage local)"
    assert "HTTP 404" in rows["answer"]["text"]
    assert [one.headers.get("Api-Key") for one in upload.requests] == [None]
    assert set(checked(hca, "--offline")) == {"area", "address"}


@pytest.mark.usefixtures("selected")
def test_a_service_that_is_ill(upload: LoopbackService, hca: Callable[..., Outcome]) -> None:
    upload.on("GET", "/v1").fail(503, times=9)
    rows = checked(hca)
    assert rows["answer"]["state"] == "problem"
    assert len(upload.requests) == 1


@pytest.mark.usefixtures("selected")
def test_the_hosted_service_is_retired(hca: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HCA_UPLOAD_URL", raising=False)
    hca("config", "set", "upload.preprod_api_url_template", "http://upload.{deployment_stage}.example.org/v1")
    rows = checked(hca)
    assert "is not https" in rows["upload"]["text"]
