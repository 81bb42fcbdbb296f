"""Policy documents: read, with one sentence about the first thing that is wrong (contract §10)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.policies import wildcards
from hca_local.policies.conditions import conditions
from hca_local.policies.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.policies.conditions import Condition
    from hca_local.policies.wildcards import Pattern, Template

VERSION = "2012-10-17"
MOST_BYTES = 10 * 1024
ALLOW, DENY = "Allow", "Deny"
EVERYBODY = "*"
_POLICY_KEYS = ("Version", "Id", "Statement")
_IDENTITY_KEYS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_RESOURCE_KEYS = (*_IDENTITY_KEYS, "Principal", "NotPrincipal")
_ACTION = re.compile(r"\*|[\w.*?-]+:[\w.*?-]+", re.ASCII)


@dataclass(frozen=True)
class Statement:
    """One statement: what it says about which actions on which resources, whose, and when.

    `not_actions`, `not_resources` and `not_principals` tell that it is about all others than those listed.
    `actions` are in lower case, as actions have no case. `principals` is None in an identity policy: there it is about
    whoever has the policy.
    """

    effect: str
    actions: tuple[Pattern, ...]
    not_actions: bool
    resources: tuple[Template, ...]
    not_resources: bool
    principals: frozenset[str] | None
    not_principals: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Policy:
    """A policy that can be evaluated: its statements, and the actions as they were written.

    `allowed` are the actions of statements that allow them, `actions` those of all. What is said by NotAction is in
    neither; `open_ended` tells that some is.
    """

    statements: tuple[Statement, ...]
    actions: tuple[str, ...]
    allowed: tuple[str, ...]
    open_ended: bool


def normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` with the one version that there is: whatever stands there is taken as it (contract §10)."""
    return {**document, "Version": VERSION}


def check_size(document: object) -> None:
    """Raise PolicyError if a policy is too large to be taken in; one that is kept already is read whatever its size."""
    size = _size(document)
    if size > MOST_BYTES:
        raise PolicyError(f"A policy may have {MOST_BYTES} bytes; this one has {size}.")


def identity_policy(document: object) -> Policy:
    """Return the policy of a user, group or role. Raises PolicyError."""
    return _policy(document, _IDENTITY_KEYS)


def resource_policy(document: object) -> Policy:
    """Return the policy of a resource, whose statements say whom they are about. Raises PolicyError."""
    return _policy(document, _RESOURCE_KEYS)


def _policy(document: object, keys: tuple[str, ...]) -> Policy:
    if not isinstance(document, dict):
        raise PolicyError("A policy must be a JSON object.")
    _check_keys("A policy", document, _POLICY_KEYS)
    listed = _list(document.get("Statement"))
    if not listed:
        raise PolicyError("A policy needs a Statement: an object, or a list of one or more.")
    statements: list[Statement] = []
    for number, one in enumerate(listed, 1):
        try:
            statements.append(_statement(one, keys))
        except PolicyError as error:
            raise PolicyError(f"Statement {number}: {error}") from error
    named = [(one["Effect"], action) for one in listed for action in _list(one.get("Action"))]
    return Policy(
        tuple(statements),
        tuple(action for _, action in named),
        tuple(action for effect, action in named if effect == ALLOW),
        any(one.not_actions for one in statements),
    )


def _size(document: object) -> int:
    try:
        return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except RecursionError as error:
        raise PolicyError("A policy must not have so many levels.") from error


def _statement(given: object, keys: tuple[str, ...]) -> Statement:
    if not isinstance(given, dict):
        raise PolicyError("A statement must be a JSON object.")
    _check_keys("A statement here", given, keys)
    if given.get("Effect") not in (ALLOW, DENY):
        raise PolicyError("Effect must be Allow or Deny.")
    if not isinstance(given.get("Sid", ""), str):
        raise PolicyError("Sid must be a text.")
    actions, not_actions = _chosen(given, "Action")
    resources, not_resources = _chosen(given, "Resource")
    principals, not_principals = None, False
    if "Principal" in keys:
        principals, not_principals = _principals(given)
    return Statement(
        given["Effect"],
        tuple(_action(text) for text in actions),
        not_actions,
        tuple(_resource(text) for text in resources),
        not_resources,
        principals,
        not_principals,
        conditions(given.get("Condition", {})),
    )


def _check_keys(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise PolicyError(f"{what} has no {key[:60]!r}, only {', '.join(known)}.")


def _chosen(given: Mapping[str, Any], name: str) -> tuple[list[str], bool]:
    """Return the texts of `name` or of its opposite, and whether it was the opposite. Raises PolicyError."""
    opposite = f"Not{name}"
    if (name in given) == (opposite in given):
        raise PolicyError(f"It takes either {name} or {opposite}, one of the two.")
    found = _list(given.get(name, given.get(opposite)))
    if not found or not all(isinstance(text, str) and text for text in found):
        raise PolicyError(f"{name if name in given else opposite} must be a text, or a list of one or more texts.")
    return found, opposite in given


def _action(text: str) -> Pattern:
    if not _ACTION.fullmatch(text):
        raise PolicyError(f"Action {text[:60]!r} must be service:Action (wildcards are * and ?), or *.")
    found = wildcards.filled(wildcards.template(text.lower()), {})
    assert found is not None  # noqa: S101 - an action has no variables
    return found


def _resource(text: str) -> Template:
    if ":" not in text and not text.startswith("*"):
        raise PolicyError(f"Resource {text[:60]!r} must be an ARN (arn:partition:service:region:account:path), or *.")
    return wildcards.template(text)


def _principals(given: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    if ("Principal" in given) == ("NotPrincipal" in given):
        raise PolicyError("The policy of a resource takes either Principal or NotPrincipal, one of the two.")
    opposite = "NotPrincipal" in given
    if opposite and given["Effect"] == ALLOW:
        raise PolicyError("NotPrincipal goes with Deny only: it would allow everybody else, strangers too.")
    named = given.get("Principal", given.get("NotPrincipal"))
    if named == EVERYBODY:
        return frozenset({EVERYBODY}), opposite
    if not isinstance(named, dict) or not named:
        raise PolicyError('A principal is "*", or an object {"AWS": [names]}.')
    names = [one for listed in named.values() for one in _list(listed)]
    if not names or not all(isinstance(one, str) and one for one in names):
        raise PolicyError("The names of principals must be a text, or a list of one or more texts.")
    return frozenset(names), opposite


def _list(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
