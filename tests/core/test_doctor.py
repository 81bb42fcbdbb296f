"""`hca doctor`: the report, its forms, what is never in it, and that nothing takes the rest of it along."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from waiting import until

from hca_core.doctor import Check, extensions, looking
from hca_core.doctor.values import Look
from hca_core.errors import ConfigError
from hca_core.testing import run_hca

SECRET = "Sesame-open-0123456789"


def examined(*words, **env):
    """Run `hca doctor` for one service and return the exit status and the rows by (area, name).

    A busy machine may need longer for an answer than the 5 s that are usual.
    """
    outcome = run_hca("doctor", "--timeout", "30", "--output", "json", *words, env=env)
    assert "Traceback" not in outcome.stderr
    return outcome.exit_status, {(row["area"], row["name"]): row for row in outcome.json()}


def problems(rows):
    return {key for key, row in rows.items() if row["state"] == "problem"}


def test_all_is_well(dss):
    status, rows = examined("--service", "dss")
    assert (status, problems(rows)) == (0, set())
    areas = list(dict.fromkeys(area for area, _ in rows))
    assert areas == ["versions", "install", "configuration", "plugins", "terminal", "disk", "services", "logins"]
    assert rows["services", "dss address"]["text"].endswith("(from HCA_DSS_URL)")
    assert rows["services", "dss answer"]["text"].startswith("it answers in ")
    assert rows["services", "dss clock"]["state"] == "ok"
    assert set(rows["logins", "dss"]) == {"area", "name", "state", "text", "hint"}


def test_a_service_is_asked_once_and_without_the_token(dss):
    examined("--service", "dss", HCA_TOKEN=SECRET)
    assert [(one.method, one.path) for one in dss.requests] == [("GET", "/v1/swagger.json")]
    assert "Authorization" not in dss.requests[0].headers


def test_only_the_services_that_are_named_are_looked_at(dss):
    _, rows = examined("--service", "dss")
    assert {name.split()[0] for area, name in rows if area in ("services", "logins")} == {"dss"}
    assert not {"shock", "local"} & {area for area, _ in rows}


def test_a_service_that_is_not_there_is_a_mistake():
    outcome = run_hca("doctor", "--service", "dsss")
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert "no plugin is called 'dsss'" in outcome.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_a_mistake(seconds):
    assert run_hca("doctor", "--timeout", seconds).exit_status == 2


def test_offline_nobody_is_asked(dss, monkeypatch):
    monkeypatch.setenv("HCA_AUTH_URL", dss.url)
    monkeypatch.setenv("HCA_SHOCK_URL", dss.url)
    _, rows = examined("--offline")
    assert dss.requests == []
    assert rows["services", "dss answer"]["state"] == "skipped"
    assert {area for area, _ in rows} >= {"shock", "upload", "local"}


def test_the_list_for_people(dss, monkeypatch):
    monkeypatch.setattr(extensions, "_SLOW_SECONDS", 60)  # to import plugins may take a busy machine a while
    outcome = run_hca("doctor", "--timeout", "30", "--service", "dss", env={"PATH": "/nowhere"})
    lines = outcome.stdout.splitlines()
    assert lines[0] == "versions"
    assert lines[-1].startswith("1 warning in ")
    place = lines.index("install")
    assert lines[place - 1] == ""
    assert lines[place + 1].split()[:2] == ["warning", "command"]
    assert lines[place + 2].strip().startswith("next: put ")
    assert "\x1b" not in outcome.stdout


@pytest.mark.parametrize(
    ("env", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1"}, True, False),
    ],
)
def test_its_colours(env, terminal, coloured):
    outcome = run_hca("doctor", "--offline", "--service", "dss", env=env, terminal=terminal)
    assert ("\x1b[32mok" in outcome.stdout) is coloured


def test_rows_in_other_formats():
    outcome = run_hca("doctor", "--offline", "--output", "tsv")
    assert outcome.stdout.splitlines()[0] == "area\tname\tstate\ttext\thint"
    found = run_hca("doctor", "--offline", "--query", "[?area=='versions'] | [0].name").json()
    assert found == "hca"


def test_secrets_do_not_appear(dss, tmp_path):
    key = tmp_path / "token"
    key.write_text(SECRET)
    key.chmod(0o600)
    run_hca("config", "set", "upload.api_key", SECRET)
    run_hca("config", "set", "weather.url", f"https://me:{SECRET}@weather.example.org/")
    env = {
        "HCA_TOKEN_FILE": str(key),
        "HCA_UPLOAD_TOKEN": SECRET,
        "HTTPS_PROXY": f"http://me:{SECRET}@127.0.0.1:1",
        "HCA_AUTH_URL": f"https://me:{SECRET}@auth.example.invalid/?token={SECRET}",
    }
    for words in ((), ("--output", "json"), ("--offline",)):
        outcome = run_hca("doctor", *words, env=env)
        assert SECRET not in outcome.stdout + outcome.stderr
        assert str(key) in outcome.stdout  # where it is is none


def test_what_fails_is_one_row_and_the_rest_is_there():
    def broken():
        yield Check("first", "ok", "this was seen")
        raise ZeroDivisionError("of the test")

    def refused():
        raise ConfigError("the file is broken", hint="mend it")

    looks = [Look("a", "broken", broken), Look("a", "refused", refused), Look("a", "fine", lambda: [CHECK])]
    for found in (looking.one_by_one(looks), looking.side_by_side(looks, 30.0)):
        first, second, third = found
        assert [check.state for check in first] == ["ok", "problem"]
        assert first[1].text == "this could not be looked at: ZeroDivisionError: of the test"
        assert second == [Check("refused", "problem", "the file is broken", "mend it")]
        assert third == [CHECK]


CHECK = Check("fine", "ok", "it is fine")

OWN = """
import sys
import click
from hca_core import hookimpl
from hca_core.doctor import Check

