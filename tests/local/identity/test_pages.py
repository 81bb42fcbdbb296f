"""The pages on the way to a code: who is logged in, forms from elsewhere, wrong passwords. Without a real browser."""

from __future__ import annotations

import html
import re
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests  # noqa: TID253 - tests start once

from hca_local.identity import passwords, sessions, templates
from hca_local.identity.browsers import PERSON_LIFETIME
from hca_local.store import database

ADA, EVE = "ada@example.org", "eve@example.org"
KEY = b"0123456789abcdef0123456789abcdef"
WRONG = {"action": "login", "email": ADA, "password": "AAAA-AAAA-AAAA"}
RIGHT = {"action": "login", "email": ADA, "password": passwords.password(KEY, ADA)}


def is_login(page: requests.Response) -> bool:
    return "<h1>Log in</h1>" in page.text


def is_consent(page: requests.Response, email: str = ADA) -> bool:
    return 'value="allow"' in page.text and email in page.text


def token_in(page: requests.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found
    return found[1]


def alert(page: requests.Response) -> str:
    found = re.search(r'role="alert"[^>]*>([^<]*)<', page.text)
    return found[1] if found else ""


def test_somebody_who_is_logged_in_only_consents(served: Any, browser: Any) -> None:
    browser.consent(served.authorize_url())
    page = browser.get(served.authorize_url())
    assert is_consent(page)
    assert "code=" in browser.submit(page, action="allow").headers["location"]
    served.clock.ahead = PERSON_LIFETIME - 10
    assert is_consent(browser.get(served.authorize_url()))
    served.clock.ahead = PERSON_LIFETIME + 10
    assert is_login(browser.get(served.authorize_url()))


def test_no_code_before_consent(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    for action in ("allow", "refuse", "switch", "", "other"):
        answer = browser.submit(page, action=action)
        assert is_login(answer)
        assert "location" not in answer.headers
    consent = browser.log_in(page)
    assert is_consent(browser.submit(consent, action="other"))
    assert served.count("codes") == 0


def test_another_account(served: Any, browser: Any) -> None:
    consent = browser.log_in(browser.get(served.authorize_url()))
    answer = browser.submit(consent, action="switch")
    login = browser.get(served.url + answer.headers["location"])
    assert is_login(login)
    assert is_consent(browser.log_in(login, EVE), EVE)


@pytest.mark.parametrize("prompt", ["login", "select_account", "consent login"])
def test_a_request_can_insist_on_the_password(served: Any, browser: Any, prompt: str) -> None:
    browser.consent(served.authorize_url())
    page = browser.get(served.authorize_url(prompt=prompt))
    assert is_login(page)
    assert is_login(browser.submit(page, action="allow"))
    assert is_consent(browser.log_in(page))


def test_the_address_that_the_program_suggests(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url(login_hint='"><b>eve'))
    assert 'value="&quot;&gt;&lt;b&gt;eve"' in page.text
    assert "<b>" not in page.text


def test_cookies(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    answer = browser.submit(page, **RIGHT)
    for response in (page, answer):
        cookie = response.headers["set-cookie"]
        assert re.match(rf"hca_(visitor|person)_{urlsplit(served.url).port}=", cookie)
        assert {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={PERSON_LIFETIME}"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


@pytest.mark.parametrize("change", ["another letter", "cut", "longer", "garbage", "not ascii"])
def test_forged_cookies(served: Any, browser: Any, change: str) -> None:
    browser.log_in(browser.get(served.authorize_url()))
    name = f"hca_person_{urlsplit(served.url).port}"
    value = browser.http.cookies[name]
    forged = {
        "another letter": ("B" if value[0] == "A" else "A") + value[1:],
        "cut": value[:-1],
        "longer": f"{value}A",
        "garbage": "!.!",
        "not ascii": "/w.\u00e9",
    }[change]
    header = f"{name}={forged}".encode()
    answer = requests.get(served.authorize_url(), headers={"Cookie": header}, timeout=60)
    assert (answer.status_code, is_login(answer)) == (200, True)
    answer = requests.get(served.authorize_url(), headers={"Cookie": f"{name}={value}"}, timeout=60)
    assert is_consent(answer)


@pytest.mark.parametrize("how", ["logout", "switch", "disabled"])
def test_a_copied_cookie_is_worth_nothing_after_the_end(served: Any, browser: Any, how: str) -> None:
    """Another program on this machine may have got it: browsers send the cookies of a host to all its ports."""
    page = browser.log_in(browser.get(served.authorize_url()))
    copied = {"Cookie": "; ".join(f"{one.name}={one.value}" for one in browser.http.cookies)}
    assert is_consent(requests.get(served.authorize_url(), headers=copied, timeout=60))
    if how == "logout":
        browser.get(f"{served.url}/logout")
    elif how == "switch":
        browser.submit(page, action="switch")
    else:
        with closing(database.connect(served.path)) as connection:
            sessions.revoke_all(connection, ADA)
    assert is_login(requests.get(served.authorize_url(), headers=copied, timeout=60))


def test_no_cookie_is_kept_as_it_is(served: Any, browser: Any) -> None:
    browser.log_in(browser.get(served.authorize_url()))
    value = browser.http.cookies[f"hca_person_{urlsplit(served.url).port}"]
    assert value.encode() not in served.path.read_bytes()
    assert served.count("browsers") >= 1


def test_the_cookie_of_another_deployment(served: Any, browser: Any) -> None:
    browser.log_in(browser.get(served.authorize_url()))
    value = browser.http.cookies[f"hca_person_{urlsplit(served.url).port}"]
    assert is_login(requests.get(served.authorize_url(), headers={"Cookie": f"hca_person_1={value}"}, timeout=60))


def test_forms_from_elsewhere(served: Any, browser: Any) -> None:
    consent = browser.log_in(browser.get(served.authorize_url()))
    other = type(browser)(served)
    foreign = other.log_in(other.get(served.authorize_url()))
    elsewhere = browser.get(served.authorize_url(state="other"))
    device = served.post("/oauth/device/code").json()["verification_uri_complete"]
    for token in (
        "",
        "x",
        "1.x",
        "9999999999999.x",
        token_in(foreign),
        token_in(elsewhere),
        token_in(browser.get(device)),
    ):
        answer = browser.submit(consent, action="allow", token=token)
        assert (answer.status_code, "location" in answer.headers) == (403, False)
        assert "Start again" in answer.text
    without = browser.http.post(consent.url, data={"action": "allow"}, allow_redirects=False, timeout=60)
    assert without.status_code == 403
    assert served.count("codes") == 0
    assert browser.submit(consent, action="allow").status_code == 303


def test_a_login_form_from_elsewhere(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    stranger = type(browser)(served)
    answer = stranger.submit(page, **RIGHT)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_the_token_is_that_of_one_person(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    browser.log_in(page)
    assert browser.submit(page, action="allow").status_code == 403
    ada = browser.get(served.authorize_url())
    browser.log_in(browser.get(served.authorize_url(prompt="login")), EVE)
    assert browser.submit(ada, action="allow").status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_forms_that_the_browser_says_are_foreign(served: Any, browser: Any, site: str) -> None:
    consent = browser.log_in(browser.get(served.authorize_url()))
    browser.http.headers["Sec-Fetch-Site"] = site
    assert browser.submit(consent, action="allow").status_code == 403
    browser.http.headers["Sec-Fetch-Site"] = "same-origin"
    assert browser.submit(consent, action="allow").status_code == 303


def test_a_page_that_was_open_for_too_long(served: Any, browser: Any) -> None:
    consent = browser.log_in(browser.get(served.authorize_url()))
    served.clock.ahead = 1801
    answer = browser.submit(consent, action="allow")
    assert (answer.status_code, alert(answer)[:16]) == (403, "Nothing was done")
    link = re.search(r'href="([^"]+)"', answer.text)
    assert link
    again = browser.get(served.url + html.unescape(link[1]))
    assert is_consent(again)
    served.clock.ahead += 1700
    assert browser.submit(again, action="allow").status_code == 303


@pytest.mark.parametrize("email", [ADA, "nobody@example.org", "", "x", "<script>@example.org"])
def test_wrong_passwords(served: Any, browser: Any, email: str) -> None:
    for password in ("", "x", "\u00e9", passwords.password(KEY, EVE), passwords.password(b"x" * 32, ADA)):
        page = browser.get(served.authorize_url())
        answer = browser.submit(page, action="login", email=email, password=password)
        assert (answer.status_code, is_login(answer)) == (403, True)
        assert alert(answer) == "The e-mail address or the password is not right."
        assert 'aria-describedby="alert' in answer.text
        assert "<script>" not in answer.text
        served.clock.ahead += 4000


def test_what_is_no_address_has_no_password(served: Any, browser: Any) -> None:
    for email in ("", "x", "a b@example.org", "a@b@c"):
        answer = browser.submit(
            browser.get(served.authorize_url()),
            action="login", email=email, password=passwords.password(KEY, email.strip().lower()),
        )  # fmt: skip
        assert answer.status_code == 403


def test_names_and_passwords_as_people_type_them(served: Any, browser: Any) -> None:
    typed = passwords.password(KEY, ADA).lower().replace("-", " ")
    page = browser.get(served.authorize_url())
    answer = browser.submit(page, action="login", email=" ADA@Example.ORG ", password=f" {typed} ")
    assert is_consent(browser.get(served.url + answer.headers["location"]))


def test_guessing_gets_slow(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    assert [browser.submit(page, **WRONG).status_code for _ in range(5)] == [403] * 5
    for wait in (5, 10, 20):
        refused = browser.submit(page, **RIGHT)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, str(wait))
        assert alert(refused) == f"There were too many wrong passwords. Try again in {wait} seconds."
        served.clock.ahead += wait - 1
        assert alert(browser.submit(page, **RIGHT)).endswith("in 1 second.")
        assert is_consent(browser.log_in(page, EVE), EVE)
        page = browser.get(served.authorize_url(prompt="login"))
        served.clock.ahead += 1
        assert browser.submit(page, **WRONG).status_code == 403
    served.clock.ahead += 40
    page = browser.get(served.authorize_url(prompt="login"))
    assert browser.submit(page, **RIGHT).status_code == 303
    page = browser.get(served.authorize_url(prompt="login"))
    assert browser.submit(page, **WRONG).status_code == 403
    assert browser.submit(page, **RIGHT).status_code == 303  # the right one had made good for the wrong ones


def test_wrong_passwords_of_an_hour_ago_are_forgotten(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    for _ in range(4):
        browser.submit(page, **WRONG)
    served.clock.ahead = 3601
    page = browser.get(served.authorize_url())
    for _ in range(2):
        assert browser.submit(page, **WRONG).status_code == 403


def test_the_wait_is_for_a_name_in_any_case(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    for email in (ADA, "ADA@example.org", "Ada@example.org", "aDa@example.org", " ada@example.org"):
        browser.submit(page, action="login", email=email, password="x")
    assert browser.submit(page, **RIGHT).status_code == 429


def test_disabled_accounts(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())
    served.people.disabled.add(ADA)
    assert "right" in alert(browser.submit(page, **WRONG))
    answer = browser.submit(page, **RIGHT)
    assert (answer.status_code, alert(answer)[:24]) == (403, "This account is disabled")
    served.people.disabled.clear()
    consent = browser.log_in(page)
    served.people.disabled.add(ADA)
    for answer in (browser.submit(consent, action="allow"), browser.get(served.authorize_url())):
        assert is_login(answer)
        assert "location" not in answer.headers
        assert "disabled" in alert(answer)


def test_malformed_forms(served: Any, browser: Any) -> None:
    page = browser.get(served.authorize_url())

    def send(body: bytes, content_type: str = "application/x-www-form-urlencoded") -> int:
        answer = browser.http.post(page.url, data=body, headers={"Content-Type": content_type}, timeout=60)
        assert 'role="alert"' in answer.text
        status: int = answer.status_code
        return status

    assert send(b"%ff=1") == 400
    assert send(b"action=allow&action=refuse") == 400
    assert send(b"x" * 70_000) == 413
    assert send(b"{}", "application/json") == 415


def test_headers_of_all_pages(served: Any, browser: Any) -> None:
    device = served.post("/oauth/device/code").json()["verification_uri_complete"]
    login = browser.get(served.authorize_url())
    wrong, old = browser.submit(login, **WRONG), browser.submit(login, token="x")
    consent = browser.log_in(login)
    pages = [login, wrong, old, consent, browser.get(served.authorize_url(client_id="x"))]
    pages += [browser.get(f"{served.url}/device"), browser.get(f"{served.url}/device?user_code=x"), browser.get(device)]
    pages += [
        browser.submit(browser.get(device), action="allow"),
        browser.get(device),
        browser.get(f"{served.url}/logout"),
    ]
    for page in pages:
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert policy["style-src"].startswith("'sha256-")
        assert policy["form-action"] == ("'self' http://127.0.0.1:9" if page is consent else "'self'")
        assert '<html lang="en">' in page.text
        assert page.text.count("<h1>") == page.text.count("<main>") == page.text.count("<header>") == 1
        assert not re.search(r"<script|<img|<link|style=|\son\w+=|src=|https?://", page.text)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    page = templates.message("x", "y")
    part = page.split("prefers-color-scheme")[scheme == "dark"].split(":root", 1)[1].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", part))
    texts = [("text", "back"), ("text", "card"), ("text", "code"), ("soft", "back"), ("soft", "card"), ("soft", "code")]
    texts += [("main", "card"), ("on-main", "main"), ("bad", "bad-back")]
    edges = [("line", "card"), ("bad", "card"), ("main", "back")]
    for pairs, least in ((texts, 4.5), (edges, 3.0)):
        for one, other in pairs:
            high, low = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= least, (one, other)


def test_who_is_asked_where_to(served: Any, browser: Any) -> None:
    consent = browser.log_in(browser.get(served.authorize_url()))
    assert "127.0.0.1:9</code>" in consent.text
    echo = browser.get(served.authorize_url(redirect_uri=f"{served.url}/echo"))
    assert "you see a code" in echo.text
    shown = browser.get(browser.submit(echo, action="allow").headers["location"])
    code = parse_qs(urlsplit(shown.url).query)["code"][0]
    assert shown.text.splitlines()[2] == f"    {code}"
    assert served.redeem(code, redirect_uri=f"{served.url}/echo").status_code == 200
