"""Which `hca` it is that somebody types and imports: this one, or another that hides it."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

from hca_core.doctor.values import Check, Look

if TYPE_CHECKING:
    from collections.abc import Iterator

AREA = "install"


def looks() -> list[Look]:
    """Return the looks at how `hca` is installed."""
    return [
        Look(AREA, "command", _command),
        Look(AREA, "import", _imported),
        Look(AREA, "copies", _copies),
        Look(AREA, "editable", _editable),
    ]


def _command() -> Iterator[Check]:
    """Yield which `hca` a shell would start. A script of this Python lies in its folder for scripts, or beside it."""
    found = _on_path()
    folder = _scripts()
    ours = {os.path.realpath(folder), os.path.realpath(os.path.dirname(sys.executable))}
    if not any(os.path.exists(os.path.join(folder, name)) for name in ("hca", "hca.exe")):
        yield Check("command", "problem", f"{folder} has no hca", _repair())
    elif not found:
        yield Check("command", "warning", "no folder of PATH has an hca in it", f"put {folder} into PATH")
    elif os.path.realpath(os.path.dirname(found[0])) in ours:
        yield Check("command", "ok", f"{found[0]} is the first one of PATH")
    else:
        text = f"{found[0]} is the first one of PATH, but this hca is one of {sys.executable}"
        yield Check("command", "warning", text, "put the folder of the one that you mean first, then 'hash -r'")
    if len(found) > 1:
        yield Check("command", "ok", f"further ones of PATH: {', '.join(found[1:])}")


def _scripts() -> str:
    """Return the folder that pip puts our commands into: that of this Python, or of the user (pip install --user)."""
    import site
    from importlib import metadata

    from hca_core.doctor.versions import CORE

    home = os.path.realpath(str(metadata.distribution(CORE).locate_file("")))
    of_user = home == os.path.realpath(site.getusersitepackages())
    scheme = sysconfig.get_preferred_scheme("user") if of_user else sysconfig.get_default_scheme()
    return sysconfig.get_path("scripts", scheme)


def _repair() -> str:
    """Return what brings files back that `pip uninstall hca` took away: they belong to the parts, too."""
    from hca_core.doctor.versions import META, installed

    return f"pip install --force-reinstall --no-deps {' '.join(sorted(set(installed()) - {META}))}"


def _on_path() -> list[str]:
    """Return every `hca` that can be started, in the order of PATH."""
    import shutil

    folders = dict.fromkeys(os.environ.get("PATH", "").split(os.pathsep))
    found = (shutil.which("hca", path=folder) for folder in folders if folder)
    return list(dict.fromkeys(one for one in found if one))


def _imported() -> Iterator[Check]:
    """Yield whether `import hca` takes ours. The package of old releases had the same name."""
    from importlib.util import find_spec

    import hca_core

    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(hca_core.__file__))), "hca", "__init__.py")
    found = find_spec("hca")
    origin = os.path.realpath(found.origin) if found is not None and found.origin else ""
    if origin == os.path.realpath(beside):
        yield Check("import", "ok", f"'import hca' takes {beside}")
    elif not os.path.exists(beside):
        yield Check("import", "problem", f"{beside} is gone", _repair())
    else:
        text = f"'import hca' takes {origin or 'nothing'}, not {beside}"
        yield Check("import", "problem", text, "pip uninstall hca, then install it anew: pip install -U hca")


def _copies() -> Iterator[Check]:
    """Yield whether two copies of the core, or a release of old under the same name, are on the path."""
    from importlib import metadata

    from hca_core.doctor.versions import CORE, META

    copies = {str(one.locate_file("")): one.version for one in metadata.distributions(name=CORE)}
    if len(copies) > 1:
        told = ", ".join(f"{version} in {folder}" for folder, version in copies.items())
        yield Check(
            "copies", "warning", f"hca-core is there more than once: {told}", "pip uninstall hca-core, once each"
        )
    for one in metadata.distributions(name=META):
        if not any(text.startswith(CORE) for text in one.requires or ()):
            text = f"the old package hca {one.version} is installed in {one.locate_file('')}, which has the same name"
            yield Check("old package", "problem", text, "pip uninstall hca, then pip install -U hca")


def _editable() -> Iterator[Check]:
    """Yield which distributions are read from a source tree."""
    from hca_core import discover
    from hca_core.plugins import location

    entries = [entry for group in discover.groups() for entry in discover.declared(group)]
    trees = {location(entry): None for entry in entries}
    editable = [tree.removesuffix(" (editable)") for tree in trees if tree.endswith(" (editable)")]
    if editable:
        yield Check("editable", "ok", f"read from source trees: {', '.join(editable)}")