weather = click.Group("weather")

@hookimpl
def hca_commands():
    return {"weather": __name__ + ":weather"}

@hookimpl
def hca_checks(config, timeout):
    print("this is talk")
    yield Check("city", "warning", f"no city in {config.lookup('WeatherClient.url')}, {timeout:g} s", hint="choose one")
    {end}
"""


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("return", None),
        ("raise ValueError('no sky')", "ValueError: no sky"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("yield 'sunny'", "'sunny' is not a Check"),
        ("yield Check('sky', 'fine', 'blue')", "is not a Check"),
    ],
)
def test_plugins_look_at_things_of_their_own(plugin, dss, end, told):
    plugin("weather", OWN.replace("{end}", end))
    run_hca("config", "set", "WeatherClient.url", "https://weather.example.org")
    outcome = run_hca("doctor", "--service", "weather", "--timeout", "30", "--query", "[?area=='weather']")
    rows = outcome.json()  # so talk is not on stdout
    assert rows[0]["text"] == "no city in https://weather.example.org, 30 s"
    assert (rows[0]["state"], rows[0]["hint"]) == ("warning", "choose one")
    assert [told in row["text"] for row in rows[1:]] == ([True] if told else [])
    assert outcome.exit_status == (1 if told else 0)


def test_modules_with_hooks_only_are_asked_too(plugin):
    source = OWN.replace("{end}", "return")
    plugin("sun", modules={"hooks_of_sun": source}, entry_points={"hca.hooks": {"observer": "hooks_of_sun"}})
    _, rows = examined("--offline", "--service", "dss")
    assert "observer" not in {area for area, _ in rows}
    outcome = run_hca("doctor", "--timeout", "30", "--query", "[?area=='observer'].name", env=nobody())
    assert outcome.json() == ["city"]


def test_a_module_behind_two_names_is_asked_once(plugin):
    source = OWN.replace("{end}", "yield Check('sky', 'ok', 'blue', None)")
    groups = {"hca.plugins": {"weather": "both"}, "hca.hooks": {"weather": "both"}}
    plugin("weather", modules={"both": source}, entry_points=groups)
    words = ("doctor", "--timeout", "30", "--query", "[?area=='weather'].[name, hint]")
    assert run_hca(*words, env=nobody()).json() == [["city", "choose one"], ["sky", ""]]


def nobody():
    """Addresses where nothing listens, so that no test leaves this machine."""
    return {f"HCA_{name}_URL": "http://127.0.0.1:1" for name in ("AUTH", "AZUL", "DSS")}


def test_a_plugin_that_hangs_is_given_up(plugin, monkeypatch, tmp_path):
    hangs = tmp_path / "hangs"
    source = OWN.replace("{end}", f"import threading; open({str(hangs)!r}, 'w').close(); threading.Event().wait(600)")
    plugin("weather", source)

    def monotonic():
        """Let it come to that before its time begins to run."""
        if any(thread.name == "doctor-weather" for thread in threading.enumerate()):
            until(hangs.exists)
        return time.monotonic()

    monkeypatch.setattr(looking, "time", SimpleNamespace(monotonic=monotonic))
    status, rows = examined("--service", "weather", "--timeout", "0.2")
    assert status == 1
    assert rows["weather", "city"]["state"] == "warning"
    assert "took longer than 1.2 s" in rows["weather", "weather"]["text"]


def test_a_broken_plugin_is_a_problem_of_its_own(plugin, dss):
    plugin("broken", "raise RuntimeError('no sky')")
    status, rows = examined("--service", "dss")
    assert status == 1
    assert problems(rows) == {("plugins", "broken")}
    assert "RuntimeError: no sky" in rows["plugins", "broken"]["text"]
    assert "pip uninstall hca-plugin-broken" in rows["plugins", "broken"]["hint"]
    assert rows["services", "dss answer"]["state"] == "ok"


def test_plugins_that_are_disabled_shadowed_or_slow(plugin):
    plugin("weather", "from hca_core import hookimpl")
    plugin("doctor", "from hca_core import hookimpl")
    plugin("slow", "import time\ntime.sleep(0.3)\nfrom hca_core import hookimpl\n" + COMMAND)
    _, rows = examined("--offline", HCA_PLUGINS_DISABLED="weather")
    assert rows["plugins", "weather"]["state"] == "skipped"
    assert rows["plugins", "doctor"]["state"] == "warning"
    assert "to import" in rows["plugins", "slow"]["text"]
    assert rows["plugins", "slow"]["state"] == "warning"


COMMAND = """
import click

@click.command()
def slow():
    "Take time."

@hookimpl
def hca_commands():
    return {"slow": __name__ + ":slow"}
"""


def test_the_root_does_not_know_how_to_examine():
    code = "import sys; from hca_core.main import run; run(['--help']); sys.exit('hca_core.doctor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout
