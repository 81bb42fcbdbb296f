"""Our own plugins pass what plugins of others are to inherit, and each rule can fail."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import ClassVar

import pytest

from hca_core import public
from hca_core.testing import PluginConformance


class TestAuth(PluginConformance):
    name = "auth"


class TestAzul(PluginConformance):
    name = "azul"
    shows_nothing: ClassVar = dict.fromkeys(["login", "logout"], "talks with a person")


class TestDss(PluginConformance):
    name = "dss"


class TestLocal(PluginConformance):
    name = "local"
    shows_nothing: ClassVar = {
        **dict.fromkeys(["env", "admin"], "prints lines for eval, which a shell reads"),
        "logs": "prints lines of a file as they are",
        "run": "what is written is the command's that it runs",
        **dict.fromkeys(["down", "serve"], "starts or ends processes"),
        **dict.fromkeys(
            [
                *("area hold", "area lock", "area release", "area unlock", "shock remove"),
                *("service-account create", "service-account remove", "service-account trust"),
            ],
            "changes something of the deployment; there is nothing to show",
        ),
    }


class TestShock(PluginConformance):
    name = "shock"
    shows_nothing: ClassVar = {
        **dict.fromkeys(["cat", "slice"], "writes the bytes of a file"),
        **dict.fromkeys(["login", "logout"], "talks with a person"),
    }


class TestUpload(PluginConformance):
    name = "upload"


# Each rule can fail


GOOD = """
from hca_core import hookimpl


@hookimpl
def hca_commands():
    return {"weather": "hca_weather_cli:weather"}
"""
CLI = """
import click
from hca_core.commands import Verb, output_options


@click.group()
def weather():
    pass


@weather.command("today", cls=Verb, short_help="Show the weather of today.")
@click.argument("city")
@output_options()
def today(city, show):
    show({"city": city})
"""
ODD = CLI.replace("cls=Verb", "cls=Odd").replace(
    "@click.group()",
    """class Odd(Verb):
    def parse_args(self, ctx, args):
        if args != ["--help"]:
            raise RuntimeError("odd")
        return super().parse_args(ctx, args)


@click.group()""",
)
ASKS = """
import socket


class Client:
    def __init__(self):
        try:
            socket.create_connection(("192.0.2.1", 80))
        except OSError:
            pass
