"""What can go wrong when a node is edited, besides what the server says."""

from __future__ import annotations

from hca_core.errors import IntegrityError
from hca_shock.errors import ShockError


class ConflictError(ShockError):
    """The node is not as its editor has read it: somebody else has changed it."""


class DamagedError(ShockError, IntegrityError):
    """The server has kept something else than it was sent."""


class LostChangeError(ShockError, IntegrityError):
    """A change was answered with success, but the server does not have it."""
