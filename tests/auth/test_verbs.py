"""The verbs of `hca auth`, run as a user runs them against a service that records what comes.

The numbers in the tables are those of the promises, AC-001 to AC-110.
"""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

import pytest

from hca_core.testing import reply

POLICY = {"Statement": [{"Effect": "Allow", "Action": "fus:GetUser", "Resource": "arn:hca:fus:*:*:user/*"}]}
MEMBER = {"member": "ann@example.org", "member_type": "user", "access_level": "Reader"}
PAGE = {"--next-token": "query", "--per-page": "query"}
AUTHORIZE = ["--redirect-uri", "--state", "--client-id", "--scope", "--respone-type", "--nonce", "--prompt"]
TOKEN = ["--grant-type", "--code", "--client-id", "--client-secret", "--redirect-uri", "--refresh-token", "--scope"]
TOKEN += ["--code-verifier", "--device-code"]


class Verb(NamedTuple):
    """A published verb: method and path, and where each of its flags goes.

    The places are path, query, header, form, and in a JSON body: body (a string), list, document; whole is a list that
    is the body.
    """

    method: str
    path: str
    required: dict[str, str]
    optional: dict[str, str]


# Written down from the published reference, not from the description.
PUBLISHED = {
    "get-login": Verb("GET", "/login", {"--redirect-uri": "query"}, {"--state": "query"}),  # AC-003 - 005
    "get-logout": Verb("GET", "/logout", {}, {"--client-id": "query"}),  # AC-006, 007
    "get-openid-configuration": Verb("GET", "/.well-known/openid-configuration", {"--host": "header"}, {}),  # 008 - 010
    "get-jwks.json": Verb("GET", "/.well-known/jwks.json", {}, {}),  # AC-011
    "get-oauth-authorize": Verb(  # AC-012 - 019
        "GET",
        "/oauth/authorize",
        {},
        dict.fromkeys(AUTHORIZE, "query"),
    ),
    "post-oauth-revoke": Verb("POST", "/oauth/revoke", {"--client-id": "body", "--token": "body"}, {}),  # AC-020, 021
    "post-oauth-token": Verb(  # AC-022; the options are ours
        "POST",
        "/oauth/token",
        {},
        dict.fromkeys(TOKEN, "form"),
    ),
    "get-oauth-userinfo": Verb("GET", "/oauth/userinfo", {}, {}),  # AC-023
    "post-oauth-userinfo": Verb("POST", "/oauth/userinfo", {}, {}),  # AC-024
    "get-echo": Verb("GET", "/echo", {}, {}),  # AC-025
    "post-v1-policies-evaluate": Verb(  # AC-026 - 028
        "POST", "/v1/policies/evaluate", {"--principal": "body", "--action": "list", "--resource": "list"}, {}
    ),
    "get-v1-users": Verb("GET", "/v1/users", {}, PAGE),  # AC-030 - 032
    "post-v1-user": Verb(  # AC-034 - 038
        "POST", "/v1/user", {"--user-id": "body"}, {"--groups": "list", "--roles": "list", "--policy": "document"}
    ),
    "get-v1-user": Verb("GET", "/v1/user/{user_id}", {"--user-id": "path"}, {}),  # AC-039, 040
    "put-v1-user": Verb("PUT", "/v1/user/{user_id}", {"--user-id": "path", "--status": "query"}, {}),  # AC-041, 042
    "get-v1-user-owns": Verb(  # AC-043 - 046
        "GET", "/v1/user/{user_id}/owns", {"--user-id": "path", "--resource-type": "query"}, PAGE
    ),
    "get-v1-user-groups": Verb("GET", "/v1/user/{user_id}/groups", {"--user-id": "path"}, PAGE),  # AC-048 - 051
    "put-v1-user-group": Verb(  # AC-053 - 055
        "PUT", "/v1/user/{user_id}/groups", {"--user-id": "path", "--action": "query"}, {"--groups": "list"}
    ),
    "get-v1-user-roles": Verb("GET", "/v1/user/{user_id}/roles", {"--user-id": "path"}, PAGE),  # AC-056 - 059
    "put-v1-user-role": Verb(  # AC-061 - 063
        "PUT", "/v1/user/{user_id}/roles", {"--user-id": "path", "--action": "query"}, {"--roles": "list"}
    ),
    "put-v1-user-policy": Verb(  # AC-064 - 066
        "PUT", "/v1/user/{user_id}/policy", {"--user-id": "path"}, {"--policy": "document"}
    ),
    "get-v1-groups": Verb("GET", "/v1/groups", {}, PAGE),  # AC-067 - 069
    "post-v1-group": Verb(  # AC-071 - 074
        "POST", "/v1/group", {"--group-id": "body"}, {"--policy": "document", "--roles": "list"}
    ),
    "get-v1-group": Verb("GET", "/v1/group/{group_id}", {"--group-id": "path"}, {}),  # AC-075, 076
    "delete-v1-group": Verb("DELETE", "/v1/group/{group_id}", {"--group-id": "path"}, {}),  # AC-077, 078
    "get-v1-group-roles": Verb("GET", "/v1/group/{group_id}/roles", {"--group-id": "path"}, PAGE),  # AC-079 - 082
    "put-v1-group-role": Verb(  # AC-084 - 086
        "PUT", "/v1/group/{group_id}/roles", {"--group-id": "path", "--action": "query"}, {"--roles": "list"}
    ),
    "get-v1-group-users": Verb("GET", "/v1/group/{group_id}/users", {"--group-id": "path"}, PAGE),  # AC-087 - 090
    "put-v1-group-user": Verb(  # AC-092 - 094
        "PUT", "/v1/group/{group_id}/users", {"--group-id": "path", "--action": "query"}, {"--users": "list"}
    ),
    "put-v1-group-policy": Verb(  # AC-095 - 097
        "PUT", "/v1/group/{group_id}/policy", {"--group-id": "path"}, {"--policy": "document"}
    ),
    "get-v1-roles": Verb("GET", "/v1/roles", {}, PAGE),  # AC-098 - 100
    "post-v1-role": Verb("POST", "/v1/role", {"--role-id": "body", "--policy": "document"}, {}),  # AC-102, 103
    "get-v1-role": Verb("GET", "/v1/role/{role_id}", {"--role-id": "path"}, {}),  # AC-104, 105
    "delete-v1-role": Verb("DELETE", "/v1/role/{role_id}", {"--role-id": "path"}, {}),  # AC-106, 107
    "put-v1-role-policy": Verb(  # AC-108 - 110
        "PUT", "/v1/role/{role_id}/policy", {"--role-id": "path"}, {"--policy": "document"}
    ),
}
TYPE = {"--resource-type-name": "path"}
TYPE_PATH = "/v1/resource/{resource_type_name}"
ONE = {**TYPE, "--resource-id": "path"}
ONE_PATH = TYPE_PATH + "/id/{resource_id}"
NAMED = {**TYPE, "--policy-name": "path"}
NAMED_PATH = TYPE_PATH + "/policy/{policy_name}"
# Verbs of the last hosted service that the published reference does not have yet.
LATER = {
    "get-v1-resources": Verb("GET", "/v1/resources", {}, PAGE),
    "get-v1-resource": Verb("GET", TYPE_PATH, TYPE, {}),
    "post-v1-resource": Verb("POST", TYPE_PATH, TYPE, {"--actions": "list", "--owner-policy": "document"}),
    "delete-v1-resource": Verb("DELETE", TYPE_PATH, TYPE, {}),
    "get-v1-resource-actions": Verb("GET", TYPE_PATH + "/actions", TYPE, {}),
    "put-v1-resource-action": Verb("PUT", TYPE_PATH + "/actions", TYPE, {"--actions": "list"}),
    "delete-v1-resource-actions": Verb("DELETE", TYPE_PATH + "/actions", TYPE, {"--actions": "list"}),
    "get-v1-resource-policies": Verb("GET", TYPE_PATH + "/policies", TYPE, PAGE),
    "get-v1-resource-policy": Verb("GET", NAMED_PATH, NAMED, {}),
    "post-v1-resource-policy": Verb("POST", NAMED_PATH, {**NAMED, "--policy": "document"}, {"--policy-type": "body"}),
    "put-v1-resource-policy": Verb("PUT", NAMED_PATH, NAMED, {"--policy": "document"}),
    "delete-v1-resource-policy": Verb("DELETE", NAMED_PATH, NAMED, {}),
    "get-v1-resource-ids": Verb("GET", TYPE_PATH + "/ids", TYPE, PAGE),
    "get-v1-resource-id": Verb("GET", ONE_PATH, ONE, {}),
    "post-v1-resource-id": Verb("POST", ONE_PATH, ONE, {}),
    "delete-v1-resource-id": Verb("DELETE", ONE_PATH, ONE, {}),
    "get-v1-resource-id-members": Verb("GET", ONE_PATH + "/members", ONE, PAGE),
    "put-v1-resource-id-member": Verb("PUT", ONE_PATH + "/members", {**ONE, "--members": "whole"}, {}),
}
VERBS = PUBLISHED | LATER
REQUIRED = [(name, flag) for name, verb in VERBS.items() for flag in verb.required]
FLAGS = [(name, flag) for name, verb in VERBS.items() for flag in verb.required | verb.optional]
OPEN = {
    *("get-login", "get-logout", "get-openid-configuration", "get-jwks.json", "get-oauth-authorize", "get-echo"),
    *("post-oauth-revoke", "post-oauth-token"),
}
CHOICES = [
    ("put-v1-user", "--status", ["enabled", "disabled"]),
    ("get-v1-user-owns", "--resource-type", ["group", "role"]),
    ("post-v1-resource-policy", "--policy-type", ["IAMPolicy", "ResourcePolicy"]),
    *(
        (name, "--action", ["add", "remove"])
        for name, verb in VERBS.items()
        if verb.required.get("--action") == "query"
    ),
]
TEXTS = {
    "--redirect-uri": "https://example.org/back?a=1&b=ü",
    "--state": "X/Y=&",
    "--host": "auth.example.org",
    "--user-id": "ann@example.org",
    "--status": "disabled",
    "--action": "remove",
    "--resource-type": "role",
    "--policy-type": "ResourcePolicy",
    "--per-page": "5",
}


