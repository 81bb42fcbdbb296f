"""Each way to log in, as a person goes it: `hca` in a terminal, a real Chromium, a deployment; then a write."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.credentials import entries
from hca_local import launch
from hca_local.identity import passwords
from hca_local.identity.issuer import FIRST_USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.launch import Launched

SECONDS = 60


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return a deployment for people who log in."""
    with launch.private(tmp_path_factory.mktemp("logins") / "data", empty=True) as launched:
        yield launched


class Person:
    """Somebody at a terminal with a fresh home, and a browser."""

    def __init__(self, home: Path, deployment: Launched, browser: Any) -> None:
        self.started: list[Typed] = []
        self.home = home
        self.browser = browser
        self.deployment = deployment
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "HCA_CONFIG_FILE": str(deployment.directory.config),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def start(self, *words: str, **environment: str) -> Typed:
        """Type a command and return what runs."""
        typed = Typed(
            subprocess.Popen(
                [sys.executable, "-m", "hca_core", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self.environment | environment,
                cwd=self.home,
            )
        )
        self.started.append(typed)
        return typed

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end."""
        return subprocess.run(
            [sys.executable, "-m", "hca_core", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment | environment,
            cwd=self.home,
            timeout=SECONDS,
            check=False,
        )

    def write(self, **environment: str) -> None:
        """Put a collection, which needs a login."""
        words = ["--replica", "aws", "--uuid", str(uuid.uuid4()), "--version", "2019-07-10T001103.121000Z"]
        words += ["--name", "n", "--description", "d", "--details", "{}", "--contents", "[]"]
        done = self.run("dss", "put-collection", *words, **environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["version"]

    def run_out(self) -> None:
        """Let the time of the kept token be over."""
        file = self.home / ".config" / "hca" / "credentials.json"
        document = json.loads(file.read_bytes())
        next(iter(document["profiles"]["default"].values()))["expires_at"] = 1.0
        file.write_text(json.dumps(document))

    def visit(self, url: str) -> None:
        """Open an address."""
        self.browser.get(url)

    def log_in(self, email: str = FIRST_USER) -> None:
        """Fill in the login page that is shown, with the keyboard."""
        password = passwords.password_of(self.deployment.directory, email)
        self.shown("input[name=email]").send_keys(email)
        self.shown("input[name=password]").send_keys(password + "\n")

    def answer(self, action: str) -> None:
        """Press the button of a consent page."""
        self.shown(f"button[value={action}]").click()

    def shown(self, selector: str) -> Any:
        """Return a part of the page, once it is there and can be used."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support import expected_conditions
        from selenium.webdriver.support.wait import WebDriverWait

        part = (By.CSS_SELECTOR, selector)
        return WebDriverWait(self.browser, SECONDS).until(expected_conditions.element_to_be_clickable(part))

    def arrived(self, where: str) -> str:
        """Wait until the browser is at an address with `where` in it, and return that."""
        from selenium.webdriver.support import expected_conditions
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, SECONDS).until(expected_conditions.url_contains(where))
        return str(self.browser.current_url)

    def page(self) -> str:
        """Return the text of the page that is shown."""
        return str(self.browser.execute_script("return document.body.innerText"))


class Typed:
    """A command that runs, and what it has said on stderr so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stderr
        while character := self.process.stderr.read(1):
            with self._more:
                self.said += character
                self._more.notify_all()

    def told(self, pattern: str) -> str:
        """Wait for what matches `pattern` and return it."""
        with self._more:
            found = self._more.wait_for(lambda: re.search(pattern, self.said), SECONDS)
        assert found, self.said
        return found.group(1)

    def type(self, text: str) -> None:
        """Type a line."""
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def ended(self) -> int:
        """Wait for the end and return the exit status."""
        status = self.process.wait(SECONDS)
        self.close()
        return status

    def close(self) -> None:
        """End what still runs, and close its streams."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def person(tmp_path: Path, deployment: Launched, _chromium: Any) -> Iterator[Person]:
    """Return somebody with a home of his own, whom the browser does not know."""
    _chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    made = Person(tmp_path, deployment, _chromium)
    yield made
    for typed in made.started:
        typed.close()


