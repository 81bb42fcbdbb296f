"""AuthClient as the published reference describes it (AS-001 to AS-019); `.iterate` is in test_pages."""

from __future__ import annotations

import inspect
import io
import json
from typing import Any

import pytest

import hca.auth
import hca_core
from hca.auth import AuthClient
from hca_core.config import HCAConfig
from hca_core.errors import LoginError, ServiceError, UsageError
from hca_core.testing import LoopbackService

POLICY = {"Statement": [{"Effect": "Allow", "Action": "fus:*", "Resource": "*"}]}
ANN = "ann@example.org"
ANN_PATH = "/v1/user/ann%40example.org"
# Operation, its published arguments in their order with values, method and path, query, body.
CALLS: dict[str, tuple[dict[str, Any], str, dict[str, str], Any]] = {
    "delete_v1_group": ({"group_id": "lab"}, "DELETE /v1/group/lab", {}, None),  # AS-003
    "delete_v1_role": ({"role_id": "r"}, "DELETE /v1/role/r", {}, None),
    "get_echo": ({}, "GET /echo", {}, None),  # AS-004
    "get_login": (
        {"redirect_uri": "u", "state": "s"},
        "GET /login",
        {"redirect_uri": "u", "state": "s"},
        None,
    ),  # AS-005
    "get_logout": ({"client_id": "c"}, "GET /logout", {"client_id": "c"}, None),
    "get_oauth_authorize": (  # AS-006
        {one: one[0] for one in ("redirect_uri", "state", "client_id", "scope", "respone_type", "nonce", "prompt")},
        "GET /oauth/authorize",
        {one: one[0] for one in ("redirect_uri", "state", "client_id", "scope", "respone_type", "nonce", "prompt")},
        None,
    ),
    "get_oauth_userinfo": ({}, "GET /oauth/userinfo", {}, None),  # AS-007
    "post_oauth_userinfo": ({}, "POST /oauth/userinfo", {}, None),
    "get_openid_configuration": ({"host": "h.org"}, "GET /.well-known/openid-configuration", {}, None),  # AS-008
    "post_oauth_revoke": (  # AS-009
        {"client_id": "c", "token": "t"},
        "POST /oauth/revoke",
        {},
        {"client_id": "c", "token": "t"},
    ),
    "get_v1_group": ({"group_id": "lab"}, "GET /v1/group/lab", {}, None),  # AS-010
    "get_v1_role": ({"role_id": "r"}, "GET /v1/role/r", {}, None),
    "get_v1_user": ({"user_id": ANN}, f"GET {ANN_PATH}", {}, None),
    "get_v1_group_roles": (  # AS-011
        {"group_id": "lab", "next_token": "n", "per_page": 5},
        "GET /v1/group/lab/roles",
        {"next_token": "n", "per_page": "5"},
        None,
    ),
    "get_v1_group_users": (
        {"group_id": "lab", "next_token": "n", "per_page": 5},
        "GET /v1/group/lab/users",
        {"next_token": "n", "per_page": "5"},
        None,
    ),
    "get_v1_groups": (
        {"next_token": "n", "per_page": "5"},
        "GET /v1/groups",
        {"next_token": "n", "per_page": "5"},
        None,
    ),
    "get_v1_roles": ({"next_token": "n", "per_page": "5"}, "GET /v1/roles", {"next_token": "n", "per_page": "5"}, None),
    "get_v1_user_groups": (
        {"user_id": ANN, "next_token": "n", "per_page": 5},
        f"GET {ANN_PATH}/groups",
        {"next_token": "n", "per_page": "5"},
        None,
    ),
    "get_v1_user_owns": (
        {"user_id": ANN, "next_token": "n", "per_page": 5, "resource_type": "group"},
        f"GET {ANN_PATH}/owns",
        {"next_token": "n", "per_page": "5", "resource_type": "group"},
        None,
    ),
    "get_v1_user_roles": (
        {"user_id": ANN, "next_token": "n", "per_page": 5},
        f"GET {ANN_PATH}/roles",
        {"next_token": "n", "per_page": "5"},
        None,
    ),
    "get_v1_users": ({"next_token": "n", "per_page": "5"}, "GET /v1/users", {"next_token": "n", "per_page": "5"}, None),
    "post_v1_group": (  # AS-012
        {"group_id": "lab", "policy": POLICY, "roles": ["r"]},
        "POST /v1/group",
        {},
        {"group_id": "lab", "policy": POLICY, "roles": ["r"]},
    ),
    "post_v1_role": ({"role_id": "r", "policy": POLICY}, "POST /v1/role", {}, {"role_id": "r", "policy": POLICY}),
    "post_v1_user": (
        {"user_id": ANN, "groups": ["lab"], "roles": ["r"], "policy": POLICY},
        "POST /v1/user",
        {},
        {"user_id": ANN, "groups": ["lab"], "roles": ["r"], "policy": POLICY},
    ),
    "post_v1_policies_evaluate": (  # AS-013
        {"principal": ANN, "action": ["dss:PutBundle"], "resource": ["arn:hca:dss:dev:*:x"]},
        "POST /v1/policies/evaluate",
        {},
        {"principal": ANN, "action": ["dss:PutBundle"], "resource": ["arn:hca:dss:dev:*:x"]},
    ),
    "put_v1_group_policy": (  # AS-014
        {"policy": POLICY, "group_id": "lab"},
        "PUT /v1/group/lab/policy",
        {},
        {"policy": POLICY},
    ),
    "put_v1_role_policy": ({"policy": POLICY, "role_id": "r"}, "PUT /v1/role/r/policy", {}, {"policy": POLICY}),
    "put_v1_user_policy": ({"policy": POLICY, "user_id": ANN}, f"PUT {ANN_PATH}/policy", {}, {"policy": POLICY}),
    "put_v1_group_role": (  # AS-015
        {"roles": ["r"], "group_id": "lab", "action": "add"},
        "PUT /v1/group/lab/roles",
        {"action": "add"},
        {"roles": ["r"]},
    ),
    "put_v1_group_user": (
        {"users": [ANN], "group_id": "lab", "action": "remove"},
        "PUT /v1/group/lab/users",
        {"action": "remove"},
        {"users": [ANN]},
    ),
    "put_v1_user_group": (
        {"groups": ["lab"], "user_id": ANN, "action": "add"},
        f"PUT {ANN_PATH}/groups",
        {"action": "add"},
        {"groups": ["lab"]},
    ),
    "put_v1_user_role": (
        {"roles": ["r"], "user_id": ANN, "action": "add"},
        f"PUT {ANN_PATH}/roles",
        {"action": "add"},
        {"roles": ["r"]},
    ),
    "put_v1_user": (  # AS-016
        {"user_id": ANN, "status": "enabled"},
        f"PUT {ANN_PATH}",
        {"status": "enabled"},
        None,
    ),
}
# What must be given; None for the others is as good as leaving them out.
OPTIONAL = {"next_token", "per_page", "state", "groups", "roles", "users"}