def typed(flag, place):
    """Return the words of the command line for a flag, and the value that must arrive."""
    if place == "list":
        return [flag, "one:Thing", "two"], ["one:Thing", "two"]
    if place == "document":
        return [flag, json.dumps(POLICY)], POLICY
    if place == "whole":
        return [flag, json.dumps(MEMBER)], [MEMBER]
    text = TEXTS.get(flag, f"X of {flag[2:]}")
    return [flag, text], text


def line(name, *without):
    """Return a command line of a verb with all that it requires, but for the flags `without`."""
    verb = VERBS[name]
    words = ["auth", name]
    for flag, place in verb.required.items():
        if flag not in without:
            words += typed(flag, place)[0]
    return words


def arrived(request, verb, flag, place):
    """Return what came for a flag in its place."""
    name = flag[2:].replace("-", "_")
    if place == "path":
        parts = dict(zip(verb.path.split("/"), request.path.split("/"), strict=True))
        return parts["{" + name + "}"]
    if place == "header":
        (value,) = request.headers.get_all(name)
        return value
    if place == "whole":
        return request.json()
    fields = {"query": request.query, "form": parse_qsl(request.body.decode())}
    return dict(fields[place])[name] if place in fields else request.json()[name]


# Options


@pytest.mark.parametrize(("name", "flag"), REQUIRED)
def test_what_is_required_and_missing_is_named_and_nothing_is_sent(hca, auth, name, flag):
    outcome = hca(*line(name, flag))
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert f"'{flag}'" in outcome.stderr
    assert auth.requests == []


