"""Which versions there are, and whether they fit each other."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from typing import TYPE_CHECKING

from hca_core import __version__, discover
from hca_core.doctor.values import Check, Look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

AREA = "versions"
CORE, META = "hca-core", "hca"
_LIBRARIES = ("requests", "urllib3", "certifi", "click", "pluggy")


def looks() -> list[Look]:
    """Return the looks at versions."""
    return [
        Look(AREA, "hca", _python),
        Look(AREA, "libraries", _libraries),
        Look(AREA, "distributions", _distributions),
        Look(AREA, "requirements", _requirements),
    ]


def installed() -> dict[str, Distribution]:
    """Return the distributions that are of `hca`, by name: the core, what brings it, and every plugin."""
    from importlib import metadata

    names = {CORE, META, *(entry.distribution for group in discover.groups() for entry in discover.declared(group))}
    found = {}
    for name in sorted(names):
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _python() -> Iterator[Check]:
    yield Check("hca", "ok", f"{__version__}, in {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}")
    yield Check("python", "ok", f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}")
    yield Check("system", "ok", platform.platform())


def _libraries() -> Iterator[Check]:
    from importlib import metadata

    told = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    yield Check("libraries", "ok", ", ".join([*told, ssl.OPENSSL_VERSION]))
    try:
        import pycurl
    except ImportError as error:
        yield Check("libcurl", "problem", f"pycurl can't be loaded: {error}", "pip install --force-reinstall pycurl")
    else:
        yield Check("libcurl", "ok", str(pycurl.version))


def _distributions() -> Iterator[Check]:
    found = installed()
    yield Check("distributions", "ok", ", ".join(f"{name} {one.version}" for name, one in found.items()))
    for name in (CORE, *_parts(found)):
        if name in found and found[name].version != __version__:
            text = f"{name} has version {found[name].version}, but this is hca {__version__}; they belong together"
            yield Check(name, "warning", text, f"pip install -U {name}=={__version__}")


def _parts(found: dict[str, Distribution]) -> list[str]:
    """Return the distributions that are released together with the core: the one that brings them all names them."""
    from packaging.requirements import Requirement

    if META not in found:
        return []
    named = {Requirement(text).name for text in found[META].requires or ()}
    return [META, *sorted(named - {CORE})]


def _requirements() -> Iterator[Check]:
    missing = [text for name, one in installed().items() for text in _unmet(name, one)]
    if not missing:
        yield Check("requirements", "ok", "every distribution has what it requires")
    for text, requirement in missing:
        yield Check("requirements", "problem", text, f"pip install -U '{requirement}'")


def _unmet(name: str, distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Yield a sentence and a requirement for each that is not met; those of extras are for who asks for them."""
    from importlib import metadata

    from packaging.requirements import Requirement

    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{name} requires {wanted}, which is not installed", wanted
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{name} requires {wanted}, but {version} is installed", wanted
