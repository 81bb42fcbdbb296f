"""What every plugin should do, as tests to inherit:

    class TestConformance(PluginConformance):
        name = "weather"

Each message says what to do. The rules are those of `docs/plugins.md`.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hca_core.testing import sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hca_core.discover import EntryPoint

SUMMARY_LENGTH = 80  # characters of the line in `hca --help`
LINE_LENGTH = 60  # characters of the line of a command in a group's help
_SECONDS = 120  # for a walk through all commands, on a busy machine
# What a help page may load beside the plugin itself, and what of the standard library costs too much for it.
_LIGHT = frozenset({"__main__", "click", "colorama", "hca_core", "pluggy"})
_HEAVY = frozenset(
    {
        *("asyncio", "concurrent.futures", "email", "http.client", "http.server", "importlib.metadata", "logging"),
        *("multiprocessing", "socket", "sqlite3", "ssl", "subprocess", "unittest", "urllib.request", "xml"),
    }
)


class PluginConformance:
    """Tests of the plugin `name`, the word behind `hca`.

    `shows_nothing` names the verbs without a result to show (as "down", or "area lock"), `loads` the modules that a
    help page needs all the same; both with the reason.
    """

    name: ClassVar[str] = ""
    shows_nothing: ClassVar[Mapping[str, str]] = {}
    loads: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _at_home_nowhere(self, isolated_home: Path) -> None:
        """Whatever the plugin does, it does it in a home of the test's own."""

    @pytest.fixture
    def seen(self) -> dict[str, Any]:
        """What a process has seen that walked through all commands of the plugin."""
        self._entry()  # so that a plugin that is not there is told as such
        return _seen(self.name, tuple(sys.path))

    def test_it_is_listed_with_a_summary(self) -> None:
        summary = self._entry().summary
        assert summary, "give your project a description in pyproject.toml: it is the plugin's line in 'hca --help'"
        advice = f"the description in pyproject.toml should be a sentence of at most {SUMMARY_LENGTH} characters"
        assert summary.endswith("."), f"{advice} with a full stop: {summary!r}"
        assert len(summary) <= SUMMARY_LENGTH, f"{advice}, it has {len(summary)}: {summary!r}"

    def test_every_command_has_a_help_page(self, seen: dict[str, Any]) -> None:
        failed = [
            f"hca {_words(one)} --help: exit status {one['help']['status']}, stderr {one['help']['stderr']!r}"
            for one in [{"path": [self.name], "help": seen["help"]}, *seen["commands"]]
            if one["help"]["status"] != 0 or one["help"]["stderr"] or not one["help"]["stdout"].startswith("Usage:")
        ]
        assert not failed, _told("a help page should end with 0, and nothing should be said on stderr", failed)

    def test_no_help_page_asks_the_network(self, seen: dict[str, Any]) -> None:
        assert not seen["asked"], _told("help pages and clients should be made without a request", seen["asked"])

    def test_every_command_has_a_line(self, seen: dict[str, Any]) -> None:
        listed = [one for one in seen["commands"] if len(one["path"]) > 1 and not one["hidden"]]
        failed = [f"hca {_words(one)}: {one['summary']!r}" for one in listed if not _is_line(one["summary"])]
        rule = f"give these a short_help of at most {LINE_LENGTH} characters that ends with a full stop"
        assert not failed, _told(rule, failed)

    def test_a_help_page_loads_little(self, seen: dict[str, Any]) -> None:
        allowed = {*_LIGHT, *sys.stdlib_module_names, self._package(), *self.loads}
        heavy = {name for name in seen["modules"] for one in _HEAVY - {*self.loads} if _is_below(name, one)}
        foreign = {top for top in map(_top, seen["modules"]) if top not in allowed and not _is_extension(top)}
        rule = f"'hca {self.name} --help' should not load these; import them in the functions that use them"
        assert not heavy | foreign, _told(rule, sorted(heavy | foreign))

    def test_every_verb_has_the_options_of_results(self, seen: dict[str, Any]) -> None:
        verbs = {_words(one, 1): {"--output", "--query"} <= {*one["options"]} for one in _verbs(seen)}
        failed = [verb for verb, has in verbs.items() if not has and verb not in self.shows_nothing]
        rule = "decorate these with @output_options() of hca_core.commands, or name them in `shows_nothing`"
        assert not failed, _told(rule, failed)
        stale = [verb for verb in self.shows_nothing if verbs.get(verb, True)]
        assert not stale, _told("take these out of `shows_nothing`: they have the options, or do not exist", stale)

    def test_bad_options_are_usage_errors(self, seen: dict[str, Any]) -> None:
        failed = _not_refused(seen, "unknown")
        assert not failed, _told("an option that does not exist should end with exit status 2 and a sentence", failed)

    def test_missing_arguments_are_usage_errors(self, seen: dict[str, Any]) -> None:
        failed = _not_refused(seen, "missing")
        assert not failed, _told("without its arguments a verb should end with exit status 2 and a sentence", failed)

    def test_the_client_is_made_without_ado(self, seen: dict[str, Any]) -> None:
        advice = "it should need no arguments, or raise a ConfigError that says which setting is missing"
        assert not seen["client"], f"hca_core.client({self.name!r}) can't be made: {seen['client']}; {advice}"

    def test_only_public_names_of_the_core_are_used(self) -> None:
        failed = [line for path in sources.files_of(self._package()) for line in sources.private_imports(path)]
        assert not failed, _told("these may change without notice; see 'What is public' in docs/plugins.md", failed)

    def test_only_the_command_line_prints(self) -> None:
        failed = [line for path in sources.files_of(self._package()) for line in sources.prints(path)]
        assert not failed, _told("stdout is for results: return them to the command, which has `show`", failed)

    def test_all_entry_points_lead_somewhere(self) -> None:
        failed = [f"{entry.group}: {entry.name} = {entry.target}: {why}" for entry, why in self._unresolved()]
        assert not failed, _told("correct these in pyproject.toml, then install it again", failed)

    def test_all_hooks_exist(self) -> None:
        failed = [line for entry in self._entries("hca.plugins", "hca.hooks") for line in _bad_hooks(entry)]
        assert not failed, _told("hooks are listed in docs/hooks.md", failed)

    def test_type_checkers_may_read_it(self) -> None:
        spec = importlib.util.find_spec(self._package())
        folders = spec.submodule_search_locations or [] if spec else []
        failed = [folder for folder in folders if not (Path(folder) / "py.typed").is_file()]
        assert not failed, _told("put an empty file py.typed here, and into the wheel", failed)

    def _entry(self) -> EntryPoint:
        from hca_core import discover

        assert self.name, "set `name` to the word behind `hca`"
        entry = discover.installed(discover.PLUGINS).get(self.name)
        assert entry is not None, f"no plugin {self.name!r} is installed: pip install --editable the folder of yours"
        return entry

    def _entries(self, *groups: str) -> list[EntryPoint]:
        """Return the entry points of the plugin's distribution in these groups."""
        from hca_core import discover

        folder = self._entry().folder
        return [entry for group in groups for entry in discover.declared(group) if entry.folder == folder]

    def _package(self) -> str:
        return _top(self._entry().target.partition(":")[0])

    def _unresolved(self) -> list[tuple[EntryPoint, str]]:
        from hca_core import discover

        found = []
        for entry in self._entries(*discover.groups()):
            try:
                _resolved(entry)
            except Exception as error:  # noqa: BLE001 - it is told
                found.append((entry, f"{type(error).__name__}: {error}"))
        return found


