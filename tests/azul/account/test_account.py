"""Logins: kept, used, refused, forgotten, and shown to nobody else."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.credentials import entries
from hca_core.testing import reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome

TOKEN = "a-token-of-google"
CATALOGS = {"default_catalog": "new", "catalogs": {"new": {}}}


@pytest.fixture
def azul(service: LoopbackService, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """A function that runs `hca azul` on a service that knows one token."""

    def sources(request: Any) -> Any:
        told = request.headers["Authorization"]
        if told not in (None, f"Bearer {TOKEN}"):
            return reply(json={"Code": "UnauthorizedError", "Message": f"bad: {told}"}, status=401)
        return {"sources": [{"sourceId": "s1", "sourceSpec": "tdr:x"}] * (2 if told else 1)}

    service.on("GET", "/index/catalogs").reply(json=CATALOGS)
    service.on("GET", "/repository/sources").reply(sources)
    return lambda *words, **more: hca("azul", *words, env={"HCA_AZUL_URL": service.url, **more.pop("env", {})}, **more)


def kept(home: Path) -> list[Path]:
    return [one for one in home.rglob("*") if one.is_file() and TOKEN.encode() in one.read_bytes()]


def test_a_token_is_kept_used_and_forgotten(azul: Callable[..., Outcome], isolated_home: Path) -> None:
    assert azul("whoami").exit_status == 3
    assert len(azul("get-sources").stdout.splitlines()) == 1
    outcome = azul("login", "--access-token", "-", input=TOKEN + "\n")
    assert outcome.exit_status == 0, outcome.stderr
    assert TOKEN not in outcome.stdout + outcome.stderr
    assert {stat.S_IMODE(one.stat().st_mode) for one in kept(isolated_home)} == {0o600}
    told = azul("whoami").json()
    assert (told["accepted"], told["source"], told["sources"], told["catalog"]) == (True, "login", 2, "new")
    assert len(azul("get-sources").stdout.splitlines()) == 2
    assert azul("logout").exit_status == 0
    assert azul("whoami").exit_status == 3
    assert kept(isolated_home) == []


def test_a_token_that_is_refused_is_not_kept(azul: Callable[..., Outcome], isolated_home: Path) -> None:
    outcome = azul("login", "--access-token", "another-token")
    assert outcome.exit_status == 3
    assert "another-token" not in outcome.stderr
    assert not list(isolated_home.rglob("credentials.json"))
    told = azul("whoami", env={"HCA_AZUL_TOKEN": "another-token"})
    assert (told.exit_status, told.json()["accepted"], told.json()["source"]) == (3, False, "HCA_AZUL_TOKEN")
    for one in (told, azul("get-sources", env={"HCA_AZUL_TOKEN": "another-token"})):
        assert "next: the token comes from HCA_AZUL_TOKEN; put another one there" in one.stderr


@pytest.mark.parametrize("token", ["", "two words", "ü"])
def test_what_is_no_token(azul: Callable[..., Outcome], token: str) -> None:
    outcome = azul("login", "--access-token", token)
    assert outcome.exit_status == 2
    assert "no token" in outcome.stderr


def test_a_login_at_the_repository_is_another_one(
    azul: Callable[..., Outcome], service: LoopbackService, isolated_home: Path
) -> None:
    outcome = azul("login", "--repository", "--access-token", TOKEN)
    assert outcome.exit_status == 0, outcome.stderr
    assert list(entries.read(entries.path(), "default")) == ["https://data.terra.bio"]
    assert service.asked() == []
    assert azul("whoami").exit_status == 3
    assert azul("logout", "--repository").exit_status == 0
    assert kept(isolated_home) == []


def test_an_unknown_server_is_told_nothing(azul: Callable[..., Outcome], service: LoopbackService) -> None:
    assert azul("login", "--access-token", TOKEN).exit_status == 0
    with type(service)() as other:
        other.on("GET", "/index/catalogs").reply(json=CATALOGS)
        other.on("GET", "/repository/sources").reply(json={"sources": []})
        assert azul("get-sources", "--service-url", other.url).exit_status == 0
        assert {one.headers["Authorization"] for one in other.asked()} == {None}
