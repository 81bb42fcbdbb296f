"""Users, groups and roles: every answer of every route."""

from __future__ import annotations

import json
import threading

import pytest

from hca_local.policies.documents import MOST_BYTES

ADMIN = "admin@example.org"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s:Do"], "Resource": "*"}]}
BAD_POLICY = {"Statement": [{"Effect": "Allow", "Action": "s:Do"}]}


def told(answer, status, content):
    """Check a JSON answer."""
    assert (answer.status_code, answer.json()) == (status, content), answer.text
    assert answer.headers["Content-Type"] == "application/json"


def said(answer, status, text):
    """Check an answer that is a sentence."""
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers["Content-Type"].startswith("text/html")


def failed(answer, status, title, detail):
    """Check an answer that is an error."""
    content = {"type": "about:blank", "title": title, "detail": detail, "status": status}
    assert (answer.status_code, answer.json()) == (status, content), answer.text


def unchanged(answer):
    """Check an answer that says that nothing was changed: no body, but a content type."""
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["Content-Type"]


def make(api, kind, *names, **more):
    """Make users, groups or roles."""
    for name in names:
        body = {f"{kind}_id": name, **({"policy": POLICY} if kind == "role" else {}), **more}
        assert api.send("POST", f"/v1/{kind}", body).status_code == 201


def listed(api, path):
    """Return the entries of a list."""
    (found,) = api.send("GET", path).json().values()
    return found


def test_make_a_user(api):
    """With nothing, and with everything; the version of the policy is always the one."""
    make(api, "group", "g")
    make(api, "role", "r")
    told(api.send("POST", "/v1/user", {"user_id": "a"}), 201, {"msg": "a created."})
    told(api.send("GET", "/v1/user/a"), 200, {"user_id": "a", "status": "enabled", "policies": {}})
    given = {"user_id": "b", "groups": ["g", "user_default"], "roles": ["r"], "policy": {**POLICY, "Version": "x"}}
    told(api.send("POST", "/v1/user/", given), 201, {"msg": "b created."})
    policies = {"IAMPolicy": POLICY}
    told(api.send("GET", "/v1/user/b/"), 200, {"user_id": "b", "status": "enabled", "policies": policies})
    assert listed(api, "/v1/user/a/groups") == ["user_default"]
    assert listed(api, "/v1/user/b/groups") == ["g", "user_default"]
    assert listed(api, "/v1/user/b/roles") == ["r"]
    assert listed(api, "/v1/users") == ["a", ADMIN, "b", "public"]


def test_a_user_that_can_not_be_made(api):
    """Nothing of it is there afterwards."""
    taken = "The user named public already exists. user was not modified."
    failed(api.send("POST", "/v1/user", {"user_id": "public"}), 409, "Conflict", taken)
    for key in "group", "role":
        answer = api.send("POST", "/v1/user", {"user_id": "a", f"{key}s": ["no"]})
        failed(answer, 400, "illegal_arguments", f"One or more {key} does not exist.")
    answer = api.send("POST", "/v1/user", {"user_id": "a", "policy": BAD_POLICY})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid iam policy format. Statement 1: ")
    assert listed(api, "/v1/users") == [ADMIN, "public"]


def test_an_address_is_one_user_however_it_is_written(api):
    """Logins have addresses in lower case; so has the directory. Other names have their case."""
    make(api, "user", "Dora@Example.org")
    assert api.send("GET", "/v1/user/DORA@example.org").json()["user_id"] == "dora@example.org"
    assert api.send("POST", "/v1/user", {"user_id": "dora@example.org"}).status_code == 409
    make(api, "group", "lab")
    change = {"users": ["DORA@Example.org"]}
    assert api.send("PUT", "/v1/group/lab/users", change, action="add").status_code == 200
    assert "lab" in listed(api, "/v1/user/dora@example.org/groups")
    body = {"principal": "dORA@example.org", "action": ["some:GetIt"], "resource": ["arn:hca:a:*:*:x/y"]}
    assert api.send("POST", "/v1/policies/evaluate", body).status_code == 200
    assert [name for name in listed(api, "/v1/users") if "dora" in name.lower()] == ["dora@example.org"]
    make(api, "user", "robot", "Robot")


