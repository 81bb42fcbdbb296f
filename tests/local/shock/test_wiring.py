"""The Shock service as a part of `hca local`: its port, its users, its settings, its lines in the log."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ports
import pytest

from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_local import control, launch, locking, serving, shell, state
from hca_local.data_directory import DataDirectory
from hca_local.server import listening
from hca_local.shock import accounts
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from hca_local.launch import Launched

    Hca = Callable[..., subprocess.CompletedProcess[str]]

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return a deployment with bob, and ann, who is an administrator; strangers may read."""
    with launch.private(
        tmp_path_factory.mktemp("wiring") / "data",
        empty=True,
        shock_users=["bob:b", f"ann:{PASSWORD}:admin"],
        shock_anonymous="read",
    ) as launched:
        yield launched


def shock_url(directory: DataDirectory) -> str:
    return str(json.loads(directory.state.read_bytes())["shock_url"])


def token_of(directory: DataDirectory, name: str) -> str | None:
    with closing(database.connect(directory.store)) as records:
        return accounts.token_of(records, name)


def uuid_of(directory: DataDirectory, name: str) -> str:
    with closing(database.connect(directory.store)) as records:
        return accounts.uuid_of(records, name, create=False)


def owner(http: requests.Session, url: str, **how: Any) -> str:
    """Make a node and return whose it is."""
    node = http.post(f"{url}/node", timeout=30, **how).json()
    assert node["status"] == 200, node
    found = http.get(f"{url}/node/{node['data']['id']}/acl", timeout=30, **how).json()["data"]["owner"]
    return str(found)


def test_its_users_are_known_by_password_and_by_token(served: Launched, http: requests.Session) -> None:
    url, ann = shock_url(served.directory), uuid_of(served.directory, "ann")
    assert http.get(url, timeout=30).json()["id"] == "Shock"
    assert owner(http, url, auth=("ann", PASSWORD)) == ann
    headers = {"Authorization": f"OAuth {token_of(served.directory, 'ann')}"}
    assert owner(http, url, headers=headers) == ann
    assert owner(http, url, auth=("bob", "b")) == uuid_of(served.directory, "bob") != ann
    wrong = http.get(f"{url}/node", auth=("ann", "b"), timeout=30)
    assert (wrong.status_code, wrong.json()["error"]) == (400, ["Invalid authorization header or content"])


def test_what_strangers_may_do_is_a_setting(served: Launched, http: requests.Session) -> None:
    url = shock_url(served.directory)
    assert http.get(f"{url}/node", timeout=30).status_code == 200
    refused = http.post(f"{url}/node", timeout=30)
    assert (refused.status_code, refused.json()["error"]) == (401, ["No Authorization"])


def test_each_service_answers_at_its_own_port_only(served: Launched, http: requests.Session) -> None:
    found = control.running(served.directory)
    assert len({found.url, found.s3_url, found.shock_url, found.azul_url}) == 4
    assert http.get(f"{found.shock_url}/internal/health", timeout=30).status_code == 400
    assert http.get(f"{found.url}/node", timeout=30).status_code == 404
    assert b"<Code>" in http.get(f"{found.s3_url}/node", timeout=30).content


def test_a_password_is_nowhere_to_be_seen(served: Launched) -> None:
    pid = served.process.pid
    if Path("/proc").exists():
        told = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert PASSWORD.encode() not in told
        assert b"hca_local.background" in told
    token = token_of(served.directory, "ann")
    assert token
    for file in served.directory.root.iterdir():
        if file.is_file():
            content = file.read_bytes()
            assert PASSWORD.encode() not in content, file
            assert token.encode() not in content or file.name.startswith(("store.sqlite3", "credentials")), file
            assert file.stat().st_mode & 0o077 == 0, file


def test_what_clients_are_told(served: Launched) -> None:
    directory, found = served.directory, control.running(served.directory)
    assert shell.variables(directory, found)["HCA_SHOCK_URL"] == found.shock_url
    assert "shock" not in directory.config.read_text().lower()
    kept = entries.read(str(directory.credentials), DEFAULT_PROFILE)
    assert set(kept) == {found.url, found.shock_url, found.azul_url}
    assert kept[found.shock_url].access_token == token_of(directory, "ann"), "an administrator comes first"


def test_users_are_listed_and_their_tokens_told(hca: Hca, served: Launched) -> None:
    directory = served.directory
    with closing(database.connect(directory.store)) as records:
        accounts.uuid_of(records, "carl")
    listed = hca("local", "shock", "users", "--data", directory.root, "--output", "json")
    rows = json.loads(listed.stdout)
    assert [list(row) for row in rows] == [["name", "uuid", "admin", "login"]] * 3
    assert {row["name"]: (row["uuid"], row["admin"], row["login"]) for row in rows} == {
        "bob": (uuid_of(directory, "bob"), False, True),
        "ann": (uuid_of(directory, "ann"), True, True),
        "carl": (uuid_of(directory, "carl"), False, False),
    }
    token = token_of(directory, "ann")
    told = hca("local", "shock", "token", "ann", "--data", directory.root)
    assert (told.returncode, told.stdout) == (0, f"{token}\n")
    for name in ("carl", "nobody"):
        missing = hca("local", "shock", "token", name, "--data", directory.root)
        assert (missing.returncode, missing.stdout) == (4, "")
        assert f"there is no user '{name}'" in missing.stderr


def test_users_and_settings_last(data: Path, hca: Hca, http: requests.Session) -> None:
    where = ("--data", data, "--output", "json")
    options = ("--shock-user", f"ann:{PASSWORD}:admin", "--shock-quirks", "1", "--shock-paths", data.parent)
    started = hca("local", "up", "--empty", *where, *options, "--shock-reap-seconds", "7")
    assert started.returncode == 0, started.stderr
    directory = DataDirectory(data)
    url, token = shock_url(directory), token_of(directory, "ann")
    again = hca("local", "up", *where, "--shock-user", "bob:b")
    assert "take effect at the next start" in again.stderr
    assert token_of(directory, "bob") is None
    kept = json.loads(directory.settings.read_bytes())
    assert url == f"http://127.0.0.1:{kept['shock_port']}"
    assert "take effect at the next start" in hca("local", "up", *where, "--shock-quirks", "0").stderr
    assert "take effect" not in hca("local", "up", *where).stderr
    control.down(directory)
    # The port that it had may be somebody else's by now, above all the one that all want to have.
    kept["shock_port"] = ports.lasting()
    directory.settings.write_text(json.dumps(kept))

    assert hca("local", "up", *where, "--shock-user", "ann:another").returncode == 0
    url = f"http://127.0.0.1:{kept['shock_port']}"
    kept = json.loads(directory.settings.read_bytes())
    wanted = {"shock_quirks": 1, "shock_paths": str(data.parent), "shock_reap_seconds": 7, "shock_anonymous": "all"}
    assert {name: kept[name] for name in wanted} == wanted
    assert shock_url(directory) == url, "the port of a directory should stay"
    assert token_of(directory, "ann") == token
    node = http.get(f"{url}/node", auth=("ann", "another"), timeout=30)
    assert (node.status_code, node.headers["Connection"]) == (200, "close")
    assert http.get(f"{url}/node", auth=("ann", PASSWORD), timeout=30).status_code == 400
    used_up = http.get(f"{url}/preauth/unknown", timeout=30)
    assert (used_up.status_code, used_up.headers.get("Retry-After")) == (500, None), "to come again is of no use"
    assert json.loads(hca("local", "shock", "users", *where).stdout)[0]["admin"] is False

    removed = hca("local", "shock", "remove", "ann", "--data", data)
    assert (removed.returncode, removed.stdout) == (0, "")
    assert "within the last hour" in removed.stderr
    assert hca("local", "shock", "remove", "ann", "--data", data).returncode == 4
    assert entries.find(str(directory.credentials), url, DEFAULT_PROFILE) is None, "a dead token is of no use"
    unseen = {"Authorization": f"BEARER {token}"}
    assert http.get(f"{url}/node", headers=unseen, timeout=30).status_code == 400
    for file in (directory.log, directory.settings, directory.state, directory.config, directory.credentials):
        assert PASSWORD not in file.read_text()
        assert "another" not in file.read_text()


