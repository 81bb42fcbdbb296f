"""`help` as a verb of any group: the same page as `--help`, with the words as a user would type them."""

from __future__ import annotations

import click
import pytest

from hca_core.lazy import PluginGroup

OWN = {"help": ("hca_core.verbs.help:help_command", "Show this help.")}


@pytest.fixture
def _weather(plugin):
    inner = PluginGroup(
        "alps", help="Tells of the Alps.", own=OWN, commands={"today": click.Command("today", help="T.")}
    )
    plugin("weather", commands={"weather": PluginGroup("weather", help="Tells.", own=OWN, commands={"alps": inner})})


@pytest.mark.usefixtures("_weather")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("weather", "help"), ("weather",)),
        (("weather", "help", "alps"), ("weather", "alps")),
        (("weather", "help", "alps", "today"), ("weather", "alps", "today")),
        (("weather", "alps", "help"), ("weather", "alps")),
        (("weather", "alps", "help", "today"), ("weather", "alps", "today")),
        (("help", "weather", "alps"), ("weather", "alps")),
        (("--log-level", "ERROR", "weather", "help"), ("weather",)),
    ],
)
def test_it_is_the_help_of_its_group_or_of_what_is_below(hca, typed, meant):
    shown = hca(*typed)
    assert (shown.exit_status, shown.stderr) == (0, "")
    assert shown.stdout == hca(*meant, "--help").stdout
    assert f"Usage: hca {' '.join(meant)} [OPTIONS]" in shown.stdout


def test_every_group_has_it_though_it_is_not_listed(hca, plugin):
    plugin(
        "weather", commands={"weather": PluginGroup("weather", commands={"today": click.Command("today", help="T.")})}
    )
    for typed, meant in {("weather", "help"): ("weather",), ("weather", "help", "today"): ("weather", "today")}.items():
        shown = hca(*typed)
        assert (shown.exit_status, shown.stdout, shown.stderr) == (0, hca(*meant, "--help").stdout, "")
    assert "help" not in hca("weather", "--help").stdout.partition("Commands:")[2]
    assert hca("config", "help", "get").stdout == hca("config", "get", "--help").stdout
    assert hca("dss", "help", "get-bundle").stdout == hca("dss", "get-bundle", "--help").stdout


def test_a_plugin_s_own_help_is_its_own(hca, plugin):
    own = click.Command("help", callback=lambda: click.echo("mine"))
    plugin("weather", commands={"weather": PluginGroup("weather", commands={"help": own})})
    assert hca("weather", "help").stdout == "mine\n"


@pytest.mark.usefixtures("_weather")
def test_a_word_that_is_no_command_is_a_mistake(hca):
    shown = hca("weather", "help", "tomorrow")
    assert shown.exit_status == 2
    assert "No such command 'tomorrow'" in shown.stderr
