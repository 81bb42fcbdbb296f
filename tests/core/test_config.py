"""The layered configuration: which layer wins, what bad files are told, and that only `save` writes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hca_core import paths
from hca_core.config import ASSIGNED, HCAConfig, get_config, read_file, redacted
from hca_core.errors import ConfigError

PRODUCTION = "https://dss.data.humancellatlas.org/v1/swagger.json"
URL = "DSSClient.swagger_url"
PAGED = {"Content-Type": "application/json", "X-OpenAPI-Paginated-Content-Key": "bundles"}


def put(path, document):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def user_file(document):
    return put(paths.config_file(), document)


def tree(folder):
    """Return every path below `folder` with its content and mode: equal trees were not written to."""
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(Path(folder).rglob("*"))
    }


# Layers


def test_each_layer_beats_the_ones_before_it(tmp_path, monkeypatch):
    def value():
        config = HCAConfig()
        return config.lookup(URL), config.origin(URL)

    assert value() == (PRODUCTION, "packaged defaults")
    put(paths.site_config_file(), {"DSSClient": {"swagger_url": "site"}})
    assert value() == ("site", paths.site_config_file())
    user_file({"DSSClient": {"swagger_url": "user"}})
    assert value() == ("user", paths.config_file())
    first = put(tmp_path / "a.json", {"DSSClient": {"swagger_url": "a", "tries": 9}})
    second = put(tmp_path / "b.json", {"DSSClient": {"swagger_url": "b"}})
    monkeypatch.setenv("HCA_CONFIG_FILE", f"{first}{os.pathsep}{second}")
    assert value() == ("b", str(second))
    assert HCAConfig().lookup("DSSClient.tries") == 9  # siblings of the lower layer survive
    monkeypatch.setenv("HCA_CONFIG_FILE", f"{second}{os.pathsep}{first}{os.pathsep}")
    assert value() == ("a", str(first))
    monkeypatch.setenv("HCA_DSS_URL", "https://env.example.org/v1")
    assert value() == ("https://env.example.org/v1/swagger.json", "HCA_DSS_URL")
    config = HCAConfig()
    config["DSSClient"].swagger_url = "code"
    assert (config.lookup(URL), config.origin(URL)) == ("code", ASSIGNED)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://x.example.org/v1", "https://x.example.org/v1/swagger.json"),
        ("https://x.example.org/v1/", "https://x.example.org/v1/swagger.json"),
        ("http://127.0.0.1:9/openapi.json", "http://127.0.0.1:9/openapi.json"),
        ("", PRODUCTION),
    ],
)
def test_a_variable_names_a_base_url_or_a_description(given, taken, monkeypatch):
    monkeypatch.setenv("HCA_DSS_URL", given)
    assert HCAConfig().lookup(URL) == taken


def test_a_service_without_description_gets_a_plain_url(plugin, monkeypatch):
    plugin("weather", config_defaults={"WeatherClient": {"url": "https://weather.example.org"}})
    assert HCAConfig()["WeatherClient"].url == "https://weather.example.org"
    monkeypatch.setenv("HCA_WEATHER_URL", "http://127.0.0.1:9/")
    assert HCAConfig()["WeatherClient"].url == "http://127.0.0.1:9/"


@pytest.mark.parametrize("other", [None, "http://127.0.0.1:9/v1"])
@pytest.mark.parametrize("whole_section", [False, True])
def test_python_beats_the_environment(dss, service, monkeypatch, whole_section, other):
    """CORE-045, CORE-046: item access, then attribute; B is asked, A is not, and no file is written."""
    from hca import HCAConfig as Published
    from hca.dss import DSSClient

    monkeypatch.delenv("HCA_DSS_URL")
    if other:
        monkeypatch.setenv("HCA_DSS_URL", other)
    service.on("GET", "/v1/events/*").reply(json={"answered": True})
    config = Published()
    url = service.url + "/v1/swagger.json"
    if whole_section:
        config["DSSClient"] = {"swagger_url": url}
    else:
        config["DSSClient"].swagger_url = url
    assert DSSClient(config=config).get_event(uuid="u", version="v", replica="aws") == {"answered": True}
    assert not Path(paths.config_dir()).exists()


def test_the_swagger_url_argument_beats_all(dss, monkeypatch):
    from hca.dss import DSSClient

    config = HCAConfig()
    config["DSSClient"].swagger_url = "https://b.example.org/v1/swagger.json"
    client = DSSClient(config, swagger_url="https://c.example.org/v1/swagger.json")
    assert client.swagger_url == "https://c.example.org/v1/swagger.json"


def test_xdg_config_home_moves_the_users_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    user_file({"x": 1})
    assert paths.config_file() == str(tmp_path / "elsewhere" / "hca" / "config.json")
    assert HCAConfig()["x"] == 1


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_an_empty_or_relative_xdg_folder_is_ignored_as_the_specification_says(value, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert paths.config_dir() == os.path.join(os.environ["HOME"], ".config", "hca")
    assert paths.cache_dir() == os.path.join(os.environ["HOME"], ".cache", "hca")


def test_a_tilde_in_the_list_of_files(isolated_home, monkeypatch):
    put(isolated_home / "mine.json", {"x": 2})
    monkeypatch.setenv("HCA_CONFIG_FILE", "~/mine.json")
    assert HCAConfig()["x"] == 2


def test_operators_work_across_files_and_are_told_where_they_meet_no_list(tmp_path, monkeypatch):
    user_file({"x": [1], "s": "text"})
    overlay = put(tmp_path / "o.json", {"x": {"$insert": {"0": 0}}, "s": {"$append": 1}})
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    config = HCAConfig()
    assert config["x"] == [0, 1]
    config["DSSClient"].tries = 1  # brings a section in: the layers are merged anew
    assert config["x"] == [0, 1]
    assert config.origin("x") == f"{paths.config_file()} + {overlay}"
    assert config.notes == [f"{overlay}: s has $append, but there is no list below it; ignored"]


# Files that can't be used


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{\n "a": 1,\n "b": }', ", line 3, column 7: not JSON (Expecting value)"),
        ('{"oauth2_token": "precious",}', ", line 1, column 29: not JSON"),
        ("", ", line 1, column 1: not JSON"),
        ("[1]", ", line 1, column 1: must hold a JSON object, not list"),
        (b'{"a": "\xff"}', ": not UTF-8 text (byte 7)"),
        ("[" * 100_000, ": nested too deeply"),
    ],
    ids=["value missing", "comma", "empty", "list", "latin1", "deep"],
)
def test_a_broken_file_is_told_exactly_and_left_alone(content, told, hca):
    path = user_file("")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = path.read_bytes()
    for words in (["config", "list"], ["config", "set", "x", "1"], ["config", "unset", "a"], ["dss", "get-event"]):
        outcome = hca(*words, *(["--uuid=u", "--version=v", "--replica=aws"] if words[0] == "dss" else []))
        assert outcome.exit_status == 2
        assert outcome.stderr.startswith(f"hca: {path}{told}")
        assert "Traceback" not in outcome.stderr
        assert outcome.stdout == ""
    assert path.read_bytes() == before
    assert hca("config", "path").stdout == f"{path}\n"
    assert hca("--help").exit_status == 0


@pytest.mark.parametrize("name", ["missing.json", "folder", "/proc/self/mem"])
def test_a_file_that_the_variable_names_must_be_readable(name, tmp_path, hca):
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / name)
    outcome = hca("config", "list", env={"HCA_CONFIG_FILE": path})
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith(f"hca: {path}: ")
    assert outcome.stderr.count(path) == 1


def test_no_file_at_all_is_fine(hca):
    assert read_file(paths.config_file()) is None
    assert hca("config", "list", "--output", "json").exit_status == 0


# Reading and assigning never write, saving does


def test_reading_and_assigning_write_nothing(isolated_home, tmp_path, monkeypatch, hca):
    user_file({"log_level": "INFO"})
    overlay = put(tmp_path / "overlay.json", {"x": 1})
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    before = tree(paths.config_dir()), tree(tmp_path)
    config = HCAConfig()
    config["x"] = 2
    config["DSSClient"].swagger_url = "https://x.example.org"
    config.assign("a.b.c", [1])
    del config["log_level"]
    assert config.lookup("a.b.c") == [1]
    for words in (["config", "list"], ["config", "get", "x"], ["config", "path"], ["dss", "--help"], ["plugins"]):
        assert hca(*words).exit_status == 0
    assert (tree(paths.config_dir()), tree(tmp_path)) == before


def test_save_writes_what_was_assigned_to_the_users_file_only(tmp_path, monkeypatch):
    put(paths.site_config_file(), {"site": True})
    user_file({"mine": {"kept": 1, "dropped": 2}})
    overlay = put(tmp_path / "overlay.json", {"overlay": {"a": 1}, "mine": {"kept": 7}})
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    monkeypatch.setenv("HCA_DSS_URL", "https://env.example.org")
    before = overlay.read_bytes(), Path(paths.site_config_file()).read_bytes()
    config = HCAConfig()
    assert config.lookup(URL)  # defaults and environment are loaded, and must not be written
    config["new"] = {"é": [1, None]}
    config.remove("mine.dropped")
    config.save()
    assert json.loads(Path(paths.config_file()).read_text()) == {"mine": {"kept": 1}, "new": {"é": [1, None]}}
    assert (overlay.read_bytes(), Path(paths.site_config_file()).read_bytes()) == before
    config.save()
    assert json.loads(Path(paths.config_file()).read_text())["new"] == {"é": [1, None]}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_saved_files_are_private_whatever_the_umask(umask):
    before = os.umask(umask)
    try:
        config = HCAConfig()
        config["secret"] = "x"
        config.save()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(paths.config_file()).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(paths.config_dir()).st_mode) == 0o700
    made = {one.name: stat.S_IMODE(one.stat().st_mode) for one in Path(paths.config_dir()).iterdir()}
    assert made == {"config.json": 0o600, "config.lock": 0o600}


def test_a_world_readable_file_is_private_after_saving():
    os.chmod(user_file({}), 0o644)
    config = HCAConfig()
    config["x"] = 1
    config.save()
    assert stat.S_IMODE(os.stat(paths.config_file()).st_mode) == 0o600


def test_readers_never_meet_half_a_file():
    """Atomic: somebody who reads all the time sees the old document or the new one."""
    user_file({"text": "x" * 50_000})
    problems = []
    done = threading.Event()

    def read():
        while not done.is_set():
            try:
                assert len(read_file(paths.config_file())["text"]) == 50_000
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for letter in "abcdefghijklmnopqrst":
        config = HCAConfig()
        config["text"] = letter * 50_000
        config.save()
    done.set()
    reader.join()
    assert problems == []


def test_a_full_disk_leaves_the_old_file_and_no_other():
    """The kernel refuses to write more than 20 bytes a file: the write fails half way."""
    path = user_file({"old": 1})
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "from hca_core.main import run; sys.exit(run(['config', 'set', 'long', 'x' * 5000]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"hca: {path}: File too large; nothing was changed\n"
    assert json.loads(path.read_text()) == {"old": 1}
    assert sorted(os.listdir(path.parent)) == ["config.json", "config.lock"]


def test_a_linked_file_stays_a_link(tmp_path):
    """Dotfiles are often kept elsewhere and linked."""
    real = put(tmp_path / "dotfiles" / "hca.json", {"old": 1})
    os.makedirs(paths.config_dir())
    os.symlink(real, paths.config_file())
    config = HCAConfig()
    config["new"] = 2
    config.save()
    assert os.path.islink(paths.config_file())
    assert json.loads(real.read_text()) == {"old": 1, "new": 2}
    assert os.listdir(real.parent) == ["hca.json"]


def test_a_home_that_can_not_be_written(tmp_path, hca):
    """Below a file nothing can be made, whoever asks: even root."""
    blocked = put(tmp_path / "file", "")
    env = {"HOME": str(blocked / "home"), "XDG_CONFIG_HOME": None, "XDG_CACHE_HOME": None}
    for words in ([], ["--help"], ["dss", "--help"], ["config", "list"], ["config", "path"], ["plugins"]):
        outcome = hca(*words, env=env)
        assert (outcome.exit_status, outcome.stderr) == (0, "")
    outcome = hca("config", "set", "x", "1", env=env)
    assert outcome.exit_status == 2
    assert outcome.stderr == f"hca: {blocked}/home/.config/hca/config.json: Not a directory; nothing was changed\n"


# The object


def test_two_configurations_share_nothing():
    one, other = HCAConfig(), HCAConfig()
    one["DSSClient"].swagger_url = "https://one.example.org"
    one["list"] = shared = [1]
    shared.append(2)
    assert one["list"] == [1]
    assert other.lookup(URL) == PRODUCTION
    assert "list" not in other
    assert HCAConfig().lookup(URL) == PRODUCTION
    assert get_config() is get_config()
    assert get_config().lookup(URL) == PRODUCTION


def test_items_and_attributes_are_the_same():
    config = HCAConfig(name="hca")
    config.upload = {"areas": {"u": {"uri": "s3://b/u/"}}}
    assert config["upload"]["areas"]["u"].uri == "s3://b/u/"
    assert list(config.upload.areas) == ["u"]
    areas = config.upload.areas
    del areas["u"]
    assert len(areas) == 0
    areas["v"] = {"uri": "s3://b/v/"}
    assert config.lookup("upload") == {"areas": {"v": {"uri": "s3://b/v/"}}}
    with pytest.raises(AttributeError, match=r"upload\.nothing"):
        config.upload.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        del config.upload.nothing
    with pytest.raises(KeyError):
        del config["nothing"]
    with pytest.raises(KeyError):
        config["nothing"]


def test_nothing_can_lie_below_a_value():
    """`config set log_level.x 1` must not turn the level, or somebody's list, into a section."""
    user_file({"list": [1]})
    config = HCAConfig()
    for key in ("log_level.x", "list.x"):
        with pytest.raises(ConfigError, match="is a value, not a section"):
            config.assign(key, 1)
    assert config["list"] == [1]


