"""Tells whether a user may do something (contract §9)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from hca_local.fusillade import defaults, directory, resources
from hca_local.policies.context import context_of
from hca_local.policies.evaluation import ALLOWED, EXPLICIT_DENY, Request, evaluate

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.fusillade.calls import Call
    from hca_local.policies.evaluation import Decision, Source


async def post(call: Call) -> Response:
    """Answer whether a principal may do one of some actions with a resource. Who is not known is made."""
    principal: str = call.body["principal"]
    if not directory.is_known(call.records, principal):
        await call.change(lambda it: directory.provision(it, principal))
    if not directory.is_enabled(call.records, principal):
        return JSONResponse({"result": False, "reason": "UserDisabled"})
    (resource,) = call.body["resource"]
    granted = _granted(call.records, principal, resource)
    if granted is None:
        details = "The requested resource does not exist."
        return JSONResponse({"result": False, "reason": "ResourceNotFound", "details": details})
    sources = [*directory.effective(call.records, principal), *granted]
    context = context_of(
        {
            "fus:user_email": principal,
            "fus:groups": directory.groups_of(call.records, principal),
            "fus:roles": directory.roles_of(call.records, principal),
        }
    )
    names = frozenset({principal, f"{defaults.ARN}user/{principal}"})
    requests = [Request(action, one, context, names) for action, one in product(call.body["action"], [resource])]
    decisions = [(request, evaluate(sources, request)) for request in requests]
    result, reason = _joined({decision.outcome for _, decision in decisions})
    results = [_told(request, decision) for request, decision in decisions]
    return JSONResponse({"result": result, "reason": reason, "evaluation_results": results})


def _granted(connection: Connection, principal: str, resource: str) -> list[Source] | None:
    """Return what the list of members of a resource grants; None if it hides the resource from `principal`.

    What is no resource of a registered type has no such list, which grants nothing and hides nothing. ARNs may leave
    out fields, and names may have colons: a type counts behind whatever colon it is.
    """
    granted: list[Source] = []
    fields = resource.split(":")
    for number in range(1, len(fields)):
        type_name, slash, rest = ":".join(fields[number:]).partition("/")
        if slash and resources.is_registered(connection, type_name):
            found = resources.access_of(connection, type_name, rest.partition("/")[0], principal)
            if not found:
                return None
            granted += found
    return granted


def _joined(outcomes: set[str]) -> tuple[bool, str]:
    """Return the result for several actions: one that is allowed is enough, unless another is denied."""
    if EXPLICIT_DENY in outcomes:
        return False, "Permission is explicit denied."
    if ALLOWED in outcomes:
        return True, "Permission is allowed."
    return False, "Permission was implicitly denied."


def _told(request: Request, decision: Decision) -> dict[str, Any]:
    return {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": decision.outcome,
        "MatchedStatements": [
            {"SourcePolicyId": source.name, "SourcePolicyType": source.kind} for source in decision.matched
        ],
        "MissingContextValues": list(decision.missing),
    }
