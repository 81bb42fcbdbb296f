"""Who may do what: tokens, users who are disabled, and the table of permissions, route by route."""

from __future__ import annotations

import jwt
import pytest

from hca_local.fusillade import permissions

ADMIN, PLAIN = "admin@example.org", "plain@example.org"
ARN = "arn:hca:fus:*:*:"
POLICY = {"Statement": {"Effect": "Allow", "Action": "s:Do", "Resource": "*"}}
LEVEL = {"Statement": {"Effect": "Allow", "Action": "t:Do", "Resource": "*", "Principal": "*"}}
MEMBER = [{"member": "other@x.org", "member_type": "user", "access_level": "Owner"}]
QUESTION = {"principal": "other@x.org", "action": ["ss:Do"], "resource": ["arn:p:s:r:a:x"]}

# method, path, query, body, action, resource, status for who may
MATRIX = [
    ("POST", "/v1/policies/evaluate", {}, QUESTION, "fus:Evaluate", "user", 200),
    ("GET", "/v1/users", {}, None, "fus:GetUser", "user", 200),
    ("POST", "/v1/user", {}, {"user_id": "new@x.org"}, "fus:PostUser", "user", 201),
    ("GET", "/v1/user/other@x.org", {}, None, "fus:GetUser", "user/other@x.org/", 200),
    ("PUT", "/v1/user/other@x.org", {"status": "enabled"}, None, "fus:PutUser", "user/other@x.org/status", 200),
    ("GET", "/v1/user/other@x.org/owns", {"resource_type": "role"}, None, "fus:GetUser", "user/other@x.org/owns", 200),
    ("PUT", "/v1/user/other@x.org/policy", {}, {"policy": POLICY}, "fus:PutUser", "user/other@x.org/policy", 200),
    ("GET", "/v1/user/other@x.org/groups", {}, None, "fus:GetGroup", "user/other@x.org/groups", 200),
    *[
        ("PUT", "/v1/user/other@x.org/groups", {"action": action}, {"groups": ["hca"]}, "fus:PutGroup", path, 200)
        for action in ("add", "remove")
        for path in ("user/other@x.org/groups",)
    ],
    ("GET", "/v1/user/other@x.org/roles", {}, None, "fus:GetRole", "user/other@x.org/roles", 200),
    (
        "PUT",
        "/v1/user/other@x.org/roles",
        {"action": "add"},
        {"roles": ["r"]},
        "fus:PutRole",
        "user/other@x.org/roles",
        200,
    ),
    ("GET", "/v1/groups", {}, None, "fus:GetGroup", "group", 200),
    ("POST", "/v1/group", {}, {"group_id": "newgroup"}, "fus:PostGroup", "group", 201),
    ("GET", "/v1/group/g", {}, None, "fus:GetGroup", "group/g/", 200),
    ("PUT", "/v1/group/g/policy", {}, {"policy": POLICY}, "fus:PutGroup", "group/g/policy", 200),
    ("GET", "/v1/group/g/users", {}, None, "fus:GetUser", "group/g/users", 200),
    (
        "PUT",
        "/v1/group/g/users",
        {"action": "add"},
        {"users": ["other@x.org"]},
        "fus:PutGroupUsers",
        "group/g/users",
        200,
    ),
    ("GET", "/v1/group/g/roles", {}, None, "fus:GetRole", "group/g/roles", 200),
    ("PUT", "/v1/group/g/roles", {"action": "add"}, {"roles": ["r"]}, "fus:PutRole", "group/g/roles", 200),
    ("DELETE", "/v1/group/g", {}, None, "fus:DeleteGroup", "group/g/", 200),
    ("GET", "/v1/roles", {}, None, "fus:GetRole", "role", 200),
    ("POST", "/v1/role", {}, {"role_id": "newrole", "policy": POLICY}, "fus:PostRole", "role", 201),
    ("GET", "/v1/role/r", {}, None, "fus:GetRole", "role/r/", 200),
    ("PUT", "/v1/role/r/policy", {}, {"policy": POLICY}, "fus:PutRole", "role/r/", 200),
    ("DELETE", "/v1/role/r", {}, None, "fus:DeleteRole", "role/r/", 200),
    ("GET", "/v1/resources", {}, None, "fus:GetResources", "resource/*", 200),
    ("GET", "/v1/resource/t", {}, None, "fus:GetResources", "resource/t", 200),
    ("POST", "/v1/resource/newtype", {}, {"actions": ["t:Do"]}, "fus:PostResources", "resource/newtype", 201),
    ("DELETE", "/v1/resource/empty", {}, None, "fus:DeleteResources", "resource/empty", 200),
    ("GET", "/v1/resource/t/actions", {}, None, "fus:GetResources", "resource/t/action", 200),
    ("PUT", "/v1/resource/t/actions", {}, {"actions": ["t:Do"]}, "fus:PutResources", "resource/t/action", 200),
    ("DELETE", "/v1/resource/t/actions", {}, {"actions": ["t:No"]}, "fus:DeleteResources", "resource/t/action", 200),
    ("GET", "/v1/resource/t/policies", {}, None, "fus:GetResources", "resource/t/policy", 200),
    ("GET", "/v1/resource/t/policy/p", {}, None, "fus:GetResources", "resource/t/policy/p", 200),
    ("POST", "/v1/resource/t/policy/n", {}, {"policy": LEVEL}, "fus:PostResources", "resource/t/policy/n", 201),
    ("PUT", "/v1/resource/t/policy/p", {}, {"policy": LEVEL}, "fus:PutResources", "resource/t/policy/p", 200),
    ("DELETE", "/v1/resource/t/policy/p", {}, None, "fus:DeleteResources", "resource/t/policy/p", 200),
    ("GET", "/v1/resource/t/ids", {}, None, "fus:GetResources", "resource/t/id", 200),
    ("GET", "/v1/resource/t/id/i", {}, None, "fus:GetResources", "resource/t/i", 200),
    ("POST", "/v1/resource/t/id/n", {}, None, "fus:PostResources", "resource/t/n", 201),
    ("GET", "/v1/resource/t/id/i/members", {}, None, "fus:GetResources", "resource/t/i/members", 200),
    ("PUT", "/v1/resource/t/id/i/members", {}, MEMBER, "fus:PutResources", "resource/t/i/members", 200),
    ("DELETE", "/v1/resource/t/id/i", {}, None, "fus:DeleteResources", "resource/t/i", 200),
]


