"""What requests may look like: names, parameters, bodies, paths and methods."""

from __future__ import annotations

import time

import pytest

ADMIN = "admin@example.org"
NAMES = ["a@b.org", "A.b_c-d", "x,y", "$money", "k=v", "0", "-", "=", "a" * 128]
BAD_NAMES = {
    "a b": "does not match",
    "a/b": "does not match",
    "a+b": "does not match",
    "ü": "does not match",
    "a\n": "does not match",
    "a%b": "does not match",
    "*": "does not match",
    "a" * 129: "is too long",
}
POLICY = {"Statement": {"Effect": "Allow", "Action": "s:Do", "Resource": "*"}}
QUESTION = {"principal": "a", "action": ["ss:Do"], "resource": ["arn:p:s:r:a:x"]}
MEMBER = {"member": ADMIN, "member_type": "user"}


def problem(answer, status=400):
    """Return the detail of an answer that is an error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() == {"type", "title", "detail", "status"}
    assert (told["type"], told["status"]) == ("about:blank", status)
    assert "\n" not in told["detail"]
    assert len(told["detail"]) < 600
    return f"{told['title']}: {told['detail']}"


@pytest.mark.parametrize("name", NAMES)
def test_names(api, name):
    """All characters that names may have, in the body and in the path, with and without a slash at the end."""
    assert api.send("POST", "/v1/user", {"user_id": name}).status_code == 201
    assert api.send("POST", "/v1/group", {"group_id": name}).status_code == 201
    assert api.send("POST", "/v1/role", {"role_id": name, "policy": POLICY}).status_code == 201
    assert api.send("POST", f"/v1/resource/{api.part(name)}", {"actions": []}).status_code == 201
    assert api.send("POST", f"/v1/resource/{api.part(name)}/id/{api.part(name)}/").status_code == 201
    for kind in "user", "group", "role":
        for path in f"/v1/{kind}/{name}", f"/v1/{kind}/{api.part(name)}/":
            assert api.send("GET", path).json()[f"{kind}_id"] == name
    path = f"/v1/user/{api.part(name)}/groups"
    assert api.send("PUT", path, {"groups": [name]}, action="add").status_code == 200
    assert name in api.send("GET", path).json()["groups"]
    member = {"member": name, "member_type": "user", "access_level": "Owner"}
    path = f"/v1/resource/{api.part(name)}/id/{api.part(name)}/members"
    assert api.send("PUT", path, [member]).status_code == 200
    assert member in api.send("GET", path).json()["members"]


@pytest.mark.parametrize(("name", "told"), BAD_NAMES.items())
def test_bad_names(shared, name, told):
    """What is no name is refused wherever one may stand."""
    part = shared.part(name)
    for method, path, body, query, where in [
        ("GET", f"/v1/user/{part}", None, {}, "user_id"),
        ("GET", f"/v1/group/{part}", None, {}, "group_id"),
        ("GET", f"/v1/role/{part}", None, {}, "role_id"),
        ("GET", f"/v1/resource/{part}", None, {}, "resource_type_name"),
        ("GET", f"/v1/resource/t/id/{part}", None, {}, "resource_id"),
        ("POST", "/v1/user", {"user_id": name}, {}, "user_id"),
        ("POST", "/v1/user", {"user_id": "a", "groups": ["a", name]}, {}, "groups.1"),
        ("POST", "/v1/group", {"group_id": name}, {}, "group_id"),
        ("POST", "/v1/role", {"role_id": name, "policy": POLICY}, {}, "role_id"),
        ("PUT", "/v1/user/a/roles", {"roles": [name]}, {"action": "add"}, "roles.0"),
        ("PUT", "/v1/resource/t/id/i/members", [{**MEMBER, "member": name}], {}, "0.member"),
    ]:
        detail = problem(shared.send(method, path, body, **query))
        assert detail.startswith("Bad Request: ")
        assert told in detail
        assert detail.endswith(f" - '{where}'")


def test_the_words_of_the_service(shared):
    """An error says what is wrong, and where."""
    assert problem(shared.send("GET", f"/v1/user/{'x' * 129}")) == f"Bad Request: '{'x' * 129}' is too long - 'user_id'"


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "told"),
    [
        ("GET", "/v1/users", None, {"per_page": "4"}, "4 is less than the minimum of 5 - 'per_page'"),
        ("GET", "/v1/users", None, {"per_page": "31"}, "31 is greater than the maximum of 30 - 'per_page'"),
        ("GET", "/v1/users", None, {"per_page": "x"}, "Wrong type, expected 'integer' for query parameter 'per_page'"),
        ("GET", "/v1/users", None, {"per_page": ""}, "Wrong type, expected 'integer'"),
        ("GET", "/v1/users", None, {"per_page": "5.0"}, "Wrong type, expected 'integer'"),
        ("GET", "/v1/users", None, {"per_page": "9" * 5000}, "Wrong type, expected 'integer'"),
        ("GET", "/v1/users", None, {"next_token": ""}, "'next_token'"),
        ("GET", "/v1/users", None, {"next_token": "!"}, "next_token is not one that this service gave"),
        ("GET", "/v1/users", None, {"next_token": "_w"}, "next_token is not one that this service gave"),
        ("GET", "/v1/users", None, {"next_token": "é"}, "next_token is not one that this service gave"),
        ("PUT", "/v1/user/a", None, {}, "Missing query parameter 'status'"),
        ("PUT", "/v1/user/a", None, {"status": "on"}, "'on' is not one of ['enabled', 'disabled'] - 'status'"),
        ("GET", "/v1/user/a/owns", None, {}, "Missing query parameter 'resource_type'"),
        ("GET", "/v1/user/a/owns", None, {"resource_type": "x"}, "'x' is not one of ['group', 'role']"),
        ("PUT", "/v1/user/a/groups", {"groups": ["g"]}, {}, "Missing query parameter 'action'"),
        ("PUT", "/v1/user/a/groups", {"groups": ["g"]}, {"action": "set"}, "'set' is not one of ['add', 'remove']"),
        ("PUT", "/v1/user/a/groups", {}, {"action": "add"}, "'groups' is a required property - 'body'"),
        ("PUT", "/v1/user/a/groups", {"groups": []}, {"action": "add"}, "'groups'"),
        ("PUT", "/v1/user/a/groups", {"groups": "g"}, {"action": "add"}, "'g' is not of type 'array' - 'groups'"),
        ("PUT", "/v1/user/a/groups", {"groups": [1]}, {"action": "add"}, "1 is not of type 'string' - 'groups.0'"),
        ("PUT", "/v1/user/a/roles", {}, {"action": "add"}, "'roles' is a required property - 'body'"),
        ("PUT", "/v1/group/a/users", {}, {"action": "add"}, "'users' is a required property - 'body'"),
        ("PUT", "/v1/group/a/users", {"users": ["u"] * 11}, {"action": "add"}, "is too long - 'users'"),
        ("PUT", "/v1/group/a/users", {"users": []}, {"action": "add"}, "'users'"),
        ("PUT", "/v1/user/a/policy", {}, {}, "'policy' is a required property - 'body'"),
        ("PUT", "/v1/user/a/policy", {"policy": "x"}, {}, "'x' is not of type 'object' - 'policy'"),
        ("POST", "/v1/user", {}, {}, "'user_id' is a required property - 'body'"),
        ("POST", "/v1/user", [], {}, "[] is not of type 'object' - 'body'"),
        ("POST", "/v1/user", {"user_id": ""}, {}, "'user_id'"),
        ("POST", "/v1/group", {}, {}, "'group_id' is a required property - 'body'"),
        ("POST", "/v1/role", {"role_id": "r"}, {}, "'policy' is a required property - 'body'"),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "resource": []}, {}, "'resource'"),
        (
            "POST",
            "/v1/policies/evaluate",
            {**QUESTION, "resource": ["arn:a:b:c"] * 2},
            {},
            "is too long - 'resource'",
        ),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "resource": ["x"]}, {}, "does not match"),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "action": []}, {}, "'action'"),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "action": ["ss:Do"] * 21}, {}, "is too long - 'action'"),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "action": ["Do"]}, {}, "does not match"),
        ("POST", "/v1/policies/evaluate", {**QUESTION, "principal": ""}, {}, "'principal'"),
        ("POST", "/v1/policies/evaluate", {"principal": "a"}, {}, "is a required property - 'body'"),
        ("PUT", "/v1/resource/t/id/i/members", [], {}, "'body'"),
        ("PUT", "/v1/resource/t/id/i/members", [MEMBER] * 2, {}, "is too long - 'body'"),
        ("PUT", "/v1/resource/t/id/i/members", MEMBER, {}, "is not of type 'array' - 'body'"),
        ("PUT", "/v1/resource/t/id/i/members", [{"member": "a"}], {}, "'member_type' is a required property - '0'"),
        ("PUT", "/v1/resource/t/id/i/members", [{**MEMBER, "member_type": "x"}], {}, "'x' is not one of"),
        ("POST", "/v1/resource/t/policy/p", {}, {}, "'policy' is a required property - 'body'"),
        ("POST", "/v1/resource/t/policy/p", {"policy": {}, "policy_type": "x"}, {}, "'x' is not one of"),
        ("PUT", "/v1/resource/t/actions", {}, {}, "'actions' is a required property - 'body'"),
    ],
)
def test_bad_requests(shared, method, path, body, query, told):
    """What breaks the description is refused with a sentence."""
    detail = problem(shared.send(method, path, body, **query))
    assert detail.startswith("Bad Request: ")
    assert told in detail


@pytest.mark.parametrize(
    ("data", "kind", "status", "told"),
    [
        (b"{", "application/json", 400, "The body is not valid JSON"),
        (b"\xff", "application/json", 400, "The body is not valid JSON"),
        (b"[" * 200_000, "application/json", 400, "The body is not valid JSON"),
        (b'{"user_id": "a", "x": NaN}', "application/json", 400, "The body is not valid JSON: NaN is not a number"),
        (b'{"user_id": "a", "x": "\\ud800"}', "application/json", 400, "The body is not valid JSON"),
        (b"", "application/json", 400, "A JSON body is needed."),
        (b"null", "application/json", 400, "None is not of type 'object' - 'body'"),
        (b'{"user_id": "a"}', "text/plain", 415, "Invalid Content-type (text/plain), JSON data was expected"),
        (b'{"user_id": "' + b"a" * 1024 * 1024 + b'"}', "application/json", 413, "262144 bytes"),
        (b'{"user_id": "' + b"a" * 100_000 + b'"}', "application/json", 400, "is too long - 'user_id'"),
    ],
)
def test_bad_bodies(shared, data, kind, status, told):
    """What is no JSON, or too much of it."""
    assert told in problem(shared.send("POST", "/v1/user", data=data, headers={"Content-Type": kind}), status)


def test_good_bodies(api):
    """Other keys are ignored; JSON may be called by a longer name or by none."""
    data = b'{"user_id": "a", "x": 1}'
    kind = {"Content-Type": "application/json; charset=utf-8"}
    assert api.send("POST", "/v1/user", data=data, headers=kind).status_code == 201
    assert api.send("POST", "/v1/user", data=b'{"user_id": "b"}').status_code == 201
    assert api.send("GET", "/v1/users", color="blue").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/user", "POST"),
        ("GET", "/v1/user", "POST"),
        ("DELETE", "/v1/user/a", "GET, PUT"),
        ("POST", "/v1/users/", "GET"),
        ("GET", "/v1/policies/evaluate", "POST"),
    ],
)
def test_wrong_methods(shared, method, path, allowed):
    """The methods that there are, are told."""
    answer = shared.send(method, path)
    assert problem(answer, 405) == f"Method Not Allowed: The methods here are {allowed}."
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/v1/user/a/b", "/v1/user/a//", "/v1/policies", "/v1/resource/", "/v1/group//users/x"]
)
def test_wrong_paths(shared, path):
    """What is nowhere is not found, also below a family of paths."""
    assert problem(shared.send("GET", path), 404).startswith("Not Found: There is nothing at ")


def test_head_is_get_without_a_body(shared):
    """What can be read can be asked for by HEAD."""
    answer = shared.send("HEAD", "/v1/users")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-OpenAPI-Pagination"] == "False"


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        (
            "POST",
            "/v1/policies/evaluate",
            {"principal": "a", "action": ["a" * 60_000], "resource": ["x"]},
            "is too long",
        ),
        ("POST", "/v1/user", {"user_id": "b", "groups": ["g"] * 40_000}, "too long"),
    ],
)
def test_what_takes_long_to_check_is_refused_at_once(shared, method, path, body, told):
    """One request must not hold up all others: lengths are looked at before what is in a text or list."""
    began = time.process_time()  # the server is a thread of this process; pauses of the machine don't count
    assert told in problem(shared.send(method, path, body), 400)
    assert time.process_time() - began < 20