@pytest.mark.parametrize("name", sorted(VERBS))
def test_help_marks_what_is_required_and_lists_the_rest(hca, auth, name):
    verb = VERBS[name]
    outcome = hca("auth", name, "--help", env={"COLUMNS": "200"})
    assert (outcome.exit_status, outcome.stderr, auth.requests) == (0, "", [])
    options = outcome.stdout.partition("Options:")[2].split("\n  --")[1:]
    marked = {"--" + one.split()[0] for one in options if "[required]" in " ".join(one.split())}
    assert marked == set(verb.required)
    listed = {"--" + one.split()[0] for one in options}
    assert set(verb.optional) <= listed
    assert ("--no-paginate" in listed) is (verb.optional is PAGE)
    assert hca("auth", name, "-h", env={"COLUMNS": "200"}).stdout == outcome.stdout


@pytest.mark.parametrize("name", sorted(VERBS))
def test_what_is_required_suffices_and_nothing_else_is_sent(hca, anything, name):
    verb = VERBS[name]
    outcome = hca(*line(name))
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    (request,) = anything()
    assert request.method == verb.method
    places = set(verb.required.values())
    assert len(request.query) == list(verb.required.values()).count("query")
    if "whole" not in places:
        in_body = [flag for flag, place in verb.required.items() if place in ("body", "list", "document")]
        assert set(json.loads(request.body or "{}")) == {flag[2:].replace("-", "_") for flag in in_body}


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_what_is_given_arrives_under_its_name(hca, anything, name, flag):
    verb = VERBS[name]
    place = (verb.required | verb.optional)[flag]
    words, value = typed(flag, place)
    outcome = hca(*line(name, flag), *words)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    (request,) = anything()
    assert request.method == verb.method
    assert arrived(request, verb, flag, place) == (quote(value, safe="") if place == "path" else value)
    kinds = {"form": "application/x-www-form-urlencoded", "query": None, "path": None, "header": None}
    if kinds.get(place, "application/json"):
        assert request.headers["Content-Type"] == kinds.get(place, "application/json")


