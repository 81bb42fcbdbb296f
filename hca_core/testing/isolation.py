"""A home, an environment and a directory of a test's own, and a process that has forgotten what it knew."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What a developer's environment may hold that changes how `hca` or its HTTP library behaves.
_FOREIGN = frozenset(
    {
        "ALL_PROXY",
        "BROWSER",
        "CLOUDSDK_CONFIG",
        "COLUMNS",
        "CURL_CA_BUNDLE",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "FORCE_COLOR",
        "GCE_METADATA_HOST",
        "GCE_METADATA_IP",
        "GCE_METADATA_ROOT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LINES",
        "NETRC",
        "NO_COLOR",
        "NO_GCE_CHECK",
        "NO_PROXY",
        "PYTHON_KEYRING_BACKEND",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "REQUESTS_CA_BUNDLE",
        "SOURCE_DATE_EPOCH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TERM",
        "WAYLAND_DISPLAY",
    }
)


@contextmanager
def isolated(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a home below `folder` that knows nothing of the machine's user, and go to an empty directory in it.

    HOME and the XDG folders lie there, the site-wide configuration is looked for in its `etc/hca/config.json`, all
    HCA_*, proxy and certificate variables are gone. At the end the environment and the directory are as before.
    """
    from hca_core import paths

    home = Path(folder) / "home"
    work = Path(folder) / "work"
    for made in (home, work):
        made.mkdir(parents=True, exist_ok=True)
    changes: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("HCA_", "AWS_", "_HCA_")) or name.upper() in _FOREIGN
    }
    changes |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
    }
    before, site_config_file = Path.cwd(), paths.site_config_file
    with environment(changes):
        os.chdir(work)
        paths.site_config_file = lambda: str(home / "etc" / "hca" / "config.json")
        fresh()
        try:
            yield home
        finally:
            paths.site_config_file = site_config_file
            os.chdir(before)
            fresh()


def fresh() -> None:
    """Forget what `hca` keeps for the life of a process: configuration, loaded plugins, clients, logging."""
    import logging

    for module_name, cache in (("config", "get_config"), ("plugins", "manager"), ("discover", "_scan")):
        module = sys.modules.get(f"hca_core.{module_name}")
        if module is not None:
            getattr(module, cache).cache_clear()
    client = sys.modules.get("hca_core.service")
    if client is not None:
        client._defaults.clear()
    extension = sys.modules.get("stevedore.extension")
    if extension is not None:
        extension.ExtensionManager.ENTRY_POINT_CACHE.clear()
    root = logging.getLogger("hca")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(logging.NOTSET)
    root.propagate = True


@contextmanager
def environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change variables of the environment (None takes one out) and put all back at the end."""
    before = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
