"""The pages of a login in a real browser: by keyboard only, for people who can't see them, on a narrow screen."""

from __future__ import annotations

import http.server
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from waiting import until

from hca_local.identity import passwords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADA = "ada@example.org"
PASSWORD = passwords.password(b"0123456789abcdef0123456789abcdef", ADA)
TAB, ENTER, SHIFT, CONTROL = "\ue004", "\ue007", "\ue008", "\ue009"


class Program:
    """The program that waits for a code on loopback, like `hca auth login`."""

    def __init__(self, host: str) -> None:
        self.got: list[str] = []
        program = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                program.got.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>The program has it</title>")

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        self.server = Server((host, 0), Handler)
        name = f"[{host}]" if ":" in host else host
        self.redirect_uri = f"http://{name}:{self.server.server_address[1]}/back"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def answer(self) -> dict[str, str]:
        """Return what the browser brought."""
        query = next(urlsplit(path).query for path in self.got if path.startswith("/back"))
        return {name: values[0] for name, values in parse_qs(query).items()}

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def program() -> Iterator[Program]:
    """Return a program that waits for a code."""
    found = Program("127.0.0.1")
    yield found
    found.stop()


def until_shown(condition: Callable[[], Any]) -> None:
    """Wait until `condition` holds for the page."""
    from selenium.common.exceptions import WebDriverException

    def shown() -> Any:
        try:
            return condition()
        except WebDriverException:
            return False  # the page is just being replaced by another one

    until(shown)


def until_title(chromium: Any, title: str) -> None:
    """Wait until the page is the one with `title`, to its end."""
    state = "return document.readyState"
    until_shown(lambda: chromium.title.startswith(title) and chromium.execute_script(state) == "complete")


def until_focus(chromium: Any, name: str) -> None:
    """Wait until that has the focus which assistive technology calls `name`: a browser sets it after it has drawn."""
    until_shown(lambda: focused(chromium) == name)


def press(chromium: Any, *keys: str) -> None:
    """Type on the keyboard, into whatever has the focus."""
    from selenium.webdriver import ActionChains

    ActionChains(chromium).send_keys(*keys).perform()


def press_with(chromium: Any, held: str, *keys: str) -> None:
    """Type on the keyboard while another key is held down."""
    from selenium.webdriver import ActionChains

    ActionChains(chromium).key_down(held).send_keys(*keys).key_up(held).perform()


def focused(chromium: Any) -> str:
    """Return the name that assistive technology has for what has the focus."""
    found: str = chromium.switch_to.active_element.accessible_name
    return found


def log_in(chromium: Any, email: str = ADA) -> None:
    """Log in on the page that is shown."""
    until_title(chromium, "Log in")
    until_focus(chromium, "E-mail address")
    press(chromium, email, TAB, passwords.password(b"0123456789abcdef0123456789abcdef", email), ENTER)
    until_title(chromium, "Allow hca")


def tree(chromium: Any) -> list[tuple[str, str, str]]:
    """Return role, name and description of what assistive technology sees on the page."""
    nodes = chromium.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [
        tuple(node.get(part, {}).get("value", "") for part in ("role", "name", "description"))
        for node in nodes
        if not node["ignored"]
    ]


def named(chromium: Any, *roles: str) -> list[tuple[str, str]]:
    """Return role and name of what has one of `roles`, in the order of the page."""
    return [(role, name) for role, name, _ in tree(chromium) if role in roles]


def test_a_login_by_keyboard_only(chromium: Any, served: Any, program: Program) -> None:
    chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
    until_focus(chromium, "E-mail address")
    press(chromium, ADA, TAB)
    until_focus(chromium, "Password")
    press(chromium, PASSWORD, TAB)
    until_focus(chromium, "Log in")
    press(chromium, ENTER)
    until_title(chromium, "Allow hca")
    for name in ("Allow", "Refuse", "Use another account"):
        press(chromium, TAB)
        until_focus(chromium, name)
    press_with(chromium, SHIFT, TAB, TAB)
    until_focus(chromium, "Allow")
    press(chromium, ENTER)
    until_title(chromium, "The program has it")
    answer = program.answer()
    assert answer["state"] == "st/at&e"
    tokens = served.redeem(answer["code"], redirect_uri=program.redirect_uri)
    assert tokens.status_code == 200


