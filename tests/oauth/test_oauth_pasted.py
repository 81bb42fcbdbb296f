"""The login whose answer a person carries over by hand, in whatever piece of the last page they copied."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests  # noqa: TID253

from hca_core.errors import LoginError
from hca_core.oauth import flows, pasting
from hca_core.oauth.grants import GrantRefusedError


def last_page(spoken):
    """Open the told address as the person does and return the page that it ends on."""
    return requests.get(spoken.address, timeout=60)


def whole_address(spoken):
    return last_page(spoken).url


def query_alone(spoken):
    return urlsplit(last_page(spoken).url).query


def bare_code(spoken):
    return f"  {last_page(spoken).json()['query_params']['code']} "


def what_the_page_shows(spoken):
    return last_page(spoken).text


@pytest.mark.parametrize("copy", [whole_address, query_alone, bare_code, what_the_page_shows])
def test_any_piece_with_the_code_will_do(op, found, session, spoken, copy):
    person = spoken(copy)
    tokens = flows.pasted(found, session, person.talk)
    assert tokens.access_token.startswith("access-")
    assert op.grants[0]["redirect_uri"] == f"{op.url}/echo"
    assert op.asked[0]["code_challenge_method"] == "S256"
    assert not any(op.grants[0][name] in "".join(person.said) for name in ("code", "code_verifier"))


def test_a_page_of_many_lines_may_be_pasted_as_it_is(op, found, session, spoken):
    lines = []

    def line(person):
        if not lines:
            lines.extend(json.dumps(last_page(person).json(), indent=2).splitlines())
        return lines.pop(0)

    person = spoken(*[line] * 20)
    assert flows.pasted(found, session, person.talk).access_token
    assert sum("no code in that yet" in one for one in person.said) == 1


@pytest.mark.parametrize("copy", [whole_address, query_alone])
@pytest.mark.parametrize("fault", ["wrong state"])
def test_the_answer_of_another_login_is_not_taken(op, found, session, spoken, copy, fault):
    op.faults.add(fault)
    with pytest.raises(LoginError, match="belongs to another login"):
        flows.pasted(found, session, spoken(copy).talk)
    assert op.grants == []


def test_a_code_of_another_login_is_worth_nothing(op, found, session, spoken):
    """Somebody else's code, sent to this person to paste: it has another challenge."""
    first = spoken()
    with pytest.raises(LoginError):
        flows.pasted(found, session, first.talk)
    with pytest.raises(GrantRefusedError, match="invalid_grant"):
        flows.pasted(found, session, spoken(bare_code(first)).talk)
    assert op.grants == []


def test_an_id_token_of_another_login_ends_this_one_too(op, found, session, spoken):
    op.claims = {"nonce": "another"}
    with pytest.raises(LoginError, match="another login"):
        flows.pasted(found, session, spoken(bare_code).talk)


def test_a_refusal_may_be_pasted(op, found, session, spoken):
    op.faults.add("refused")
    with pytest.raises(LoginError, match="was refused in the browser"):
        flows.pasted(found, session, spoken(whole_address).talk)


def test_without_anybody_there_is_no_login(op, found, session, spoken):
    with pytest.raises(LoginError, match="nobody is here") as caught:
        flows.pasted(found, session, spoken().talk)
    assert "--access-token" in caught.value.hint
    with pytest.raises(LoginError, match="no code in what was given"):
        flows.pasted(found, session, spoken("what?", "").talk)
    with pytest.raises(LoginError, match="no code in what was given"):
        flows.pasted(found, session, spoken(*["what?"] * 1000).talk)


def test_the_address_that_was_told_is_no_answer(op, found, session, spoken):
    """The one mistake that is easy to make: to paste the address back."""
    person = spoken(lambda person: person.address, bare_code)
    assert flows.pasted(found, session, person.talk).access_token


def test_ctrl_c_at_the_question_passes_through(found, session, spoken):
    def interrupt(person):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flows.pasted(found, session, spoken(interrupt).talk)


CODE = "4/0AX4XfWh-_~.x"


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (CODE, {"code": CODE}),
        ("SplxlOBeZQQYbYS6WxSbIA==", {"code": "SplxlOBeZQQYbYS6WxSbIA=="}),
        ("4%2F0AX4XfWh", {"code": "4/0AX4XfWh"}),
        ("https://h/echo?" + urlencode({"code": CODE, "state": "s+ s"}), {"code": CODE, "state": "s+ s"}),
        ("https://h/echo?code=abc&state=s#fragment", {"code": "abc", "state": "s"}),
        ("?code=abc&state=s", {"code": "abc", "state": "s"}),
        ("code=abc", {"code": "abc"}),
        ("error=access_denied&state=s", {"error": "access_denied", "state": "s"}),
        ("code: abc", {"code": "abc"}),
        ("  code: abc\n  state: xyz", {"code": "abc", "state": "xyz"}),
        ("{'query_params': {'code': 'abc', 'state': 'xyz'}}", {"code": "abc", "state": "xyz"}),
        ("{'code': ['abc'], 'state': ['xyz']}", {"code": "abc", "state": "xyz"}),
        ('"code": "abc",', {"code": "abc"}),
        ("Location: https://h/echo?code=4%2Fabc&state=xyz", {"code": "4/abc", "state": "xyz"}),
        ("GET /echo?code=abc&state=xyz HTTP/1.1", {"code": "abc", "state": "xyz"}),
        ("Copy this code to the program that asks for it:\n\n    abcdefgh1234", {"code": "abcdefgh1234"}),
        ("", {}),
        ("y", {}),
        ("Parameters", {}),
        ("headers:", {}),
        ("what do you mean by code", {}),
        ("response_type=code&state=s", {}),
        ("https://h/authorize?code_challenge=abc&state=s", {}),
        ("user_code: ABCD", {}),
        ('"status": 200', {}),
        ("code=a&code=b", {"code": "a"}),
    ],
)
def test_what_is_found_in_a_paste(given, answer):
    assert pasting.answer_in(given) == answer


def test_the_address_told_is_the_one_of_the_provider(op, found, session, spoken):
    person = spoken()
    with pytest.raises(LoginError):
        flows.pasted(found, session, person.talk)
    parts = urlsplit(person.address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{op.url}/oauth/authorize"
    assert parse_qs(parts.query)["redirect_uri"] == [f"{op.url}/echo"]
