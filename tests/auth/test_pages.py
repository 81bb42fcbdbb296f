"""Lists of the authorization service come in pages, and the last page does not tell where its items are."""

from __future__ import annotations

import pytest

from hca.auth import AuthClient
from hca_core.errors import HCAError
from hca_core.testing import reply

USER = {"user_id": "ann@example.org"}
GROUP = {"group_id": "lab"}
TYPE = {"resource_type_name": "area"}
# Operation, its arguments, its path, the key of its items.
PAGED = [
    ("get_v1_users", {}, "/v1/users", "users"),  # AC-030 - 033
    (
        "get_v1_user_owns",
        {**USER, "resource_type": "group"},
        "/v1/user/ann%40example.org/owns",
        "groups",
    ),  # AC-043 - 047
    ("get_v1_user_owns", {**USER, "resource_type": "role"}, "/v1/user/ann%40example.org/owns", "roles"),
    ("get_v1_user_groups", USER, "/v1/user/ann%40example.org/groups", "groups"),  # AC-048 - 052
    ("get_v1_user_roles", USER, "/v1/user/ann%40example.org/roles", "roles"),  # AC-056 - 060
    ("get_v1_groups", {}, "/v1/groups", "groups"),  # AC-067 - 070
    ("get_v1_group_roles", GROUP, "/v1/group/lab/roles", "roles"),  # AC-079 - 083
    ("get_v1_group_users", GROUP, "/v1/group/lab/users", "users"),  # AC-087 - 091
    ("get_v1_roles", {}, "/v1/roles", "roles"),  # AC-098 - 101
    ("get_v1_resources", {}, "/v1/resources", "resources"),
    ("get_v1_resource_policies", TYPE, "/v1/resource/area/policies", "policies"),
    ("get_v1_resource_ids", TYPE, "/v1/resource/area/ids", "resource_ids"),
    ("get_v1_resource_id_members", {**TYPE, "resource_id": "a"}, "/v1/resource/area/id/a/members", "members"),
]
every = pytest.mark.parametrize(("name", "arguments", "path", "key"), PAGED)
SIZE = 15


def script(service, path, key, count, told="not last"):
    """Answer with `count` names in pages of 15; the header with their key is `told`: "not last", "always", "never"."""

    def page(request):
        start = int(dict(request.query).get("next_token", 0))
        names = [f"n{number}" for number in range(start, min(start + SIZE, count))]
        more = start + SIZE < count
        headers = {"X-OpenAPI-Pagination": str(more)}
        if told == "always" or (told == "not last" and more):
            headers["X-OpenAPI-Paginated-Content-Key"] = key
        if more:
            # The service adds to the query that it was asked with, so names may be there twice.
            headers["Link"] = f'<{service.url}{path}?per_page=30&per_page=15&next_token={start + SIZE}>; rel="next"'
        return reply(json={key: names, "resource_type": "area"}, status=206 if more else 200, headers=headers)

    service.on("GET", path).reply(page)
    return lambda: service.asked("GET", path)


def words(name, arguments):
    """Return the command line for an operation with arguments."""
    flags = [word for key, value in arguments.items() for word in ("--" + key.replace("_", "-"), value)]
    return ["auth", name.replace("_", "-"), *flags]


# The command line


@every
@pytest.mark.parametrize("told", ["not last", "always", "never"])
def test_all_pages_are_one_document(hca, auth, name, arguments, path, key, told):
    asked = script(auth, path, key, 40, told)
    outcome = hca(*words(name, arguments))
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert outcome.json() == {key: [f"n{number}" for number in range(40)], "resource_type": "area"}
    assert len(asked()) == 3


@every
def test_the_first_page_only(hca, auth, name, arguments, path, key):
    """AC-033, 047, 052, 060, 070, 083, 091, 101: one request."""
    asked = script(auth, path, key, 40)
    assert hca(*words(name, arguments), "--no-paginate").json()[key] == [f"n{number}" for number in range(15)]
    assert len(asked()) == 1


