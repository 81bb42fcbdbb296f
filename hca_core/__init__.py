"""The core of `hca`: knows no service by name, finds plugins by their metadata, and gives them their tools."""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; importing it from typing would cost `hca --version` 6 ms
__version__ = "9.0.0"

if TYPE_CHECKING:
    from hca_core.config import HCAConfig as HCAConfig
    from hca_core.config import get_config as get_config
    from hca_core.hookspecs import hookimpl as hookimpl
    from hca_core.plugins import client as client

__all__ = ["HCAConfig", "__version__", "client", "get_config", "hookimpl"]

_HOME = {
    "HCAConfig": "hca_core.config",
    "client": "hca_core.plugins",
    "get_config": "hca_core.config",
    "hookimpl": "hca_core.hookspecs",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that `import hca_core` costs nothing (start-up time is a feature)."""
    if name not in _HOME:
        raise AttributeError(f"module 'hca_core' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
