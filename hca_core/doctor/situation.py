"""What is known before anything is looked at: the configuration, as far as it can be read, and what to look at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import config as configuration
from hca_core import paths
from hca_core.config import HCAConfig
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from hca_core.context import Hca


FURTHER = "further file"  # one of HCA_CONFIG_FILE


@dataclass(frozen=True)
class Situation:
    """What the looks are given.

    Parameters: `config` is the configuration, of the readable files if `broken` tells why it can't be used as a whole;
    `services` are the names of those to be looked at, all if it is empty; `timeout` is how many seconds requests may
    take, None if none may be sent.
    """

    config: HCAConfig
    broken: HCAError | None = None
    services: tuple[str, ...] = ()
    timeout: float | None = 5.0

    def wants(self, service: str) -> bool:
        """Tell whether `service` is one of those to be looked at."""
        return not self.services or service in self.services


def config_of(hca: Hca) -> tuple[HCAConfig, HCAError | None]:
    """Return the configuration of this run; if it can't be used, that of the readable files, and why it can't."""
    try:
        config, broken = hca.config, None
    except HCAError as error:
        config, broken = HCAConfig(files=_readable(hca.profile), profile=hca.profile), error
    return config, broken


def files() -> list[tuple[str, str]]:
    """Return the configuration files that count, lowest priority first: what names each, and its path."""
    named = filter(None, os.environ.get("HCA_CONFIG_FILE", "").split(os.pathsep))
    return [
        ("site file", paths.site_config_file()),
        ("your file", paths.config_file()),
        *((FURTHER, os.path.expanduser(path)) for path in named),
    ]


def _readable(profile: str | None) -> list[tuple[str, dict[str, Any]]]:
    """Return path and content of the files that can be read, and merged into those before them."""
    found: list[tuple[str, dict[str, Any]]] = []
    for _, path in files():
        try:
            data = configuration.read_file(path)
            with_it = found if data is None else [*found, (path, data)]
            _ = HCAConfig(files=with_it, profile=profile).notes
        except HCAError:
            continue
        found = with_it
    return found
