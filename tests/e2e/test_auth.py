"""Every verb of `hca auth` against the embedded deployment, as its first user, who may do everything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests  # noqa: TID253 - tests start once

from hca.auth import AuthClient
from hca_core.errors import ServiceError

ADMIN = "admin@example.org"
BOOK = "arn:hca:library:*:*:book/moby-dick"
POLICY = {"Statement": [{"Effect": "Allow", "Action": "library:GetBook", "Resource": "arn:hca:library:*:*:book/*"}]}
BACK = "http://127.0.0.1:9/back"
FORBIDDING = {"Statement": [{"Effect": "Deny", "Action": "library:*", "Resource": BOOK}]}


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def auth(ask):
    """A function that runs a verb of `hca auth`, which must end as expected."""

    def call(*words, status=0, **more):
        outcome = ask("auth", *words, **more)
        assert outcome.exit_status == status, outcome.stderr
        assert "Traceback" not in outcome.stderr
        return outcome

    return call


@pytest.fixture
def user(auth):
    """A user who is new."""
    name = f"{uuid4()}@example.org"
    assert auth("post-v1-user", "--user-id", name).json() == {"msg": f"{name} created."}
    return name


@pytest.fixture
def group(auth):
    """A group that is new."""
    name = f"group-{uuid4()}"
    assert name in auth("post-v1-group", "--group-id", name).stdout
    return name


@pytest.fixture
def role(auth):
    """A role that is new and lets people read books."""
    name = f"role-{uuid4()}"
    assert name in auth("post-v1-role", "--role-id", name, "--policy", json.dumps(POLICY)).stdout
    return name


@pytest.fixture
def may(auth):
    """A function that tells whether a user may do something, and why."""

    def ask_for(principal, *actions, resource=BOOK):
        words = ("--principal", principal, "--action", *actions, "--resource", resource)
        decision = auth("post-v1-policies-evaluate", *words).json()
        return decision["result"], decision["reason"]

    return ask_for


@pytest.fixture
def client(env, monkeypatch):
    """The Python client of the deployment's first user."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    made = AuthClient()
    yield made
    made.session.close()


# Who is there


def test_the_caller(auth):
    """AC-023, AC-024."""
    by_get, by_post = auth("get-oauth-userinfo").json(), auth("post-oauth-userinfo").json()
    assert by_get == by_post
    assert by_get["email"] == ADMIN


@pytest.mark.parametrize("verb", ["get-oauth-userinfo", "get-v1-users"])
def test_the_caller_needs_a_login(auth, verb):
    """AC-023, AC-114."""
    assert "hca auth login" in auth(verb, status=3, HCA_CREDENTIALS_FILE="").stderr


def test_where_to_log_in(auth, deployment):
    """AC-008, AC-010, AC-011."""
    own = deployment.url.partition("://")[2].partition("/")[0]
    issuer = auth("get-openid-configuration", "--host", own, "--query", "issuer").json()
    assert issuer.startswith("http")
    assert auth("get-jwks.json", "--query", "keys[0].kty").json() == "RSA"
    assert "is not supported" in auth("get-openid-configuration", "--host", "example.org", status=1).stderr


@pytest.mark.parametrize("words", [["get-login", "--redirect-uri", "http://127.0.0.1:1/back"], ["get-oauth-authorize"]])
def test_the_login_page(auth, words):
    """AC-003, AC-012."""
    assert "<html" in auth(*words).stdout


def test_the_logout_names_where_it_ends(auth):
    """AC-006."""
    assert auth("get-logout").stdout.startswith("http")


