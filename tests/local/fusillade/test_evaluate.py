"""Questions about what a user may do."""

from __future__ import annotations

import pytest

ADMIN, USER = "admin@example.org", "user@x.org"
ALLOWED, DENIED, IMPLICIT = (
    "Permission is allowed.",
    "Permission is explicit denied.",
    "Permission was implicitly denied.",
)
ARN = "arn:hca:dss:*:*:"


def ask(api, *actions, principal=USER, resource=f"{ARN}bundle/x", **more):
    """Return the answer to a question."""
    body = {"principal": principal, "action": list(actions), "resource": [resource]}
    answer = api.send("POST", "/v1/policies/evaluate", body, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def result(answer):
    """Return result and reason of an answer."""
    return answer["result"], answer["reason"]


@pytest.fixture
def user(api):
    """A user who may read and not delete."""
    deny = api.allow("dss:Delete*", resource="*", effect="Deny")["Statement"]
    policy = {"Statement": api.allow("dss:Get*", resource=f"{ARN}*")["Statement"] + deny}
    assert api.send("POST", "/v1/user", {"user_id": USER, "policy": policy}).status_code == 201
    return api


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["dss:GetBundle"], (True, ALLOWED)),
        (["DSS:getbundle"], (True, ALLOWED)),
        (["dss:PutBundle"], (False, IMPLICIT)),
        (["dss:DeleteBundle"], (False, DENIED)),
        (["dss:PutBundle", "dss:GetBundle"], (True, ALLOWED)),
        (["dss:GetBundle", "dss:PutBundle"], (True, ALLOWED)),
        (["dss:GetBundle", "dss:DeleteBundle"], (False, DENIED)),
        (["dss:PutBundle", "dss:PutFile"], (False, IMPLICIT)),
    ],
)
def test_one_that_is_allowed_is_enough(user, actions, expected):
    """Any allowed action makes the answer yes, unless one is denied outright."""
    assert result(ask(user, *actions)) == expected


def test_the_whole_answer(user):
    """How each action came out, and which policies said so."""
    answer = ask(user, "dss:GetBundle", "dss:PutBundle")
    source = {"SourcePolicyId": USER, "SourcePolicyType": "user"}
    common = {"EvalResourceName": f"{ARN}bundle/x", "MissingContextValues": []}
    assert answer == {
        "result": True,
        "reason": ALLOWED,
        "evaluation_results": [
            {**common, "EvalActionName": "dss:GetBundle", "EvalDecision": "allowed", "MatchedStatements": [source]},
            {**common, "EvalActionName": "dss:PutBundle", "EvalDecision": "implicitDeny", "MatchedStatements": []},
        ],
    }


def test_groups_and_roles_count(api):
    """Policies of groups, of roles and of the roles of groups; what is taken away counts no more."""
    for name in "direct", "through":
        api.make_role(name, f"dss:{name}", resource="*")
    body = {"group_id": "g", "policy": api.allow("dss:group", resource="*"), "roles": ["through"]}
    assert api.send("POST", "/v1/group", body).status_code == 201
    assert api.send("POST", "/v1/user", {"user_id": USER, "groups": ["g"], "roles": ["direct"]}).status_code == 201
    for action in "dss:group", "dss:direct", "dss:through":
        assert result(ask(api, action)) == (True, ALLOWED)
    assert api.send("DELETE", "/v1/role/through").status_code == 200
    assert result(ask(api, "dss:through")) == (False, IMPLICIT)
    assert api.send("PUT", "/v1/group/g/users", {"users": [USER]}, action="remove").status_code == 200
    assert result(ask(api, "dss:group")) == (False, IMPLICIT)