@pytest.mark.parametrize(("name", "flag", "choices"), CHOICES)
def test_ill_chosen_values_are_told_with_the_choices(hca, auth, name, flag, choices):
    """AC-042, 044, 054, 062, 085, 093."""
    outcome = hca(*line(name, flag), flag, "xyz")
    assert (outcome.exit_status, outcome.stdout, auth.requests) == (2, "", [])
    assert f"'{flag}'" in outcome.stderr
    assert all(choice in outcome.stderr for choice in choices)


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.optional is PAGE])
def test_a_page_size_is_a_number(hca, auth, name):
    outcome = hca(*line(name), "--per-page", "many")
    assert (outcome.exit_status, auth.requests) == (2, [])
    assert "'--per-page'" in outcome.stderr


@pytest.mark.parametrize(
    ("name", "flag"), [(name, flag) for name, flag in REQUIRED if VERBS[name].required[flag] == "path"]
)
def test_every_part_of_a_path_is_encoded(hca, anything, name, flag):
    verb = VERBS[name]
    hostile = "../a b/c@d%2F?e#f;ü"
    outcome = hca(*line(name, flag), flag, hostile)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    (request,) = anything()
    assert arrived(request, verb, flag, "path") == "..%2Fa%20b%2Fc%40d%252F%3Fe%23f%3B%C3%BC"
    assert not [one for one, _ in request.query if one == "e"]


@pytest.mark.parametrize("user", ["", ".", ".."])
def test_a_path_can_not_lead_elsewhere(hca, anything, user):
    outcome = hca("auth", "get-v1-user", "--user-id", user)
    assert (outcome.exit_status, anything()) == (2, [])
    assert "user_id must not be" in outcome.stderr


# The group


def test_the_published_verbs_are_listed(hca, auth):
    """AC-002: 35 verbs of the API, login and logout."""
    assert len(PUBLISHED) == 35
    shown = hca("auth", "--help").stdout
    for name in [*VERBS, "login", "logout", "refresh-swagger"]:
        assert f"\n  {name} " in shown
    assert auth.requests == []


def test_the_tables_here_have_every_verb_of_the_description(hca, auth):
    verbs = hca("auth", "--help").stdout.partition("Commands:\n")[2].splitlines()
    made = {one.split()[0] for one in verbs if one.startswith("  ") and one[2] != " " and "-" in one.split()[0]}
    assert made - {"refresh-swagger"} == set(VERBS)


# Login