@pytest.fixture
def filled(api):
    """A directory with one of each kind."""
    assert api.send("POST", "/v1/user", {"user_id": "other@x.org"}).status_code == 201
    assert api.send("POST", "/v1/group", {"group_id": "g"}).status_code == 201
    assert api.send("POST", "/v1/role", {"role_id": "r", "policy": POLICY}).status_code == 201
    assert api.send("POST", "/v1/resource/empty", {"actions": []}).status_code == 201
    assert api.send("POST", "/v1/resource/t", {"actions": ["t:Do", "t:No"]}).status_code == 201
    assert api.send("POST", "/v1/resource/t/policy/p", {"policy": LEVEL}).status_code == 201
    assert api.send("POST", "/v1/resource/t/id/i").status_code == 201
    return api


def test_the_matrix_is_complete():
    """Every operation has its line."""
    assert len({(method, action, resource) for method, *_, action, resource, _ in MATRIX}) == len(permissions.NEEDED)


def test_the_matrix(filled):
    """Each operation is refused to a plain user, to who may do all but it, and to who may do it with something else.

    It is allowed to who may do just that, and all are to the administrator.
    """
    for number, (method, path, query, body, action, resource, status) in enumerate(MATRIX):
        what = f"{method} {path} {query}"
        own, wrong = f"own{number}@x.org", f"wrong{number}@x.org"
        other = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
        elsewhere = {"Effect": "Allow", "Action": action, "NotResource": f"{ARN}{resource}".replace("*", "${*}")}
        for name, policy in (
            (own, filled.allow(action, resource=f"{ARN}{resource}")),
            (wrong, {"Statement": [other, elsewhere]}),
        ):
            assert filled.send("POST", "/v1/user", {"user_id": name, "policy": policy}).status_code == 201
        for user in PLAIN, wrong:
            answer = filled.send(method, path, body, user=user, **query)
            assert answer.status_code == 403, (what, user, answer.text)
            told = {"type": "about:blank", "title": "Forbidden", "status": 403}
            assert answer.json() == {**told, "detail": "User is not authorized to access this resource"}
            assert answer.headers["Content-Type"] == "application/problem+json"
        answer = filled.send(method, path, body, user=own, **query)
        assert answer.status_code == status, (what, answer.text)


def test_the_administrator_may_do_all(filled):
    """The role of the administrator allows each operation."""
    for method, path, query, body, _, _, status in MATRIX:
        answer = filled.send(method, path, body, **query)
        assert answer.status_code == status, (method, path, answer.text)


def test_a_plain_user_may_read_himself(api):
    """What the default role allows, and no more."""
    me = f"/v1/user/{PLAIN}"
    assert api.send("GET", me, user=PLAIN).json()["user_id"] == PLAIN
    assert api.send("GET", f"{me}/owns", user=PLAIN, resource_type="group").json() == {"groups": []}
    assert api.send("GET", f"{me}/groups", user=PLAIN).status_code == 403
    assert api.send("GET", f"/v1/user/{ADMIN}", user=PLAIN).status_code == 403
    assert api.send("GET", f"/v1/user/{PLAIN.upper()}", user=PLAIN).json()["user_id"] == PLAIN