@every
@pytest.mark.parametrize("count", [0, 1, 15])
def test_a_single_page_has_no_key(hca, auth, name, arguments, path, key, count):
    asked = script(auth, path, key, count)
    names = [f"n{number}" for number in range(count)]
    assert hca(*words(name, arguments)).json()[key] == names
    assert hca(*words(name, arguments), "--no-paginate").json()[key] == names
    assert hca(*words(name, arguments), "--output", "jsonl").stdout == "".join(f'"{one}"\n' for one in names)
    assert len(asked()) == 3


@every
def test_where_to_begin_and_how_many_are_passed_on(hca, auth, name, arguments, path, key):
    """AC-031, 032, 045, 046, 050, 051, 058, 059, 068, 069, 081, 082, 089, 090, 099, 100."""
    asked = script(auth, path, key, 40)
    shown = hca(*words(name, arguments), "--next-token", "30", "--per-page", "5").json()
    assert shown[key][0] == "n30"
    (request,) = asked()
    assert {("next_token", "30"), ("per_page", "5")} <= set(request.query)


def test_every_page_is_asked_for_with_the_token(hca, auth):
    asked = script(auth, "/v1/users", "users", 40)
    hca("auth", "get-v1-users")
    assert [one.headers["Authorization"] for one in asked()] == ["Bearer T"] * 3


def test_the_token_stays_with_its_service(hca, auth):
    """The next page may be anywhere; the legacy client sent the token along."""
    from hca_core.testing import LoopbackService

    with LoopbackService() as other:
        other.on("GET", "/more").reply(json={"users": ["eve"]})
        auth.on("GET", "/v1/users").reply(json={"users": ["ann"]}, link=other.url + "/more", status=206)
        hca("auth", "get-v1-users")
        assert [one.headers["Authorization"] for one in other.requests] in ([], [None])


def test_a_failure_between_pages_is_a_failure(hca, auth):
    auth.on("GET", "/v1/users").reply(json={"users": ["ann"]}, link="/v1/gone", status=206)
    outcome = hca("auth", "get-v1-users", "--output", "jsonl")
    assert (outcome.exit_status, outcome.stdout) == (4, '"ann"\n')


# Python


@every
@pytest.mark.parametrize("count", [0, 1, 15, 16, 40])
@pytest.mark.parametrize("form", ["instance", "class"])
def test_iterate_yields_every_item(auth, name, arguments, path, key, count, form):
    """AS-011, AS-018, AS-019."""
    asked = script(auth, path, key, count)
    method = getattr(AuthClient() if form == "instance" else AuthClient, name)
    assert list(method.iterate(**arguments)) == [f"n{number}" for number in range(count)]
    assert len(asked()) == max(1, -(-count // SIZE))


@every
def test_a_call_gives_the_first_page_and_paginate_all_of_them(auth, name, arguments, path, key):
    script(auth, path, key, 40)
    method = getattr(AuthClient(), name)
    assert method(**arguments)[key] == [f"n{number}" for number in range(15)]
    assert [len(page[key]) for page in method.paginate(**arguments)] == [15, 15, 10]


def test_pages_are_fetched_when_they_are_needed(auth):
    asked = script(auth, "/v1/users", "users", 40)
    names = AuthClient().get_v1_users.iterate()
    assert asked() == []
    assert [next(names) for _ in range(15)][-1] == "n14"
    assert len(asked()) == 1
    assert next(names) == "n15"
    assert len(asked()) == 2


def test_the_documented_link_is_followed(auth):
    """AS-018: the published form of the header."""
    link = f'<{auth.url}/v1/users?per_page=30&next_token=123>; rel="next"'
    auth.on("GET", "/v1/users").reply(
        lambda request: (
            reply(json={"users": ["b"]})
            if ("next_token", "123") in request.query
            else reply(json={"users": ["a"]}, headers={"Link": link}, status=206)
        )
    )
    assert list(AuthClient().get_v1_users.iterate()) == ["a", "b"]


def test_pages_that_go_in_a_circle_end(auth):
    auth.on("GET", "/v1/users").reply(json={"users": ["a"]}, link="/v1/users", status=206)
    with pytest.raises(HCAError, match="circle"):
        list(AuthClient().get_v1_users.iterate())
