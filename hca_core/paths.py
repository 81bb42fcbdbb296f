"""Where `hca` keeps things of its own: configuration, cache and state, by the XDG base directory specification."""

from __future__ import annotations

import os


def config_dir() -> str:
    """Return the folder of the user's own configuration; it need not exist."""
    return os.path.join(_base("XDG_CONFIG_HOME", ".config"), "hca")


def config_file() -> str:
    """Return the user's own configuration file; it need not exist."""
    return os.path.join(config_dir(), "config.json")


def disabled_file() -> str:
    """Return the file with the names of the plugins that the user has disabled; it need not exist."""
    return os.path.join(config_dir(), "disabled-plugins")


def site_config_file() -> str:
    """Return the site-wide configuration file."""
    return "/etc/hca/config.json"


def cache_dir() -> str:
    """Return the folder for what can be fetched again: `HCA_CACHE_DIR`, else below the XDG cache folder."""
    return os.environ.get("HCA_CACHE_DIR") or os.path.join(_base("XDG_CACHE_HOME", ".cache"), "hca")


def state_dir() -> str:
    """Return the folder for what an interrupted run left: `HCA_STATE_DIR`, else below the XDG state folder."""
    return os.environ.get("HCA_STATE_DIR") or os.path.join(_base("XDG_STATE_HOME", ".local/state"), "hca")


def _base(variable: str, default: str) -> str:
    named = os.environ.get(variable, "")
    # The specification: a relative path is invalid and to be ignored.
    return named if os.path.isabs(named) else os.path.join(os.path.expanduser("~"), default)


def make_private_dir(path: str) -> None:
    """Make the folder `path` with mode 0700 if it is not there. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
