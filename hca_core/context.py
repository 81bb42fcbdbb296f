"""What one run of the command line knows: its global options and, read when first asked for, the configuration."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hca_core.config import HCAConfig


class Hca:
    """State of one run, kept in click's context object; `Hca.current()` gives it to any command."""

    def __init__(self, log_level: str | None = None, *, debug: bool = False, profile: str | None = None) -> None:
        self.log_level = log_level
        self.debug = debug
        self.profile = profile

    @classmethod
    def current(cls) -> Hca:
        """Return the state of the run that is under way, made if a command is called on its own (as in a test)."""
        return click.get_current_context().ensure_object(cls)

    @cached_property
    def config(self) -> HCAConfig:
        """The layered configuration; reading it also sets the log level. Raises ConfigError."""
        from hca_core import log
        from hca_core.config import HCAConfig
        from hca_core.errors import ConfigError

        config = HCAConfig()
        level = "DEBUG" if self.debug and not self.log_level else self.log_level or config.lookup("log_level", "INFO")
        if level not in log.LEVELS:
            raise ConfigError(f"log_level is {level!r}, but must be one of {', '.join(log.LEVELS)}")
        log.set_up(str(level))
        if self.profile is not None:
            config.assign("profile", self.profile)
        for note in config.notes:
            log.logger().warning(note)
        return config
