"""What one run of the command line knows: its global options and, read when first asked for, the configuration."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hca_core.config import HCAConfig
    from hca_core.http_statuses import Mapped


class Hca:
    """State of one run, kept in click's context object; `Hca.current()` gives it to any command.

    `log_level` is None if no option says it; `mapped` are the exit statuses that were chosen for HTTP statuses.
    """

    def __init__(self) -> None:
        self.log_level: str | None = None
        self.debug = False
        self.profile: str | None = None
        self.mapped: tuple[Mapped, ...] = ()

    @classmethod
    def current(cls) -> Hca:
        """Return the state of the run that is under way, made if a command is called on its own (as in a test)."""
        return click.get_current_context().ensure_object(cls)

    @cached_property
    def config(self) -> HCAConfig:
        """The layered configuration; reading it also sets the log level. Raises ConfigError.

        Raises UsageError if this run is for a profile that does not exist, unless the command can make it.
        """
        from hca_core import log, profiles
        from hca_core.config import HCAConfig
        from hca_core.errors import ConfigError

        config = HCAConfig(profile=self.profile)
        level = self.log_level or config.lookup("log_level", "INFO")
        if level not in log.LEVELS:
            raise ConfigError(f"log_level is {level!r}, but must be one of {', '.join(log.LEVELS)}")
        log.set_up(str(level))
        context = click.get_current_context(silent=True)
        if config.is_profile_of_this_run and not getattr(context and context.command, "any_profile", False):
            profiles.check(config)
        for note in config.notes:
            log.logger().warning(note)
        return config


def say(text: str) -> None:
    """Tell a person, on stderr, what is no result; `--quiet` and a log level above INFO leave it out."""
    from hca_core import log

    if not log.is_quiet():
        click.echo(text, err=True)