def test_a_plugin_that_can_not_be_used_does_not_stop_the_configuration(plugin, hca):
    plugin("weather", "raise RuntimeError('storm')")
    user_file({"WeatherClient": {"swagger_url": "mine"}})
    for words in (["list", "--output", "json"], ["get", "WeatherClient.swagger_url"], ["set", "WeatherClient.x", "1"]):
        outcome = hca("config", *words)
        assert outcome.exit_status == 0
        assert "RuntimeError: storm" in outcome.stderr
    assert read_file(paths.config_file()) == {"WeatherClient": {"swagger_url": "mine", "x": 1}}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            {"oauth2_token": {"access_token": "s", "expires_at": "-1"}},
            {"oauth2_token": dict.fromkeys(("access_token", "expires_at"), "***")},
        ),
        ({"tokens": {"example.org": "s"}}, {"tokens": {"example.org": "***"}}),
        ({"accounts": [{"password": "s", "name": "n"}]}, {"accounts": [{"password": "***", "name": "n"}]}),
        ({"Client_Secret": "s", "token_uri": "https://x/t"}, {"Client_Secret": "***", "token_uri": "https://x/t"}),
        ({"a": {"private_key": ["s"]}}, {"a": {"private_key": ["***"]}}),
        ({"url": "https://me:s@example.org/?sig=s"}, {"url": "https://***@example.org/?sig=***"}),
        ({"api_key": ""}, {"api_key": ""}),
    ],
)
def test_secrets_are_not_shown(value, shown):
    assert redacted(value) == shown