def test_the_context(api):
    """The name, the groups and the roles of the principal can be asked for in policies."""
    policy = api.allow("dss:GetBundle", resource=f"{ARN}home/${{fus:user_email}}/*")
    condition = {"ForAnyValue:StringEquals": {"fus:groups": "hca", "fus:roles": "default_user"}}
    policy["Statement"] += api.allow("dss:PutBundle", resource="*", Condition=condition)["Statement"]
    assert api.send("POST", "/v1/user", {"user_id": USER, "policy": policy}).status_code == 201
    assert ask(api, "dss:GetBundle", resource=f"{ARN}home/{USER}/x")["result"] is True
    assert ask(api, "dss:GetBundle", resource=f"{ARN}home/{ADMIN}/x")["result"] is False
    assert ask(api, "dss:PutBundle")["result"] is False
    assert api.send("PUT", f"/v1/user/{USER}/groups", {"groups": ["hca"]}, action="add").status_code == 200
    assert api.send("PUT", f"/v1/user/{USER}/roles", {"roles": ["default_user"]}, action="add").status_code == 200
    assert ask(api, "dss:PutBundle")["result"] is True


def test_who_is_not_known_is_made(api):
    """He is a user from then on, with what the default group allows; so is a name that no e-mail address could be."""
    me = f"arn:hca:fus:*:*:user/{USER}/x"
    assert result(ask(api, "fus:GetUser", resource=me)) == (True, ALLOWED)
    assert api.send("GET", f"/v1/user/{USER}/groups").json() == {"groups": ["user_default"]}
    assert result(ask(api, "fus:GetUser", principal="a+b c", resource=me)) == (False, IMPLICIT)


def test_half_a_character_is_no_name(api):
    """What could not be kept is refused, and nothing breaks."""
    body = {"principal": "\ud800", "action": ["dss:GetBundle"], "resource": [f"{ARN}bundle/x"]}
    assert api.send("POST", "/v1/policies/evaluate", body).status_code == 400


def test_a_disabled_user(user):
    """He may do nothing, and that is all that is told."""
    assert user.send("PUT", f"/v1/user/{USER}", status="disabled").status_code == 200
    assert ask(user, "dss:GetBundle") == {"result": False, "reason": "UserDisabled"}
    assert user.send("PUT", f"/v1/user/{USER}", status="enabled").status_code == 200
    assert result(ask(user, "dss:GetBundle")) == (True, ALLOWED)


