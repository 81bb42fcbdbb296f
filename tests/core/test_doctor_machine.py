"""`hca doctor` on this machine: configuration, logins, disks, the installation, the terminal."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from time import time

import pytest

from hca_core import paths
from hca_core.testing import run_hca

NOBODY = {"HCA_DSS_URL": "http://127.0.0.1:1"}


def rows(*words, env=None, area="configuration"):
    """Run `hca doctor` without requests and return the rows of an area by name; the last one of a name wins."""
    outcome = run_hca(*words, "doctor", "--offline", "--service", "dss", "--output", "json", env=env)
    assert "Traceback" not in outcome.stderr
    found = outcome.json()
    assert outcome.exit_status == (1 if any(row["state"] == "problem" for row in found) else 0)
    return {row["name"]: row for row in found if row["area"] == area}


def write(path, document, mode=0o600):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", ["{broken", "[]", '{"a": ' * 20000, "\udcff"])
def test_a_broken_file_is_told_and_the_others_count(tmp_path, text):
    Path(paths.config_dir()).mkdir(parents=True)
    Path(paths.config_file()).write_bytes(text.encode(errors="surrogateescape"))
    other = write(tmp_path / "other.json", {"DSSClient": {"swagger_url": "https://other.example.org/s.json"}})
    env = {"HCA_CONFIG_FILE": str(other)}
    found = rows(env=env)
    assert found["your file"]["state"] == "problem"
    assert paths.config_file() in found["your file"]["text"]
    assert found["further file"]["text"] == f"{other} is read"
    assert "other.example.org" in rows(env=env, area="services")["dss address"]["text"]


def test_a_file_that_is_not_there():
    found = rows(env={"HCA_CONFIG_FILE": "/nowhere/x.json"})
    assert found["further file"]["text"] == "/nowhere/x.json is not there, but HCA_CONFIG_FILE names it"
    assert (found["further file"]["state"], found["your file"]["state"]) == ("problem", "ok")


def test_files_that_can_be_read_but_not_merged(tmp_path):
    write(paths.config_file(), {"mirrors": ["a"], "http": {"tries": 2}})
    over = write(tmp_path / "over.json", {"mirrors": {"$insert": {"x": "b"}}})
    found = rows(env={"HCA_CONFIG_FILE": str(over)})
    assert found["in force"]["state"] == "problem"
    assert "$insert can't take" in found["in force"]["text"]


def test_a_setting_that_stops_every_command():
    write(paths.config_file(), {"log_level": "LOUD"})
    assert "log_level is 'LOUD'" in rows()["in force"]["text"]


def test_what_merging_ignores_is_told(tmp_path):
    write(paths.config_file(), {"mirrors": {"$append": "b"}})
    found = rows()
    assert found["in force"]["state"] == "warning"
    assert "there is no list below it" in found["in force"]["text"]


def test_the_profile_in_force():
    write(paths.config_file(), {"profiles": {"work": {"log_level": "DEBUG"}}})
    assert rows("--profile", "work")["profile"]["text"] == "'work' is in force; there are: default, work"


def test_a_profile_that_is_a_typing_error():
    write(paths.config_file(), {"profiles": {"work": {"log_level": "DEBUG"}}})
    for found in (rows("--profile", "wrok"), rows(env={"HCA_PROFILE": "wrok"})):
        assert "did you mean 'work'?" in found["in force"]["text"]


def test_a_key_that_is_a_typing_error():
    write(paths.config_file(), {"http": {"trys": 3, "tries": 2}, "weather": {"towns": 1}, "creator_uid": 7})
    found = rows()
    assert found["keys"]["state"] == "warning"
    assert found["keys"]["text"] == f"http.trys in {paths.config_file()} is not known; was http.tries meant?"


def test_keys_that_are_nobodys_mistake():
    servers = {"mgrast2": {"url": "https://x.example.org", "scheme": "mgrast"}}
    write(paths.config_file(), {"creator_uid": 7, "shock": {"servers": servers}, "DSSClient": {"tries": 3}})
    assert "keys" not in rows()


def test_an_address_that_two_layers_set(tmp_path):
    one = {"DSSClient": {"swagger_url": "https://one.example.org/s.json"}}
    write(paths.config_file(), one)
    assert "addresses" not in rows()
    other = write(tmp_path / "other.json", one)
    found = rows(env={"HCA_CONFIG_FILE": str(other), **NOBODY})
    assert found["addresses"]["text"] == (
        f"DSSClient.swagger_url is set by {paths.config_file()} and by {other} and by HCA_DSS_URL; the last one counts"
    )


def test_files_with_secrets_that_are_open_to_others(tmp_path):
    write(paths.config_file(), {"http": {"tries": 3}}, mode=0o644)  # no secret
    assert rows()["permissions"]["state"] == "ok"
    token = write(tmp_path / "token", "word", mode=0o640)
    assert rows(env={"HCA_TOKEN_FILE": str(token)})["permissions"]["hint"] == f"chmod 600 {token}"
    write(paths.config_file(), {"upload": {"api_key": "word"}}, mode=0o604)
    found = rows()["permissions"]
    assert (found["state"], found["hint"]) == ("warning", f"chmod 600 {paths.config_file()}")
    Path(paths.config_file()).chmod(0o600)
    logins = write(Path(paths.config_dir()) / "credentials.json", {"profiles": {}}, mode=0o666)
    assert "(mode 0666)" in rows()["permissions"]["text"]
    logins.chmod(0o600)
    assert rows()["permissions"]["state"] == "ok"


def test_variables_that_matter():
    found = rows(env={"HCA_TOKEN": "word-of-mine", "HCA_CACHE_DIR": "/x/y", "SSL_CERT_FILE": "/etc/c.pem", "MINE": "1"})
    assert found["HCA_TOKEN"]["text"] == "***"
    assert found["HCA_CACHE_DIR"]["text"] == "/x/y"
    assert found["SSL_CERT_FILE"]["text"] == "/etc/c.pem"
    assert "MINE" not in found


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("me:s3cret@h:8080", "***@h:8080"),
        ("socks5://me:s3cret@h:1080", "socks5://***@h:1080"),
        ("http://me:a/s3cret@h:8080", "http://***@h:8080"),
        ("http://me:p@s3cret@h", "http://***@h"),
        ("h:8080", "h:8080"),
    ],
)
def test_passwords_of_proxies(proxy, shown):
    assert rows(env={"https_proxy": proxy})["https_proxy"]["text"] == shown


@pytest.mark.parametrize("home", ["/nonexistent", "/dev/null", ""])
def test_without_a_home(home):
    xdg = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"))
    assert rows(env={"HOME": home, **xdg})["your file"]["state"] == "ok"


# Logins


def jwt(**claims):
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts), "x"])


def test_whose_token_it_is():
    token = jwt(email="ann@example.org", exp=int(time()) + 9000)  # half an hour for slow machines
    found = rows(env={"HCA_TOKEN": token, **NOBODY}, area="logins")["dss"]
    assert found["state"] == "ok"
    assert found["text"].startswith("the token of ann@example.org comes from HCA_TOKEN, and ends in 2 hours")


def test_a_token_that_has_run_out():
    found = rows(env={"HCA_TOKEN": jwt(exp=1000), **NOBODY}, area="logins")["dss"]
    assert found["state"] == "problem"
    assert "has run out" in found["text"]


def test_a_source_of_tokens_that_is_broken():
    found = rows(env={"HCA_TOKEN_FILE": "/nowhere/token", **NOBODY}, area="logins")["dss"]
    assert found["state"] == "problem"
    assert "/nowhere/token can't be read" in found["text"]


def test_nobody_is_logged_in():
    found = rows(env=NOBODY, area="logins")["dss"]
    assert (found["state"], found["hint"]) == ("ok", "hca dss login, where it needs one")


def test_a_login_that_would_be_renewed_is_not(service):
    service.on("POST", "/token").fail(500)
    kept = {"access_token": "old", "refresh_token": "r", "expires_at": 1000.0, "token_endpoint": f"{service.url}/token"}
    write(Path(paths.config_dir()) / "credentials.json", {"profiles": {"default": {"http://127.0.0.1:1": kept}}})
    assert rows(env=NOBODY, area="logins")["dss"]["state"] == "skipped"
    assert service.requests == []


def test_who_gives_tokens_is_not_asked_offline(plugin, tmp_path):
    source = f"def token(need):\n    open({str(tmp_path / 'asked')!r}, 'w').close()\n"
    plugin(
        "vault", modules={"vault_of_test": source}, entry_points={"hca.credentials": {"vault": "vault_of_test:token"}}
    )
    assert rows(env=NOBODY, area="logins")["dss"]["state"] == "skipped"
    assert not (tmp_path / "asked").exists()


# Disks


@pytest.fixture
def disk(tmp_path):
    """A function that mounts a file system in memory with these options and returns its folder."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    mounted = []

    def make(options):
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode:
            pytest.skip(f"no file system with {options} can be mounted here")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full(disk):
    folder = disk("size=256k")
    with pytest.raises(OSError, match="space"):
        (folder / "filler").write_bytes(bytes(1_000_000))
    found = rows(env={"HCA_CACHE_DIR": str(folder / "cache")}, area="disk")["cache"]
    assert (found["state"], found["hint"]) == ("problem", "make room")
    assert found["text"] == f"{folder}/cache: 0 bytes free"


