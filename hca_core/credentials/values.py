"""What a source of tokens is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core import profiles

if TYPE_CHECKING:
    from collections.abc import Mapping


DEFAULT_PROFILE = profiles.DEFAULT


@dataclass(frozen=True)
class Need:
    """What a token is wanted for.

    Parameters: `service` is the plugin's name, `url` the service's (the token goes to its scheme, host and port only),
    `settings` its section of the configuration, `profile` whose login is meant, `rejected` a token that the service
    has just refused (401): another one is wanted, or none.
    """

    service: str
    url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = DEFAULT_PROFILE
    rejected: str = ""


@dataclass(frozen=True)
class Credential:
    """A bearer token and what is known of it.

    Parameters: `source` says in a few words where it comes from, `expires_at` when it ends (seconds since 1970; None
    if that is not known), `account` whose it is, as far as that is known.
    """

    token: str = field(repr=False)
    source: str
    expires_at: float | None = None
    account: str = ""
