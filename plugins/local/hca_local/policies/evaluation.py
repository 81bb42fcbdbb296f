"""Decides whether a request is allowed: a Deny that matches counts most, then an Allow; without both, it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hca_local.policies import wildcards
from hca_local.policies.context import Context
from hca_local.policies.documents import ALLOW, DENY, EVERYBODY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_local.policies.documents import Policy, Statement

ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = "allowed", "explicitDeny", "implicitDeny"


@dataclass(frozen=True)
class Request:
    """Who wants to do what with which resource; `principals` are the names that stand for who it is."""

    action: str
    resource: str
    context: Context = field(default_factory=Context)
    principals: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Source:
    """A policy, and what it belongs to: the name and the kind (`user`, `group`, `role`, ...)."""

    name: str
    kind: str
    policy: Policy


@dataclass(frozen=True)
class Decision:
    """What came out: `outcome` is allowed, explicitDeny or implicitDeny; `matched` are the policies that said so.

    `missing` are the keys that the policies ask for and the request does not have.
    """

    outcome: str
    matched: tuple[Source, ...]
    missing: tuple[str, ...]


def evaluate(sources: Iterable[Source], request: Request) -> Decision:
    """Decide about `request` by the policies of `sources`; in which order they come makes no difference."""
    by_effect: dict[str, list[Source]] = {ALLOW: [], DENY: []}
    asked: set[str] = set()
    for source in sources:
        for statement in source.policy.statements:
            asked |= _keys(statement)
            if source not in by_effect[statement.effect] and _matches(statement, request):
                by_effect[statement.effect].append(source)
    missing = tuple(sorted(asked - request.context.values.keys()))
    if by_effect[DENY]:
        return Decision(EXPLICIT_DENY, tuple(by_effect[DENY]), missing)
    return Decision(ALLOWED if by_effect[ALLOW] else IMPLICIT_DENY, tuple(by_effect[ALLOW]), missing)


def _matches(statement: Statement, request: Request) -> bool:
    return (
        _matches_principal(statement, request)
        and _matches_action(statement, request)
        and _matches_resource(statement, request)
        and all(condition.holds(request.context) for condition in statement.conditions)
    )


def _matches_principal(statement: Statement, request: Request) -> bool:
    if statement.principals is None:
        return True
    named = EVERYBODY in statement.principals or bool(statement.principals & request.principals)
    return named != statement.not_principals


def _matches_action(statement: Statement, request: Request) -> bool:
    action = request.action.lower()
    return any(wildcards.matches(pattern, action) for pattern in statement.actions) != statement.not_actions


def _matches_resource(statement: Statement, request: Request) -> bool:
    patterns = [wildcards.filled(one, request.context.single) for one in statement.resources]
    if statement.not_resources and None in patterns:
        return False  # a variable without a value: nobody can tell what is excepted
    found = any(one is not None and wildcards.matches(one, request.resource) for one in patterns)
    return found != statement.not_resources


def _keys(statement: Statement) -> frozenset[str]:
    resources = (template.keys for template in statement.resources)
    return frozenset().union(*resources, *(condition.keys for condition in statement.conditions))
