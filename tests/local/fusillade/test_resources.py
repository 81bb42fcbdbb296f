"""Resource types, their policies, their resources and who has access to these."""

from __future__ import annotations

import pytest

ADMIN = "admin@example.org"


def level(*actions, **more):
    """Return a resource policy."""
    return {"Statement": {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": "*", **more}}


@pytest.fixture
def typed(api):
    """A service with the type `area`, of three actions."""
    answer = api.send("POST", "/v1/resource/area", {"actions": ["area:Put", "area:Get", "area:Get", "area:Del"]})
    assert (answer.status_code, answer.text) == (201, "New resource type area created.")
    assert answer.headers["Content-Type"].startswith("text/html")
    return api


def detail(answer, status):
    """Return what an error says."""
    assert answer.status_code == status, answer.text
    return answer.json()["detail"]


def test_types(typed):
    """They are made, shown, listed and deleted."""
    told = {"actions": "area:Del area:Get area:Put", "resource_type": "area"}
    assert typed.send("GET", "/v1/resource/area").json() == told
    assert typed.send("GET", "/v1/resources").json() == {"resources": ["area"]}
    again = typed.send("POST", "/v1/resource/area", {"actions": []})
    assert detail(again, 409) == "The resource_type named area already exists. resource_type was not modified."
    assert typed.send("POST", "/v1/resource/bare").status_code == 201
    assert typed.send("GET", "/v1/resource/bare").json()["actions"] == ""
    answer = typed.send("DELETE", "/v1/resource/area")
    assert (answer.status_code, answer.json()) == (200, {"msg": "area deleted.", "resource_type": "area"})
    assert typed.send("GET", "/v1/resource/area").status_code == 404
    assert typed.send("POST", "/v1/resource/area", {"owner_policy": {"x": 1}}).status_code == 201


def test_a_type_with_resources_stays(typed):
    """It can't be deleted before they are."""
    assert typed.send("POST", "/v1/resource/area/id/one").status_code == 201
    answer = typed.send("DELETE", "/v1/resource/area")
    assert answer.status_code == 409
    assert answer.json()["resource_ids"] == ["/resource/area/id/one"]
    assert typed.send("DELETE", "/v1/resource/area/id/one").status_code == 200
    assert typed.send("DELETE", "/v1/resource/area").status_code == 200


def test_actions(typed):
    """They are added as a union and removed as a difference."""
    path = "/v1/resource/area/actions"
    assert typed.send("GET", path).json() == {"actions": ["area:Del", "area:Get", "area:Put"]}
    answer = typed.send("PUT", path, {"actions": ["area:New", "area:Get"]})
    assert (answer.status_code, answer.text) == (200, "area actions modified.")
    assert typed.send("DELETE", path, {"actions": ["area:Put", "area:Other"]}).status_code == 200
    assert typed.send("GET", path).json() == {"actions": ["area:Del", "area:Get", "area:New"]}


def test_policies(typed):
    """Owner is there from the beginning; others are made, replaced and deleted."""
    path = "/v1/resource/area/policy/reader"
    answer = typed.send("POST", path, {"policy": level("area:Get"), "policy_type": "ResourcePolicy"})
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("text/html")
    found = {"policy": {**level("area:Get"), "Version": "2012-10-17"}, "policy_type": "ResourcePolicy"}
    assert typed.send("GET", path).json() == found
    listed = ["/resource/area/policy/Owner", "/resource/area/policy/reader"]
    assert typed.send("GET", "/v1/resource/area/policies").json() == {"policies": listed}
    again = typed.send("POST", path, {"policy": level("area:Put")})
    assert detail(again, 409) == "The policy named reader already exists. policy was not modified."
    assert typed.send("PUT", path, {"policy": level("area:Put")}).status_code == 200
    assert typed.send("GET", path).json()["policy"]["Statement"]["Action"] == ["area:Put"]
    assert typed.send("DELETE", path).status_code == 200
    assert typed.send("GET", path).status_code == 404
    assert typed.send("DELETE", "/v1/resource/area/policy/Owner").status_code == 409


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_bad_policies(typed, method):
    """Only actions of the type, and only resource policies."""
    path = "/v1/resource/area/policy/Owner" if method == "PUT" else "/v1/resource/area/policy/p"
    allowed = "Invalid actions in policy. Allowed actions are ['area:Del', 'area:Get', 'area:Put']"
    for bad in level("area:Other"), level("*"), level("area:*"), level("area:Get", "fus:GetUser"):
        answer = typed.send(method, path, {"policy": bad})
        assert (detail(answer, 400), answer.json()["title"]) == (allowed, "illegal_arguments")
    open_ended = level("area:Get")
    open_ended["Statement"]["NotAction"] = open_ended["Statement"].pop("Action")
    assert detail(typed.send(method, path, {"policy": open_ended}), 400) == allowed
    without = level("area:Get")
    del without["Statement"]["Principal"]
    assert detail(typed.send(method, path, {"policy": without}), 400).startswith("Invalid resource policy format. ")


def test_names_of_policies_may_be_anything(typed):
    """A slash, HTML, a wildcard: it is a name; it comes back in JSON only."""
    for name in "a/b", "<script>alert(1)</script>", "a b", "*", "${x}", "é", "{type}":
        path = f"/v1/resource/area/policy/{typed.part(name)}"
        for method in "POST", "PUT":
            answer = typed.send(method, path, {"policy": level("area:Get")})
            assert answer.status_code in (200, 201)
            assert name not in answer.text
        assert typed.send("GET", path).status_code == 200
        assert f"/resource/area/policy/{name}" in typed.send("GET", "/v1/resource/area/policies").json()["policies"]
        assert name not in typed.send("DELETE", path).text
        assert typed.send("GET", path).status_code == 404


def test_resources(typed):
    """They are made, shown, listed and deleted; who makes one owns it."""
    path = "/v1/resource/area/id/one"
    answer = typed.send("POST", path)
    told = {"resource_type": "area", "resource_id": "one"}
    assert (answer.status_code, answer.json()) == (201, {"msg": "New resource one created.", **told})
    assert typed.send("GET", path).json() == {"resource/area_id": "one"}
    assert typed.send("GET", "/v1/resource/area/ids").json() == {
        "resource_ids": ["/resource/area/id/one"],
        "resource_type": "area",
    }
    owner = {"member": ADMIN, "member_type": "user", "access_level": "Owner"}
    assert typed.send("GET", f"{path}/members").json() == {"members": [owner]}
    assert detail(typed.send("POST", path), 409) == "The resource named one already exists. resource was not modified."
    assert typed.send("DELETE", path).json() == {"msg": "one deleted.", **told}
    assert typed.send("GET", path).status_code == 404
    assert typed.send("POST", path).status_code == 201
    assert typed.send("GET", f"{path}/members").json() == {"members": [owner]}


def test_members(typed):
    """Access is given, changed, kept and taken, to users and groups."""
    assert typed.send("POST", "/v1/resource/area/id/one").status_code == 201
    assert typed.send("POST", "/v1/resource/area/policy/reader", {"policy": level("area:Get")}).status_code == 201
    path = "/v1/resource/area/id/one/members"
    told = {"msg": "Access levels modified.", "resource_type": "area", "resource_id": "one"}
    owner = {"member": ADMIN, "member_type": "user", "access_level": "Owner"}

    def put(member, kind, *levels):
        body = {"member": member, "member_type": kind, **({"access_level": levels[0]} if levels else {})}
        answer = typed.send("PUT", path, [body])
        assert (answer.status_code, answer.json()) == (200, told)
        return [entry for entry in typed.send("GET", path).json()["members"] if entry != owner]

    group = {"member": "hca", "member_type": "group", "access_level": "reader"}
    user = {"member": "public", "member_type": "user", "access_level": "reader"}
    assert put("public", "user", "reader") == [user]
    assert put("public", "user", "reader") == [user]
    assert put("hca", "group", "reader") == [group, user]
    assert put("public", "user", "Owner") == [group, {**user, "access_level": "Owner"}]
    assert put("public", "user") == [group]
    assert put("public", "user") == [group]
    assert typed.send("DELETE", "/v1/resource/area/policy/reader").status_code == 200
    assert typed.send("GET", path).json() == {"members": [owner]}
    assert put("hca", "group", "Owner") == [{**group, "access_level": "Owner"}]
    assert typed.send("DELETE", "/v1/group/hca").status_code == 200
    assert typed.send("GET", path).json() == {"members": [owner]}


def test_bad_members(typed):
    """Who is not there gets no access, nor does anybody get a level that is not there."""
    assert typed.send("POST", "/v1/resource/area/id/one").status_code == 201
    path = "/v1/resource/area/id/one/members"
    for member, kind, access, told in [
        ("no", "user", "Owner", "One or more user does not exist."),
        ("hca", "user", "Owner", "One or more user does not exist."),
        ("public", "group", "Owner", "One or more group does not exist."),
        ("public", "user", "no", "The access level no does not exist: it must be a policy of area."),
    ]:
        answer = typed.send("PUT", path, [{"member": member, "member_type": kind, "access_level": access}])
        assert (detail(answer, 400), answer.json()["title"]) == (told, "illegal_arguments")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "no", None),
        ("DELETE", "no", None),
        ("GET", "no/actions", None),
        ("PUT", "no/actions", {"actions": ["a:b"]}),
        ("DELETE", "no/actions", {"actions": ["a:b"]}),
        ("GET", "no/policies", None),
        ("GET", "no/policy/Owner", None),
        ("POST", "no/policy/p", {"policy": level("area:Get")}),
        ("PUT", "area/policy/p", {"policy": level("area:Get")}),
        ("PUT", "no/policy/p", {"policy": level("area:Get")}),
        ("DELETE", "area/policy/p", None),
        ("GET", "area/policy/p", None),
        ("GET", "no/ids", None),
        ("GET", "area/id/no", None),
        ("POST", "no/id/one", None),
        ("DELETE", "area/id/no", None),
        ("GET", "area/id/no/members", None),
        ("PUT", "area/id/no/members", [{"member": "public", "member_type": "user"}]),
    ],
)
def test_what_is_not_there(typed, method, path, body):
    """Nothing can be done with it."""
    assert detail(typed.send(method, f"/v1/resource/{path}", body), 404) == "Resource does not exist."