def test_who_is_new_is_made(api):
    """Whoever comes with a token is in the directory from then on, in the default group."""
    assert api.send("GET", f"/v1/user/{PLAIN}").status_code == 404
    assert api.send("GET", "/v1/users", user=PLAIN).status_code == 403
    assert api.send("GET", f"/v1/user/{PLAIN}/groups").json() == {"groups": ["user_default"]}


def test_members_see_their_group_only(api):
    """The policy that a group has by default is about the own group of who asks."""
    for name in "mine", "other":
        assert api.send("POST", "/v1/group", {"group_id": name}).status_code == 201
    assert api.send("POST", "/v1/user", {"user_id": PLAIN, "groups": ["mine"]}).status_code == 201
    assert api.send("GET", "/v1/group/mine", user=PLAIN).status_code == 200
    assert api.send("GET", "/v1/group/mine/roles", user=PLAIN).status_code == 200
    assert api.send("GET", "/v1/group/mine/users", user=PLAIN).status_code == 403
    assert api.send("GET", "/v1/group/other", user=PLAIN).status_code == 403
    assert api.send("DELETE", "/v1/group/mine", user=PLAIN).status_code == 403


MISSING = "https://auth.data.humancellatlas.org/email claim is missing from token."
UNKNOWN = "Unable to verify JWT. KID:{} does not exists for issuer:https://evil.example.org/"


@pytest.mark.parametrize("path", ["/v1/users", "/v1/user/x@y.org/", "/v1/policies/evaluate", "/v1/resource/t/ids"])
def test_tokens(shared, path):
    """What is wrong with a token counts before everything else."""
    email = {"email": ADMIN}
    foreign = shared.signed({**email, "iss": "https://evil.example.org/"})
    kid = jwt.get_unverified_header(foreign)["kid"]
    good = shared.signed(email)
    for token, status, title, detail in [
        (None, 401, "Unauthorized", "No authorization token provided"),
        ("garbage", 401, "Unauthorized", "Failed to decode token."),
        ("two words", 401, "Unauthorized", "Invalid authorization header"),
        (foreign, 401, "Unauthorized", UNKNOWN.format(kid)),
        (shared.signed({**email, "exp": 1}), 401, "Unauthorized", "Authorization token is invalid"),
        (shared.signed({**email, "sid": "ended"}), 401, "Unauthorized", "Authorization token is invalid"),
        (
            ".".join([*good.split(".")[:2], foreign.split(".")[2]]),
            401,
            "Unauthorized",
            "Authorization token is invalid",
        ),
        (shared.signed({}), 403, "Forbidden", MISSING),
    ]:
        method = "POST" if "evaluate" in path else "GET"
        answer = shared.send(method, path, user=None if token is None else "x", token=token or "", per_page="x")
        assert answer.status_code == status, answer.text
        assert answer.json() == {"type": "about:blank", "title": title, "detail": detail, "status": status}
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_second_email_claim(shared):
    """A token without the service's own claim counts with the common one."""
    assert shared.send("GET", "/v1/users", token=shared.signed({"email": ADMIN})).status_code == 200
    both = {"email": ADMIN, "https://auth.data.humancellatlas.org/email": "public"}
    assert shared.send("GET", "/v1/users", token=shared.signed(both)).status_code == 403


def test_a_disabled_user_may_do_nothing(api):
    """Every request is refused, an administrator's too, until he is enabled again."""
    second = "second@x.org"
    body = {"user_id": second, "roles": ["fusillade_admin"]}
    assert api.send("POST", "/v1/user", body).status_code == 201
    assert api.send("GET", "/v1/users", user=second).status_code == 200
    assert api.send("PUT", f"/v1/user/{second}", status="disabled").status_code == 200
    for method, path in ("GET", "/v1/users"), ("GET", f"/v1/user/{second}"), ("POST", "/v1/policies/evaluate"):
        answer = api.send(method, path, user=second)
        assert answer.status_code == 403
        assert answer.json()["detail"] == "User must be enabled to make authenticated requests."
    assert api.send("PUT", f"/v1/user/{second}", status="enabled").status_code == 200
    assert api.send("GET", "/v1/users", user=second).status_code == 200


def test_a_deny_counts_for_the_administrator_too(api):
    """An own policy that denies is stronger than the role that allows."""
    policy = api.allow("fus:GetUser", resource=f"{ARN}user", effect="Deny")
    assert api.send("PUT", f"/v1/user/{ADMIN}/policy", {"policy": policy}).status_code == 200
    assert api.send("GET", "/v1/users").status_code == 403
    assert api.send("GET", "/v1/groups").status_code == 200


def test_a_wrong_request_counts_before_a_missing_permission(api):
    """As in the service: 400 comes before 403."""
    assert api.send("GET", "/v1/users", user=PLAIN, per_page="x").status_code == 400