def test_secrets_are_not_shown_by_repr_either():
    config = HCAConfig()
    config["oauth2_token"] = {"host": "hidden-value"}
    assert "hidden-value" not in repr(config)
    assert "hidden-value" not in repr(config["oauth2_token"])


# The documented steps, as they stand


@pytest.fixture
def shell(tmp_path):
    """Run lines of the documentation in a real shell, with the installed command on the path."""

    def run(script, **env):
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euc", script],
            env={**os.environ, "PATH": path, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


def test_the_first_run_makes_the_file_that_the_user_then_edits(shell, dss, service, monkeypatch):
    """CORE-019, CORE-020."""
    monkeypatch.delenv("HCA_DSS_URL")
    service.on("GET", "/v1/bundles/all").reply(json={"bundles": []}, headers=PAGED)
    done = shell("hca > /dev/null; ls ~/.config/hca; cat ~/.config/hca/config.json", XDG_CONFIG_HOME="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "config.json\n{}\n", "")
    home = Path(os.environ["HOME"], ".config", "hca")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "config.json").stat().st_mode) == 0o600
    (home / "config.json").write_text(json.dumps({"DSSClient": {"swagger_url": f"{service.url}/v1/swagger.json"}}))
    done = shell("hca > /dev/null; hca dss get-bundles-all --replica aws", XDG_CONFIG_HOME="")
    assert json.loads(done.stdout) == {"bundles": []}
    assert len(service.asked("GET", "/v1/bundles/all")) == 1


