"""How much is said on stderr, and in which colours: --quiet, --verbose, --log-level, NO_COLOR, FORCE_COLOR."""

from __future__ import annotations

import sys

import click
import pytest

from hca_core import colors, log, progress
from hca_core.context import Hca, say


@pytest.fixture
def weather(plugin):
    """A command that says a sentence, logs, draws a bar and sums up, with and without reading the configuration."""

    @click.command()
    @click.option("--configured", is_flag=True)
    def command(configured):
        if configured:
            assert Hca.current().config is not None
        say("a sentence")
        log.logger().debug("a detail")
        log.logger().error("a complaint")
        with progress.bytes_bar(10) as count:
            count(10)
        progress.say("a summary")
        click.echo("a result")

    plugin("weather", commands={"weather": command})


SPOKEN = ["a sentence", "10.0/10.0", "a summary"]


@pytest.mark.usefixtures("weather")
@pytest.mark.parametrize("words", [[], ["--configured"]])
@pytest.mark.parametrize(
    ("options", "spoken", "detailed"),
    [
        ([], True, False),
        (["-q"], False, False),
        (["--quiet"], False, False),
        (["-v"], True, True),
        (["--verbose"], True, True),
        (["-q", "--log-level", "INFO"], True, False),
        (["--verbose", "--log-level", "ERROR"], False, False),
    ],
)
def test_one_level_decides_on_sentences_bars_and_log_lines(hca, options, words, spoken, detailed):
    outcome = hca(*options, "weather", *words, terminal=True, env={"NO_COLOR": "1"})
    assert (outcome.exit_status, outcome.stdout) == (0, "a result\n")
    if words or options:  # until something has set the level nothing is logged by us
        assert "hca: a complaint" in outcome.stderr
    assert ("a detail" in outcome.stderr) == detailed
    assert [one in outcome.stderr for one in SPOKEN] == [spoken] * 3
    assert "Traceback" not in outcome.stderr


@pytest.mark.usefixtures("weather")
def test_the_level_of_the_configuration_counts_too(hca, isolated_home):
    hca("config", "set", "log_level", "ERROR")
    assert "a sentence" not in hca("weather", "--configured").stderr
    assert "a sentence" in hca("-v", "weather", "--configured").stderr


@pytest.mark.parametrize(("other", "named"), [("-v", "--verbose"), ("--verbose", "--verbose"), ("--debug", "--debug")])
def test_what_contradicts_itself_is_refused(hca, other, named):
    for words in (["-q", other], [other, "--quiet"], ["-q", other, "--log-level", "INFO"]):
        outcome = hca(*words, "config", "list")
        assert (outcome.exit_status, outcome.stdout) == (2, "")
        assert f"hca: --quiet and {named} can't be used together.\n" in outcome.stderr


def test_quiet_errors_are_told_all_the_same(hca):
    outcome = hca("-q", "config", "get", "no.such")
    assert outcome.exit_status == 4
    assert outcome.stderr.startswith("hca: there is no setting 'no.such'")


def test_verbose_shows_requests_and_no_traceback(hca, dss):
    dss.on("GET", "/v1/bundles/all").fail(404, json={"code": "gone"})
    outcome = hca("-v", "dss", "get-bundles-all", "--replica", "aws")
    assert outcome.exit_status == 4
    assert "hca: debug: GET" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_library_of_programs_is_never_quiet_by_itself(monkeypatch):
    """Nobody has set a level: a notebook gets the bars that it asks for."""
    assert log.is_quiet() is False


@pytest.mark.parametrize(
    ("env", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, True),  # force-color.org: any value that is not empty
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_one_function_decides_on_colours(hca, plugin, env, terminal, wanted):
    seen = []

    @click.command()
    def command():
        seen.append(colors.on(sys.stdout))
        click.secho("green", fg="green")  # as any plugin writes
        raise click.ClickException("red")

    plugin("weather", commands={"weather": command})
    outcome = hca("weather", env=env, terminal=terminal)
    assert outcome.stdout == ("\x1b[32mgreen\x1b[0m\n" if wanted else "green\n")
    assert outcome.stderr == ("\x1b[31mhca: \x1b[0mred\n" if wanted else "hca: red\n")
    assert seen == [wanted]


@pytest.mark.usefixtures("weather")
def test_forced_colours_draw_no_bar_into_a_pipe(hca):
    outcome = hca("weather", env={"FORCE_COLOR": "1"})
    assert "10.0/10.0" not in outcome.stderr
    assert "\x1b[32m" in hca("weather", terminal=True).stderr  # it is green on a terminal
    assert "\x1b[32m" not in hca("weather", terminal=True, env={"NO_COLOR": "1"}).stderr