# The class


def test_the_published_class():
    """AS-001."""
    parameters = inspect.signature(AuthClient).parameters
    assert list(parameters) == ["config", "swagger_url", "session_kwargs"]
    assert (parameters["config"].default, parameters["swagger_url"].default) == (None, None)
    assert hca.auth.__all__ == ["AuthClient"]
    assert hca_core.client("auth").__class__ is AuthClient


def test_the_published_methods_of_every_client(auth):
    """AS-002."""
    assert list(inspect.signature(AuthClient.login).parameters)[:3] == ["self", "access_token", "remote"]
    for name in ("clear_cache", "expired_token", "logout"):
        assert list(inspect.signature(getattr(AuthClient, name)).parameters) == ["self"]
    assert str(inspect.signature(AuthClient.load_swagger_json)).startswith("(swagger_json: 'TextIO', ptr_str")
    loaded = AuthClient.load_swagger_json(io.StringIO('{"a": {"$ref": "#/b"}, "b": 1}'))
    assert loaded == {"a": 1, "b": 1}
    client = AuthClient()
    client.clear_cache()
    assert client.expired_token() is False


def test_the_default_is_the_service_of_the_published_configuration():
    config = HCAConfig()
    assert config.lookup("AuthClient.swagger_url") == "https://auth.data.humancellatlas.org/swagger.json"
    client = AuthClient(config=config)
    assert client.base_url == "https://auth.data.humancellatlas.org"
    assert "hca local up" in client.session.hint


