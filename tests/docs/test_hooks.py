"""The page on hooks says what the code says: names, signatures, groups of entry points; examples are valid hooks."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import pytest

from hca_core import discover, hookimpl, hookspecs, inventory

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HOOKS = {name: one for name, one in vars(hookspecs).items() if name.startswith("hca_")}


def example(hook: Any) -> str:
    """Return the example in the documentation of a hook."""
    text = inspect.getdoc(hook) or ""
    return textwrap.dedent(text[text.index("    @hookimpl") :])


def test_every_hook_has_a_heading_with_its_signature() -> None:
    headings = dict(re.findall(r"^### `(hca_\w+)\((.*)\)`$", PAGE, re.MULTILINE))
    assert headings == {name: ", ".join(inspect.signature(hook).parameters) for name, hook in HOOKS.items()}


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_is_an_implementation_of_it(name: str) -> None:
    """pluggy refuses an implementation with an argument that the specification does not have."""
    plugin = ModuleType("example")
    exec(example(HOOKS[name]), {"hookimpl": hookimpl}, vars(plugin))
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    assert [one.name for one in manager.get_hookcallers(plugin) or []] == [name]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_when_it_is_called(name: str) -> None:
    assert re.search(r"Asked |Called ", inspect.getdoc(HOOKS[name]) or "")
    assert HOOKS[name].__annotations__["return"]


def test_every_group_of_entry_points_is_listed() -> None:
    listed = set(re.findall(r"^\| `(hca\.[\w.<>]+)` \|", PAGE, re.MULTILINE))
    known = {discover.PLUGINS, f"{discover.COMMANDS}<plugin>", *inventory.KINDS}
    assert listed == known