def test_the_overlay_recipe_works_in_a_fresh_home_and_stays_untouched(shell, dss, service, monkeypatch):
    """CORE-021, CORE-022; `jq` is replaced by python where it is missing."""
    monkeypatch.delenv("HCA_DSS_URL")
    service.on("GET", "/v1/bundles/all").reply(json={"bundles": []}, headers=PAGED)
    made = shell(
        "hca > /dev/null\n"
        "command -v jq > /dev/null || jq() { python -c 'import json, os; "
        'print(json.dumps({"DSSClient": {"swagger_url": os.environ["SWAGGER_URL"]}}))\'; }\n'
        "jq -n .DSSClient.swagger_url=env.SWAGGER_URL > ~/.config/hca/config.staging.json",
        SWAGGER_URL=f"{service.url}/v1/swagger.json",
        XDG_CONFIG_HOME="",
    )
    assert (made.returncode, made.stderr) == (0, "")
    overlay = Path(os.environ["HOME"], ".config", "hca", "config.staging.json")
    before = hashlib.sha256(overlay.read_bytes()).hexdigest()
    used = shell(
        "export HCA_CONFIG_FILE=~/.config/hca/config.staging.json\n"
        "hca dss get-bundles-all --replica aws\n"
        "hca dss login --access-token T; hca config set x 1; hca dss logout 2> /dev/null",
        XDG_CONFIG_HOME="",
    )
    assert (used.returncode, used.stderr) == (0, "")
    assert json.loads(used.stdout) == {"bundles": []}
    assert hashlib.sha256(overlay.read_bytes()).hexdigest() == before
    assert json.loads((overlay.parent / "config.json").read_text()) == {"x": 1}
