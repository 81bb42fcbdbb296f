"""Where a token comes from: the order of the sources, and what is told when one can't be used."""

from __future__ import annotations

import time

import pytest

from hca_core import log
from hca_core.config import HCAConfig
from hca_core.credentials import bearer as bearer_module
from hca_core.credentials import chain, entries
from hca_core.credentials.bearer import Bearer
from hca_core.credentials.entries import Entry
from hca_core.credentials.values import Credential, Need
from hca_core.errors import ConfigError, LoginError, PluginError
from hca_core.profiles import name_of

URL = "https://weather.example.org/v1/swagger.json"


def found_for(need):
    """Return what the chain has, without its source."""
    found = chain.find(need)
    return found and found[1]


@pytest.fixture
def everything(tmp_path, monkeypatch):
    """Let every source that needs no plugin and no Google have a token; return a function that takes one away."""
    given, file = tmp_path / "given.json", tmp_path / "token"
    given.write_bytes(entries.document({URL: Entry("of-the-deployment")}, "default"))
    file.write_text("  of-the-file\n")
    monkeypatch.setenv("HCA_WEATHER_TOKEN", " of-the-service \n")
    monkeypatch.setenv("HCA_TOKEN", "of-all")
    monkeypatch.setenv("HCA_TOKEN_FILE", str(file))
    monkeypatch.setenv("HCA_CREDENTIALS_FILE", str(given))
    entries.keep(URL, "default", Entry("of-the-login"))


def test_the_first_that_has_one_wins(everything, monkeypatch, need):
    found = []
    for variable in ("HCA_WEATHER_TOKEN", "HCA_TOKEN", "HCA_TOKEN_FILE", None, "HCA_CREDENTIALS_FILE"):
        one = found_for(need)
        found.append((one.token, one.source.split()[0]))
        if variable:
            monkeypatch.delenv(variable)
        else:
            entries.drop(URL, "default")
    assert found == [
        ("of-the-service", "HCA_WEATHER_TOKEN"),
        ("of-all", "HCA_TOKEN"),
        ("of-the-file", "HCA_TOKEN_FILE"),
        ("of-the-login", "login"),
        ("of-the-deployment", "HCA_CREDENTIALS_FILE"),
    ]
    assert found_for(need) is None


def test_what_is_kept_for_one_host_is_not_for_another(everything, monkeypatch):
    for variable in ("HCA_WEATHER_TOKEN", "HCA_TOKEN", "HCA_TOKEN_FILE"):
        monkeypatch.delenv(variable)
    assert found_for(Need("weather", "https://elsewhere.example.org/")) is None
    assert found_for(Need("weather", "http://weather.example.org/")) is None


def test_the_variable_of_one_service_is_for_no_other(monkeypatch):
    monkeypatch.setenv("HCA_WEATHER_TOKEN", "of-the-service")
    assert found_for(Need("dss", URL)) is None


def test_a_token_file_is_read_anew(monkeypatch, tmp_path, need):
    file = tmp_path / "token"
    file.write_text("one")
    monkeypatch.setenv("HCA_TOKEN_FILE", str(file))
    bearer = Bearer(need)
    assert bearer() == "one"
    file.write_text("twenty-two")
    assert bearer() == "twenty-two"


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_token_file_that_cannot_be_used_is_told(monkeypatch, tmp_path, need, content, told):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("HCA_TOKEN_FILE", str(file))
    with pytest.raises(ConfigError, match=told) as error:
        Bearer(need)()
    assert "HCA_TOKEN_FILE" in str(error.value)


def test_without_a_token_the_next_step_is_told(need):
    with pytest.raises(LoginError, match=r"login at https://weather\.example\.org\n") as told:
        Bearer(need)()
    assert told.value.hint == "hca weather login, or set HCA_TOKEN"
    assert told.value.exit_status == 3


@pytest.mark.parametrize("value", ["two words", "two\nlines", "sm\N{SNOWMAN}rt", "\x1b[31m"])
def test_what_cannot_be_a_token_is_told_and_not_shown(monkeypatch, need, value):
    monkeypatch.setenv("HCA_TOKEN", value)
    with pytest.raises(LoginError, match="can't be one") as told:
        Bearer(need)()
    assert value not in str(told.value)


