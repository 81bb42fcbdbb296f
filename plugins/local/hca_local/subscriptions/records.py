"""A subscription as the store keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ELASTICSEARCH = "elasticsearch"
JMESPATH = "jmespath"
_SECRET = "hmac_secret_key"  # noqa: S105 - a field's name


@dataclass(frozen=True)
class Subscription:
    """Who (`owner`, an e-mail address) wants to be told of events in a replica; `document` is what PUT answers."""

    uuid: str
    replica: str
    type: str
    owner: str
    document: Mapping[str, Any]

    @property
    def shown(self) -> dict[str, Any]:
        """The document as it may be shown later on: without the signing key."""
        return {name: value for name, value in self.document.items() if name != _SECRET}

    @property
    def signing_key(self) -> str | None:
        """The key that calls are signed with, None if they are not."""
        return self.document.get(_SECRET) or None

    @property
    def signing_key_id(self) -> str:
        """The name by which the receiver knows the signing key."""
        return self.document.get("hmac_key_id") or f"hca-dss:{self.uuid}"


def of_row(uuid: str, replica: str, kind: str, owner: str, document: str) -> Subscription:
    """Return the subscription that a row of the table holds."""
    return Subscription(uuid, replica, kind, owner, json.loads(document))
