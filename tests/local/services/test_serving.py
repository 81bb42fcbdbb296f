"""Services of plugins beside ours: how they answer, whom they know, what their failures cost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from waiting import PATIENCE, until

from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_core.testing import run_hca
from hca_local import checks, control, shell
from hca_local.data_directory import changing
from hca_local.identity.issuer import Issuer, load_key

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Urls = Callable[[Launched], dict[str, str]]

RUNNING = ["classic", "plain", "sky"]


def token(launched: Launched, email: str, lifetime: int = 600) -> dict[str, str]:
    own = Issuer(load_key(launched.directory.issuer_key), launched.url)
    return {"Authorization": f"Bearer {own.token(email, 'public', lifetime)}"}


def test_a_service_gets_a_place_of_its_own(served: Launched, http: requests.Session, urls: Urls) -> None:
    found = urls(served)
    assert sorted(found) == RUNNING
    told = http.get(found["plain"] + "/now", timeout=30).json()
    place = served.directory.root / "services" / "plain" / "data"
    assert (told["name"], told["url"], told["directory"]) == ("plain", found["plain"], str(place))
    assert (told["starts"], told["temporary"], told["input"]) == (1, False, "")
    assert place.stat().st_mode & 0o077 == 0
    assert told["pid"] != served.process.pid
    assert len({served.url, *found.values()}) == 4


def test_both_kinds_of_applications_answer(served: Launched, http: requests.Session, urls: Urls) -> None:
    found = urls(served)
    assert http.get(found["sky"] + "/begun", timeout=30).json() == [True], "its beginning should come first"
    body = b"0123456789abcdef" * 200_000
    digest, thread = http.post(found["classic"] + "/", data=body, timeout=30).text.split(" ")
    assert digest == hashlib.sha256(body).hexdigest()
    assert thread != "MainThread"
    assert http.get(found["classic"] + "/large", timeout=30).content == b"x" * 6_553_600


def test_a_service_can_use_ours_by_the_same_names(served: Launched, http: requests.Session, urls: Urls) -> None:
    assert http.get(urls(served)["classic"] + "/bundles", timeout=60).text == "0"
    environment = http.get(urls(served)["plain"], timeout=30).json()["environment"]
    assert environment["HCA_CONFIG_FILE"] == str(served.directory.config)
    assert environment["HCA_LOCAL_DATA"] == str(served.directory.root)


def test_what_clients_are_told(served: Launched, urls: Urls) -> None:
    state = control.running(served.directory)
    told = shell.variables(served.directory, state)
    assert {told[f"HCA_{name.upper()}_URL"] for name in RUNNING} == set(urls(served).values())
    for line in shell.use(told, {}):
        assert "touch" not in line
        assert "MISSING" not in line
    kept = entries.read(str(served.directory.credentials), DEFAULT_PROFILE)
    for url in urls(served).values():
        assert kept[url].access_token == kept[served.url].access_token
    served.directory.credentials.unlink()
    control.logged_in(served.directory)
    assert set(entries.read(str(served.directory.credentials), DEFAULT_PROFILE)) == set(kept)


def test_status_lists_them_with_what_is_wrong(served: Launched, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_SERVICE_SECONDS", PATIENCE)  # for those that run, on a machine that pauses them
    answer = run_hca("local", "status", "--data", str(served.directory.root), "--output", "json")
    assert answer.exit_status == 0
    rows = {row["service"]: row for row in answer.json()[6:]}
    assert {name: rows[name]["url"] for name in RUNNING} == urls(served)
    assert {rows[name]["state"] for name in RUNNING} == {"running"}
    broken = {name: row["problem"] for name, row in rows.items() if name not in RUNNING}
    assert {row["state"] for name, row in rows.items() if name in broken} == {"broken"}
    talkative = broken.pop("talkative")
    form = "is not made of up to 30 small letters, digits and _, a letter first"
    reasons = {
        "'../up'": f"the name '../up' {form}",
        "'a;touch pwned'": f"the name 'a;touch pwned' {form}",
        "'dss'": "the name 'dss' belongs to a service of hca local itself",
        "leaving": "SystemExit: no weather today",
        "missing": "ModuleNotFoundError: No module named 'no_such_module'",
        "nothing": "it returned NoneType, not an application",
    }
    mend = "pip install -U hca-plugin-weather, or pip uninstall hca-plugin-weather"
    whose = "plugin {!r} (hca-plugin-weather 1.0) can't be used: {}; next: {}"
    assert broken == {name: whose.format(name.strip("'"), why, mend) for name, why in reasons.items()} | {
        "raising": "The service 'raising' can't be run: the weather needs a thermometer; next: buy one",
        "refusing": "The service 'refusing' refused to start; next: hca local logs",
    }
    assert talkative.startswith("The service 'talkative' can't be run: rain rain")
    assert talkative.endswith("; next: buy an umbrella")
    assert len(talkative) < 500
    for name in broken:
        assert broken[name] in served.directory.log.read_text(), name
    assert not list(served.directory.root.parent.rglob("pwned"))
    assert not (served.directory.root / "up").exists()


def test_the_doctor_tells_of_them(served: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCA_LOCAL_DATA", str(served.directory.root))
    found = {one.name: one for one in checks.checks(10)}
    assert {name: found[name].state for name in RUNNING} == dict.fromkeys(RUNNING, "ok")
    assert (found["refusing"].state, found["refusing"].text) == (
        "problem",
        "The service 'refusing' refused to start; next: hca local logs",
    )


def test_who_calls_is_known_by_our_tokens(served: Launched, http: requests.Session, urls: Urls) -> None:
    found = urls(served)

    def who(headers: dict[str, str]) -> tuple[int, str]:
        answer = http.get(found["sky"] + "/who", headers=headers, timeout=30)
        other = http.get(found["classic"] + "/who", headers=headers, timeout=30).text
        assert other == answer.json().get("email", "nobody")
        return answer.status_code, other

    first = entries.read(str(served.directory.credentials), DEFAULT_PROFILE)[found["sky"]].access_token
    answer = http.get(found["sky"] + "/who", headers={"Authorization": f"bearer {first}"}, timeout=30).json()
    assert (answer["email"], answer["admin"]) == ("admin@example.org", True)
    assert answer["claims"]["iss"] == f"{served.url}/"
    guest = http.get(found["sky"] + "/who", headers=token(served, "Guest@Example.org"), timeout=30).json()
    assert (guest["email"], guest["admin"]) == ("guest@example.org", False)
    good = token(served, "guest@example.org")
    assert who(good) == (200, "guest@example.org")
    for wrong in (
        {},
        {"Authorization": ""},
        {"Authorization": good["Authorization"][7:]},
        {"Authorization": good["Authorization"][:-4] + "AAAA"},
        token(served, "guest@example.org", lifetime=-100),
    ):
        assert who(wrong) == (401, "nobody")
    with changing(served.directory) as records:
        records.execute("INSERT INTO fusillade_nodes VALUES ('user', 'guest@example.org', NULL, 0, NULL)")
    assert who(good) == (401, "nobody"), "a disabled user is let in nowhere"


@pytest.mark.parametrize("name", ["plain", "classic"])
@pytest.mark.parametrize(("path", "title"), [("/raise", "no weather"), ("/exit", "3")])
def test_an_error_is_a_problem_and_no_end(
    served: Launched, http: requests.Session, urls: Urls, name: str, path: str, title: str
) -> None:
    url = urls(served)[name]
    answer = http.get(url + path, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["title"]) == ("unhandled_exception", title)
    assert "weather_of_test.py" in problem["stacktrace"]
    assert "Retry-After" not in answer.headers, "whether to try again is for the plugin to say"
    log = served.directory.log.read_text()
    assert f"{name}: ERROR Traceback" in log
    assert f" {name}: GET {path} 500 " in log
    assert http.get(url, timeout=30).status_code == 200


def test_a_framework_may_tell_its_errors_itself(served: Launched, http: requests.Session, urls: Urls) -> None:
    url = urls(served)["sky"]
    answer = http.get(url + "/broken", timeout=30)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    until(lambda: "ValueError: clouds" in served.directory.log.read_text())
    assert http.get(url + "/begun", timeout=30).status_code == 200
    log = served.directory.log.read_text()
    assert log.count("ValueError: clouds") == 1
    assert "Exception in ASGI" not in log


def test_an_answer_that_breaks_off_is_cut(served: Launched, http: requests.Session, urls: Urls) -> None:
    import requests as library

    with pytest.raises(library.RequestException):
        http.get(urls(served)["plain"] + "/cut", timeout=30)
    assert "plain: GET /cut 200 " in served.directory.log.read_text()
    assert http.get(urls(served)["plain"], timeout=30).status_code == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example.org"}, {"Origin": "https://evil.example.org"}])
def test_pages_from_elsewhere_are_not_let_in(
    served: Launched, http: requests.Session, urls: Urls, headers: dict[str, str]
) -> None:
    for url in urls(served).values():
        answer = http.get(url, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")


def test_the_log_has_requests_without_secrets_and_what_a_plugin_prints(
    served: Launched, http: requests.Session, urls: Urls
) -> None:
    http.get(urls(served)["plain"] + "/now?access_token=verysecret", timeout=30)
    log = served.directory.log.read_text()
    assert " plain: GET /now?access_token=... 200 " in log
    assert "verysecret" not in log
    assert " plain: started for the 1. time\n" in log
    assert "printed by the plugin\n" in log
    assert "asked for /now\n" in log
    assert served.directory.log.stat().st_mode & 0o077 == 0
