"""What a new directory has, and the policies of what is made without one (contract §4)."""

from __future__ import annotations

from typing import Any

from hca_local.policies.documents import VERSION

DEFAULT_ROLE = "default_user"
ADMIN_ROLE = "fusillade_admin"
DEFAULT_GROUP = "user_default"
# The group whose members may write to the DSS.
WRITERS_GROUP = "hca"
PUBLIC_USER = "public"
OWNER_LEVEL = "Owner"
# A user may be in one group less than this.
GROUP_LIMIT = 10
# What all resources of this service's own routes begin with.
ARN = "arn:hca:fus:*:*:"


def _allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources, **more}
    return {"Version": VERSION, "Statement": [statement]}


ADMIN_POLICY = _allow(["fus:*"], [f"{ARN}*"], Sid="Administration")
USER_POLICY = _allow(["fus:GetUser"], [f"{ARN}user/${{fus:user_email}}/*"], Sid="OwnUser")
GROUP_POLICY = _allow(
    ["fus:GetGroup", "fus:GetRole"],
    [f"{ARN}group/${{fus:group_id}}/*", f"{ARN}group/${{fus:group_id}}"],
    Sid="OwnGroup",
)


def owner_policy(type_name: str) -> dict[str, Any]:
    """Return the policy of those who made a resource of a type."""
    return _allow(
        ["fus:GetResourceId", "fus:PutResourceId", "fus:DeleteResourceId"],
        [f"arn:*:*:*:*:{type_name}/*"],
        Sid="Default owner policy",
        Principal="*",
    )