@cache
def _seen(name: str, path: tuple[str, ...]) -> dict[str, Any]:
    """Walk through the commands of `name` in a process of its own, which finds what this one finds on its `path`."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("walk.py")), name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONWARNINGS": "default"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_SECONDS)
    assert done.returncode == 0, f"'hca {name}' can't be loaded:\n{done.stderr}"
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _resolved(entry: EntryPoint) -> Any:
    module, _, attribute = entry.target.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split(".") if attribute else ():
        found = getattr(found, part)
    return found


def _bad_hooks(entry: EntryPoint) -> list[str]:
    """Return what is wrong with the hooks in the module of `entry`."""
    from hca_core import hookspecs

    known = [name for name in vars(hookspecs) if name.startswith("hca_")]
    failed = []
    for name, function in vars(_resolved(entry)).items():
        marked = hasattr(function, f"{hookspecs.PROJECT}_impl")
        if marked and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            failed.append(f"there is no hook {name}" + (f"; did you mean {near[0]}?" if near else ""))
        elif name in known and callable(function) and not marked:
            failed.append(f"{name} is not marked with @hookimpl, so nobody calls it")
    return failed


def _not_refused(seen: dict[str, Any], attempt: str) -> list[str]:
    return [
        f"hca {_words(one)}: exit status {one[attempt]['status']}, stderr {one[attempt]['stderr']!r}"
        for one in seen["commands"]
        if one[attempt] is not None
        and (one[attempt]["status"] != 2 or one[attempt]["stdout"] or not _is_sentence(one[attempt]["stderr"]))
    ]


def _is_sentence(text: str) -> bool:
    return bool(text.strip()) and "Traceback" not in text


def _is_line(summary: str) -> bool:
    return summary.endswith(".") and len(summary) <= LINE_LENGTH


def _verbs(seen: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in seen["commands"] if not one["group"]]


def _words(one: dict[str, Any], start: int = 0) -> str:
    return " ".join(one["path"][start:])


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _is_extension(module: str) -> bool:
    """Tell whether a module belongs to how Python or an installer starts up, as that of an editable install."""
    return module.startswith(("__editable__", "_virtualenv", "_distutils"))


def _told(rule: str, items: Iterable[str]) -> str:
    return "\n  ".join([rule + ":", *items])