# The address stands alone at the end of its line.
ADDRESS = r"(http://127\.0\.0\.1:\d+/oauth/authorize\S+)\s"


def in_the_browser(person: Person, *words: str) -> Typed:
    typed = person.start(*words, BROWSER="/bin/true")
    person.visit(typed.told(ADDRESS))
    return typed


def kept(person: Person) -> entries.Entry:
    (entry,) = entries.read(str(person.home / ".config" / "hca" / "credentials.json"), "default").values()
    return entry


def holders(person: Person, *secrets: str) -> set[str]:
    """Return the files in the person's home and in the deployment that have one of the secrets in them."""
    roots = (person.home, person.deployment.directory.root)
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return {str(path) for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)}


def test_in_a_browser_on_this_machine(person: Person) -> None:
    typed = in_the_browser(person, "--debug", "dss", "login")
    person.log_in()
    person.answer("allow")
    assert typed.ended() == 0, typed.said
    assert f"logged in at {person.deployment.url} as {FIRST_USER}" in typed.said
    assert "renewed by itself" in typed.said
    person.write()
    first = kept(person)
    secrets = (first.access_token, first.refresh_token, first.id_token)
    assert all(secrets)
    assert holders(person, *secrets) == {str(person.home / ".config" / "hca" / "credentials.json")}
    assert not any(secret in typed.said for secret in secrets)
    traced = person.run("--debug", "dss", "get-collections")
    assert not any(secret in traced.stderr + traced.stdout for secret in secrets)
    assert "GET" in traced.stderr
    # What the browser was told is in nobody's log either.
    assert "code=" not in re.sub(r"code=(\.\.\.|\*\*\*)", "", person.deployment.directory.log.read_text())


def test_who_one_is_and_how_it_ends(person: Person) -> None:
    typed = in_the_browser(person, "auth", "login")
    person.log_in()
    person.answer("allow")
    assert typed.ended() == 0
    told = json.loads(person.run("auth", "whoami").stdout)
    assert (told["account"], told["source"], told["host"]) == (FIRST_USER, "login", person.deployment.url)
    rows = json.loads(person.run("auth", "status", "--output", "json").stdout)
    assert {(row["service"], row["state"], row["account"]) for row in rows} == {
        ("auth", "used", FIRST_USER),
        ("dss", "used", FIRST_USER),
    }
    token = kept(person).access_token
    assert person.run("dss", "get-collections", HCA_TOKEN=token).returncode == 0
    assert person.run("auth", "logout").returncode == 0
    assert person.run("dss", "get-collections").returncode == 3
    # The login has ended there too, not only here.
    refused = person.run("dss", "get-collections", HCA_TOKEN=token)
    assert (refused.returncode, "HTTP 401" in refused.stderr) == (3, True)
    assert person.run("auth", "logout").returncode == 0


def test_with_the_address_opened_elsewhere(person: Person) -> None:
    typed = person.start("dss", "login", "--remote")
    person.visit(typed.told(ADDRESS))
    person.log_in()
    person.answer("allow")
    typed.type(person.arrived("/echo?"))
    assert typed.ended() == 0, typed.said
    person.write()


def test_with_the_code_that_the_page_shows(person: Person) -> None:
    typed = person.start("dss", "login", "--remote")
    person.visit(typed.told(ADDRESS))
    person.log_in()
    person.answer("allow")
    person.arrived("/echo?")
    # One code in 64 begins with a hyphen.
    typed.type(re.search(r"asks for it:\s+([\w-]{20,})", person.page()).group(1))  # type: ignore[union-attr]
    assert typed.ended() == 0, typed.said
    person.write()


