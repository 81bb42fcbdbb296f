"""Which server is meant, by whom it is asked, and what is refused before anything is sent."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.config import HCAConfig
from hca_core.errors import ConfigError, UsageError
from hca_shock import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome

ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"


@pytest.fixture
def configured(isolated_home: Path) -> Callable[..., HCAConfig]:
    """A function that writes the section `shock` of the configuration and returns what is configured then."""

    def write(**settings: Any) -> HCAConfig:
        folder = isolated_home / ".config" / "hca"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"shock": settings}))
        return HCAConfig()

    return write


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("shock.example.org", "http://shock.example.org:7445"),
        ("shock.example.org:80", "http://shock.example.org:80"),
        ("http://shock.example.org", "http://shock.example.org:7445"),
        ("http://shock.example.org/api/", "http://shock.example.org:7445/api"),
        ("https://shock.example.org", "https://shock.example.org"),
        ("https://kbase.us/services/shock-api", "https://kbase.us/services/shock-api"),
        ("http://127.0.0.1:7445/node/", "http://127.0.0.1:7445"),
        ("http://[::1]", "http://[::1]:7445"),
        ("  localhost  ", "http://localhost:7445"),
        ("http://localhost:/node", "http://localhost:7445"),
        ("HTTP://localhost:1/x/node", "http://localhost:1/x"),
    ],
)
def test_what_people_call_a_server(text: str, url: str) -> None:
    assert config.base_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://h?x=1",
        "http://h#x",
        "http://[::1",
        "a b://c",
    ],
)
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(UsageError):
        config.base_url(text)


def test_a_password_in_a_url_is_refused_and_not_repeated(hca: Callable[..., Outcome]) -> None:
    outcome = hca("shock", "--url", "http://ann:hunter2@h", "info")
    assert outcome.exit_status == 2
    assert "hunter2" not in outcome.stderr
    assert "don't belong into URLs" in outcome.stderr


def test_the_server_that_is_meant(configured: Callable[..., HCAConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {"one": {"url": "http://one", "scheme": "mgrast", "allow_http": True}, "two": {"url": "https://two"}}
    settings = configured(servers=servers, server="two")
    assert config.profile(settings).url == "https://two"
    assert config.profile(settings, server="one") == config.Profile("one", "http://one:7445", "mgrast", True)
    assert config.profile(settings, url="http://one:7445/").scheme == "mgrast"  # the same server by its URL
    assert config.profile(settings, url="http://other").scheme == "OAuth"
    with pytest.raises(UsageError, match="no Shock server 'three'"):
        config.profile(settings, server="three")
    with pytest.raises(UsageError, match="a URL and the name"):
        config.profile(settings, url="http://one", server="one")
    monkeypatch.setenv("HCA_SHOCK_URL", "http://env")
    assert config.profile(HCAConfig()).url == "http://env:7445"


def test_none_is_chosen(hca: Callable[..., Outcome]) -> None:
    outcome = hca("shock", "show", ID)
    assert outcome.exit_status == 2
    assert "HCA_SHOCK_URL" in outcome.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"servers": 3},
        {"servers": {"x": {}}},
        {"servers": {"x": 3}},
        {"servers": {"x": {"url": "http://h", "scheme": "a b"}}},
    ],
)
def test_a_configuration_that_can_not_be_used(configured: Callable[..., HCAConfig], settings: dict[str, Any]) -> None:
    found = configured(**settings)
    with pytest.raises(ConfigError):
        config.profile(found, server="x")


@pytest.mark.parametrize("scheme", ["mgrast", "OAuth", "bearer", "x-y_z"])
def test_the_scheme_of_a_server_is_sent(
    configured: Callable[..., HCAConfig], service: LoopbackService, hca: Callable[..., Outcome], scheme: str
) -> None:
    configured(servers={"here": {"url": service.url, "scheme": scheme}})
    service.on("GET", f"/node/{ID}").reply(json={"status": 200, "data": {"id": ID}, "error": None})
    outcome = hca("shock", "--server", "here", "show", ID, env={"HCA_SHOCK_TOKEN": "the-token"})
    assert outcome.exit_status == 0, outcome.stderr
    assert service.requests[0].headers["Authorization"] == f"{scheme} the-token"


@pytest.mark.parametrize(("user", "sent"), [("ann:pässword", "ann:pässword"), ("ann:", "ann:"), ("ann:?>~", "ann:?>~")])
def test_a_user_is_sent_as_the_server_reads_it(
    service: LoopbackService, hca: Callable[..., Outcome], user: str, sent: str
) -> None:
    service.on("GET", f"/node/{ID}").reply(json={"status": 200, "data": {"id": ID}, "error": None})
    outcome = hca("shock", "--url", service.url, "--user", user, "show", ID, env={"HCA_SHOCK_TOKEN": "not-this"})
    assert outcome.exit_status == 0, outcome.stderr
    scheme, _, given = service.requests[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.urlsafe_b64decode(given).decode()) == ("Basic", sent)
    assert not set("+/") & set(given)  # its decoder does not know these


@pytest.mark.parametrize("user", ["ann:a:b", ":pw"])
def test_a_user_that_the_server_can_not_take(hca: Callable[..., Outcome], service: LoopbackService, user: str) -> None:
    outcome = hca("shock", "--url", service.url, "--user", user, "show", ID)
    assert outcome.exit_status == 2, outcome.stderr
    assert service.requests == []


def test_names_in_tokens() -> None:
    token = config.basic("ann", "pw")
    assert config.user_of(token) == "ann"
    assert config.user_of("abc") == ""
    assert config.user_of("basic:%%%") == ""
    assert config.is_basic(token)
    assert not config.is_basic("abc")
