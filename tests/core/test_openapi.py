"""API descriptions as operations: names, arguments, where each argument goes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hca_core import openapi
from hca_core.errors import HCAError

DSS_VERBS = [
    "post-search",
    "head-file",
    "get-file",
    "put-file",
    "get-subscriptions",
    "put-subscription",
    "get-subscription",
    "delete-subscription",
    "get-collections",
    "put-collection",
    "get-collection",
    "patch-collection",
    "delete-collection",
    "get-bundles-all",
    "get-bundle",
    "put-bundle",
    "patch-bundle",
    "delete-bundle",
    "post-bundles-checkout",
    "get-bundles-checkout",
    "get-events",
    "get-event",
]

# Method, path and verb of an authentication service of the same family (service contract §14, rule 3).
AUTH_VERBS = [
    ("get", "/login", "get-login"),
    ("get", "/logout", "get-logout"),
    ("get", "/echo", "get-echo"),
    ("get", "/.well-known/openid-configuration", "get-openid-configuration"),
    ("get", "/.well-known/jwks.json", "get-jwks.json"),
    ("get", "/oauth/authorize", "get-oauth-authorize"),
    ("post", "/oauth/revoke", "post-oauth-revoke"),
    ("post", "/oauth/token", "post-oauth-token"),
    ("get", "/oauth/userinfo", "get-oauth-userinfo"),
    ("post", "/oauth/userinfo", "post-oauth-userinfo"),
    ("post", "/v1/policies/evaluate", "post-v1-policies-evaluate"),
    ("get", "/v1/users", "get-v1-users"),
    ("post", "/v1/user", "post-v1-user"),
    ("get", "/v1/user/{user_id}", "get-v1-user"),
    ("put", "/v1/user/{user_id}", "put-v1-user"),
    ("get", "/v1/user/{user_id}/owns", "get-v1-user-owns"),
    ("get", "/v1/user/{user_id}/groups", "get-v1-user-groups"),
    ("put", "/v1/user/{user_id}/groups", "put-v1-user-group"),
    ("get", "/v1/user/{user_id}/roles", "get-v1-user-roles"),
    ("put", "/v1/user/{user_id}/roles", "put-v1-user-role"),
    ("put", "/v1/user/{user_id}/policy", "put-v1-user-policy"),
    ("delete", "/v1/group/{group_id}", "delete-v1-group"),
    ("get", "/bundles/{bundle_uuid}", "get-bundles"),
]


def described(paths, **extra):
    return openapi.parse({"swagger": "2.0", "host": "h.org", "schemes": ["https"], "paths": paths, **extra})


def operation(node, method="get", path="/x", **extra):
    return next(iter(described({path: {method: {"responses": {}, **node}}}, **extra).operations.values()))


def test_the_packaged_description_gives_the_published_verbs(dss_description):
    operations = openapi.parse(dss_description).operations
    assert sorted(one.command for one in operations.values()) == sorted(DSS_VERBS)
    assert sorted(operations) == sorted(verb.replace("-", "_") for verb in DSS_VERBS)


@pytest.mark.parametrize(("method", "path", "verb"), AUTH_VERBS)
def test_names(method, path, verb):
    assert openapi.operation_name(method, path).replace("_", "-") == verb


def test_what_pages_streams_and_wants_a_login(dss_description):
    operations = openapi.parse(dss_description).operations
    assert {name for name, one in operations.items() if one.paged} == {
        "get_bundle",
        "get_bundles_all",
        "get_collections",
        "get_events",
        "post_search",
    }
    assert {name for name, one in operations.items() if one.streams} == {"get_file"}
    open_to_all = {"post_search", "get_file", "head_file", "get_bundle", "get_bundles_all", "get_event", "get_events"}
    open_to_all |= {"post_bundles_checkout", "get_bundles_checkout"}
    assert {name for name, one in operations.items() if not one.secured} == open_to_all


def test_swagger_parameters_and_where_they_go():
    schema = {
        "required": ["a"],
        "properties": {"a": {"type": "array", "items": {"type": "object"}}, "b": {"$ref": "#/definitions/b"}},
        "allOf": [{"properties": {"c": {"type": "string", "enum": ["x", "y"], "default": "x"}}}],
    }
    node = {
        "parameters": [
            {"in": "body", "name": "json", "schema": {"$ref": "#/definitions/body"}},
            {"in": "query", "name": "per_page", "type": "integer", "default": 5, "description": "Most\n  results."},
            {"in": "query", "name": "flag", "type": "boolean"},
            {"in": "header", "name": "X-Own", "type": "string", "required": True},
            {"in": "path", "name": "uuid", "type": "string"},
            {"in": "cookie", "name": "c00kie", "type": "string"},
        ]
    }
    definitions = {"body": schema, "b": {"type": "object"}}
    found = operation(node, "put", "/x/{uuid}", definitions=definitions)
    told = [(one.name, one.location, one.kind, one.required) for one in found.parameters]
    assert told == [
        ("a", "body", "array", True),
        ("b", "body", "object", False),
        ("c", "body", "string", False),
        ("per_page", "query", "integer", False),
        ("flag", "query", "boolean", False),
        ("X-Own", "header", "string", True),
        ("uuid", "path", "string", True),
    ]
    a, b, c, per_page, *_ = found.parameters
    assert (a.of_objects, b.of_objects) == (True, False)
    assert (c.choices, c.default) == (("x", "y"), "x")
    assert (per_page.default, per_page.description) == (5, "Most results.")
    assert found.body_type == openapi.JSON
    assert found.paths == {frozenset({"uuid"}): "/x/{uuid}"}


def test_openapi_3_parameters():
    document = {
        "openapi": "3.0.1",
        "servers": [{"url": "https://auth.org"}],
        "components": {"parameters": {"page": {"in": "query", "name": "page", "schema": {"type": "integer"}}}},
        "paths": {
            "/v1/user/{user_id}/groups": {
                "parameters": [{"in": "path", "name": "user_id", "required": True, "schema": {"type": "string"}}],
                "get": {"parameters": [{"$ref": "#/components/parameters/page"}], "responses": {"206": {}}},
                "put": {
                    "security": [{"Bearer": []}],
                    "parameters": [
                        {"in": "query", "name": "action", "schema": {"type": "string", "enum": ["add", "remove"]}}
                    ],
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {"properties": {"groups": {"type": "array", "items": {"type": "string"}}}}
                            }
                        }
                    },
                },
            },
            "/oauth/token": {
                "post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {}}}}}
            },
        },
    }
    api = openapi.parse(document)
    get, put = api.operations["get_v1_user_groups"], api.operations["put_v1_user_group"]
    assert [(one.name, one.kind) for one in get.parameters] == [("user_id", "string"), ("page", "integer")]
    assert (get.paged, get.secured, put.paged, put.secured) == (True, False, False, True)
    assert [(one.name, one.location) for one in put.parameters] == [
        ("groups", "body"),
        ("user_id", "path"),
        ("action", "query"),
    ]
    assert put.parameters[2].choices == ("add", "remove")
    assert not put.parameters[0].of_objects
    assert api.operations["post_oauth_token"].body_type == openapi.FORM
    assert api.base_url == "https://auth.org"


def test_an_operation_s_own_parameter_beats_the_path_s():
    item = {
        "parameters": [{"in": "query", "name": "n", "type": "string"}],
        "get": {"parameters": [{"in": "query", "name": "n", "type": "integer"}], "responses": {}},
    }
    (found,) = described({"/x": item}).operations.values()
    assert [(one.name, one.kind) for one in found.parameters] == [("n", "integer")]


def test_two_paths_of_one_name_are_joined():
    uuid = {"in": "path", "name": "uuid", "type": "string"}
    api = described(
        {
            "/thing": {"get": {"parameters": [{"in": "query", "name": "a", "type": "string"}], "responses": {}}},
            "/things/{uuid}": {"get": {"parameters": [uuid], "responses": {}}},
        }
    )
    (found,) = api.operations.values()
    assert found.paths == {frozenset(): "/thing", frozenset({"uuid"}): "/things/{uuid}"}
    assert {one.name: one.required for one in found.parameters} == {"uuid": False, "a": False}


@pytest.mark.parametrize(
    ("name", "flag", "keyword"),
    [("per_page", "--per-page", "per_page"), ("a/b", "--a-b", "a_b"), ("client-id", "--client-id", "client_id")],
)
def test_names_of_parameters(name, flag, keyword):
    (found,) = operation({"parameters": [{"in": "query", "name": name, "type": "string"}]}).parameters
    assert (found.flag, found.keyword) == (flag, keyword)


@pytest.mark.parametrize(
    ("document", "source", "url"),
    [
        ({"host": "h.org", "basePath": "/v1", "schemes": ["https"]}, "", "https://h.org/v1"),
        ({"host": "h.org", "basePath": "/v1/"}, "", "https://h.org/v1"),
        ({"host": "h.org", "schemes": ["https", "http"]}, "http://h.org/s.json", "http://h.org"),
        ({"host": "h.org", "schemes": ["https"]}, "http://h.org/s.json", "https://h.org"),
        ({"host": "127.0.0.1:80"}, "http://127.0.0.1:80/s.json", "http://127.0.0.1:80"),
        ({"basePath": "/v1"}, "http://127.0.0.1:9/v1/s.json", "http://127.0.0.1:9/v1"),
    ],
)
def test_base_urls_of_swagger_2(document, source, url):
    assert openapi.parse({"swagger": "2.0", "paths": {}, **document}, source).base_url == url


@pytest.mark.parametrize(
    ("servers", "url"),
    [
        ([{"url": "https://h.org/v1/"}], "https://h.org/v1"),
        ([{"url": "/v2"}], "http://127.0.0.1:9/v2"),
        ([{"url": "v2"}], "http://127.0.0.1:9/api/v2"),
        ([], "http://127.0.0.1:9"),
        (
            [{"url": "https://{host}/{base}", "variables": {"host": {"default": "h.org"}, "base": {"default": "b"}}}],
            "https://h.org/b",
        ),
        ([{"url": "https://first.org"}, {"url": "https://second.org"}], "https://first.org"),
    ],
)
def test_base_urls_of_openapi_3(servers, url):
    document = {"openapi": "3.0.1", "paths": {}, "servers": servers}
    assert openapi.parse(document, "http://127.0.0.1:9/api/openapi.json").base_url == url


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"paths": {}},
        {"swagger": "2.0"},
        [],
        None,
        "text",
        {"swagger": "2.0", "paths": []},
        {"swagger": "2.0", "paths": {"/x": None}},
        {"swagger": "2.0", "paths": {"/x": {"get": "no"}}},
        {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": [{"name": "n"}]}}}},
        {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": [{"in": "query"}]}}}},
        {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": [{"$ref": "#/nowhere"}]}}}},
        {"swagger": "2.0", "paths": {"/x": {"$ref": "#/paths/~1x"}}},
    ],
)
def test_what_is_no_description_is_told_in_one_sentence(document):
    with pytest.raises(HCAError) as told:
        openapi.parse(document, "https://h.org/swagger.json").check()
    assert "API description" in str(told.value)


def test_inline_replaces_pointers():
    document = {
        "a": {"$ref": "#/b/c~1d"},
        "b": {"c/d": {"e": [{"$ref": "#/b/list/1"}]}, "list": [1, {"deep": True}]},
        "self": {"me": {"$ref": "#/self"}},
        "out": {"$ref": "other.json#/x"},
    }
    inlined = openapi.inline(document)
    assert inlined["a"] == {"e": [{"deep": True}]}
    assert inlined["self"] == {"me": {"me": {"$ref": "#/self"}}}
    assert inlined["out"] == {"$ref": "other.json#/x"}
    assert openapi.inline({"a": {"@": "#/b"}, "b": 1}, "@")["a"] == 1


def test_the_packaged_description_has_a_word_for_everything(dss_description):
    """DS-043: each method has a docstring with its parameters; help pages are made of the same."""
    for one in openapi.parse(dss_description).operations.values():
        assert one.summary.endswith(".")
        assert len(one.summary) <= 60, one.name
        assert one.description or one.summary
        assert all(parameter.description for parameter in one.parameters), one.name
    text = json.dumps(dss_description) + Path(openapi.__file__).read_text()
    assert "{prog}" not in text
    assert "sphinx" not in text