def test_nobody_disables_himself(api):
    detail = "Nobody can disable himself; ask another administrator."
    failed(api.send("PUT", f"/v1/user/{ADMIN}", status="disabled"), 409, "Conflict", detail)
    assert api.send("GET", "/v1/users").status_code == 200


def test_a_policy_of_the_largest_size_can_be_used_and_replaced(api):
    """One that is a little larger as it is kept must not be refused when it is read."""
    document = {"Statement": {"Effect": "Allow", "Action": "a:b", "Resource": "*", "Sid": ""}}
    document["Statement"]["Sid"] = "x" * (MOST_BYTES - len(json.dumps(document, separators=(",", ":"))))
    for _ in range(2):
        assert api.send("PUT", "/v1/group/user_default/policy", {"policy": document}).status_code == 200
    assert api.send("GET", "/v1/users").status_code == 200
    document["Statement"]["Sid"] += "x"
    answer = api.send("PUT", "/v1/group/user_default/policy", {"policy": document})
    assert (answer.status_code, "may have 10240 bytes" in answer.json()["detail"]) == (400, True)


def test_status(api):
    """Users are enabled and disabled, as often as one likes."""
    make(api, "user", "a")
    for status in "disabled", "disabled", "enabled":
        content = {"user_id": "a", "status": status, "msg": f"User status set to {status}."}
        told(api.send("PUT", "/v1/user/a", status=status), 200, content)
        assert api.send("GET", "/v1/user/a").json()["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/v1/user/no", {}, None),
        ("PUT", "/v1/user/no", {"status": "enabled"}, None),
        ("GET", "/v1/user/no/owns", {"resource_type": "group"}, None),
        ("GET", "/v1/user/no/groups", {}, None),
        ("PUT", "/v1/user/no/groups", {"action": "add"}, {"groups": ["hca"]}),
        ("PUT", "/v1/user/no/groups", {"action": "remove"}, {"groups": ["hca"]}),
        ("GET", "/v1/user/no/roles", {}, None),
        ("PUT", "/v1/user/no/roles", {"action": "add"}, {"roles": ["default_user"]}),
        ("PUT", "/v1/user/no/policy", {}, {"policy": POLICY}),
        ("GET", "/v1/group/no", {}, None),
        ("GET", "/v1/group/no/roles", {}, None),
        ("PUT", "/v1/group/no/roles", {"action": "add"}, {"roles": ["default_user"]}),
        ("GET", "/v1/group/no/users", {}, None),
        ("PUT", "/v1/group/no/users", {"action": "add"}, {"users": ["public"]}),
        ("PUT", "/v1/group/no/users", {"action": "remove"}, {"users": ["public"]}),
        ("PUT", "/v1/group/no/policy", {}, {"policy": POLICY}),
        ("GET", "/v1/role/no", {}, None),
        ("PUT", "/v1/role/no/policy", {}, {"policy": POLICY}),
    ],
)
def test_what_is_not_there(shared, method, path, query, body):
    """Nothing can be done with it, and it is not made by that."""
    failed(shared.send(method, path, body, **query), 404, "Not Found", "Resource does not exist.")
    kind = path.split("/")[2]
    assert shared.send("GET", f"/v1/{kind}/no").status_code == 404


@pytest.mark.parametrize("kind", ["group", "role"])
def test_delete_what_is_not_there(shared, kind):
    """The answer names it."""
    answer = shared.send("DELETE", f"/v1/{kind}/no")
    failed(answer, 404, "Not Found", f"Failed to delete no. {kind} does not exist.")


LINKS = [("user", "groups"), ("user", "roles"), ("group", "roles"), ("group", "users")]