@pytest.mark.parametrize("name", sorted(set(VERBS) - OPEN))
def test_who_is_not_logged_in_is_told_before_anything_is_sent(hca, asked, name):
    """AC-023, 114."""
    outcome = hca(*line(name), env={"HCA_TOKEN": None})
    assert (outcome.exit_status, outcome.stdout, asked()) == (3, "", [])
    assert "hca auth login" in outcome.stderr


@pytest.mark.parametrize("name", sorted(VERBS))
def test_the_token_goes_where_it_is_needed_only(hca, anything, name):
    hca(*line(name))
    (request,) = anything()
    assert request.headers["Authorization"] == (None if name in OPEN else "Bearer T")


@pytest.mark.parametrize("name", sorted(OPEN))
def test_what_is_open_needs_no_login(hca, anything, name):
    outcome = hca(*line(name), env={"HCA_TOKEN": None})
    assert (outcome.exit_status, outcome.stderr, len(anything())) == (0, "", 1)


# Answers


@pytest.mark.parametrize(
    ("name", "query", "document", "shown"),
    [
        ("get-openid-configuration", "issuer", {"issuer": "https://auth.example.org/"}, "https://auth.example.org/"),
        ("get-jwks.json", "keys[0].kid", {"keys": [{"kid": "K", "kty": "RSA"}]}, "K"),
        ("get-oauth-userinfo", "email", {"email": "ann@example.org"}, "ann@example.org"),
        ("post-oauth-userinfo", "email", {"email": "ann@example.org"}, "ann@example.org"),
        ("post-oauth-token", "access_token", {"access_token": "A", "expires_in": 5}, "A"),
        ("get-v1-user", "status", {"user_id": "ann@example.org", "status": "enabled", "policies": {}}, "enabled"),
        ("put-v1-user", "msg", {"msg": "User status set to disabled."}, "User status set to disabled."),
        ("get-v1-group", "policies.IAMPolicy", {"group_id": "g", "policies": {"IAMPolicy": POLICY}}, POLICY),
        ("get-v1-role", "policies.IAMPolicy", {"role_id": "r", "policies": {"IAMPolicy": POLICY}}, POLICY),
        (
            "get-v1-resource",
            "actions",
            {"actions": "diary:Read diary:Write", "resource_type": "t"},
            "diary:Read diary:Write",
        ),
        ("post-v1-policies-evaluate", "result", {"result": False, "reason": "UserDisabled"}, False),
        ("post-v1-policies-evaluate", "result", {"result": True, "reason": "Permission is allowed."}, True),
        ("put-v1-user-group", "msg", {"groups": ["g"], "action": "add", "msg": "done"}, "done"),
    ],
)
def test_documents_are_shown_and_can_be_asked(hca, auth, asked, name, query, document, shown):
    """AC-008, 011, 023, 024, 026, 029, 039, 041, 075, 104."""
    auth.on("*", "/*").reply(json=document)
    assert hca(*line(name)).json() == document
    outcome = hca(*line(name), "--query", query, "--output", "json")
    assert (outcome.exit_status, outcome.json(), len(asked())) == (0, shown, 2)


@pytest.mark.parametrize("name", ["post-v1-group", "post-v1-role", "delete-v1-group", "delete-v1-role", "get-echo"])
@pytest.mark.parametrize("status", [200, 201])
def test_text_answers_are_untouched(hca, auth, name, status):
    """AC-025, 077, 106: no quotes, no line break, no decoding."""
    text = "New röle \x1b <b>lab</b> created.".encode()
    auth.on("*", "/*").reply(body=text, status=status, headers={"Content-Type": "text/html; charset=utf-8"})
    outcome = hca(*line(name))
    assert (outcome.exit_status, outcome.stdout_bytes, outcome.stderr) == (0, text, "")


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "application/json"}, {"Content-Type": "text/html"}])
@pytest.mark.parametrize("name", ["put-v1-user-group", "put-v1-user-role", "put-v1-group-role", "put-v1-group-user"])
def test_a_change_that_was_none_is_told_and_no_error(hca, auth, name, kind):
    """304: the links were there already, or were not there."""
    auth.on("PUT", "/*").reply(status=304, headers=kind)
    outcome = hca(*line(name))
    assert (outcome.exit_status, outcome.stdout) == (0, "")
    (told,) = outcome.stderr.splitlines()
    assert "nothing was changed" in told


