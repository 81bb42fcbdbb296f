"""Lower bounds: one for each library, which `make lowest` tries, and nothing that only a newer one has."""

from __future__ import annotations

import tomllib

from installing import PROJECTS, ROOT
from packaging.requirements import Requirement

import hca_core


def requirements():
    """Yield (distribution, requirement) of all that our packages need, those of extras too."""
    for name, folder in PROJECTS.items():
        metadata = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        extras = metadata.get("optional-dependencies", {}).values()
        for text in [*metadata["dependencies"], *(one for extra in extras for one in extra)]:
            yield name, Requirement(text)


def test_every_dependency_has_a_lower_bound():
    """Without one nobody has ever tried the oldest."""
    assert [(name, str(one)) for name, one in requirements() if not str(one.specifier).startswith(">=")] == []


def test_a_library_has_the_same_bound_everywhere():
    """`make lowest` installs all packages together, so it tries the highest of their bounds only."""
    bounds: dict[str, set[str]] = {}
    for _, requirement in requirements():
        bounds.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_our_packages_of_one_release_go_together():
    ours = {(name, str(one.specifier)) for name, one in requirements() if one.name in PROJECTS}
    assert {specifier for _, specifier in ours} == {f">={hca_core.__version__}"}