def test_the_focus_is_seen(chromium: Any, served: Any) -> None:
    chromium.get(served.authorize_url())
    for name in ("E-mail address", "Password", "Log in"):
        until_focus(chromium, name)
        element = chromium.switch_to.active_element
        assert element.value_of_css_property("outline-style") == "solid"
        assert element.value_of_css_property("outline-width") == "3px"
        press(chromium, TAB)


def test_a_wrong_password(chromium: Any, served: Any, program: Program) -> None:
    served.clock.ahead = 7200.0
    chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
    until_focus(chromium, "E-mail address")
    press(chromium, "eve@example.org", TAB, "wrong", ENTER)
    until_shown(lambda: chromium.find_elements("id", "alert"))
    until_focus(chromium, "Password")
    found = tree(chromium)
    wrong = "The e-mail address or the password is not right."
    assert ("alert", "", "") in found
    assert [text for role, name, text in found if name == "E-mail address" and role == "textbox"] == [wrong]
    described = [text for role, name, text in found if name == "Password" and role == "textbox"]
    assert [text.startswith(wrong) and "ABCD-EFGH-IJKL" in text for text in described] == [True]
    assert chromium.find_element("id", "email").get_attribute("value") == "eve@example.org"
    assert chromium.find_element("id", "password").get_attribute("value") == ""
    press(chromium, passwords.password(b"0123456789abcdef0123456789abcdef", "eve@example.org").lower(), ENTER)
    until_title(chromium, "Allow hca")
    assert program.got == []


def test_refusing(chromium: Any, served: Any, program: Program) -> None:
    chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
    log_in(chromium)
    press(chromium, TAB, TAB, ENTER)
    until_title(chromium, "The program has it")
    assert program.answer()["error"] == "access_denied"


def test_another_account(chromium: Any, served: Any, program: Program) -> None:
    chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
    log_in(chromium)
    press(chromium, TAB, TAB, TAB, ENTER)
    log_in(chromium, "eve@example.org")
    assert "eve@example.org" in chromium.page_source
    assert ADA not in chromium.page_source


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_programs_at_other_names_of_this_machine(chromium: Any, served: Any, host: str) -> None:
    """The page's policy lets the browser follow the redirect there too."""
    try:
        program = Program(host)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    try:
        chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
        log_in(chromium)
        press(chromium, TAB, ENTER)
        until_title(chromium, "The program has it")
        assert program.answer()["code"]
    finally:
        program.stop()


def test_a_code_to_copy(chromium: Any, served: Any) -> None:
    chromium.get(served.authorize_url(redirect_uri=f"{served.url}/echo"))
    log_in(chromium)
    press(chromium, TAB, ENTER)
    until_shown(lambda: "/echo?" in chromium.current_url)
    lines = chromium.find_element("tag name", "body").text.splitlines()
    assert lines[0] == "Copy this code to the program that asks for it:"
    assert served.redeem(lines[2].strip(), redirect_uri=f"{served.url}/echo").status_code == 200


def test_a_link_that_can_not_be_used(chromium: Any, served: Any) -> None:
    chromium.get(served.authorize_url(redirect_uri="https://example.org/"))
    assert chromium.title.startswith("This link can't be used")
    assert chromium.current_url.startswith(served.url)
    assert [role for role, _, _ in tree(chromium) if role == "alert"] == ["alert"]


def test_a_page_that_was_open_for_too_long(chromium: Any, served: Any, program: Program) -> None:
    chromium.get(served.authorize_url(redirect_uri=program.redirect_uri))
    log_in(chromium)
    served.clock.ahead = 1801.0
    press(chromium, TAB, ENTER)
    until_title(chromium, "This page is too old")
    until_focus(chromium, "Start again")
    press(chromium, ENTER)
    until_title(chromium, "Allow hca")
    press(chromium, TAB, ENTER)
    until_title(chromium, "The program has it")
    assert program.answer()["code"]


