"""Names of users: an e-mail address is the same one however its letters are written."""

from __future__ import annotations

from typing import Any

# Where bodies name one user, and where several.
_ONE, _SEVERAL = ("user_id", "principal"), ("users",)


def canonical(user: str) -> str:
    """Return the one form of the name of a user: addresses in lower case, as logins have them; others as they are."""
    return user.lower() if "@" in user else user


def canonical_body(body: Any) -> Any:
    """Return a body that was checked, with the names of users in their one form."""
    if isinstance(body, list):  # members of a resource
        return [{**one, "member": canonical(one["member"])} if one["member_type"] == "user" else one for one in body]
    if not isinstance(body, dict):
        return body
    one = {name: canonical(body[name]) for name in _ONE if name in body}
    several = {name: [canonical(user) for user in body[name]] for name in _SEVERAL if name in body}
    return {**body, **one, **several}
