"""Modules that tests share: they lie beside tests, which are no package, so they are loaded by their path."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path, name: str) -> Any:
    """Return the module at `path`; once it is loaded it can be imported by `name`, from anywhere."""
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # before it runs: dataclasses look for it there
        specification.loader.exec_module(module)
    return sys.modules[name]