def test_a_program_without_a_browser(chromium: Any, served: Any) -> None:
    device = served.post("/oauth/device/code", scope="openid email").json()
    chromium.get(device["verification_uri"])
    until_focus(chromium, "Code")
    press(chromium, "bcdf ghjk", ENTER)
    until_title(chromium, "Enter the code")
    until_shown(lambda: "alert" in [role for role, _, _ in tree(chromium)])
    until_focus(chromium, "Code")
    press_with(chromium, CONTROL, "a")
    press(chromium, device["user_code"].lower(), ENTER)
    until_title(chromium, "Log in")
    assert device["user_code"] in chromium.page_source
    log_in(chromium)
    assert device["user_code"] in chromium.page_source
    press(chromium, TAB, ENTER)
    until_title(chromium, "You are done here")
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    assert served.post("/oauth/token", grant_type=grant, device_code=device["device_code"]).status_code == 200
    chromium.get(device["verification_uri_complete"])
    until_title(chromium, "This code is not good any more")
    until_focus(chromium, "Enter another code")
    press(chromium, ENTER)
    until_title(chromium, "Enter the code")


def test_what_assistive_technology_sees(chromium: Any, served: Any) -> None:
    chromium.get(served.authorize_url())
    roles = ("banner", "main", "heading", "textbox", "button", "link")
    assert named(chromium, *roles) == [
        ("banner", ""), ("main", ""), ("heading", "Log in"), ("textbox", "E-mail address"), ("textbox", "Password"),
        ("button", "Log in"),
    ]  # fmt: skip
    assert chromium.find_element("tag name", "html").get_attribute("lang") == "en"
    log_in(chromium)
    assert named(chromium, *roles) == [
        ("banner", ""), ("main", ""), ("heading", "Allow hca to work in your name?"), ("button", "Allow"),
        ("button", "Refuse"), ("button", "Use another account"),
    ]  # fmt: skip
    assert len(named(chromium, "listitem")) == 4
    chromium.get(f"{served.url}/device")
    assert named(chromium, *roles) == [
        ("banner", ""), ("main", ""), ("heading", "Enter the code"), ("textbox", "Code"), ("button", "Continue"),
    ]  # fmt: skip
    chromium.get(f"{served.url}/device?user_code=x")
    described = [text for role, _, text in tree(chromium) if role == "textbox"]
    assert described[0].startswith("There is no program with this code.")
    assert described[0].endswith("Eight letters, like BCDF-GHJK.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen(chromium: Any, served: Any, scheme: str) -> None:
    size = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    device = served.post("/oauth/device/code").json()["verification_uri_complete"]

    def check() -> None:
        width, seen = chromium.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert (width, seen) == (320, 320), chromium.title
        back = chromium.find_element("tag name", "body").value_of_css_property("background-color")
        assert back == ("rgba(17, 22, 29, 1)" if scheme == "dark" else "rgba(243, 245, 248, 1)")

    for url in (served.authorize_url(), f"{served.url}/device", f"{served.url}/device?user_code={'x' * 200}",
                served.authorize_url(client_id="x"), f"{served.url}/logout"):  # fmt: skip
        chromium.get(url)
        check()
    long = f"{'a' * 100}@{'b' * 20}.org"
    served.people.groups[long] = []
    for url in (served.authorize_url(), device):
        chromium.get(url)
        if "Log in" in chromium.title:
            log_in(chromium, long)
        check()


def test_it_is_readable_without_style_or_scripts(chromium: Any, served: Any) -> None:
    """Nothing is loaded from anywhere, and nothing runs."""
    chromium.get(served.authorize_url())
    loaded = chromium.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if not name.endswith("/favicon.ico")] == []
    assert chromium.execute_script("return document.scripts.length") == 0
    assert chromium.execute_script("return getComputedStyle(document.querySelector('main')).maxWidth") == "464px"
