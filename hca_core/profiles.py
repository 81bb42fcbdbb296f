"""Profiles: a name for a set of logins, and for settings that lie over those of the configuration's files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hca_core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_core.config import HCAConfig
    from hca_core.merge import KeyPath

DEFAULT = "default"  # has no settings of its own: the files as they are
VARIABLE = "HCA_PROFILE"
KEYS = ("profile", "profiles")  # say which profiles there are, so they are never part of one


def name_of(config: HCAConfig) -> str:
    """Return the profile of `config`. Raises ConfigError if what was said can't be the name of one."""
    said = config.profile_said
    if not isinstance(said, str) or not said.strip() or len(said) > 64 or not said.isprintable():
        raise ConfigError(f"{said!r} can't be the name of a profile", hint="take a short word")
    return said


def settings_in(data: Mapping[str, Any], name: object) -> dict[str, Any]:
    """Return what a configuration file that holds `data` sets in the profile `name`."""
    all_of_them = data.get("profiles")
    found = all_of_them.get(str(name)) if isinstance(all_of_them, dict) and name != DEFAULT else None
    return {key: value for key, value in found.items() if key not in KEYS} if isinstance(found, dict) else {}


def place(path: KeyPath, name: object) -> KeyPath:
    """Return where a file keeps the setting at `path` for those who use the profile `name`."""
    return path if name == DEFAULT or path[0] in KEYS else ("profiles", str(name), *path)


def logins() -> dict[str, list[str]]:
    """Return the hosts that logins are kept for, by profile. Raises ConfigError if they can't be read."""
    from hca_core.credentials import entries

    found: dict[str, list[str]] = {}
    for file in filter(None, (entries.path(), os.environ.get("HCA_CREDENTIALS_FILE"))):
        for name in entries.profiles(file):
            found.setdefault(name, []).extend(entries.read(file, name))
    return found


def sections(config: HCAConfig) -> dict[str, Any]:
    """Return what the files set in each profile, as it is there."""
    found = config.lookup("profiles")
    return found if isinstance(found, dict) else {}


def names(config: HCAConfig) -> list[str]:
    """Return the names of all profiles that have settings or logins, the default one first. Raises ConfigError."""
    found = {*sections(config), *logins()}
    return [DEFAULT, *sorted(found - {DEFAULT})]


def check(config: HCAConfig) -> None:
    """Refuse a profile that was named for this run but has neither settings nor logins: it is a typing error.

    Where plugins give tokens the profile may be one of theirs. Raises UsageError, ConfigError.
    """
    name = name_of(config)
    known = names(config)
    if name in known or not config.is_profile_of_this_run:
        return
    from hca_core import discover

    if discover.installed(discover.CREDENTIALS):
        return
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    hint = f"a login or 'hca --profile {name} config set' makes it; 'hca config profiles' lists all"
    raise UsageError(f"there is no profile {name!r}; {meant}", hint=hint)
