"""What is wrong with a policy document."""

from __future__ import annotations


class PolicyError(ValueError):
    """A document that is not a policy; the message is one sentence for who wrote it."""