def test_a_disk_that_is_nearly_full(disk):
    found = rows(env={"HCA_CACHE_DIR": str(disk("size=100m"))}, area="disk")["cache"]
    assert found["state"] == "warning"


@pytest.mark.parametrize(("count", "state"), [(1, "problem"), (20, "warning")])
def test_a_disk_that_takes_no_more_files(disk, count, state):
    folder = disk(f"size=20m,nr_inodes={count}")
    found = rows(env={"HCA_CACHE_DIR": str(folder)}, area="disk")["cache"]
    assert found["state"] == state
    assert f"for {count - 1} more files" in found["text"]


def test_a_disk_that_is_read_only(disk, monkeypatch):
    folder = disk("size=1m,ro")
    assert "can't be written to" in rows(env={"HCA_STATE_DIR": str(folder / "x")}, area="disk")["state"]["text"]
    monkeypatch.chdir(folder)
    found = rows(area="disk")
    assert found["this directory"]["state"] == "problem"
    assert found["file system"]["state"] == "skipped"


def test_a_directory_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    found = rows(area="disk")
    assert found["this directory"]["text"] == "this could not be looked at: No such file or directory"
    assert found["cache"]["state"] == "ok"


def test_what_the_file_system_can_do_and_that_nothing_is_left():
    assert rows(area="disk")["file system"]["state"] == "ok"
    assert os.listdir() == []


