"""The API description: as complete as the service, and served to clients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hca_core import openapi
from hca_local.fusillade import description, permissions, service

# The verbs of the contract, without those that are written by hand.
VERBS = [
    "get-login",
    "get-logout",
    "get-openid-configuration",
    "get-jwks.json",
    "get-oauth-authorize",
    "post-oauth-revoke",
    "post-oauth-token",
    "get-oauth-userinfo",
    "post-oauth-userinfo",
    "get-echo",
    "post-v1-policies-evaluate",
    "get-v1-users",
    "post-v1-user",
    "get-v1-user",
    "put-v1-user",
    "get-v1-user-owns",
    "get-v1-user-groups",
    "put-v1-user-group",
    "get-v1-user-roles",
    "put-v1-user-role",
    "put-v1-user-policy",
    "get-v1-groups",
    "post-v1-group",
    "get-v1-group",
    "delete-v1-group",
    "get-v1-group-roles",
    "put-v1-group-role",
    "get-v1-group-users",
    "put-v1-group-user",
    "put-v1-group-policy",
    "get-v1-roles",
    "post-v1-role",
    "get-v1-role",
    "delete-v1-role",
    "put-v1-role-policy",
    "get-v1-resources",
    "get-v1-resource",
    "post-v1-resource",
    "delete-v1-resource",
    "get-v1-resource-actions",
    "put-v1-resource-action",
    "delete-v1-resource-actions",
    "get-v1-resource-policies",
    "get-v1-resource-policy",
    "post-v1-resource-policy",
    "put-v1-resource-policy",
    "delete-v1-resource-policy",
    "get-v1-resource-ids",
    "get-v1-resource-id",
    "post-v1-resource-id",
    "delete-v1-resource-id",
    "get-v1-resource-id-members",
    "put-v1-resource-id-member",
]
PAGED = {
    *("get-v1-users", "get-v1-user-owns", "get-v1-user-groups", "get-v1-user-roles", "get-v1-groups", "get-v1-roles"),
    *("get-v1-group-roles", "get-v1-group-users", "get-v1-resources", "get-v1-resource-policies"),
    *("get-v1-resource-ids", "get-v1-resource-id-members"),
}


def test_the_verbs_are_those_of_the_contract():
    """What the client makes of the description has the published names, pages and credentials."""
    api = openapi.parse(description.document()).check()
    found = {operation.command: operation for operation in api.operations.values()}
    assert sorted(found) == sorted(VERBS)
    assert {name for name, operation in found.items() if operation.paged} == PAGED
    secured = {name for name, operation in found.items() if operation.secured}
    assert secured == {name for name in VERBS if "-v1-" in name or name.endswith("userinfo")}
    assert found["get-oauth-authorize"].streams


def test_all_references_lead_somewhere():
    """Nothing refers to what is not there."""
    inlined = openapi.inline(description.document())
    assert "$ref" not in json.dumps(inlined)


def test_each_operation_is_there_and_guarded():
    """No operation lacks a handler or a permission, and there is none without a description."""
    described = {(method, found[method].path) for found in description.operations().values() for method in found}
    assert described == service.HANDLERS.keys() == permissions.NEEDED.keys()


def test_the_first_of_two_paths_is_no_trap():
    """No path could be taken for another one: where both have a fixed segment, these differ."""
    paths = list(description.operations())
    for number, one in enumerate(paths):
        for other in paths[number + 1 :]:
            fixed = [pair for pair in zip(one, other, strict=False) if not any(part.startswith("{") for part in pair)]
            assert len(one) != len(other) or any(a != b for a, b in fixed), (one, other)


def test_it_is_served(api):
    """The document is that of the package, with the address that the client asked at, and a tag."""
    answer = api.send("GET", "/swagger.json", user=None)
    assert answer.status_code == 200
    assert answer.json() == {**description.document(), "servers": [{"url": api.url}]}
    tag = answer.headers["ETag"]
    assert api.send("GET", "/swagger.json", user=None, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    assert api.send("GET", "/swagger.json", user=None, headers={"If-None-Match": '"x"'}).status_code == 200


def test_it_has_the_name_that_the_client_knows(api):
    """Another name of this machine is taken over; a foreign one is not."""
    local = api.send("GET", "/swagger.json", headers={"Host": "localhost:99"}).json()
    assert local["servers"] == [{"url": "http://localhost:99"}]
    foreign = api.send("GET", "/swagger.json", headers={"Host": "evil.example.org"}).json()
    assert foreign["servers"] == [{"url": api.url}]


@pytest.mark.skipif(
    not (Path(__file__).parents[3] / "plugins/auth/hca_auth/api.json").exists(), reason="the client is not there yet"
)
def test_the_client_has_the_same():
    """The client ships this very document."""
    theirs = Path(__file__).parents[3] / "plugins/auth/hca_auth/api.json"
    assert json.loads(theirs.read_bytes()) == description.document()
