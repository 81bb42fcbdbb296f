"""Pages: the Link header in all its spellings, and an end to every walk."""

from __future__ import annotations

import pytest

from hca_core import paging
from hca_core.errors import HCAError
from hca_core.http import Policy, Session
from hca_core.testing import reply

BASE = "https://dss.example.org/v1/bundles/all?replica=aws"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ('<https://h/n>; rel="next"', "https://h/n"),
        ("<https://h/n>; rel='next'", "https://h/n"),
        ("<https://h/n>; rel=next", "https://h/n"),
        ('<https://h/n>; rel="NEXT"', "https://h/n"),
        ('<https://h/n>; REL="Next"', "https://h/n"),
        ('<https://h/n>;rel="next"', "https://h/n"),
        ('<https://h/n> ; rel = "next"', "https://h/n"),
        ('<https://h/n>; rel="last next"', "https://h/n"),
        ('<https://h/n>; title="a, b; rel=prev"; rel="next"', "https://h/n"),
        ('<https://h/p>; rel="prev", <https://h/n>; rel="next"', "https://h/n"),
        ("<https://h/n>; rel='next', <https://h/l>; rel='last'", "https://h/n"),
        ('<https://h/a>; rel="next", <https://h/b>; rel="next"', "https://h/a"),
        ('<https://h/n?a=1,2&b=x;y>; rel="next"', "https://h/n?a=1,2&b=x;y"),
        ('<?start_at=2>; rel="next"', "https://dss.example.org/v1/bundles/all?start_at=2"),
        ('</v1/x>; rel="next"', "https://dss.example.org/v1/x"),
        ('< https://h/n >; rel="next"', "https://h/n"),
        ('<https://h/n>; rel="prev"', None),
        ('<https://h/n>; rel="nextish"', None),
        ('<https://h/n>; title="rel=next"', None),
        ("<https://h/n>; title='; rel=next'", None),
        ("<https://h/n>", None),
        ("https://h/n; rel=next", None),
        ("", None),
        (None, None),
    ],
)
def test_the_next_page(link, url):
    assert paging.next_url(link, BASE) == url


@pytest.fixture
def session():
    made = Session(Policy(first_wait=0.01))
    yield made
    made.close()


def walk(session, url):
    first = session.request("GET", url)
    return [page.json() for page in paging.pages(first, lambda other: session.request("GET", other))]


def test_every_page_is_read_once_and_its_url_is_asked_as_given(service, session):
    link = f"<{service.url}/x?replica=aws&search_after=a%2Fb%3D%3D>; rel='next'"
    service.on("GET", "/x").reply(json=1, headers={"Link": link}).reply(json=2, link="/x?page=3").reply(json=3)
    assert walk(session, service.url + "/x?replica=aws") == [1, 2, 3]
    assert service.requests[1].query == [("replica", "aws"), ("search_after", "a/b==")]


@pytest.mark.parametrize("back", ["/x", "/x?page=2"])
def test_a_page_that_was_read_before_is_an_error(service, session, back):
    links = iter(["/x?page=2", back])
    service.on("GET", "/x").reply(lambda request: reply(json=1, link=next(links)))
    with pytest.raises(HCAError, match="in a circle"):
        walk(session, service.url + "/x")
    assert len(service.requests) == 2


def test_the_next_page_is_asked_for_only_when_it_is_needed(service, session):
    service.on("GET", "/x").reply(json=1, link="/x?page=2").reply(json=2)
    pages = paging.pages(session.request("GET", service.url + "/x"), lambda url: session.request("GET", url))
    next(pages)
    assert len(service.requests) == 1
    next(pages)
    assert len(service.requests) == 2


def test_a_failing_page_ends_the_walk_with_its_error(service, session):
    service.on("GET", "/x").reply(json=1, link="/x?page=2").fail(503).reply(json=2, link="/gone")
    with pytest.raises(HCAError, match="not_found"):
        walk(session, service.url + "/x")


@pytest.mark.parametrize(
    ("document", "key"), [({"bundles": [1]}, "bundles"), ({"bundle": {"files": [1]}}, "bundle.files")]
)
def test_items_at_a_dotted_key(document, key):
    assert paging.items(document, key) == [1]


@pytest.mark.parametrize("document", [{}, {"bundle": None}, {"bundle": {"files": {}}}, [], None, {"bundle.files": [1]}])
def test_a_page_without_its_list_is_an_error(document):
    with pytest.raises(HCAError, match=r"no list at 'bundle\.files'"):
        paging.items(document, "bundle.files")
