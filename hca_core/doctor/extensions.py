"""The plugins: whether each can be used, how long it takes to import, and what it looks at by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_core.doctor.values import Check, Look

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_core.discover import EntryPoint
    from hca_core.doctor.situation import Situation

AREA = "plugins"
HOOK = "hca_checks"
_SLOW_SECONDS = 0.2


def looks() -> list[Look]:
    """Return the look at the plugins that are installed."""
    return [Look(AREA, "plugins", _plugins)]


def own_looks(situation: Situation) -> list[Look]:
    """Return a look for each plugin that looks at something itself, in an area of its name.

    The plugins are loaded here: what is left for the threads is what they look at.
    """
    from hca_core import discover, plugins
    from hca_core.errors import PluginError

    found, asked = [], []
    for group in (discover.PLUGINS, discover.HOOKS):
        for entry in discover.installed(group).values():
            if not situation.wants(entry.name):
                continue
            try:
                implementation = plugins.implementations(plugins.loaded(entry)).get(HOOK)
            except PluginError:
                continue  # the area of the plugins tells
            if implementation is not None and implementation not in asked:  # one module may stand behind two names
                asked.append(implementation)
                found.append(Look(entry.name, entry.name, _asked(entry, implementation, situation)))
    return found


def _asked(entry: EntryPoint, implementation: Any, situation: Situation) -> Any:
    """Return what asks a plugin."""
    from hca_core import plugins

    def ask() -> Iterable[Check]:
        arguments = {"config": situation.config, "timeout": situation.timeout}
        answer: Iterable[Check] = plugins.answer(entry, implementation, arguments)
        return answer

    return ask


def _plugins() -> Iterator[Check]:
    from hca_core import inventory, plugins

    for name in inventory.disabled_for_nothing():
        text = f"{name!r} is disabled, but nothing is called so"
        yield Check("disabled", "warning", text, plugins.enabling(name))
    for row in inventory.rows(check=True):
        name, state = row["command"], str(row["state"])
        of = f"{row['distribution']} {row['version']}"
        if state.startswith("broken"):
            hint = f"pip install -U {row['distribution']}, or pip uninstall {row['distribution']}"
            yield Check(name, "problem", f"{of} can't be used: {state.removeprefix('broken: ')}", hint)
        elif state == "disabled":
            yield Check(name, "skipped", f"{of} is disabled", f"hca plugins explain {_last(name)}")
        elif state != "ok":
            yield Check(name, "warning", f"{of} is {state}", f"hca plugins explain {_last(name)}")
        elif row["seconds"] > _SLOW_SECONDS:
            text = f"{of} takes {row['seconds']:.1f} s to import, each time that it is used"
            yield Check(name, "warning", text, "tell its author: heavy modules belong into functions")
        else:
            yield Check(name, "ok", of)


def _last(called: str) -> str:
    """Return the name in how people call an entry point."""
    return called.rpartition(" ")[2]
