"""What one run knows: the configuration, read when first asked for, and the log level it sets."""

from __future__ import annotations

import logging
from pathlib import Path

import click
import pytest

from hca_core import paths
from hca_core.context import Hca
from hca_core.errors import ConfigError


@pytest.fixture
def weather(plugin):
    """A third-party command that logs a line of each level."""

    @click.command()
    def command():
        config = Hca.current().config
        for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
            logging.getLogger("hca.weather").log(getattr(logging, level), "line %s", level)
        click.echo(config.lookup("log_level"))

    plugin("weather", commands={"weather": command})


def levels(outcome):
    return [line.rpartition("line ")[2] for line in outcome.stderr.splitlines() if "line " in line]


ALL = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


@pytest.mark.parametrize(
    ("words", "configured", "shown"),
    [
        ([], None, ALL[1:]),
        ([], "DEBUG", ALL),  # CORE-010: from the configuration
        ([], "ERROR", ALL[3:]),
        (["--log-level", "ERROR"], "DEBUG", ALL[3:]),  # CORE-016: the option beats all files
        (["--log-level", "CRITICAL"], None, ALL[4:]),
        (["--log-level=DEBUG"], None, ALL),
        (["--debug"], None, ALL),
        (["--debug"], "ERROR", ALL),
        (["--debug", "--log-level", "WARNING"], None, ALL[2:]),
    ],
)
def test_the_level_says_what_is_told_on_stderr_and_nothing_else(hca, weather, tmp_path, words, configured, shown):
    env = {}
    if configured:
        (tmp_path / "c.json").write_text(f'{{"log_level": "{configured}"}}')
        env = {"HCA_CONFIG_FILE": str(tmp_path / "c.json")}
    outcome = hca(*words, "weather", env=env)
    assert outcome.exit_status == 0
    assert levels(outcome) == shown
    assert outcome.stdout == f"{configured or 'INFO'}\n"  # CORE-009: the same stdout whatever the level


def test_a_level_that_does_not_exist(hca, weather, tmp_path):
    outcome = hca("--log-level", "LOUD", "weather")
    assert outcome.exit_status == 2
    assert all(level in outcome.stderr for level in ALL)
    (tmp_path / "c.json").write_text('{"log_level": 7}')
    outcome = hca("weather", env={"HCA_CONFIG_FILE": str(tmp_path / "c.json")})
    assert outcome.exit_status == 2
    assert (
        outcome.stderr
        == f"hca: log_level is 7, but must be one of {', '.join(['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'])}\n"
    )


def test_what_is_odd_about_a_layer_is_told_once(hca, weather, tmp_path):
    (tmp_path / "c.json").write_text('{"x": {"$append": 1}}')
    outcome = hca("weather", env={"HCA_CONFIG_FILE": str(tmp_path / "c.json")})
    assert outcome.stderr.count("x has $append, but there is no list below it; ignored") == 1


def test_the_configuration_is_read_once_and_only_when_asked_for():
    state = Hca()
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True)
    file.write_text("{")
    with pytest.raises(ConfigError):
        state.config  # noqa: B018
    file.write_text("{}")
    assert state.config is state.config


def test_a_command_on_its_own_has_a_state_too():
    """As in a plugin author's test that calls the command without `hca`."""

    @click.command()
    def command():
        assert Hca.current() is Hca.current()
        assert Hca.current().debug is False

    command.main([], standalone_mode=False)
