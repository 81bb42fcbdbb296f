"""Puts copies of the published import path into this distribution when it is built: `hca`, `hca.dss` and so on.

They belong to the core and to the plugins. But pip, which upgrades the client of old (`hca` 8.0 and before), installs
those first, and then takes the files of the old `hca` out: `hca/__init__.py` and others have the same names. What is
installed last, this distribution, brings them back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PublishedPath(BuildHookInterface[Any]):
    """Adds the folder `hca` of the core and of the plugins that this distribution needs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to copy. An editable install needs none: nothing is copied there, so nothing is stale."""
        if version != "editable":
            for folder in self._folders():
                found = [path for path in folder.rglob("*") if path.suffix in (".py", ".typed")]
                build_data["force_include"] |= {str(path): str(path.relative_to(folder.parent)) for path in found}

    def _folders(self) -> list[Path]:
        here = Path(self.root)
        if (here / "hca").is_dir():  # an unpacked source distribution, which has the copies
            return [here / "hca"]
        needed = [name.partition(">")[0] for name in self.metadata.core.dependencies]
        plugins = [here.parent / "plugins" / name.removeprefix("hca-plugin-") / "hca" for name in needed]
        return [here.parent / "hca", *(folder for folder in plugins if folder.is_dir())]
