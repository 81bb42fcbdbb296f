"""`login`, `logout`, `whoami` and `hca auth status` on the command line, and the same in Python."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

import hca_core
from hca_core.credentials import entries
from hca_core.credentials.entries import Entry
from hca_core.testing import LoopbackService

EMPTY = {"json": {"collections": []}, "headers": {"X-OpenAPI-Paginated-Content-Key": "collections"}}
RAISING = """
import keyring.backend

class Keyring(keyring.backend.KeyringBackend):
    priority = 5
    def get_password(self, service, name): raise RuntimeError("no bus")
    set_password = delete_password = get_password
"""


@pytest.fixture
def dss(dss):
    """A DSS with collections, which need a login."""
    dss.on("GET", "/v1/collections").reply(**EMPTY)
    return dss


def kept(dss, profile="default"):
    return entries.find(entries.path(), dss.url, profile)


def sent(dss):
    return dss.asked("GET", "/v1/collections")[-1].headers["Authorization"]


def test_a_token_is_kept_used_and_forgotten(hca, dss):
    assert hca("dss", "get-collections").exit_status == 3
    outcome = hca("dss", "login", "--access-token", "T0ken-of-mine")
    assert (outcome.exit_status, outcome.stdout) == (0, "")
    assert "T0ken" not in outcome.stderr
    assert hca("dss", "get-collections").exit_status == 0
    assert sent(dss) == "Bearer T0ken-of-mine"
    assert "logged out of" in hca("dss", "logout").stderr
    again = hca("dss", "logout")
    assert (again.exit_status, again.stdout, "there was no login" in again.stderr) == (0, "", True)
    refused = hca("dss", "get-collections")
    assert refused.exit_status == 3
    assert "hca dss login" in refused.stderr
    assert len(dss.asked("GET", "/v1/collections")) == 1


def test_a_token_from_a_file_or_from_standard_input(hca, dss, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    assert hca("dss", "login", "--access-token", f"@{tmp_path / 'token'}").exit_status == 0
    assert kept(dss).access_token == "from-a-file"
    assert hca("dss", "login", "--access-token", "-", input="from-a-pipe\n").exit_status == 0
    assert kept(dss).access_token == "from-a-pipe"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--access-token", "T", "--remote"), "can't be used together"),
        (("--remote", "--device"), "can't be used together"),
        (("--access-token", "two words"), "can't be a token"),
        (("--access-token", "sm\N{SNOWMAN}wman"), "can't be a token"),
        (("--access-token", "@nowhere"), "can't read 'nowhere'"),
        (("--access-token", "-"), "no token"),
        (("--access-token", ""), "no token"),
        (("--access-token", "--remote"), "needs a value"),
        (("--port", "0"), "--port"),
        (("--timeout", "0"), "--timeout"),
    ],
)
def test_what_cannot_be_meant_is_told_and_nothing_is_asked(hca, dss, words, told):
    outcome = hca("dss", "login", *words)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert told in outcome.stderr
    assert dss.requests == []
    assert kept(dss) is None


def test_the_profile_of_the_command_line(hca, dss):
    assert hca("--profile", "lab", "dss", "login", "--access-token", "of-the-lab").exit_status == 0
    assert hca("dss", "get-collections").exit_status == 3
    assert hca("--profile", "lab", "dss", "get-collections").exit_status == 0
    assert sent(dss) == "Bearer of-the-lab"
    assert hca("dss", "get-collections", env={"HCA_PROFILE": "lab"}).exit_status == 0
    assert hca("--profile", "", "dss", "get-collections").exit_status == 2


def test_another_token_that_goes_before_is_told(hca, dss):
    told = {
        ("login", "--access-token", "kept-token"): "HCA_TOKEN is set, and goes before a login",
        ("logout",): "there is still the token of HCA_TOKEN, which is used now",
    }
    for words, note in told.items():
        outcome = hca("dss", *words, env={"HCA_TOKEN": "of-the-environment"})
        assert outcome.exit_status == 0
        assert note in outcome.stderr
        assert "of-the-environment" not in outcome.stderr
    assert "goes before" not in hca("dss", "login", "--access-token", "kept-token").stderr


def test_a_token_that_is_over_is_told(hca, dss, jwt):
    outcome = hca("dss", "login", "--access-token", jwt(exp=time.time() - 7200))
    assert outcome.exit_status == 0
    assert "this token ended 2 hours ago" in outcome.stderr


def test_who_one_is(hca, dss, jwt):
    refused = hca("dss", "whoami")
    assert (refused.exit_status, refused.stdout) == (3, "")
    end = time.time() + 3600 + 1800
    hca("dss", "login", "--access-token", jwt(email="ann@example.org", exp=end))
    told = hca("dss", "whoami").json()
    assert (told["service"], told["host"], told["account"]) == ("dss", dss.url, "ann@example.org")
    assert (told["source"], told["profile"], told["expires"][:9]) == ("login", "default", "in 1 hour")
    assert told["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    assert dss.requests == []


def rows(hca, *words, **env):
    return hca("auth", "status", *words, "--output", "json", env=env).json()


def test_the_state_of_all_logins(hca, dss, jwt):
    before = {row["service"]: (row["state"], row["source"]) for row in rows(hca)}
    assert before["dss"] == before["auth"] == ("not logged in", "")
    hca("dss", "login", "--access-token", jwt(email="ann@example.org"))
    after = {row["service"]: (row["state"], row["source"], row["account"]) for row in rows(hca)}
    assert after["dss"] == ("used", "login", "ann@example.org")
    assert after["auth"] == ("not logged in", "", "")


def test_the_chain_of_one_service(hca, dss, tmp_path):
    hca("dss", "login", "--access-token", "kept-token")
    found = rows(hca, "dss")
    assert [(row["source"], row["state"]) for row in found] == [
        ("HCA_DSS_TOKEN", "nothing there"),
        ("HCA_TOKEN", "nothing there"),
        ("HCA_TOKEN_FILE", "nothing there"),
        ("service account", "nothing there"),
        ("login", "used"),
        ("HCA_CREDENTIALS_FILE", "not needed"),
        ("Google default", "not needed"),
    ]
    missing = str(tmp_path / "missing")
    (broken,) = [row for row in rows(hca, "dss", HCA_TOKEN_FILE=missing) if row["state"] == "broken"]
    assert (broken["source"], missing in broken["remark"]) == ("HCA_TOKEN_FILE", True)
    assert [row["state"] for row in rows(hca, HCA_TOKEN_FILE=missing)] == ["broken"] * 2
    assert hca("auth", "status", "nothing").exit_status == 2
    assert hca("auth", "status", "local").exit_status == 2


def test_logging_out_ends_the_login_there(hca, dss):
    dss.on("POST", "/revoke").reply(json={})
    entry = Entry("access-token", "refresh-token", revocation_endpoint=f"{dss.url}/revoke", client_id="hca")
    entries.keep(dss.url, "default", entry)
    assert hca("dss", "logout").exit_status == 0
    assert [request.json() for request in dss.asked("POST", "/revoke")] == [
        {"client_id": "hca", "token": "refresh-token"}
    ]
    assert kept(dss) is None


def test_a_login_is_forgotten_also_if_it_cannot_be_ended(hca, dss):
    with LoopbackService() as gone:
        away = f"{gone.url}/revoke"
    entries.keep(dss.url, "default", Entry("access-token", "refresh-token", revocation_endpoint=away, client_id="hca"))
    outcome = hca("dss", "logout", env={"HCA_CONFIG_FILE": None})
    assert outcome.exit_status == 0
    assert "forgotten here, but not ended there" in outcome.stderr
    assert "refresh-token" not in outcome.stderr
    assert kept(dss) is None


def test_what_cannot_be_ended_is_told(hca, dss):
    hca("dss", "login", "--access-token", "kept-token")
    assert "good until it ends by itself for whoever has a copy" in hca("dss", "logout").stderr


def test_an_older_login_is_ended_where_the_service_says(hca, dss):
    """Older clients did not keep where."""
    secrets = {"client_id": "hca", "auth_uri": f"{dss.url}/authorize", "token_uri": f"{dss.url}/token"}
    dss.on("GET", "/internal/application_secrets").reply(json={"installed": secrets})
    dss.on("GET", "/.well-known/openid-configuration").reply(
        json={"issuer": dss.url, "revocation_endpoint": f"{dss.url}/revoke"}
    )
    dss.on("POST", "/revoke").reply(json={})
    entries.keep(dss.url, "default", Entry("access-token", "refresh-token", token_endpoint=f"{dss.url}/token"))
    assert hca("dss", "logout").exit_status == 0
    assert [request.json()["token"] for request in dss.asked("POST", "/revoke")] == ["refresh-token"]


def test_a_python_program_is_the_same_person(dss, jwt):
    client = hca_core.client("dss")
    client.login(access_token=jwt(email="ann@example.org", exp=time.time() + 3600))
    assert client.expired_token() is False
    assert client.get_collections() == {"collections": []}
    client.login(access_token="another-token")  # the same client notices
    client.get_collections()
    assert sent(dss) == "Bearer another-token"
    client.logout()
    with pytest.raises(hca_core.errors.LoginError):
        client.get_collections()


def test_in_the_keyring_of_the_system(hca, dss, provider, isolated_home):
    env = {"HCA_KEYRING": "1", "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    assert hca("dss", "login", "--access-token", "kept-in-the-keyring", env=env).exit_status == 0
    assert "kept-in-the-keyring" not in Path(entries.path()).read_text()
    assert kept(dss).in_keyring
    assert hca("dss", "get-collections", env=env).exit_status == 0
    assert sent(dss) == "Bearer kept-in-the-keyring"
    # Where it is kept is told by the file: who reads it needs no setting.
    assert hca("dss", "get-collections", env={**env, "HCA_KEYRING": None}).exit_status == 0
    assert hca("dss", "logout", env=env).exit_status == 0
    assert hca("dss", "get-collections", env=env).exit_status == 3


def test_a_login_in_the_keyring_is_renewed_there(hca, dss, provider, monkeypatch):
    from hca_core.credentials import logins

    env = {"HCA_KEYRING": "1", "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    logins.keep(dss.url, "default", provider.entry(), use_keyring=True)
    assert hca("dss", "get-collections", env=env).exit_status == 0
    assert len(provider.forms) == 1
    text = Path(entries.path()).read_text()
    assert "refresh-" not in text
    assert "eyJ" not in text
    assert logins.find(dss.url, "default").refresh_token == "refresh-1-secret"


def test_a_login_in_the_keyring_while_another_is_renewed_wins(dss, provider, monkeypatch):
    from hca_core.credentials import logins

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    answer = provider._answer

    def slow(request):
        logins.keep(dss.url, "default", Entry("the-new-login"), use_keyring=True)
        return answer(request)

    dss.on("POST", "/slow").reply(slow)
    logins.keep(dss.url, "default", provider.entry(token_endpoint=f"{dss.url}/slow"), use_keyring=True)
    assert (
        logins.renewed(dss.url, "default", logins.find(dss.url, "default").access_token).access_token == "the-new-login"
    )
    assert logins.find(dss.url, "default").access_token == "the-new-login"


def test_a_keyring_that_fails_loses_nothing(hca, dss, tmp_path, monkeypatch):
    (tmp_path / "raising_keyring.py").write_text(RAISING)
    env = {"HCA_KEYRING": "1", "PYTHON_KEYRING_BACKEND": "raising_keyring.Keyring", "PYTHONPATH": str(tmp_path)}
    outcome = hca("dss", "login", "--access-token", "not-lost-token", env=env)
    assert outcome.exit_status == 0
    assert f"the login is kept in {entries.path()}" in outcome.stderr
    assert kept(dss).access_token == "not-lost-token"
    assert hca("dss", "get-collections", env=env).exit_status == 0


def test_a_keyring_that_has_lost_it_says_so(hca, dss):
    entries.keep(dss.url, "default", Entry(in_keyring=True))
    env = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    outcome = hca("dss", "get-collections", env=env)
    assert outcome.exit_status == 3
    assert "keyring has no login for" in outcome.stderr
    assert hca("dss", "logout", env=env).exit_status == 0
    assert kept(dss) is None


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_a_configuration_folder_that_cannot_be_written(hca, dss, isolated_home):
    folder = isolated_home / ".config" / "hca"
    folder.parent.mkdir()
    folder.write_text("a file, not a folder")
    for words, told in {
        ("--access-token", "T0ken"): "nothing was stored",
        ("--remote",): "nothing could be stored",
    }.items():
        outcome = hca("dss", "login", *words)
        assert outcome.exit_status == 2
        assert told in outcome.stderr
        assert "Traceback" not in outcome.stderr
    assert dss.requests == []  # nobody has to log in for nothing


def test_nothing_heavy_is_loaded_for_a_token_of_the_environment(dss):
    import subprocess

    code = (
        "import sys; from hca_core.__main__ import main\n"
        "sys.argv = ['hca', 'dss', 'get-collections']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = ('google.auth', 'keyring', 'cryptography', 'hca_core.oauth.flows')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    env = {**os.environ, "HCA_TOKEN": "token"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