@pytest.mark.parametrize(("kind", "key"), LINKS)
def test_links(api, kind, key):
    """Several are added and removed at once; all or none; what is so already is no change."""
    end = key[:-1]
    make(api, kind, "it")
    make(api, end, "x", "y", "z")
    path = f"/v1/{kind}/it/{key}"
    start = listed(api, path)
    message = f"{kind}'s {key} successfully modified."

    def change(action, *names):
        return api.send("PUT", path, {key: list(names)}, action=action)

    content = {key: ["y", "x"], f"{kind}_id": "it", "msg": message}
    told(change("add", "y", "x"), 200, {**content, "action": "add"})
    assert listed(api, path) == sorted([*start, "x", "y"])
    unchanged(change("add", "x"))
    unchanged(change("add", "z", "x"))
    told(change("add", "z", "z"), 200, {**content, key: ["z", "z"], "action": "add"})
    told(change("remove", "z", "z"), 200, {**content, key: ["z", "z"], "action": "remove"})
    unchanged(change("remove", "x", "z"))
    for action in "add", "remove":
        failed(change(action, "x", "no"), 400, "illegal_arguments", f"One or more {end} does not exist.")
    assert listed(api, path) == sorted([*start, "x", "y"])
    told(change("remove", "y", "x"), 200, {**content, "action": "remove"})
    assert listed(api, path) == start
    unchanged(change("remove", "x"))


def test_both_ends_of_a_membership(api):
    """Who is in a group by one route is seen by the other."""
    make(api, "user", "a")
    make(api, "group", "g")
    assert api.send("PUT", "/v1/user/a/groups", {"groups": ["g"]}, action="add").status_code == 200
    assert listed(api, "/v1/group/g/users") == ["a"]
    assert api.send("PUT", "/v1/group/g/users", {"users": ["a"]}, action="remove").status_code == 200
    assert listed(api, "/v1/user/a/groups") == ["user_default"]


def test_the_limit_of_groups(api):
    """Nine are the most, and the default group counts."""
    groups = [f"g{number}" for number in range(10)]
    make(api, "group", *groups)
    make(api, "user", "a", groups=groups[:7])
    detail = "A user may be in 9 groups at most, and {} would be in more. Nothing was changed."
    path = "/v1/user/a/groups"
    failed(api.send("PUT", path, {"groups": groups[7:9]}, action="add"), 409, "Conflict", detail.format("a"))
    assert api.send("PUT", path, {"groups": [groups[7]]}, action="add").status_code == 200
    assert len(listed(api, path)) == 9
    failed(api.send("PUT", path, {"groups": [groups[8]]}, action="add"), 409, "Conflict", detail.format("a"))
    server = (409, "Conflict")
    failed(api.send("POST", "/v1/user", {"user_id": "b", "groups": groups[:9]}), *server, detail.format("b"))
    assert api.send("GET", "/v1/user/b").status_code == 404
    make(api, "user", "b", groups=groups[:8])
    make(api, "user", "c")
    body = {"users": ["c", "a"]}
    failed(api.send("PUT", "/v1/group/g9/users", body, action="add"), *server, detail.format("a"))
    assert listed(api, "/v1/group/g9/users") == []
    assert api.send("PUT", "/v1/user/a/roles", {"roles": ["default_user"]}, action="add").status_code == 200


def test_policies_are_replaced(api):
    """Each kind answers in its own way, and shows the new policy."""
    make(api, "user", "it")
    make(api, "group", "it")
    make(api, "role", "it")
    given = {"policy": {"Statement": {"Effect": "Deny", "NotAction": "s:Do", "NotResource": "*"}}}
    content = {"user_id": "it", "msg": "User's policy successfully modified."}
    told(api.send("PUT", "/v1/user/it/policy", given), 200, content)
    said(api.send("PUT", "/v1/group/it/policy", given), 200, "it policy modified.")
    said(api.send("PUT", "/v1/role/it/policy/", given), 200, "Role policy updated.")
    for kind in "user", "group", "role":
        found = api.send("GET", f"/v1/{kind}/it").json()["policies"]
        assert found == {"IAMPolicy": {**given["policy"], "Version": "2012-10-17"}}
        for bad in (
            BAD_POLICY,
            {"Statement": {**POLICY["Statement"][0], "Principal": "*"}},
            {"Statement": ["x" * 10240]},
        ):
            answer = api.send("PUT", f"/v1/{kind}/it/policy", {"policy": bad})
            assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")
            assert answer.json()["detail"].startswith("Invalid iam policy format. ")
        assert api.send("GET", f"/v1/{kind}/it").json()["policies"] == found


