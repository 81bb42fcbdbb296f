"""Logins at a real server: kept, used, refused, forgotten, and never shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers

from hca_core.credentials import entries
from hca_core.testing import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome, Reply


@pytest.fixture
def deployment() -> Any:
    """A server with the faults of the real one, and the users ann, bob and root."""
    return servers.shared(1)


@pytest.fixture
def run(deployment: Any, hca: Callable[..., Outcome], isolated_home: Path) -> Callable[..., Outcome]:
    """A function that runs `hca` with words before and after `shock`, and waits only shortly."""
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"shock": {"first_wait": 0.01, "most_wait": 0.05}}))

    def call(*words: str, before: tuple[str, ...] = (), **settings: Any) -> Outcome:
        settings["env"] = {"HCA_SHOCK_URL": deployment.url, **settings.get("env", {})}
        return hca(*before, "shock", *words, **settings)

    return call


@pytest.fixture
def token(deployment: Any, hca: Callable[..., Outcome]) -> str:
    """The token of ann."""
    outcome = hca("local", "shock", "token", "ann", "--data", str(deployment.data))
    assert outcome.exit_status == 0, outcome.stderr
    return outcome.stdout.strip().strip('"')


def owner(run: Callable[..., Outcome], *words: str, **settings: Any) -> str:
    """Make a node and return the name of its owner."""
    made = run(*words, "put", "--empty", "--output", "json", **settings)
    assert made.exit_status == 0, made.stderr
    shown = run(*words, "acl", "show", made.json()[0]["id"], "--output", "json", **settings)
    assert shown.exit_status == 0, shown.stderr
    return str(shown.json()["owner"])


def test_a_name_and_a_password_are_kept_and_forgotten(run: Callable[..., Outcome], isolated_home: Path) -> None:
    assert run("whoami").exit_status == 3
    outcome = run("--user", "ann:pw-of-ann", "login")
    assert outcome.exit_status == 0, outcome.stderr
    told = run("whoami").json()
    assert (told["account"], told["scheme"], told["accepted"], told["source"]) == ("ann", "basic", True, "login")
    assert "ann" in owner(run)
    kept = [path for path in isolated_home.rglob("*") if path.is_file() and b"basic:" in path.read_bytes()]
    assert kept
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert b"pw-of-ann" not in b"".join(path.read_bytes() for path in kept)
    assert run("logout").exit_status == 0
    assert run("whoami").exit_status == 3
    assert not [path for path in isolated_home.rglob("*") if path.is_file() and b"basic:" in path.read_bytes()]


def test_a_token_is_kept(run: Callable[..., Outcome], token: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(token + "\n")
    outcome = run("login", "--access-token", f"@{tmp_path / 't'}")
    assert outcome.exit_status == 0, outcome.stderr
    told = run("whoami").json()
    assert (told["scheme"], told["accepted"]) == ("OAuth", True)
    assert "ann" in owner(run)
    assert run("login", "--access-token", "-", input=token).exit_status == 0


def test_a_token_is_kept_in_the_keyring_if_that_is_set(
    run: Callable[..., Outcome], token: str, isolated_home: Path
) -> None:
    env = {"HCA_KEYRING": "1", "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    assert run("login", "--access-token", token, env=env).exit_status == 0
    assert token not in Path(entries.path()).read_text()
    assert "ann" in owner(run, env=env)


def test_a_token_of_the_environment_comes_first(run: Callable[..., Outcome], token: str) -> None:
    assert run("--user", "bob:pw-of-bob", "login").exit_status == 0
    env = {"HCA_SHOCK_TOKEN": token}
    assert run("whoami", env=env).json()["source"] == "HCA_SHOCK_TOKEN"
    assert "ann" in owner(run, env=env)
    assert "bob" in owner(run)
    assert "root" in owner(run, "--user", "root:pw-of-root", env=env)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--user", "ann:wrong", "login"], "name and the password"),
        (["login", "--access-token", "nobody's"], "token"),
        (["--user", "ann:wrong", "show", "x"], "name and the password"),
        (["--user", "ann:wrong", "put", "-"], "name and the password"),
    ],
)
def test_a_wrong_one_is_refused_and_not_kept(run: Callable[..., Outcome], words: list[str], what: str) -> None:
    outcome = run(*words, input=b"x")
    assert outcome.exit_status == 3, outcome.stderr
    assert f"check the {what} that you gave" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "wrong" not in outcome.stderr
    assert "nobody's" not in outcome.stderr
    assert run("whoami").exit_status == 3


def test_whoami_tells_of_a_login_that_is_refused(run: Callable[..., Outcome]) -> None:
    outcome = run("whoami", env={"HCA_SHOCK_TOKEN": "expired"})
    assert outcome.exit_status == 3
    assert outcome.json()["accepted"] is False


@pytest.mark.parametrize("words", [["login"], ["--user", "ann:x", "login", "--access-token", "t"]])
def test_a_login_needs_one_of_two(run: Callable[..., Outcome], words: list[str]) -> None:
    assert run(*words).exit_status == 2


def test_nobody_is_asked_for_the_password_of_nobody(run: Callable[..., Outcome]) -> None:
    outcome = run("--user", "", "login")
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith("hca: the name of the user is empty\n")


def test_secrets_are_in_no_output(run: Callable[..., Outcome], token: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    basic = "YW5uOnB3LW9mLWFubg=="
    said = ""
    for words, env in (
        (["--user", "ann:pw-of-ann", "put", str(tmp_path / "f")], {}),
        (["--user", "ann:pw-of-ann", "show", "missing"], {}),
        (["--user", "ann:pw-of-ann", "--url", "http://127.0.0.1:1", "show", "x"], {}),
        (["put", str(tmp_path / "f")], {"HCA_SHOCK_TOKEN": token}),
        (["whoami"], {"HCA_SHOCK_TOKEN": token}),
        (["login", "--access-token", token], {}),
        (["whoami"], {}),
        (["--user", "ann:pw-of-ann", "login"], {}),
        (["ls", "a=b"], {}),
    ):
        outcome = run(*words, before=("--debug",), env=env)
        said += outcome.stdout + outcome.stderr
    assert "POST http" in said  # it did say much
    for secret in (token, "pw-of-ann", basic, basic.rstrip("=")):
        assert secret not in said


def test_secrets_that_a_server_repeats_are_in_no_output(hca: Callable[..., Outcome], service: LoopbackService) -> None:
    for path in ("/node/x", "/node/00000000-0000-0000-0000-000000000000"):
        service.on("GET", path).reply(lambda request: refusal(request.headers["Authorization"].partition(" ")[2]))
    for words in (["--user", "ann:pw-of-ann", "show", "x"], ["--user", "ann:pw-of-ann", "whoami"]):
        outcome = hca("--debug", "shock", "--url", service.url, *words)
        assert outcome.exit_status != 0
        assert "YW5uOnB3LW9mLWFubg" not in outcome.stderr
    outcome = hca("--debug", "shock", "--url", service.url, "show", "x", env={"HCA_SHOCK_TOKEN": "abc-def-ghi"})
    assert "HTTP 400" in outcome.stderr
    assert "abc-def-ghi" not in outcome.stderr


def refusal(told: str) -> Reply:
    """Return the answer of a server that refuses something."""
    return reply(json={"status": 400, "data": None, "error": [told]}, status=400)


def test_logins_of_two_servers_do_not_mix(run: Callable[..., Outcome], token: str) -> None:
    assert run("login", "--access-token", token).exit_status == 0
    other = servers.shared(0).url
    assert run("--url", other, "whoami").exit_status == 3
    assert owner(run, "--url", other) == "public"
    assert "ann" in owner(run)


def test_rights_decide(run: Callable[..., Outcome]) -> None:
    made = run("--user", "ann:pw-of-ann", "put", "-", "--output", "json", input=b"mine").json()[0]["id"]
    refused = run("--user", "bob:pw-of-bob", "cat", made)
    assert refused.exit_status == 3
    assert json.dumps(refused.stderr).count("Unauthorized") == 1
    assert run("--user", "ann:pw-of-ann", "cat", made).stdout == "mine"
