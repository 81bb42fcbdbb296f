"""AuthClient: the authorization service in Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hca_core.service import ServiceClient

if TYPE_CHECKING:
    from hca_core.service import BoundOperation


class AuthClient(ServiceClient):
    """The authorization service: every operation of the service as a method.

        auth = AuthClient()
        auth.put_v1_user_group(groups=["lab"], user_id="ann@example.org", action="add")
        for name in auth.get_v1_users.iterate():
            ...

    Policies are dictionaries. A change of what is so already returns None.
    """

    service = "auth"
    packaged = os.path.join(os.path.dirname(__file__), "api.json")

    is_hosted_retired = True

    @property
    def get_jwks_json(self) -> BoundOperation:
        """The operation `get_jwks.json`, whose own name is none in Python. Raises HCAError."""
        operation: BoundOperation = getattr(self, "get_jwks.json")
        return operation