@pytest.mark.parametrize("at", ["argument", "configuration", "environment"])
def test_where_the_service_is(auth, monkeypatch, at):
    """AS-001: the address of the service itself suffices in the environment."""
    auth.on("GET", "/echo").reply(body=b"hello", headers={"Content-Type": "text/html"})
    monkeypatch.delenv("HCA_AUTH_URL")
    config = HCAConfig()
    if at == "environment":
        monkeypatch.setenv("HCA_AUTH_URL", auth.url)
        config = HCAConfig()
    elif at == "configuration":
        config["AuthClient"].swagger_url = auth.url + "/swagger.json"
    client = AuthClient(swagger_url=auth.url + "/swagger.json") if at == "argument" else AuthClient(config=config)
    assert client.get_echo() == b"hello"


# The operations


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("owner", ["instance", "class"])
def test_the_published_signature(auth, name, owner):
    method = getattr(AuthClient() if owner == "instance" else AuthClient, name)
    parameters = inspect.signature(method).parameters
    assert list(parameters) == list(CALLS[name][0])
    assert {one.default for one in parameters.values()} <= {None}
    assert name == method.__name__
    assert method.__doc__


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("form", ["keywords", "positions", "class"])
def test_a_call_sends_what_it_was_given(auth, anything, name, form):
    arguments, line, query, body = CALLS[name]
    method = getattr(AuthClient if form == "class" else AuthClient(), name)
    answer = method(*arguments.values()) if form == "positions" else method(**arguments)
    assert answer == {"results": []}
    (request,) = anything()
    assert f"{request.method} {request.path}" == line
    assert (dict(request.query), json.loads(request.body or "null")) == (query, body)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_none_is_as_good_as_left_out(auth, anything, name):
    given = {key: value for key, value in CALLS[name][0].items() if key not in OPTIONAL}
    left_out = {key: None for key in CALLS[name][0] if key in OPTIONAL}
    method = getattr(AuthClient(), name)
    method(**given)
    method(**given, **left_out)
    first, second = anything()
    assert (first.query, first.body) == (second.query, second.body)
    assert not left_out.keys() & dict(first.query).keys()
    assert not left_out.keys() & (json.loads(first.body or "{}")).keys()


def test_the_host_is_a_header(auth, anything):
    """AS-008."""
    AuthClient().get_openid_configuration(host="auth.example.org")
    assert anything()[0].headers.get_all("Host") == ["auth.example.org"]


def test_a_policy_is_optional_where_it_was_published_so(auth, anything):
    """AS-014."""
    client = AuthClient()
    client.put_v1_group_policy(group_id="lab")
    client.put_v1_role_policy(role_id="r")
    client.put_v1_user_policy(user_id=ANN)
    assert [one.json() for one in anything()] == [{}, {}, {}]


@pytest.mark.parametrize("name", sorted(name for name, call in CALLS.items() if call[0]))
def test_what_is_required_is_asked_for_before_anything_is_sent(auth, asked, name):
    free = OPTIONAL | {"redirect_uri", "client_id"} if name in ("get_oauth_authorize", "get_logout") else OPTIONAL
    given = {key: value for key, value in CALLS[name][0].items() if key not in free | {"policy"}}
    for missing in given if name != "get_oauth_authorize" else ():
        with pytest.raises(TypeError, match=f"needs {missing}="):
            getattr(AuthClient(), name)(**{key: value for key, value in given.items() if key != missing})
    assert asked() == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("put_v1_user", {"user_id": ANN, "status": "dead"}),
        ("put_v1_user_group", {"user_id": ANN, "groups": ["g"], "action": "drop"}),
        ("get_v1_user_owns", {"user_id": ANN, "resource_type": "house"}),
    ],
)
def test_ill_chosen_values_are_refused_before_anything_is_sent(auth, asked, name, arguments):
    with pytest.raises(UsageError, match="must be one of"):
        getattr(AuthClient(), name)(**arguments)
    assert asked() == []


# Answers


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "application/json"}, {"Content-Type": "text/html"}])
def test_a_change_that_was_none_is_none(auth, kind):
    auth.on("PUT", ANN_PATH + "/groups").reply(status=304, headers=kind)
    assert AuthClient().put_v1_user_group(groups=["lab"], user_id=ANN, action="add") is None