def test_a_file_system_without_hard_links(monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)  # FAT and some of clusters have none; they can't be mounted in a test
    assert "no hard links" in rows(area="disk")["file system"]["text"]


def test_what_runs_left_that_were_killed():
    assert "leftovers" not in rows(area="disk")
    write("data/.reads.fastq.1-2-3.part", "half")
    write("data/browser.part", "of somebody else")
    assert rows(area="disk")["leftovers"]["text"].startswith("1 files below this directory are not complete")
    Path("data/.reads.fastq.1-2-3.part").unlink()
    write(Path(paths.state_dir()) / "uploads" / "x.jsonl", "{}")
    assert rows(area="disk")["leftovers"]["text"].startswith("1 uploads have not ended")


# The installation


def process(*words, **env):
    """Run `hca doctor` as a process of its own and return its rows by name."""
    command = [sys.executable, "-m", "hca_core", "doctor", "--offline", "--output", "json", *words]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=100)
    assert "Traceback" not in done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_a_package_of_old_that_hides_ours(tmp_path):
    write(tmp_path / "hca" / "__init__.py", "")
    metadata = "Metadata-Version: 2.1\nName: hca\nVersion: 7.0.1\nRequires-Dist: boto3\n"
    write(tmp_path / "hca-7.0.1.dist-info" / "METADATA", metadata)
    found = process(PYTHONPATH=str(tmp_path))
    assert found["import"]["state"] == "problem"
    assert str(tmp_path) in found["import"]["text"]
    assert found["old package"]["state"] == "problem"
    assert "hca 7.0.1" in found["old package"]["text"]