def test_what_a_token_says_of_itself_is_known(monkeypatch, need, jwt):
    end = time.time() + 100
    monkeypatch.setenv("HCA_TOKEN", jwt(**{"https://x.org/email": "ann@example.org", "sub": "42", "exp": end}))
    found = found_for(need)
    assert (found.account, found.expires_at) == ("ann@example.org", end)
    monkeypatch.setenv("HCA_TOKEN", jwt(sub="42"))
    assert (found_for(need).account, found_for(need).expires_at) == ("42", None)


@pytest.mark.parametrize("token", ["opaque", "a.b", "a.b.c", "a.e30.c", "..", "a.W10.c", "a.MQ.c"])
def test_a_token_that_says_nothing_is_taken_as_it_is(monkeypatch, need, token):
    monkeypatch.setenv("HCA_TOKEN", token)
    found = found_for(need)
    assert (found.token, found.expires_at, found.account) == (token, None, "")


@pytest.mark.parametrize("end", ["soon", True, None, [1], 10**400, float("inf"), float("nan"), -1])
def test_an_end_that_is_no_number_is_none(monkeypatch, need, jwt, end):
    monkeypatch.setenv("HCA_TOKEN", jwt(exp=end))
    assert found_for(need).expires_at is None


def test_whatever_is_found_is_taken_out_of_messages(monkeypatch, need):
    monkeypatch.setenv("HCA_TOKEN", "plain-looking-words")
    found_for(need)
    assert log.redact("x plain-looking-words y") == "x *** y"


def test_the_profile_of_a_run(monkeypatch):
    config = HCAConfig()
    assert name_of(config) == "default"
    monkeypatch.setenv("HCA_PROFILE", "lab")
    assert name_of(config) == "lab"
    config.assign("profile", "said")
    assert name_of(config) == "said"
    config.assign("profile", "two\nlines")
    with pytest.raises(ConfigError, match="name of a profile"):
        name_of(config)


def ask_the_vault(need):
    if need.url.endswith("broken"):
        raise RuntimeError("no vault")
    if need.url.endswith("locked"):
        raise LoginError("the vault is locked", hint="open it")
    if need.url.endswith("wrong"):
        return "text"
    if need.url.endswith("none"):
        return None
    return Credential(f"vault-token-{need.service}-{need.profile}", "the vault", account="ann")


@pytest.fixture
def vault(plugin):
    plugin("acme", distribution="acme-vault", entry_points={"hca.credentials": {"vault": ask_the_vault}})


def test_a_plugin_can_provide_tokens(vault, monkeypatch):
    found = found_for(Need("weather", URL, profile="lab"))
    assert (found.token, found.source, found.account) == ("vault-token-weather-lab", "the vault", "ann")
    assert found_for(Need("weather", "https://x.org/none")) is None
    entries.keep("https://x.org/none", "default", Entry("kept"))
    assert found_for(Need("weather", "https://x.org/none")).token == "kept"
    monkeypatch.setenv("HCA_TOKEN", "of-the-environment")
    assert found_for(Need("weather", URL)).token == "of-the-environment"


def test_a_provider_that_fails_is_named(vault):
    with pytest.raises(PluginError, match=r"vault.*acme-vault.*RuntimeError: no vault"):
        found_for(Need("weather", "https://x.org/broken"))
    with pytest.raises(LoginError, match="the vault is locked"):
        found_for(Need("weather", "https://x.org/locked"))
    with pytest.raises(PluginError, match="'vault' answers with str"):
        found_for(Need("weather", "https://x.org/wrong"))


def test_a_provider_can_be_disabled(vault, monkeypatch):
    monkeypatch.setenv("HCA_PLUGINS_DISABLED", "vault")
    assert found_for(Need("weather", URL)) is None


def test_that_nobody_is_logged_in_is_not_looked_up_for_every_request(isolated_home, monkeypatch):
    asked = []
    monkeypatch.setattr(bearer_module, "_NOBODY_SECONDS", 600.0)  # the machine may be slower than the second that it is
    monkeypatch.setattr(chain, "find", lambda need: asked.append(need))
    bearer = Bearer(Need("weather", "https://weather.example.org", {}, "default"))
    assert [bearer.credential() for _ in range(100)] == [None] * 100
    assert len(asked) == 1
    monkeypatch.setenv("HCA_TOKEN", "abc")  # what can be watched counts at once
    bearer.credential()
    assert len(asked) == 2
