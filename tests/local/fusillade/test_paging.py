"""Lists in pages: their sizes, their links and their headers."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from hca_local.fusillade import directory
from hca_local.store import database

ADMIN = "admin@example.org"


def fill(api, count, kind="role", links=()):
    """Put `count` nodes into the directory, with links to the group `g`, and return their names in order."""
    names = [f"n{number:03}" for number in range(count)]
    connection = api.connection()
    with database.transaction(connection):
        for name in names:
            directory.add_new(connection, kind, name, owner="owner")
            for node in links:
                directory.link(connection, node, (kind, name))
    connection.close()
    return names


def pages(api, path, **query):
    """Return the answers of all pages."""
    answers = [api.send("GET", path, **query)]
    while "Link" in answers[-1].headers:
        link = answers[-1].headers["Link"]
        assert link.startswith(f"<{api.url}{path}?")
        assert link.endswith('>; rel="next"')
        answers.append(api.send("GET", link[1 : link.index(">")]))
    return answers


@pytest.mark.parametrize(
    ("count", "per_page", "sizes"),
    [
        (0, None, [0]),
        (1, None, [1]),
        (30, None, [30]),
        (31, None, [30, 1]),
        (100, None, [30, 30, 30, 10]),
        (30, 30, [30]),
        (31, 30, [30, 1]),
        (5, 5, [5]),
        (6, 5, [5, 1]),
        (31, 15, [15, 15, 1]),
    ],
)
def test_pages(api, count, per_page, sizes):
    """All entries come once, in order; the last page says that it is one."""
    names = fill(api, count, links=[("user", ADMIN)])
    api.send("PUT", f"/v1/user/{ADMIN}/policy", {"policy": api.allow("*")})
    connection = api.connection()
    connection.execute("DELETE FROM fusillade_links WHERE of_name='fusillade_admin'")
    connection.close()
    query = {} if per_page is None else {"per_page": per_page}
    answers = pages(api, f"/v1/user/{ADMIN}/roles", **query)
    assert [len(answer.json()["roles"]) for answer in answers] == sizes
    assert [name for answer in answers for name in answer.json()["roles"]] == names
    *earlier, last = answers
    for answer in earlier:
        assert answer.status_code == 206
        assert answer.headers["X-OpenAPI-Pagination"] == "True"
        assert answer.headers["X-OpenAPI-Paginated-Content-Key"] == "roles"
    assert last.status_code == 200
    assert last.headers["X-OpenAPI-Pagination"] == "False"
    assert last.headers["X-OpenAPI-Paginated-Content-Key"] == "roles"
    assert "Link" not in last.headers


def test_links_keep_the_query(api):
    """Other parameters stay, those of the page are replaced, and the first of several counts."""
    names = fill(api, 12)
    answer = api.send("GET", "/v1/user/owner/owns?per_page=5&per_page=9", resource_type="role", x="é&")
    assert answer.status_code == 404
    assert api.send("POST", "/v1/user", {"user_id": "owner"}).status_code == 201
    answer = api.send("GET", "/v1/user/owner/owns?per_page=5&per_page=9", resource_type="role", x="é&")
    assert answer.json() == {"roles": names[:5]}
    link = answer.headers["Link"]
    query = parse_qs(urlsplit(link[1 : link.index(">")]).query)
    assert query.pop("next_token")
    assert query == {"per_page": ["5"], "resource_type": ["role"], "x": ["é&"]}
    # Clients send theirs again, behind those of the link.
    again = api.send("GET", link[1 : link.index(">")], resource_type="role", per_page=7)
    assert again.json() == {"roles": names[5:10]}


def test_links_name_the_server_as_the_client_does(api):
    """The host is that of the request if it is one of this machine's names."""
    fill(api, 40)
    for host, expected in ("localhost:99", "http://localhost:99"), ("evil.example.org", api.url):
        link = api.send("GET", "/v1/roles", headers={"Host": host}).headers["Link"]
        assert link.startswith(f"<{expected}/v1/roles?")


def test_a_page_goes_on_behind_what_is_gone(api):
    """Neither what is removed nor what is added makes a page show something twice or skip it."""
    names = fill(api, 12)
    first = api.send("GET", "/v1/roles", per_page=5)
    assert first.json()["roles"] == ["default_user", "fusillade_admin", *names[:3]]
    assert api.send("DELETE", f"/v1/role/{names[2]}").status_code == 200
    link = first.headers["Link"]
    assert api.send("GET", link[1 : link.index(">")]).json()["roles"] == names[3:8]


def test_every_list_has_pages(api):
    """Each list, of 31 entries and with its own key, in two pages."""
    fill(api, 31, links=[("user", ADMIN), ("group", "hca")])
    connection = api.connection()
    with database.transaction(connection):
        for number in range(31):
            name = f"n{number:03}"
            for kind in "user", "group":
                directory.add_new(connection, kind, name, owner=ADMIN)
            directory.link(connection, ("user", name), ("group", "hca"))
            directory.link(connection, ("user", "public"), ("group", name))
            connection.execute("INSERT INTO fusillade_types VALUES (?, '[]')", (name,))
            connection.execute("INSERT INTO fusillade_levels VALUES ('n000', ?, '{}')", (name,))
            connection.execute("INSERT INTO fusillade_resources VALUES ('n000', ?)", (name,))
            connection.execute("INSERT INTO fusillade_access VALUES ('n000', 'n000', 'user', ?, 'a b')", (name,))
    connection.close()
    for path, key, query in [
        ("/v1/users", "users", {}),
        ("/v1/groups", "groups", {}),
        ("/v1/roles", "roles", {}),
        (f"/v1/user/{ADMIN}/owns", "groups", {"resource_type": "group"}),
        ("/v1/user/public/groups", "groups", {}),
        (f"/v1/user/{ADMIN}/roles", "roles", {}),
        ("/v1/group/hca/roles", "roles", {}),
        ("/v1/group/hca/users", "users", {}),
        ("/v1/resources", "resources", {}),
        ("/v1/resource/n000/policies", "policies", {}),
        ("/v1/resource/n000/ids", "resource_ids", {}),
        ("/v1/resource/n000/id/n000/members", "members", {}),
    ]:
        first, last = pages(api, path, **query)
        assert (first.status_code, last.status_code) == (206, 200)
        assert first.headers["X-OpenAPI-Paginated-Content-Key"] == key
        entries = [json.dumps(entry) for answer in (first, last) for entry in answer.json()[key]]
        assert len(entries) == len(set(entries)) >= 31, path
        assert entries == sorted(entries)
