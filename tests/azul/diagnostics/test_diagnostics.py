"""What the service says of itself, and what `hca doctor` says of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.diagnostics.checks import checks
from hca_core.config import HCAConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome

CATALOGS = {"default_catalog": "new", "catalogs": {"new": {}}}
HEALTH = {"up": True, "elasticsearch": {"up": True}}


@pytest.fixture
def azul(service: LoopbackService, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    service.on("GET", "/index/catalogs").reply(json=CATALOGS)
    return lambda *words: hca("azul", *words, env={"HCA_AZUL_URL": service.url})


def test_the_stand_in_is_well(run: Callable[..., Outcome]) -> None:
    assert run("get-health").json()["up"] is True
    assert run("get-version", "--query", "git.commit").exit_status == 0
    listed = run("get-sources", "--output", "tsv").stdout.splitlines()
    assert listed[0] == "sourceId\tsourceSpec"
    assert len(listed) > 1


def test_the_health_is_an_answer_also_if_it_is_bad(azul: Callable[..., Outcome], service: LoopbackService) -> None:
    service.on("GET", "/health/fast").reply(json={"up": False, "queues": {"up": False}, "x": {"up": True}}, status=503)
    outcome = azul("get-health")
    assert outcome.exit_status == 5
    assert outcome.json()["queues"] == {"up": False}
    assert "not well: queues" in outcome.stderr
    assert len(service.asked("GET", "/health/fast")) == 1


@pytest.mark.parametrize("answer", [{"json": {"no": 1}}, {"body": b"<html>"}, {"json": [1]}])
def test_what_is_no_azul(azul: Callable[..., Outcome], service: LoopbackService, answer: dict[str, Any]) -> None:
    service.on("GET", "/health/fast").reply(**answer)
    service.on("GET", "/version").reply(**answer)
    for verb in ("get-health", "get-version"):
        outcome = azul(verb)
        assert outcome.exit_status == 1, outcome.stderr
        assert "next: check the URL (--service-url" in outcome.stderr
        assert "Traceback" not in outcome.stderr


def test_a_firewall_is_no_reason_to_do_the_same_again(azul: Callable[..., Outcome], service: LoopbackService) -> None:
    service.on("GET", "/health/fast").fail(403, body=b"<html>Forbidden</html>")
    outcome = azul("get-health")
    assert "gateway of the service" in outcome.stderr
    assert "get-health" not in outcome.stderr


def test_maintenance_is_told(azul: Callable[..., Outcome], service: LoopbackService) -> None:
    service.on("GET", "/health/fast").fail(503, json={"message": "maintenance"})
    outcome = azul("get-health")
    assert outcome.exit_status == 5
    assert "not available" in outcome.stderr


def looked(timeout: float | None) -> dict[str, tuple[str, str]]:
    return {one.name: (one.state, one.text) for one in checks(HCAConfig(), timeout)}


def test_the_doctor_asks_nothing_offline(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCA_AZUL_URL", service.url)
    assert set(looked(None)) == {"service", "login"}
    assert service.asked() == []


def test_the_doctor_looks_at_the_service(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCA_AZUL_URL", service.url)
    service.on("GET", "/version").reply(json={"git": {}})
    service.on("GET", "/index/catalogs").reply(json=CATALOGS)
    found = looked(60.0)
    assert found["service"] == ("ok", service.url)
    assert found["answer"][0] == "ok"
    assert found["catalog"] == ("ok", "new")
    assert "nobody is logged in" in found["login"][1]
    assert {one.headers["Authorization"] for one in service.asked()} == {None}


def test_the_doctor_finds_a_catalog_that_is_gone(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCA_AZUL_URL", service.url)
    service.on("GET", "/version").reply(json={"git": {}})
    service.on("GET", "/index/catalogs").reply(json=CATALOGS)
    config = HCAConfig()
    config.assign("azul.catalog", "dcp1")
    assert [(one.state, one.hint) for one in checks(config, 60.0) if one.name == "catalog"] == [
        ("problem", "hca azul get-catalogs")
    ]


def test_the_doctor_survives_a_service_that_is_not_there(
    service: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_AZUL_URL", service.url)
    found = looked(60.0)
    assert found["catalog"][0] == "problem"