def level(*actions, effect="Allow", principal="*"):
    """Return a resource policy."""
    return {"Statement": {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": "*"}}


@pytest.fixture
def area(api):
    """A type `area`, its resource `one`, and a user."""
    actions = ["area:Get", "area:Put"]
    assert api.send("POST", "/v1/resource/area", {"actions": actions}).status_code == 201
    assert api.send("POST", "/v1/resource/area/id/one").status_code == 201
    for name, policy in [
        ("reader", level("area:Get")),
        ("writer", level("area:Put")),
        ("barred", level("area:Get", effect="Deny")),
        ("named", level("area:Get", principal={"AWS": USER})),
        ("arn", level("area:Get", principal={"AWS": f"arn:hca:fus:*:*:user/{USER}"})),
        ("other", level("area:Get", principal={"AWS": ADMIN})),
    ]:
        assert api.send("POST", f"/v1/resource/area/policy/{name}", {"policy": policy}).status_code == 201
    assert api.send("POST", "/v1/user", {"user_id": USER, "groups": ["hca"]}).status_code == 201
    return api


ONE = "arn:hca:up:*:*:area/one"
HIDDEN = {"result": False, "reason": "ResourceNotFound", "details": "The requested resource does not exist."}


def give(api, member, kind, access=None):
    """Set an access level."""
    body = {"member": member, "member_type": kind, **({} if access is None else {"access_level": access})}
    assert api.send("PUT", "/v1/resource/area/id/one/members", [body]).status_code == 200


@pytest.mark.parametrize("kind", ["user", "group"])
def test_access_to_a_resource(area, kind):
    """Who has no access is told that there is no such resource; else the level counts, his or his group's."""
    member = USER if kind == "user" else "hca"
    assert ask(area, "area:Get", resource=ONE) == HIDDEN
    give(area, member, kind, "reader")
    assert result(ask(area, "area:Get", resource=ONE)) == (True, ALLOWED)
    assert result(ask(area, "area:Get", resource=f"{ONE}/file/x")) == (True, ALLOWED)
    assert result(ask(area, "area:Put", resource=ONE)) == (False, IMPLICIT)
    assert ask(area, "area:Get", resource="arn:hca:up:*:*:area/two") == HIDDEN
    matched = ask(area, "area:Get", resource=ONE)["evaluation_results"][0]["MatchedStatements"]
    assert matched == [{"SourcePolicyId": "area/reader", "SourcePolicyType": "resource"}]
    give(area, member, kind)
    assert ask(area, "area:Get", resource=ONE) == HIDDEN


def test_the_levels_of_user_and_group_add_up(area):
    """What either allows is allowed, what either denies is denied."""
    give(area, USER, "user", "reader")
    give(area, "hca", "group", "writer")
    assert ask(area, "area:Put", resource=ONE)["result"] is True
    assert ask(area, "area:Get", resource=ONE)["result"] is True
    give(area, "hca", "group", "barred")
    assert result(ask(area, "area:Get", resource=ONE)) == (False, DENIED)


@pytest.mark.parametrize(("access", "expected"), [("named", True), ("arn", True), ("other", False)])
def test_the_principal_of_a_level(area, access, expected):
    """A level may be for some only, by name or by ARN."""
    give(area, USER, "user", access)
    assert ask(area, "area:Get", resource=ONE)["result"] is expected


def test_own_policies_count_beside_the_level(area):
    """An Allow of either is enough, a Deny of either is too much; without access the own policy is not asked."""
    policy = area.allow("area:Put", resource="*")
    assert area.send("PUT", f"/v1/user/{USER}/policy", {"policy": policy}).status_code == 200
    assert ask(area, "area:Put", resource=ONE) == HIDDEN
    give(area, USER, "user", "reader")
    assert ask(area, "area:Put", resource=ONE)["result"] is True
    deny = area.allow("area:Get", resource="*", effect="Deny")
    assert area.send("PUT", f"/v1/user/{USER}/policy", {"policy": deny}).status_code == 200
    assert result(ask(area, "area:Get", resource=ONE)) == (False, DENIED)


def test_the_owner_of_a_resource(area):
    """Who made it may manage it."""
    for action in "fus:GetResourceId", "fus:PutResourceId", "fus:DeleteResourceId":
        give(area, USER, "user", "Owner")
        assert ask(area, action, resource="arn:hca:fus:*:*:area/one")["result"] is True


def test_a_type_that_is_not_registered_hides_nothing(area):
    """Nor does a resource without a name."""
    for resource in "arn:hca:up:*:*:else/one", "arn:hca:up:*:*:area":
        assert result(ask(area, "area:Get", resource=resource)) == (False, IMPLICIT)


@pytest.mark.parametrize("place", ["secret/one/f", "secret/one/f:a", "secret/one:x/f", "x:secret/one/f"])
def test_no_colon_leads_around_the_members_of_a_resource(api, place):
    """Who is not among them does not find it, whatever his own policies say."""
    policy = api.allow("secret:Get*", resource="*")
    assert api.send("POST", "/v1/user", {"user_id": USER, "policy": policy}).status_code == 201
    assert api.send("POST", "/v1/resource/secret", {"actions": ["secret:GetIt"]}).status_code == 201
    assert api.send("POST", "/v1/resource/secret/id/one").status_code == 201
    for resource in (f"arn:hca:any:*:*:{place}", f"arn:hca:any:{place}"):
        assert ask(api, "secret:GetIt", resource=resource)["reason"] == "ResourceNotFound"
    assert ask(api, "secret:GetIt", resource="arn:hca:any:*:*:other/one")["result"] is True