@pytest.mark.parametrize("words", [("--device",), ()])
def test_with_a_code_for_a_machine_without_a_browser(person: Person, words: tuple[str, ...]) -> None:
    typed = person.start("dss", "login", *words)
    person.visit(typed.told(r"(http://127\.0\.0\.1:\d+/device)\s"))
    person.shown("input[name=user_code]").send_keys(typed.told(r"\b([A-Z0-9]{4}-[A-Z0-9]{4})\b") + "\n")
    person.log_in()
    person.answer("allow")
    assert typed.ended() == 0, typed.said
    person.write()


def test_a_person_who_refuses(person: Person) -> None:
    typed = in_the_browser(person, "dss", "login")
    person.log_in()
    person.answer("refuse")
    assert typed.ended() == 3
    assert "refused" in typed.said
    assert not (person.home / ".config" / "hca" / "credentials.json").exists()


def test_a_new_user_reads_then_writes_then_is_disabled(person: Person) -> None:
    """What the administrator says of a user counts for the services at once, or with the next token."""
    email = f"ben-{uuid.uuid4().hex[:8]}@example.org"
    administrator = {"HCA_CREDENTIALS_FILE": str(person.deployment.directory.credentials), "HOME": "/nowhere"}
    typed = in_the_browser(person, "dss", "login")
    person.log_in(email)
    person.answer("allow")
    assert typed.ended() == 0, typed.said
    refused = person.run("dss", "get-collections")
    assert (refused.returncode, "HTTP 403" in refused.stderr) == (3, True)
    words = ("auth", "put-v1-user-group", "--user-id", email, "--action", "add", "--groups", "hca")
    assert person.run(*words, **administrator).returncode == 0
    person.run_out()
    person.write()
    words = ("auth", "put-v1-user", "--user-id", email, "--status", "disabled")
    assert person.run(*words, **administrator).returncode == 0
    ended = person.run("dss", "get-collections")
    assert (ended.returncode, "has ended" in ended.stderr) == (3, True), ended.stderr


def test_two_logins_at_once(person: Person) -> None:
    first = person.start("dss", "login", BROWSER="/bin/true")
    second = person.start("--profile", "lab", "dss", "login", BROWSER="/bin/true")
    person.visit(second.told(ADDRESS))
    person.log_in()
    person.answer("allow")
    assert second.ended() == 0, second.said
    person.visit(first.told(ADDRESS))
    person.answer("allow")
    assert first.ended() == 0, first.said
    file = str(person.home / ".config" / "hca" / "credentials.json")
    assert [len(entries.read(file, profile)) for profile in ("default", "lab")] == [1, 1]


def test_a_service_account(person: Person) -> None:
    key = person.home / "key.json"
    data = ("--data", str(person.deployment.directory.root))
    assert person.run("local", "service-account", "create", "nightly", "-o", str(key), *data).returncode == 0
    person.write(GOOGLE_APPLICATION_CREDENTIALS=str(key))
    account = json.loads(key.read_bytes())["client_email"]
    assert person.run("local", "service-account", "remove", account, *data).returncode == 0
    refused = person.run("dss", "get-collections", GOOGLE_APPLICATION_CREDENTIALS=str(key))
    assert (refused.returncode, "HTTP 403" in refused.stderr) == (3, True)


def test_a_token_that_was_had_elsewhere(person: Person) -> None:
    token = person.run("local", "token", "--data", str(person.deployment.directory.root)).stdout.strip()
    (person.home / "token").write_text(token)
    assert person.run("dss", "login", "--access-token", "@token").returncode == 0
    person.write()


def test_fifty_processes_with_one_login_that_has_run_out(person: Person) -> None:
    typed = in_the_browser(person, "dss", "login")
    person.log_in()
    person.answer("allow")
    assert typed.ended() == 0
    before = person.deployment.directory.log.read_text().count("POST /oauth/token")
    person.run_out()
    runs = [person.start("dss", "get-collections") for _ in range(50)]
    assert [one.ended() for one in runs] == [0] * 50, {one.said for one in runs}
    assert person.deployment.directory.log.read_text().count("POST /oauth/token") - before == 1
