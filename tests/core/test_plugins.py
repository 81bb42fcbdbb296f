"""Loading plugins: one by name, and whatever is wrong with one costs a line and status 8, nobody else."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import click
import pytest

import hca_core
from hca_core import discover, plugins
from hca_core.errors import PluginError, UsageError

BROKEN = {
    "raises": ("raise RuntimeError('storm\\nand rain')", "RuntimeError: storm and rain"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "syntax": ("def broken(:", "SyntaxError: invalid syntax"),
    "import": ("import hca_no_such_module", "ModuleNotFoundError: No module named 'hca_no_such_module'"),
    "silent": ("raise ValueError", "ValueError"),
    "no command": ("", "it names no command 'weather'"),
    "missing module": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n    return {'weather': 'hca_no:x'}",
        "ModuleNotFoundError: No module named 'hca_no'",
    ),
    "missing attribute": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n    return {'weather': 'json:no'}",
        "AttributeError: module 'json' has no attribute 'no'",
    ),
    "no click command": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n    return {'weather': 'json:dumps'}",
        "json:dumps is not a click command",
    ),
    "hook raises": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n    return 1 / 0",
        "ZeroDivisionError: division by zero",
    ),
    "hook answers nonsense": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n    return None",
        "TypeError: 'NoneType' object is not iterable",
    ),
    "hook of another signature": (
        "from hca_core import hookimpl\n@hookimpl\ndef hca_commands(surprise):\n    return {}",
        "PluginValidationError: ",
    ),
}
FIX = "pip install -U hca-plugin-weather, or pip uninstall hca-plugin-weather"


@pytest.fixture(params=BROKEN)
def broken(request, plugin):
    source, cause = BROKEN[request.param]
    plugin("weather", source, summary="Tells the weather.", version="2.3")
    return cause


def test_a_broken_plugin_is_one_line_and_status_8(broken, hca):
    outcome = hca("weather", "today")
    assert outcome.exit_status == 8
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("hca: plugin 'weather' (hca-plugin-weather 2.3) can't be used: " + broken)
    assert line.endswith(f"; next: {FIX}")


def test_other_commands_do_not_notice(broken, hca):
    listed = hca("--help")
    assert (listed.exit_status, listed.stderr) == (0, "")
    assert "Tells the weather." in listed.stdout
    for words in (["dss", "--help"], ["config", "path"], ["help", "config"], ["plugins"], ["clear-hca-cache"]):
        outcome = hca(*words)
        assert (outcome.exit_status, outcome.stderr) == (0, "")


def test_the_check_finds_it_and_names_the_cause(broken, hca):
    outcome = hca("plugins", "--check", "--output", "json")
    assert outcome.exit_status == 8
    rows = {row["command"]: row for row in outcome.json()}
    assert rows["weather"]["state"].startswith(f"broken: {broken}")
    assert rows["dss"]["state"] == "ok"


def test_debug_shows_the_traceback_and_nothing_else_does(plugin, hca):
    plugin("weather", BROKEN["raises"][0])
    assert "Traceback" not in hca("weather").stderr
    for outcome in (hca("--debug", "weather"), hca("weather", env={"HCA_DEBUG": "1"})):
        assert outcome.exit_status == 8
        assert "Traceback" in outcome.stderr
        assert "raise RuntimeError" in outcome.stderr


def test_a_client_of_a_broken_plugin(plugin):
    plugin("weather", BROKEN["raises"][0])
    for _ in range(2):  # the second time too: a failure leaves nothing half registered
        with pytest.raises(PluginError, match="RuntimeError: storm and rain") as caught:
            hca_core.client("weather")
        assert caught.value.hint == FIX


def test_ctrl_c_while_a_plugin_is_imported_is_ctrl_c(plugin, hca):
    plugin("weather", "raise KeyboardInterrupt")
    outcome = hca("weather")
    assert (outcome.exit_status, outcome.stderr.strip()) == (130, "hca: interrupted")


# Names


@pytest.mark.parametrize("name", ["config", "help", "plugins", "completion", "clear-hca-cache"])
def test_the_cores_own_names_win(name, plugin, hca):
    before = hca(name, "--help").stdout
    plugin(name, "raise RuntimeError('never imported')", summary="Not shown.", first=True)
    assert hca(name, "--help").stdout == before
    listed = hca("--help")
    assert "Not shown." not in listed.stdout
    assert listed.stdout.count(f"\n  {name} ") == 1
    rows = [row for row in hca("plugins", "--check", "--output", "json").json() if row["command"] == name]
    assert [row["state"] for row in rows] == ["shadowed by hca-core"]


def command_that_says(text):
    @click.command()
    def command():
        click.echo(text)

    return command


def test_of_two_plugins_with_one_name_the_first_on_the_path_wins(plugin, hca):
    plugin("weather", "raise RuntimeError('the loser is imported')", distribution="acme-second")
    plugin("weather", commands={"weather": command_that_says("first")}, distribution="acme-first", first=True)
    assert hca("weather").stdout == "first\n"
    outcome = hca("plugins", "--check", "--output", "json")
    states = {row["distribution"]: row["state"] for row in outcome.json()}
    assert states["acme-first"] == "ok"
    assert states["acme-second"] == "shadowed by acme-first"
    assert outcome.exit_status == 0


def test_the_winners_client_is_the_winners(plugin):
    """stevedore refuses a name that two distributions declare; `hca weather` and the SDK must agree."""
    plugin("weather", "raise RuntimeError('the loser is imported')", distribution="acme-second")
    plugin("weather", clients={"weather": dict}, distribution="acme-first", first=True)
    assert hca_core.client("weather", city="Lima") == {"city": "Lima"}


TWO = """
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"weather": __name__ + ":weather", "climate": __name__ + ":climate"}