def test_two_copies_of_the_core(tmp_path):
    write(tmp_path / "hca_core-8.9.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: hca-core\nVersion: 8.9.0\n")
    found = process(PYTHONPATH=str(tmp_path))
    assert found["copies"]["state"] == "warning"
    assert "8.9.0" in found["hca-core"]["text"]


def test_an_installation_as_it_should_be():
    found = process(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert {name: found[name]["state"] for name in ("command", "import", "requirements")} == {
        "command": "ok",
        "import": "ok",
        "requirements": "ok",
    }
    assert "copies" not in found
    assert "old package" not in found


@pytest.mark.parametrize(
    ("requires", "told"),
    [
        ("requests>=999", "hca-plugin-weather requires requests>=999, but "),
        ("no-such-thing-of-a-test", "hca-plugin-weather requires no-such-thing-of-a-test, which is not installed"),
        ("no-such-thing-of-a-test; python_version < '3'", None),
        ("no-such-thing-of-a-test; extra == 'more'", None),
        ("requests>=2", None),
    ],
)
def test_what_a_distribution_requires(plugin, requires, told):
    folder = plugin("weather")
    with next(folder.glob("*.dist-info/METADATA")).open("a") as stream:
        stream.write(f"Requires-Dist: {requires}\n")
    found = rows(area="versions")["requirements"]
    assert found["state"] == ("ok" if told is None else "problem")
    assert found["text"].startswith(told or "every distribution has")


def test_an_installation_of_the_user(tmp_path):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "lib" / version / "site-packages"
    write(packages / "hca_core-9.0.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: hca-core\nVersion: 9.0.0\n")
    env = {"PYTHONUSERBASE": str(tmp_path), "PYTHONPATH": str(packages), "PATH": f"{tmp_path}/bin"}
    assert process(**env)["command"]["text"] == f"{tmp_path}/bin has no hca"
    write(tmp_path / "bin" / "hca", "#!/bin/sh\n", mode=0o755)
    assert process(**env)["command"]["text"] == f"{tmp_path}/bin/hca is the first one of PATH"


def test_another_hca_on_the_path(tmp_path):
    write(tmp_path / "bin" / "hca", "#!/bin/sh\n", mode=0o755)
    own = Path(sys.executable).parent
    found = rows(env={"PATH": f"{tmp_path}/bin{os.pathsep}{own}"}, area="install")
    outcome = run_hca("doctor", "--offline", "--query", "[?name=='command']", env={"PATH": f"{tmp_path}/bin"})
    assert [row["state"] for row in outcome.json()] == ["warning"]
    assert found["command"]["text"].startswith("further ones")
    outcome = run_hca("doctor", "--offline", "--query", "[?name=='command'].text", env={"PATH": str(own)})
    assert outcome.json() == [f"{own}/hca is the first one of PATH"]


# The terminal


def test_an_encoding_that_holds_little():
    found = process(PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert found["encoding"]["state"] == "warning"
    assert process(PYTHONIOENCODING="utf-8")["encoding"]["state"] == "ok"


def test_completion(isolated_home):
    env = {"SHELL": "/bin/bash"}
    assert "is not installed for bash" in rows(env=env, area="terminal")["completion"]["text"]
    write(isolated_home / ".bashrc", "alias ll='ls -l'\n")
    assert "is not installed for bash" in rows(env=env, area="terminal")["completion"]["text"]
    write(isolated_home / ".bashrc", 'eval "$(hca completion bash)"\n')
    found = rows(env=env, area="terminal")["completion"]["text"]
    assert found == f"bash completes commands ({isolated_home}/.bashrc)"
    assert rows(env={"SHELL": "/bin/tcsh"}, area="terminal")["completion"]["state"] == "skipped"
    assert rows(env={"SHELL": None}, area="terminal")["completion"]["text"] == "SHELL is not set"