def test_text_answers_are_bytes(auth):
    """AS-003, AS-004."""
    auth.on("*", "/*").reply(body=b"lab deleted.", headers={"Content-Type": "text/html"})
    client = AuthClient()
    assert client.delete_v1_group(group_id="lab") == b"lab deleted."
    assert client.get_echo() == b"lab deleted."
    assert client.put_v1_role_policy(POLICY, "r") == b"lab deleted."


def test_the_logout_is_the_address_where_it_ends(auth):
    """AS-005."""
    auth.on("GET", "/logout").reply(headers={"Location": "https://provider.example.org/v2/logout"})
    assert AuthClient().get_logout() == "https://provider.example.org/v2/logout"


def test_a_decision(auth):
    """AS-013."""
    auth.on("POST", "/v1/policies/evaluate").reply(
        lambda request: {"result": request.json()["principal"] == ANN, "reason": "because"}
    )
    client = AuthClient()
    for principal, expected in ((ANN, True), ("bob@example.org", False)):
        decision = client.post_v1_policies_evaluate(principal=principal, action=["a:B"], resource=["arn:hca:a:*:*:x/y"])
        assert decision["result"] is expected


def test_refusals_are_errors_with_the_published_attributes(auth):
    problem = {"type": "about:blank", "title": "Conflict", "detail": "ann is there", "status": 409}
    auth.on("POST", "/v1/user").fail(409, json=problem)
    with pytest.raises(ServiceError, match="ann is there") as caught:
        AuthClient().post_v1_user(user_id="ann")
    assert (caught.value.code, caught.value.title, caught.value.details) == (409, "Conflict", problem)


def test_who_is_not_logged_in_is_told_before_anything_is_sent(auth, asked, monkeypatch):
    monkeypatch.delenv("HCA_TOKEN")
    with pytest.raises(LoginError):
        AuthClient().get_v1_users()
    assert asked() == []


@pytest.mark.parametrize("name", ["get_oauth_authorize", "post_oauth_token"])
def test_an_answer_that_has_not_been_read(auth, name):
    """AS-006, AS-009."""
    auth.on("*", "/oauth/*").reply(body=b"0123456789", headers={"Content-Type": "text/html"})
    for owner in (AuthClient(), AuthClient):
        with getattr(owner, name).stream() as response:
            assert response.status_code == 200
            assert response.raw.read(4) == b"0123"
            assert response.raw.read() == b"456789"


def test_the_token_endpoint_takes_nothing_or_a_form(auth, anything):
    """AS-009, reading X-18."""
    client = AuthClient()
    client.post_oauth_token()
    client.post_oauth_token(grant_type="refresh_token", refresh_token="R")
    first, second = anything()
    assert first.body == b""
    assert second.body == b"grant_type=refresh_token&refresh_token=R"
    assert second.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_keys_have_a_name_that_is_none_in_python(auth):
    """AS-017."""
    auth.on("GET", "/.well-known/jwks.json").reply(json={"keys": []})
    client = AuthClient()
    assert getattr(client, "get_jwks.json")() == {"keys": []}
    assert client.get_jwks_json() == {"keys": []}
    assert getattr(AuthClient, "get_jwks.json")() == {"keys": []}
    with client.get_jwks_json.stream() as response:
        assert response.json() == {"keys": []}
    assert {"get_jwks.json", "get_jwks_json", "get_v1_users"} <= set(dir(client))


def test_clients_share_nothing(auth, auth_description):
    """AS-019, X-11: a second client does not change where the first one leads."""
    with LoopbackService() as other:
        for number, one in enumerate((auth, other)):
            one.on("GET", "/echo").reply(json=number)
        first = AuthClient()
        second = AuthClient(swagger_url=other.describe(auth_description, at="/swagger.json"))
        assert (first.get_echo(), second.get_echo(), AuthClient.get_echo(), first.get_echo()) == (0, 1, 0, 0)


def test_members_are_the_body(auth, anything):
    member = {"member": ANN, "member_type": "user", "access_level": "Reader"}
    AuthClient().put_v1_resource_id_member(members=[member], resource_type_name="area", resource_id="a/b")
    (request,) = anything()
    assert (request.path, request.json()) == ("/v1/resource/area/id/a%2Fb/members", [member])