@click.command()
def weather():
    click.echo("weather")

@click.command()
def climate():
    click.echo("climate")
"""


def test_one_module_may_stand_behind_two_commands(plugin, hca):
    entries = {"hca.plugins": {"weather": "hca_two", "climate": "hca_two"}}
    plugin("weather", "", modules={"hca_two": TWO}, entry_points=entries)
    assert hca("weather").stdout == "weather\n"
    assert hca("climate").stdout == "climate\n"
    outcome = hca("plugins", "--check", "--output", "json")
    rows = {row["command"]: row["state"] for row in outcome.json()}
    assert (rows["weather"], rows["climate"]) == ("ok", "ok")


def test_disabled_plugins_are_hidden_and_blocked(plugin, hca):
    plugin("weather", "raise RuntimeError('imported')", summary="Tells the weather.", clients={"weather": dict})
    env = {"HCA_PLUGINS_DISABLED": "weather"}
    assert "Tells the weather." not in hca("--help", env=env).stdout
    outcome = hca("weather", env=env)
    assert outcome.exit_status == 2
    assert "No such command 'weather'. Its plugin is disabled: take it out of HCA_PLUGINS_DISABLED." in outcome.stderr
    rows = hca("plugins", "--check", "--output", "json", env=env)
    assert rows.exit_status == 0
    assert [row["state"] for row in rows.json() if row["command"] == "weather"] == ["disabled"]


# `hca plugins`


def test_the_table_reads_metadata_only(plugin, hca):
    folder = plugin(
        "weather",
        "raise RuntimeError('imported')",
        version="2.3",
        entry_points={"hca.commands.dss": {"audit": "hca_weather:verify"}},
    )
    outcome = hca("plugins", "--output", "json")
    assert outcome.exit_status == 0
    rows = {row["command"]: row for row in outcome.json()}
    assert rows["weather"] == {
        "command": "weather",
        "distribution": "hca-plugin-weather",
        "version": "2.3",
        "state": "ok",
        "location": str(folder),
    }
    assert rows["dss audit"]["distribution"] == "hca-plugin-weather"
    assert rows["dss"]["location"].endswith("plugins/dss (editable)")
    assert not [name for name in sys.modules if name.endswith("_weather")]
    header = hca("plugins").stdout.splitlines()[0].split()
    assert header == ["command", "distribution", "version", "state"]


def test_the_check_tells_the_time_to_import(plugin, hca):
    plugin("weather", "import time; time.sleep(0.2)\n" + BROKEN["no command"][0])
    rows = {row["command"]: row for row in hca("plugins", "--check", "--output", "json").json()}
    assert rows["weather"]["seconds"] >= 0.2
    assert 0 <= rows["dss"]["seconds"] < 10


def test_the_check_is_content_with_good_plugins(plugin, hca):
    plugin("weather", commands={"weather": command_that_says("x")})
    rows = {row["command"]: row["state"] for row in hca("plugins", "--check", "--output", "json").json()}
    assert rows["weather"] == "ok"


# The same rights for everybody


def test_a_command_of_ones_own(plugin, hca):
    plugin("weather", commands={"weather": command_that_says("sunny")}, summary="Tells the weather.")
    assert hca("weather").stdout == "sunny\n"
    assert "weather          Tells the weather." in hca("--help").stdout
    assert hca("help", "weather").stdout == hca("weather", "--help").stdout


def test_a_subcommand_inside_another_plugins_group(plugin, hca):
    audit = command_that_says("verified")
    plugin("weather", entry_points={"hca.commands.dss": {"audit": audit}}, summary="Tells the weather.")
    assert "audit" in hca("dss", "--help").stdout
    assert hca("dss", "audit").stdout == "verified\n"
    assert hca("dss", "get-bundle", "--help").exit_status == 0


def test_a_broken_subcommand_harms_nobody(plugin, hca):
    storm = {"hca_storm": "raise RuntimeError('storm')"}
    plugin("weather", "", modules=storm, entry_points={"hca.commands.dss": {"audit": "hca_storm:v"}})
    outcome = hca("dss", "audit")
    assert outcome.exit_status == 8
    assert outcome.stderr.startswith("hca: plugin 'audit' (hca-plugin-weather 1.0) can't be used: RuntimeError: storm")
    for words in (["dss", "--help"], ["dss", "create-version"], ["dss", "get-bundle", "--help"]):
        assert (hca(*words).exit_status, hca(*words).stderr) == (0, "")


@pytest.mark.parametrize("name", ["download", "login"])
def test_a_groups_hand_written_verbs_win(name, plugin, hca):
    before = hca("dss", name, "--help").stdout
    plugin("weather", entry_points={"hca.commands.dss": {name: command_that_says("stolen")}}, first=True)
    assert hca("dss", name, "--help").stdout == before


def test_clients_by_name(plugin, monkeypatch):
    plugin("weather", clients={"weather": dict})
    assert hca_core.client("weather", city="Lima") == {"city": "Lima"}
    assert type(hca_core.client("dss")).__name__ == "DSSClient"
    with pytest.raises(UsageError) as caught:
        hca_core.client("climate")
    assert caught.value.message.startswith("no plugin provides 'climate'; installed: auth, azul, dss, ")
    assert caught.value.hint == "hca plugins"
    monkeypatch.setenv("HCA_PLUGINS_DISABLED", "weather")
    plugins.manager.cache_clear()
    with pytest.raises(UsageError, match="plugin 'weather' is disabled") as caught:
        hca_core.client("weather")
    assert caught.value.hint == "take it out of HCA_PLUGINS_DISABLED"


def test_a_plugin_without_a_client(plugin):
    plugin("weather", commands={"weather": command_that_says("x")})
    with pytest.raises(UsageError, match="plugin 'weather' has no SDK client"):
        hca_core.client("weather")


def test_the_manager_holds_only_what_was_asked_for(plugin, hca):
    plugin("weather", commands={"weather": command_that_says("x")})
    assert plugins.manager().list_name_plugin() == []
    plugins.command("weather")
    assert [name for name, _ in plugins.manager().list_name_plugin()] == ["weather"]
    assert plugins.load("weather") is plugins.manager().get_plugin("weather")


# Noise


def test_what_a_plugin_prints_at_import_is_not_a_result(plugin, hca):
    """Stdout is data: a plugin that floods it while it is loaded must not spoil what others read from there."""
    flood = "for _ in range(20_000): print('flood ' * 10)\n"
    source = (
        flood + "from hca_core import hookimpl\n@hookimpl\ndef hca_commands():\n"
        "    print('asked')\n    return {'weather': 'hca_flood:command'}\n"
    )
    module = flood + "import click\n@click.command()\ndef command():\n    click.echo('sunny')\n"
    plugin("weather", source, modules={"hca_flood": module})
    outcome = hca("weather")
    assert (outcome.exit_status, outcome.stdout) == (0, "sunny\n")
    assert outcome.stderr.count("flood") == 2 * 20_000 * 10
    assert hca("plugins", "--check", "--output", "json").json()
    assert hca("--help").stderr == ""


def test_providers_of_tokens_are_listed_and_checked(plugin, hca):
    plugin("good", entry_points={"hca.credentials": {"vault": print}})
    plugin("bad", entry_points={"hca.credentials": {"broken": "nowhere:function", "value": "os:sep"}})
    listed = {row["command"]: row["state"] for row in hca("plugins", "--output", "json").json()}
    assert {name: state for name, state in listed.items() if "credentials" in name} == {
        "(credentials) vault": "ok",
        "(credentials) broken": "ok",
        "(credentials) value": "ok",
    }
    outcome = hca("plugins", "--check", "--output", "json")
    checked = {row["command"]: row["state"] for row in outcome.json()}
    assert outcome.exit_status == 8
    assert checked["(credentials) vault"] == "ok"
    assert checked["(credentials) broken"].startswith("broken: ModuleNotFoundError")
    assert checked["(credentials) value"] == "broken: os:sep is not a function"


def test_threads_leave_stdout_where_it_is(plugin):
    source = "def token(meeting):\n    meeting.wait(30)\n    meeting.wait(30)\n"
    plugin("vault", modules={"vault_of_test": source}, entry_points={"hca.credentials": {"v": "vault_of_test:token"}})
    plugins.named(discover.installed(discover.CREDENTIALS)["v"])
    meeting = threading.Barrier(3)
    mine = sys.stdout
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(plugins.call, discover.CREDENTIALS, "v", meeting) for _ in range(2)]
        meeting.wait(30)  # both are in the plugin now
        meanwhile = sys.stdout
        meeting.wait(30)
        assert [one.result() for one in asked] == [None, None]
    assert meanwhile is mine
    assert sys.stdout is mine


def test_a_misspelt_hook_is_told_to_who_types_the_command(plugin, hca):
    source = "from hca_core import hookimpl\n@hookimpl\ndef hca_commads(): return {'weather': 'x:y'}\n"
    plugin("weather", source)
    for _ in range(2):  # what could not be used stays so
        outcome = hca("weather")
        assert outcome.exit_status == 8
        assert "can't be used: there is no hook hca_commads; did you mean hca_commands?" in outcome.stderr


def test_an_editable_plugin_is_to_be_mended_where_it_lies(plugin, hca):
    folder = plugin("weather", "raise RuntimeError('no')")
    (metadata,) = folder.glob("*.dist-info")
    origin = {"url": "file:///src/weather", "dir_info": {"editable": True}}
    (metadata / "direct_url.json").write_text(json.dumps(origin))
    assert "next: mend it in /src/weather (editable), or pip uninstall hca-plugin-weather" in hca("weather").stderr