@pytest.mark.parametrize(
    ("name", "status", "title", "detail", "exit_status"),
    [
        ("post-v1-user", 409, "Conflict", "The user named ann already exists. user was not modified.", 1),
        ("put-v1-user-group", 400, "illegal_arguments", "One or more group does not exist.", 1),
        ("get-v1-users", 403, "Forbidden", "User is not authorized to access this resource", 3),
        ("get-v1-user", 401, "Unauthorized", "Authorization token is invalid", 3),
        ("get-v1-role", 404, "Not Found", "Resource does not exist.", 4),
        ("get-openid-configuration", 400, "Bad Request", "host: X, is not supported. host must be Y.", 1),
        ("put-v1-role-policy", 400, "Bad Request", "Invalid iam policy format.", 1),
    ],
)
def test_refusals_are_told_in_the_service_s_words(hca, auth, name, status, title, detail, exit_status):
    """AC-010, 034; its problems have no code."""
    problem = {"type": "about:blank", "title": title, "detail": detail, "status": status}
    auth.on("*", "/*").fail(status, json=problem, times=10)
    outcome = hca(*line(name))
    assert (outcome.exit_status, outcome.stdout) == (exit_status, "")
    assert detail in outcome.stderr
    assert "None" not in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_bare_call_of_the_token_endpoint_is_refused_in_one_sentence(hca, auth, asked):
    """AC-022."""
    problem = {"error": "invalid_request", "error_description": "grant_type is missing"}
    auth.on("POST", "/oauth/token").reply(json=problem, status=400)
    outcome = hca("auth", "post-oauth-token")
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines()[0].startswith("hca: invalid_request: grant_type is missing (HTTP 400")
    (request,) = asked()
    assert (request.body, request.headers["Content-Type"]) == (b"", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("verb", "path", "status"), [("get-login", "/login", 301), ("get-oauth-authorize", "/oauth/authorize", 302)]
)
def test_redirects_to_the_login_page_are_followed(hca, auth, verb, path, status):
    """AC-003, 012."""
    auth.on("GET", path).redirect("/page?x=1", status=status)
    auth.on("GET", "/page").reply(body=b"<h1>Log in</h1>", headers={"Content-Type": "text/html"})
    outcome = hca(*line(verb))
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "<h1>Log in</h1>", "")


def test_the_logout_names_where_it_ends(hca, auth):
    """AC-006: the service does so in a header, without a redirect."""
    address = "https://provider.example.org/v2/logout?client_id=c"
    auth.on("GET", "/logout").reply(headers={"Location": address})
    outcome = hca("auth", "get-logout")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, address + "\n", "")


def test_the_host_is_not_sent_twice(hca, auth, anything):
    """AC-010."""
    own = auth.url.partition("://")[2]
    assert hca("auth", "get-openid-configuration", "--host", own).exit_status == 0
    assert anything()[0].headers.get_all("Host") == [own]


def test_a_live_service_with_a_new_operation_has_a_new_verb(hca, service, auth_description):
    paths = {**auth_description["paths"], "/v1/tea": {"get": {"summary": "Tea.", "responses": {"200": {}}}}}
    env = {"HCA_AUTH_URL": service.describe({**auth_description, "paths": paths}, at="/swagger.json")}
    service.on("GET", "/v1/tea").reply(json={"tea": "green"})
    assert hca("auth", "get-v1-tea", env=env).exit_status == 2
    assert hca("auth", "refresh-swagger", env=env).exit_status == 0
    assert hca("auth", "get-v1-tea", env=env).json() == {"tea": "green"}


def test_output_formats(hca, auth):
    auth.on("GET", "/v1/users").reply(reply(json={"users": ["ann", "bob"]}))
    assert hca("auth", "get-v1-users", "--output", "jsonl").stdout == '"ann"\n"bob"\n'
    assert hca("auth", "get-v1-users", "--query", "users[1]").json() == "bob"
    assert "ann" in hca("auth", "get-v1-users", "--output", "table").stdout
