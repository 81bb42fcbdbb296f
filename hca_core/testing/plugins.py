"""Plugins that are not installed: from source text or from objects of the test."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hca_core.testing.isolation import fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click


class Plugins:
    """Registers plugins that are not installed: each is a folder with a module and metadata, put on `sys.path`."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._added: list[str] = []

    def __call__(
        self,
        name: str,
        source: str | None = None,
        *,
        commands: Mapping[str, click.Command | str] | None = None,
        clients: Mapping[str, Any] | None = None,
        config_defaults: Mapping[str, Mapping[str, object]] | None = None,
        entry_points: Mapping[str, Mapping[str, Any]] | None = None,
        modules: Mapping[str, str] | None = None,
        summary: str = "A plugin of a test.",
        version: str = "1.0",
        distribution: str = "",
        first: bool = False,
    ) -> Path:
        """Register plugin `name` and return the folder that was put on `sys.path` (`first`: at its beginning).

            plugin("weather", commands={"weather": weather})          # a click command of the test itself
            plugin("broken", "raise RuntimeError('no')")              # the source of the plugin's module

        Parameters: `source` is the text of the module that the entry point `name` names; without it one is made that
        answers the hooks with `commands`, `clients` and `config_defaults` (objects, or import strings).
        `entry_points` are more of them, by group and name (objects or import strings); `modules` more source files by
        module name. `distribution` is hca-plugin-<name> if empty.
        """
        module = f"hca_of_test_{len(self._added)}_{name.replace('-', '_')}"
        distribution = distribution or f"hca-plugin-{name}"
        folder = self._folder / f"{len(self._added)}-{distribution}"
        groups = {group: self._targets(entries) for group, entries in (entry_points or {}).items()}
        groups.setdefault("hca.plugins", {}).setdefault(name, module)
        if source is None:
            answers = {"commands": self._targets(commands or {}), "clients": self._targets(clients or {})}
            source = _hooks({**answers, "config_defaults": dict(config_defaults or {})})
        metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nSummary: {summary}\n"
        (metadata / "METADATA").write_text(header, encoding="utf-8")
        listed = "".join(
            f"[{group}]\n" + "".join(f"{entry} = {target}\n" for entry, target in entries.items())
            for group, entries in groups.items()
        )
        (metadata / "entry_points.txt").write_text(listed, encoding="utf-8")
        for file, text in {module: source, **(modules or {})}.items():
            (folder / f"{file}.py").write_text(text, encoding="utf-8")
        sys.path.insert(0 if first else len(sys.path), str(folder))
        self._added.append(str(folder))
        importlib.invalidate_caches()
        fresh()
        return folder

    def undo(self) -> None:
        """Take all of them out again, with the modules that were imported from there."""
        for folder in self._added:
            sys.path.remove(folder)
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", "") or "").startswith(folder + os.sep):
                    del sys.modules[name]
        self._added.clear()
        vars(handed).clear()
        importlib.invalidate_caches()
        fresh()

    def _targets(self, entries: Mapping[str, Any]) -> dict[str, str]:
        """Return entries as import strings; objects of the test are handed over in this module."""
        targets = {}
        for name, value in entries.items():
            if not isinstance(value, str):
                attribute = f"object_{len(vars(handed))}"
                setattr(handed, attribute, value)
                value = f"{__name__}:handed.{attribute}"
            targets[name] = value
        return targets


handed = SimpleNamespace()


def _hooks(answers: Mapping[str, Any]) -> str:
    """Return the source of a plugin module that gives these answers to the hooks of these names."""
    functions = [
        f"@hookimpl\ndef hca_{name}():\n    return json.loads({json.dumps(answer)!r})"
        for name, answer in answers.items()
        if answer
    ]
    return "\n\n".join(["import json\n\nfrom hca_core import hookimpl", *functions]) + "\n"