def test_without_users_there_is_nothing_to_log_in_with(
    hca: Hca, tmp_path: Path, http: requests.Session, launched: Callable[..., Launched]
) -> None:
    directory = launched(tmp_path / "none", empty=True).directory
    found = control.running(directory)
    assert set(entries.read(str(directory.credentials), DEFAULT_PROFILE)) == {found.url, found.azul_url}
    directory.credentials.unlink()
    answer = hca("local", "env", "--data", directory.root)
    assert f"export HCA_SHOCK_URL={found.shock_url}" in answer.stdout.splitlines()
    assert set(entries.read(str(directory.credentials), DEFAULT_PROFILE)) == {found.url, found.azul_url}
    assert owner(http, found.shock_url) == "public"


def test_run_gives_the_command_its_user(hca: Hca) -> None:
    code = (
        "import json, os, urllib.request as web\n"
        "url, kept = os.environ['HCA_SHOCK_URL'], json.load(open(os.environ['HCA_CREDENTIALS_FILE']))\n"
        "token = kept['profiles']['default'][url]['access_token']\n"
        "request = web.Request(url + '/node', method='POST', headers={'Authorization': 'OAuth ' + token})\n"
        "print(json.load(web.urlopen(request))['status'])\n"
    )
    user = ("--shock-user", "ann:pw", "--shock-anonymous", "none")
    answer = hca("local", "run", "--empty", *user, "--", sys.executable, "-c", code)
    assert (answer.returncode, answer.stdout) == (0, "200\n"), answer.stderr


def test_a_refused_user_tells_no_password(hca: Hca, data: Path) -> None:
    for text in (PASSWORD, f"ann:{PASSWORD}:Admin", f"a b:{PASSWORD}"):
        answer = hca("local", "up", "--data", data, "--shock-user", text)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert PASSWORD not in answer.stderr
    assert not data.exists()


def test_a_process_of_a_former_release_is_understood(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    old = {"pid": os.getpid(), "started": "now", "url": "http://127.0.0.1:1", "s3_url": "http://127.0.0.1:2"}
    directory.state.write_text(json.dumps(old))
    with locking.held(directory.lock):
        found = control.running(directory)
        assert (found.url, found.shock_url) == ("http://127.0.0.1:1", "")
        assert shell.variables(directory, found)["HCA_SHOCK_URL"] is None
        assert state.current(directory) == found


@pytest.mark.parametrize("order", [b"", b'{"data": "/nowhere"'])
def test_a_server_without_an_order_ends(order: bytes) -> None:
    command = [sys.executable, "-P", "-m", "hca_local.background"]
    ended = subprocess.run(command, input=order, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


def test_which_port_it_gets() -> None:
    with ExitStack() as stack:
        numbers = [ports.lasting(), ports.lasting()]
        last = stack.enter_context(socket.create_server(("127.0.0.1", numbers[0])))
        second = stack.enter_context(listening.listener(None, *numbers))
        assert second.getsockname()[1] == numbers[1]
        last.close()
        first = stack.enter_context(listening.listener(None, *numbers))
        assert first.getsockname()[1] == numbers[0]
        other = stack.enter_context(listening.listener(None, 0, *numbers))
        assert other.getsockname()[1] not in (0, *numbers)
    assert serving.SHOCK_PORT == 7445


def test_answers_are_in_the_log(served: Launched, http: requests.Session) -> None:
    url = shock_url(served.directory)
    http.get(f"{url}/preauth/0123456789abcdef", timeout=30)
    for path in ("%70reauth/0123456789abcdef", "/Preauth//0123456789abcdef/x", "preauth/0123%0A456789abcdef"):
        http.get(f"{url}/{path}", timeout=30)
    http.get(f"{url}/node?limit=1&access_token=0123456789abcdef", timeout=30)
    http.get(f"{url}/node/preauthorized0123456789abcdef", timeout=30)
    lines = [line.split(" ", 1)[1] for line in served.directory.log.read_text().splitlines()[-6:]]
    shown = [re.sub(r" \d+ [\d.]+ms$", "", line) for line in lines]
    assert shown == [
        "GET /preauth/0123...",
        "GET /preauth/0123...",
        "GET //Preauth//0123.../x",
        "GET /preauth/0123...",
        "GET /node?limit=1&access_token=...",
        "GET /node/preauthorized0123456789abcdef",
    ]