def test_make_a_group(api):
    """The answer says "role", as the service does; without a policy there is a default one."""
    make(api, "role", "r")
    said(api.send("POST", "/v1/group", {"group_id": "g"}), 201, "New role g created.")
    found = api.send("GET", "/v1/group/g").json()
    assert found["group_id"] == "g"
    (statement,) = found["policies"]["IAMPolicy"]["Statement"]
    assert statement["Action"] == ["fus:GetGroup", "fus:GetRole"]
    arn = "arn:hca:fus:*:*:group/${fus:group_id}"
    assert statement["Resource"] == [f"{arn}/*", arn]
    given = {"group_id": "h", "policy": POLICY, "roles": ["r"]}
    said(api.send("POST", "/v1/group", given), 201, "New role h created.")
    told(api.send("GET", "/v1/group/h"), 200, {"group_id": "h", "policies": {"IAMPolicy": POLICY}})
    assert listed(api, "/v1/group/h/roles") == ["r"]
    taken = "The group named h already exists. group was not modified."
    failed(api.send("POST", "/v1/group", {"group_id": "h"}), 409, "Conflict", taken)
    answer = api.send("POST", "/v1/group", {"group_id": "i", "roles": ["no"]})
    failed(answer, 400, "illegal_arguments", "One or more role does not exist.")
    assert api.send("POST", "/v1/group", {"group_id": "i", "policy": BAD_POLICY}).status_code == 400
    assert listed(api, "/v1/groups") == ["g", "h", "hca", "user_default"]


def test_make_a_role(api):
    """The policy must be good."""
    given = {"role_id": "r", "policy": POLICY}
    said(api.send("POST", "/v1/role", given), 201, "New role r created.")
    told(api.send("GET", "/v1/role/r"), 200, {"role_id": "r", "policies": {"IAMPolicy": POLICY}})
    taken = "The role named r already exists. role was not modified."
    failed(api.send("POST", "/v1/role", given), 409, "Conflict", taken)
    assert api.send("POST", "/v1/role", {"role_id": "s", "policy": BAD_POLICY}).status_code == 400
    assert listed(api, "/v1/roles") == ["default_user", "fusillade_admin", "r"]


def test_delete(api):
    """What had it stays, without it; one made later under the name has none of its members."""
    make(api, "role", "r")
    make(api, "group", "g", roles=["r"])
    make(api, "user", "a", groups=["g"], roles=["r"])
    said(api.send("DELETE", "/v1/role/r"), 200, "r deleted.")
    assert listed(api, "/v1/user/a/roles") == listed(api, "/v1/group/g/roles") == []
    said(api.send("DELETE", "/v1/group/g/"), 200, "g deleted.")
    assert api.send("GET", "/v1/group/g").status_code == 404
    assert listed(api, "/v1/user/a/groups") == ["user_default"]
    make(api, "group", "g")
    assert listed(api, "/v1/group/g/users") == []


def test_ownership(api):
    """Who made a group or role owns it; what is deleted is not owned any more."""
    owner = "owner@x.org"
    make(api, "user", owner, policy=api.allow("fus:Post*", "fus:DeleteGroup"))
    for body, kind in (
        ({"group_id": "g"}, "group"),
        ({"group_id": "h"}, "group"),
        ({"role_id": "r", "policy": POLICY}, "role"),
    ):
        assert api.send("POST", f"/v1/{kind}", body, user=owner).status_code == 201
    path = f"/v1/user/{owner}/owns"
    told(api.send("GET", path, user=owner, resource_type="group"), 200, {"groups": ["g", "h"]})
    told(api.send("GET", path, resource_type="role"), 200, {"roles": ["r"]})
    assert api.send("DELETE", "/v1/group/g", user=owner).status_code == 200
    told(api.send("GET", path, resource_type="group"), 200, {"groups": ["h"]})
    told(api.send("GET", f"/v1/user/{ADMIN}/owns", resource_type="group"), 200, {"groups": []})
    assert api.send("GET", path, resource_type="group").headers["X-OpenAPI-Paginated-Content-Key"] == "groups"


def test_many_make_the_same_at_once(api):
    """One of them makes it; the others are told that it is there."""
    statuses = []

    def work():
        statuses.append(api.send("POST", "/v1/user", {"user_id": "a"}).status_code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, *[409] * 7]