def log_in(origin, email, password, query):
    """Log in and consent as a person does in a browser; return what is told to the application that asked."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{origin}/oauth/authorize", params=query, timeout=60)
        for fields in ({"action": "login", "email": email, "password": password}, {"action": "allow"}):
            token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
            page = browser.post(page.url, data={"token": token, **fields}, allow_redirects=False, timeout=60)
            told = page.headers["Location"]
            if not told.startswith(BACK):
                page = browser.get(origin + told, timeout=60)
    return dict(parse_qsl(urlsplit(told).query))


def test_a_login_from_its_code_to_its_end(auth, ask, deployment):
    """AC-005, AC-020, AC-022: a code for tokens, new tokens for old ones, none after they were revoked."""
    email, verifier = f"{uuid4()}@example.org", "v" * 50
    password = ask("local", "password", "--data", str(deployment.data), email).stdout.strip()
    query = {
        "client_id": "hca-cli",
        "redirect_uri": BACK,
        "response_type": "code",
        "state": "X/Y",
        "scope": "openid email offline_access",
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    told = log_in(deployment.url.removesuffix("/v1"), email, password, query)
    assert told["state"] == "X/Y"
    redeem = ("--grant-type", "authorization_code", "--client-id", "hca-cli", "--redirect-uri", BACK)
    tokens = auth("post-oauth-token", *redeem, "--code", told["code"], "--code-verifier", verifier).json()
    own = {"HCA_TOKEN": tokens["access_token"]}
    assert auth("get-oauth-userinfo", **own).json()["email"] == email
    assert auth("get-v1-user", "--user-id", email, **own).json()["status"] == "enabled"
    refresh = ("post-oauth-token", "--grant-type", "refresh_token", "--client-id", "hca-cli", "--refresh-token")
    renewed = auth(*refresh, tokens["refresh_token"]).json()
    auth("post-oauth-revoke", "--client-id", "hca-cli", "--token", renewed["refresh_token"])
    assert "invalid_grant" in auth(*refresh, renewed["refresh_token"], status=1).stderr
    auth("get-v1-user", "--user-id", email, status=3, **own)


def test_the_token_endpoint_without_anything(auth):
    """AC-022."""
    assert "grant_type" in auth("post-oauth-token", status=1).stderr


def test_the_echo(auth):
    """AC-025."""
    assert "GET" in auth("get-echo").stdout


# Users


def test_a_user(auth, user, group, role):
    """AC-030, AC-034, AC-036 to AC-039."""
    assert user in auth("get-v1-users", "--query", "users").json()
    assert auth("get-v1-user", "--user-id", user).json() == {"user_id": user, "status": "enabled", "policies": {}}
    assert "already exists" in auth("post-v1-user", "--user-id", user, status=1).stderr
    other = f"{uuid4()}@example.org"
    policy = json.dumps(POLICY)
    auth("post-v1-user", "--user-id", other, "--groups", group, "--roles", role, "--policy", policy)
    assert set(auth("get-v1-user-groups", "--user-id", other).json()["groups"]) == {group, "user_default"}
    assert auth("get-v1-user-roles", "--user-id", other).json()["roles"] == [role]
    shown = auth("get-v1-user", "--user-id", other).json()["policies"]["IAMPolicy"]
    assert shown["Statement"] == POLICY["Statement"]


def test_a_disabled_user(auth, user, role, may, token):
    """AC-029, AC-041."""
    auth("put-v1-user-role", "--user-id", user, "--action", "add", "--roles", role)
    assert may(user, "library:GetBook")[0] is True
    assert auth("put-v1-user", "--user-id", user, "--status", "disabled").json()["status"] == "disabled"
    assert may(user, "library:GetBook") == (False, "UserDisabled")
    assert auth("get-v1-user", "--user-id", user, "--query", "status").json() == "disabled"
    auth("get-v1-user", "--user-id", user, status=3, HCA_TOKEN=token(user))
    auth("put-v1-user", "--user-id", user, "--status", "enabled")
    assert may(user, "library:GetBook")[0] is True
    auth("get-v1-user", "--user-id", user, HCA_TOKEN=token(user))


@pytest.mark.parametrize("kind", ["group", "role"])
def test_groups_and_roles_of_a_user(auth, user, group, role, kind):
    """AC-048, AC-053, AC-056, AC-061."""
    name = group if kind == "group" else role
    change = (f"put-v1-user-{kind}", "--user-id", user, f"--{kind}s", name, "--action")
    shown = (f"get-v1-user-{kind}s", "--user-id", user, "--query", f"{kind}s")
    assert auth(*change, "add").json()["action"] == "add"
    assert name in auth(*shown).json()
    unchanged = auth(*change, "add")
    assert (unchanged.stdout, "nothing was changed" in unchanged.stderr) == ("", True)
    assert auth(*change, "remove").json()["action"] == "remove"
    assert name not in auth(*shown).json()
    assert "nothing was changed" in auth(*change, "remove").stderr
    assert "does not exist" in auth(*change[:-2], "nobody-knows", "--action", "add", status=1).stderr


def test_what_a_user_owns(auth, user, group, role):
    """AC-043."""
    assert group in auth("get-v1-user-owns", "--user-id", ADMIN, "--resource-type", "group").json()["groups"]
    assert role in auth("get-v1-user-owns", "--user-id", ADMIN, "--resource-type", "role").json()["roles"]
    assert auth("get-v1-user-owns", "--user-id", user, "--resource-type", "role").json() == {"roles": []}


def test_a_policy_of_a_user(auth, user, role, may):
    """AC-064."""
    auth("put-v1-user-role", "--user-id", user, "--action", "add", "--roles", role)
    auth("put-v1-user-policy", "--user-id", user, "--policy", json.dumps(FORBIDDING))
    assert may(user, "library:GetBook") == (False, "Permission is explicit denied.")
    shown = auth("get-v1-user", "--user-id", user, "--query", "policies.IAMPolicy.Statement").json()
    assert shown == FORBIDDING["Statement"]


def test_who_is_not_the_administrator(auth, user, token):
    """A plain user may look at himself and no more."""
    own = {"HCA_TOKEN": token(user)}
    assert auth("get-v1-user", "--user-id", user, **own).json()["user_id"] == user
    assert "not authorized" in auth("get-v1-user", "--user-id", ADMIN, status=3, **own).stderr
    assert "not authorized" in auth("get-v1-users", status=3, **own).stderr


# Groups and roles


def test_a_group(auth, group, user, role, may):
    """AC-067, AC-071, AC-075, AC-077."""
    assert group in auth("get-v1-groups", "--query", "groups").json()
    assert auth("get-v1-group", "--group-id", group).json()["group_id"] == group
    other = f"group-{uuid4()}"
    auth("post-v1-group", "--group-id", other, "--policy", json.dumps(POLICY), "--roles", role)
    assert auth("get-v1-group", "--group-id", other).json()["policies"]["IAMPolicy"]["Statement"] == POLICY["Statement"]
    assert auth("get-v1-group-roles", "--group-id", other).json() == {"roles": [role]}
    auth("put-v1-group-user", "--group-id", other, "--action", "add", "--users", user)
    assert may(user, "library:GetBook")[0] is True
    assert auth("delete-v1-group", "--group-id", other).stdout == f"{other} deleted."
    assert auth("get-v1-user-groups", "--user-id", user).json()["groups"] == ["user_default"]
    assert may(user, "library:GetBook")[0] is False
    auth("get-v1-group", "--group-id", other, status=4)
    auth("delete-v1-group", "--group-id", other, status=4)


def test_users_and_roles_of_a_group(auth, group, user, role):
    """AC-079, AC-084, AC-087, AC-092."""
    for kind, name in (("user", user), ("role", role)):
        change = (f"put-v1-group-{kind}", "--group-id", group, f"--{kind}s", name, "--action")
        assert auth(*change, "add").json()["action"] == "add"
        assert auth(f"get-v1-group-{kind}s", "--group-id", group).json()[f"{kind}s"] == [name]
        assert "nothing was changed" in auth(*change, "add").stderr
        assert auth(*change, "remove").json()["action"] == "remove"
        assert auth(f"get-v1-group-{kind}s", "--group-id", group).json()[f"{kind}s"] == []


def test_a_policy_of_a_group(auth, group):
    """AC-095."""
    auth("put-v1-group-policy", "--group-id", group, "--policy", json.dumps(POLICY))
    shown = auth("get-v1-group", "--group-id", group, "--query", "policies.IAMPolicy.Statement").json()
    assert shown == POLICY["Statement"]


def test_a_role(auth, role, user, may):
    """AC-098, AC-102, AC-104, AC-106, AC-108."""
    assert role in auth("get-v1-roles", "--query", "roles").json()
    shown = ("get-v1-role", "--role-id", role, "--query", "policies.IAMPolicy.Statement")
    assert auth(*shown).json() == POLICY["Statement"]
    auth("put-v1-user-role", "--user-id", user, "--action", "add", "--roles", role)
    assert may(user, "library:GetBook")[0] is True
    auth("put-v1-role-policy", "--role-id", role, "--policy", json.dumps(FORBIDDING))
    assert auth(*shown).json() == FORBIDDING["Statement"]
    assert may(user, "library:GetBook") == (False, "Permission is explicit denied.")
    auth("delete-v1-role", "--role-id", role)
    assert may(user, "library:GetBook") == (False, "Permission was implicitly denied.")
    auth("get-v1-role", "--role-id", role, status=4)


def test_what_is_no_policy_is_refused_and_changes_nothing(auth, role):
    bad = '{"Statement": {"Effect": "Perhaps", "Action": "a:B", "Resource": "*"}}'
    refused = auth("put-v1-role-policy", "--role-id", role, "--policy", bad, status=1)
    assert "HTTP 400" in refused.stderr
    shown = auth("get-v1-role", "--role-id", role, "--query", "policies.IAMPolicy.Statement").json()
    assert shown == POLICY["Statement"]
    assert "HTTP 400" in auth("put-v1-role-policy", "--role-id", role, status=1).stderr


def test_names_that_a_url_can_not_hold_as_they_are(auth):
    for name in (f"a.b@c,d$e=f-{uuid4()}", f"@{uuid4()}"):
        auth("post-v1-group", "--group-id", name)
        assert auth("get-v1-group", "--group-id", name).json()["group_id"] == name
        auth("delete-v1-group", "--group-id", name)
    assert "HTTP 400" in auth("post-v1-group", "--group-id", "a/b%", status=1).stderr


# Decisions and resources


def test_decisions(may, auth, user, role):
    """AC-026, AC-028."""
    assert may(user, "library:GetBook") == (False, "Permission was implicitly denied.")
    auth("put-v1-user-role", "--user-id", user, "--action", "add", "--roles", role)
    assert may(user, "library:GetBook") == (True, "Permission is allowed.")
    assert may(user, "library:BurnBook")[0] is False
    assert may(user, "library:GetBook", "library:BurnBook")[0] is True  # any of them
    assert may(f"{uuid4()}@example.org", "library:GetBook")[0] is False


def test_a_type_of_resources(auth):
    kind = f"diary-{uuid4()}"
    typed = ("--resource-type-name", kind)
    auth("post-v1-resource", *typed, "--actions", "diary:Read", "diary:Write")
    assert kind in auth("get-v1-resources", "--query", "resources").json()
    assert auth("get-v1-resource", *typed).json()["resource_type"] == kind
    auth("put-v1-resource-action", *typed, "--actions", "diary:Burn")
    assert "diary:Burn" in auth("get-v1-resource-actions", *typed).json()["actions"]
    auth("delete-v1-resource-actions", *typed, "--actions", "diary:Burn")
    assert set(auth("get-v1-resource-actions", *typed).json()["actions"]) == {"diary:Read", "diary:Write"}
    auth("post-v1-resource-id", *typed, "--resource-id", "ishmael")
    auth("delete-v1-resource", *typed, status=1)  # it has resources
    auth("delete-v1-resource-id", *typed, "--resource-id", "ishmael")
    auth("delete-v1-resource", *typed)
    auth("get-v1-resource", *typed, status=4)


def test_members_of_a_resource(auth, user, may):
    kind, name = f"diary-{uuid4()}", "ishmael"
    typed = ("--resource-type-name", kind)
    one, named = (*typed, "--resource-id", name), (*typed, "--policy-name", "Guest")
    level = {"Effect": "Allow", "Principal": "*", "Action": ["diary:Read"], "Resource": f"arn:hca:library:*:*:{kind}/*"}
    auth("post-v1-resource", *typed, "--actions", "diary:Read", "diary:Write")
    auth("post-v1-resource-policy", *named, "--policy", json.dumps({"Statement": [level]}))
    assert f"/resource/{kind}/policy/Guest" in auth("get-v1-resource-policies", *typed, "--query", "policies").json()
    auth("put-v1-resource-policy", *named, "--policy", json.dumps({"Statement": [{**level, "Sid": "New"}]}))
    assert auth("get-v1-resource-policy", *named).json()["policy"]["Statement"] == [{**level, "Sid": "New"}]
    auth("post-v1-resource-id", *one)
    assert auth("get-v1-resource-ids", *typed).json()["resource_ids"] == [f"/resource/{kind}/id/{name}"]
    assert name in auth("get-v1-resource-id", *one).json().values()
    resource = f"arn:hca:library:*:*:{kind}/{name}"
    assert may(user, "diary:Read", resource=resource) == (False, "ResourceNotFound")
    member = {"member": user, "member_type": "user", "access_level": "Guest"}
    auth("put-v1-resource-id-member", *one, "--members", json.dumps(member))
    assert member in auth("get-v1-resource-id-members", *one).json()["members"]
    assert may(user, "diary:Read", resource=resource)[0] is True
    assert may(user, "diary:Write", resource=resource)[0] is False
    auth("put-v1-resource-id-member", *one, "--members", json.dumps({"member": user, "member_type": "user"}))
    assert may(user, "diary:Read", resource=resource) == (False, "ResourceNotFound")
    auth("delete-v1-resource-policy", *named)
    auth("get-v1-resource-policy", *named, status=4)


# Python


def test_every_page_of_a_group(client, group):
    """AS-011: 40 entries in pages of 15."""
    users = sorted(f"{number:02}-{uuid4()}@example.org" for number in range(40))
    for user in users:
        client.post_v1_user(user)
    for start in range(0, 40, 10):
        client.put_v1_group_user(users[start : start + 10], group, "add")
    assert sorted(client.get_v1_group_users.iterate(group_id=group)) == users
    assert len(list(client.get_v1_group_users.paginate(group_id=group, per_page=5))) == 8
    assert len(client.get_v1_group_users(group_id=group, per_page=15)["users"]) == 15
    assert list(client.get_v1_group_roles.iterate(group_id=group)) == []


def test_the_client_of_the_first_user(client, group):
    """AS-003, AS-007, AS-010, AS-013, AS-015 to AS-017, AS-019."""
    user = f"{uuid4()}@example.org"
    client.post_v1_user(user_id=user, groups=[group])
    assert client.put_v1_user_group([group], user, "add") is None
    assert client.get_v1_user(user)["user_id"] == user
    assert client.put_v1_user(user, "disabled")["status"] == "disabled"
    decision = client.post_v1_policies_evaluate(principal=user, action=["library:GetBook"], resource=[BOOK])
    assert (decision["result"], decision["reason"]) == (False, "UserDisabled")
    assert client.get_oauth_userinfo()["email"] == ADMIN
    assert client.get_jwks_json()["keys"]
    assert client.delete_v1_group(group).decode() == f"{group} deleted."
    assert ADMIN in AuthClient.get_v1_users.iterate()
    with pytest.raises(ServiceError, match="already exists") as caught:
        client.post_v1_user(user)
    assert caught.value.code == 409