"""
HOOK = "\n\n@hookimpl\ndef "
CLIENTS = HOOK + "hca_clients():\n    return {'weather': 'hca_weather_client:Client'}\n"
VERB = "\n\n@weather.command('more', cls=Verb, short_help='Show more.')\n"

# What is wrong: the source of the plugin's module, that of its commands, of its client; settings; the test that fails
# and what it says.
BAD = {
    "no summary": ({"summary": ""}, "it_is_listed_with_a_summary", "give your project a description"),
    "no full stop": ({"summary": "Weather"}, "it_is_listed_with_a_summary", "with a full stop: 'Weather'"),
    "a long summary": ({"summary": "x" * 80 + "."}, "it_is_listed_with_a_summary", "it has 81"),
    "a broken command": ({"cli": "raise RuntimeError('storm')"}, "every_command_has_a_help_page", "storm"),
    "talks at help": (
        {"cli": "print('hello')\n" + CLI},
        "every_command_has_a_help_page",
        "hca weather --help: exit status 0, stderr 'hello",
    ),
    "asks at import": (
        {"cli": "import socket\ntry:\n    socket.getaddrinfo('example.org', 80)\nexcept OSError:\n    pass\n" + CLI},
        "no_help_page_asks_the_network",
        "socket.getaddrinfo example.org",
    ),
    "a long line": (
        {"cli": CLI.replace("Show the weather of today.", "Show " + "x" * 55 + ".")},
        "every_command_has_a_line",
        "hca weather today: 'Show xxx",
    ),
    "a line without a full stop": ({"cli": CLI.replace("of today.", "of today")}, "every_command_has_a_line", "today"),
    "a heavy module": ({"cli": "import sqlite3\n" + CLI}, "a_help_page_loads_little", "sqlite3"),
    "a foreign module": ({"cli": "import tabulate\n" + CLI}, "a_help_page_loads_little", "tabulate"),
    "no output options": (
        {"cli": CLI + VERB + "def more():\n    pass\n"},
        "every_verb_has_the_options_of_results",
        "more",
    ),
    "a stale exception": (
        {"settings": {"shows_nothing": {"today": "?", "gone": "?"}}},
        "every_verb_has_the_options_of_results",
        "take these out of `shows_nothing`: they have the options, or do not exist: today gone",
    ),
    "a bad option": (
        {"cli": ODD},
        "bad_options_are_usage_errors",
        "hca weather today: exit status 1, stderr",
    ),
    "no argument": ({"cli": ODD}, "missing_arguments_are_usage_errors", "hca weather today: exit status 1"),
    "a client with arguments": (
        {"plugin": GOOD + CLIENTS, "client": "class Client:\n    def __init__(self, place):\n        pass\n"},
        "the_client_is_made_without_ado",
        "missing 1 required positional argument: 'place'",
    ),
    "a client that asks": ({"plugin": GOOD + CLIENTS, "client": ASKS}, "no_help_page_asks_the_network", "192.0.2.1"),
    "a private name": (
        {"plugin": GOOD + "\nfrom hca_core.merge import Merger\nfrom hca_core.http import _PLAIN_URL\n"},
        "only_public_names_of_the_core_are_used",
        "hca_core.http._PLAIN_URL",
    ),
    "a private module": (
        {"plugin": GOOD + "\nimport hca_core.merge\nfrom hca_core import discover\n"},
        "only_public_names_of_the_core_are_used",
        "hca_core.discover",
    ),
    "a private module of a public package": (
        {"plugin": GOOD + "\nfrom hca_core.transfer import Settings, engine, run\n"},
        "only_public_names_of_the_core_are_used",
        "docs/plugins.md: hca_of_test_0_weather.py:9: hca_core.transfer.engine assert",
    ),
    "prints": ({"plugin": GOOD + "\n\ndef work():\n    print(1)\n"}, "only_the_command_line_prints", ": print"),
    "writes to stdout": (
        {"plugin": GOOD + "\nimport sys\n\n\ndef work():\n    sys.stdout.write('1')\n"},
        "only_the_command_line_prints",
        "sys.stdout",
    ),
    "an entry point to nowhere": (
        {"entry_points": {"hca.commands.dss": {"more": "hca_weather_cli:gone"}}},
        "all_entry_points_lead_somewhere",
        "hca.commands.dss: more = hca_weather_cli:gone: AttributeError",
    ),
    "a misspelt hook": (
        {"plugin": GOOD + HOOK + "hca_comands():\n    return {}\n"},
        "all_hooks_exist",
        "there is no hook hca_comands; did you mean hca_commands?",
    ),
    "an unmarked hook": (
        {"plugin": GOOD + "\n\ndef hca_clients():\n    return {}\n"},
        "all_hooks_exist",
        "hca_clients is not marked with @hookimpl",
    ),
}


def failures(
    plugin, *rules_wanted, source=GOOD, cli=CLI, client="", settings=None, summary="Weather.", entry_points=None
):
    """Return what the rules (all, or those of these names) say of a plugin: nothing where it passes."""
    modules = {"hca_weather_cli": cli, "hca_weather_client": client}
    plugin("weather", source, modules=modules, summary=summary, entry_points=entry_points)
    rules = type(
        "Rules",
        (PluginConformance,),
        {"name": "weather", "loads": {"hca_weather_cli": "is its own"}, **(settings or {})},
    )()
    found = {}
    every = [name for name in dir(PluginConformance) if name.startswith("test_")]
    for test in [f"test_{rule}" for rule in rules_wanted] or every:
        method = getattr(rules, test)
        needs = ["seen"] if "seen" in inspect.signature(method).parameters else []
        try:
            method(*(type(rules).seen.__wrapped__(rules) for _ in needs))
        except AssertionError as error:
            found[test.removeprefix("test_")] = str(error)
    return found


def test_a_good_plugin_passes(plugin):
    assert failures(plugin) == {}


@pytest.mark.parametrize("case", BAD)
def test_a_rule_fails(plugin, case):
    given, rule, said = BAD[case]
    renamed = {"source" if name == "plugin" else name: value for name, value in given.items()}
    found = failures(plugin, rule, **renamed)
    assert said in " ".join(found[rule].split())


def test_a_plugin_that_is_not_there_is_told():
    class Rules(PluginConformance):
        name = "nowhere"

    with pytest.raises(AssertionError, match="no plugin 'nowhere' is installed: pip install --editable"):
        Rules().test_it_is_listed_with_a_summary()
    with pytest.raises(AssertionError, match="set `name`"):
        PluginConformance().test_it_is_listed_with_a_summary()


def test_the_public_modules_are_those_of_the_page():
    text = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text().partition("## What is public")[2]
    listed = set(re.findall(r"`(\w+)`", text.partition("in: `hca_core`")[2].partition(".\n")[0].partition("), ")[2]))
    assert listed == {name for name in public.MODULES if "." not in name}


@pytest.mark.parametrize(
    ("module", "is_public"),
    [
        ("hca_core", True),
        ("hca_core.errors", True),
        ("hca_core.s3.bucket", True),
        ("hca_core.transfer", True),
        ("hca_core.transfer.run", True),
        ("hca_core.transfer.outputs", True),
        ("hca_core.transfer.lanes", False),
        ("hca_core.verbs.transfer", True),
        ("hca_core.verbs.plugins", False),
        ("hca_core.verbs", False),
        ("hca_core.merge", False),
        ("hca_core.discover", False),
    ],
)
def test_what_is_public(module, is_public):
    assert public.is_public(module) is is_public
    if is_public:
        assert importlib.util.find_spec(module)
