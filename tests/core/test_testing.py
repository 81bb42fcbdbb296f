"""The public test tools: what a plugin author relies on."""

from __future__ import annotations

import http.client
import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import click
import pycurl  # noqa: TID253
import pytest
import requests  # noqa: TID253

from hca_core import discover, plugins, testing
from hca_core.config import HCAConfig
from hca_core.testing import LoopbackService, network, reply, run_hca


def test_a_sequence_is_given_in_order_and_its_last_answer_repeats(service):
    service.on("GET", "/x").fail(503, times=2, retry_after=7).reply(json={"n": 1}).reply(body=b"two")
    with requests.Session() as session:
        got = [session.get(service.url + "/x") for _ in range(5)]
    assert [one.status_code for one in got] == [503, 503, 200, 200, 200]
    assert got[0].headers["Retry-After"] == "7"
    assert got[0].json()["status"] == 503
    assert got[2].json() == {"n": 1}
    assert [one.content for one in got[3:]] == [b"two", b"two"]


def test_requests_are_recorded_as_they_came(service):
    service.on("PUT", "/a%2Fb").reply(status=204)
    with requests.Session() as session:
        session.put(service.url + "/a%2Fb?x=1&x=2&empty=", json={"y": True}, headers={"X-Own": "me"})
    (seen,) = service.requests
    assert (seen.method, seen.path) == ("PUT", "/a%2Fb")
    assert seen.query == [("x", "1"), ("x", "2"), ("empty", "")]
    assert seen.headers["x-own"] == "me"
    assert seen.json() == {"y": True}
    assert service.asked("GET") == []
    assert service.asked("PUT", "/a%2Fb") == [seen]


def test_connections_are_kept(service):
    service.on("*", "/x").reply(body=b"x")
    connection = http.client.HTTPConnection(service.url.partition("//")[2], timeout=60)
    connection.connect()
    socket_used = connection.sock
    for method in ("GET", "HEAD", "DELETE", "GET"):
        connection.request(method, "/x")
        assert connection.getresponse().read() == (b"" if method == "HEAD" else b"x")
        assert connection.sock is socket_used
    connection.close()


def test_unscripted_requests_get_a_problem_document(service):
    answer = requests.get(service.url + "/nowhere", timeout=60)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_truncation_declares_more_than_it_sends(service):
    service.on("GET", "/x").truncate(3, body=b"abcdef").reply(body=b"abcdef")
    with requests.Session() as session:
        with session.get(service.url + "/x", stream=True) as response:
            assert response.headers["Content-Length"] == "6"
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                response.content  # noqa: B018
        assert session.get(service.url + "/x").content == b"abcdef"


def test_a_dropped_connection_gives_no_answer(service):
    service.on("GET", "/x").drop().reply(body=b"ok")
    with requests.Session() as session:
        with pytest.raises(requests.ConnectionError):
            session.get(service.url + "/x")
        assert session.get(service.url + "/x").content == b"ok"


def test_a_slow_body_comes_in_pieces_and_closing_does_not_wait_for_it():
    with LoopbackService() as service:
        service.on("GET", "/x").slow(0.001, body=b"12345678" * 4)
        service.on("GET", "/y").slow(60, body=b"never")
        assert requests.get(service.url + "/x", timeout=60).content == b"12345678" * 4
        with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as asked:
            asked.sendall(b"GET /y HTTP/1.1\r\nHost: x\r\n\r\n")
            service.wait_for(2)


def test_ranges(service):
    service.on("GET", "/x").reply(body=b"0123456789", ranges=True)
    with requests.Session() as session:
        part = session.get(service.url + "/x", headers={"Range": "bytes=4-"})
        middle = session.get(service.url + "/x", headers={"Range": "bytes=2-3"})
        end = session.get(service.url + "/x", headers={"Range": "bytes=-2"})
        beyond = session.get(service.url + "/x", headers={"Range": "bytes=10-"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"456789", "bytes 4-9/10")
    assert (middle.content, end.content) == (b"23", b"89")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")


def test_redirects_links_and_functions(service):
    service.on("GET", "/a").redirect("/b", status=301, retry_after=0)
    service.on("GET", "/b").reply(lambda request: reply(json=[request.path], link="/c"))
    answer = requests.get(service.url + "/a", timeout=60)
    assert answer.json() == ["/b"]
    assert answer.links["next"]["url"] == "/c"


def test_the_most_exact_route_wins(service):
    service.on("*", "/v1/*").reply(json="any")
    service.on("GET", "/v1/*").reply(json="get")
    service.on("GET", "/v1/x").reply(json="exact")
    with requests.Session() as session:
        assert session.get(service.url + "/v1/x").json() == "exact"
        assert session.get(service.url + "/v1/y").json() == "get"
        assert session.delete(service.url + "/v1/y").json() == "any"


def test_an_answer_added_later_comes_next(service):
    route = service.on("GET", "/x").reply(json=1)
    with requests.Session() as session:
        assert [session.get(service.url + "/x").json() for _ in range(3)] == [1, 1, 1]
        route.reply(json=2)
        assert session.get(service.url + "/x").json() == 2


def test_an_error_in_a_function_is_told_at_the_end():
    def fails(request):
        raise AssertionError("the test's own complaint")

    service = LoopbackService()
    service.on("GET", "/x").reply(fails)
    assert requests.get(service.url + "/x", timeout=60).status_code == 500
    with pytest.raises(AssertionError, match="own complaint"):
        service.close()


def test_nothing_is_left_after_close():
    before = set(threading.enumerate())
    with requests.Session() as session:
        with LoopbackService() as service:
            service.on("GET", "/x").reply(body=b"x")
            session.get(service.url + "/x")
        assert set(threading.enumerate()) <= before  # one of another test may end meanwhile
        with pytest.raises(requests.ConnectionError):
            session.get(service.url + "/x")


def test_wait_for_tells_what_is_missing(service):
    with pytest.raises(AssertionError, match="0 requests"):
        service.wait_for(1, seconds=0.01)


def test_describe_names_this_service(service):
    swagger = service.describe({"swagger": "2.0", "host": "else.org", "schemes": ["https"], "paths": {}})
    openapi = service.describe({"openapi": "3.0.1", "servers": [], "paths": {}}, at="/o.json")
    host = service.url.partition("://")[2]
    told = requests.get(swagger, timeout=60).json()
    assert (told["host"], told["schemes"]) == (host, ["http"])
    assert requests.get(openapi, timeout=60).json()["servers"] == [{"url": service.url}]


def test_isolation_and_its_end(tmp_path, monkeypatch):
    monkeypatch.setenv("HCA_DSS_URL", "https://elsewhere.example.org")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "mine"))
    environment, directory = dict(os.environ), Path.cwd()
    with testing.isolated(tmp_path) as home:
        assert os.path.expanduser("~") == str(home)
        assert not {"HCA_DSS_URL", "https_proxy", "NO_COLOR", "SOURCE_DATE_EPOCH"} & os.environ.keys()
        assert os.environ["XDG_CONFIG_HOME"].startswith(str(home))
        assert os.environ["XDG_CACHE_HOME"].startswith(str(home))
        assert os.environ["XDG_DATA_HOME"].startswith(str(home))
        assert Path.cwd() == tmp_path / "work"
        assert list(Path.cwd().iterdir()) == []
        os.environ["HCA_LEFT"] = "over"
    assert dict(os.environ) == environment
    assert Path.cwd() == directory


def test_the_site_wide_file_lies_in_the_home(isolated_home, hca):
    site = isolated_home / "etc" / "hca" / "config.json"
    site.parent.mkdir(parents=True)
    site.write_text('{"x": "site"}')
    assert hca("config", "get", "x").stdout == "site\n"


def test_a_run_captures_text_and_bytes_and_restores_the_streams(hca):
    streams = sys.stdin, sys.stdout, sys.stderr
    outcome = hca("--version")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (0, "hca 9.0.0\n", "")
    assert hca("nonsense").exit_status == 2
    assert (sys.stdin, sys.stdout, sys.stderr) == streams


def test_a_run_has_input_environment_binary_output_and_json(hca, plugin):
    @click.group()
    def weather():
        pass

    @weather.command()
    def echo():
        sys.stdout.buffer.write(sys.stdin.buffer.read())
        sys.stdout.flush()

    @weather.command()
    def sky():
        click.echo(f'{{"sky": "{os.environ["HCA_SKY"]}"}}')

    plugin("weather", commands={"weather": weather})
    assert hca("weather", "echo", input=b"\xff\x00").stdout_bytes == b"\xff\x00"
    assert hca("weather", "sky", env={"HCA_SKY": "grey"}).json() == {"sky": "grey"}
    assert "HCA_SKY" not in os.environ


def test_runs_share_no_configuration(hca, tmp_path):
    for value in ("one", "two"):
        (tmp_path / "config.json").write_text(f'{{"x": "{value}"}}')
        outcome = hca("config", "get", "x", env={"HCA_CONFIG_FILE": str(tmp_path / "config.json")})
        assert outcome.stdout == value + "\n"


def test_runs_share_no_logging(hca, service, dss):
    service.on("GET", "/v1/bundles/all").reply(json={"results": []})
    words = ("dss", "get-bundles-all", "--replica", "aws")
    assert "GET " in hca("--log-level", "DEBUG", *words).stderr
    assert hca(*words).stderr == ""


def test_a_plugin_is_there_for_one_test(plugin, hca):
    @click.command()
    def weather():
        click.echo("sunny")

    path = list(sys.path)
    folder = plugin("weather", commands={"weather": weather}, summary="The weather of today.", version="2.5")
    assert "The weather of today." in hca("--help").stdout
    assert hca("weather").stdout == "sunny\n"
    (row,) = [row for row in hca("plugins", "--output", "json").json() if row["command"] == "weather"]
    assert (row["distribution"], row["version"], row["location"]) == ("hca-plugin-weather", "2.5", str(folder))
    plugin.undo()
    assert sys.path == path
    assert "weather" not in discover.installed(discover.PLUGINS)
    assert hca("weather").exit_status == 2


def test_a_plugin_from_source_with_more_entry_points(plugin, hca):
    @click.command()
    def audit():
        click.echo("verified")

    source = "import hca_weather_parts\nfrom hca_core import hookimpl\n"
    source += "@hookimpl\ndef hca_commands():\n    return {'weather': 'hca_weather_parts:weather'}\n"
    parts = "import click\nweather = click.Command('weather', callback=lambda: print('from source'))\n"
    plugin(
        "weather",
        source,
        modules={"hca_weather_parts": parts},
        entry_points={"hca.commands.dss": {"audit": audit}},
    )
    assert hca("weather").stdout == "from source\n"
    assert hca("dss", "audit").stdout == "verified\n"
    assert "hca_weather_parts" in sys.modules
    plugin.undo()
    assert "hca_weather_parts" not in sys.modules


def test_a_plugin_with_a_client_and_defaults(plugin):
    class WeatherClient:
        def __init__(self, place):
            self.place = place

    plugin("weather", clients={"weather": WeatherClient}, config_defaults={"WeatherClient": {"url": "https://w.org"}})
    assert plugins.client("weather", place="Lima").place == "Lima"
    assert HCAConfig()["WeatherClient"].url == "https://w.org"


def test_two_plugins_of_one_name_and_the_first_on_the_path(plugin, hca):
    plugin("weather", commands={"weather": click.Command("weather", callback=lambda: click.echo("late"))})
    plugin(
        "weather",
        commands={"weather": click.Command("weather", callback=lambda: click.echo("early"))},
        distribution="acme-weather",
        first=True,
    )
    assert hca("weather").stdout == "early\n"


def test_run_hca_is_public(hca):
    assert hca is run_hca


# Pages, more faults, TLS


def test_pages_are_scripted_in_one_line(service):
    service.on("GET", "/items").fail(503).pages(range(5), size=2, key="bundle.files")
    with requests.Session() as session:
        assert session.get(service.url + "/items").status_code == 503
        for _ in range(2):  # as often as you like
            url, seen, answers = service.url + "/items?kind=a%20b", [], []
            while url:
                answer = session.get(url)
                answers.append(answer)
                seen += answer.json()["bundle"]["files"]
                url = answer.links.get("next", {}).get("url")
            assert seen == [0, 1, 2, 3, 4]
            assert [one.status_code for one in answers] == [206, 206, 200]
            assert {one.headers["X-OpenAPI-Paginated-Content-Key"] for one in answers} == {"bundle.files"}
    assert {dict(one.query).get("kind") for one in service.requests[1:]} == {"a b"}


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (2, 1), (3, 2)])
def test_the_last_page_has_no_link(service, count, pages):
    service.on("GET", "/x").pages(list(range(count)), size=2, key="", status=200)
    answer = requests.get(service.url + "/x", timeout=60)
    assert answer.json() == list(range(min(count, 2)))
    assert ("next" in answer.links) == (pages > 1)
    assert answer.status_code == 200
    assert "X-OpenAPI-Paginated-Content-Key" not in answer.headers


def test_hca_follows_scripted_pages(hca, dss):
    dss.on("GET", "/v1/bundles/all").pages([{"uuid": "a"}, {"uuid": "b"}, {"uuid": "c"}], size=1, key="bundles")
    outcome = hca("dss", "get-bundles-all", "--replica", "aws", "--output", "tsv")
    assert outcome.stdout.split() == ["uuid", "a", "b", "c"]


def test_a_reset_connection_is_no_orderly_end(service):
    service.on("GET", "/x").reset(after_bytes=2, times=2, body=b"abcdef").reply(body=b"abcdef")
    for kind in (ConnectionResetError, requests.RequestException):
        if kind is ConnectionResetError:
            connection = http.client.HTTPConnection(service.url.partition("//")[2], timeout=60)
            connection.request("GET", "/x")
            with pytest.raises(kind):
                connection.getresponse().read()
            connection.close()
        else:
            with pytest.raises(kind):
                requests.get(service.url + "/x", timeout=60)
    assert requests.get(service.url + "/x", timeout=60).content == b"abcdef"


def test_a_wrong_length_is_declared(service):
    service.on("GET", "/x").wrong_length(2, body=b"abcdef").wrong_length(9, body=b"abcdef")
    assert requests.get(service.url + "/x", timeout=60).content == b"ab"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(service.url + "/x", timeout=60)


def test_garbage_claims_to_be_json(service):
    service.on("GET", "/x").garbage().garbage(body=b"{")
    for _ in range(2):
        answer = requests.get(service.url + "/x", timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        with pytest.raises(requests.exceptions.JSONDecodeError):
            answer.json()


def test_a_connection_that_hangs_ends_with_the_service():
    service = LoopbackService()
    service.on("GET", "/x").hang()
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as asked:
        asked.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        service.wait_for(1)
        asked.setblocking(False)
        with pytest.raises(BlockingIOError):
            asked.recv(1)
        asked.setblocking(True)
        service.close()
        assert asked.recv(1) == b""


def test_tls_with_a_certificate_made_on_the_fly(isolated_home):
    for host in ("127.0.0.1", "localhost"):
        with LoopbackService(host, tls=True) as service:
            service.on("GET", "/x").reply(body=b"x")
            assert service.url.startswith(f"https://{host}:")
            assert requests.get(service.url + "/x", timeout=60, verify=service.certificate).content == b"x"
            with pytest.raises(requests.exceptions.SSLError):
                requests.get(service.url + "/x", timeout=60)
        assert not os.path.exists(service.certificate)


def test_a_certificate_that_has_run_out(tmp_path):
    service = LoopbackService(tls=testing.certificate(tmp_path, days=-1))
    with service, pytest.raises(requests.exceptions.SSLError, match="expired"):
        requests.get(service.url, timeout=60, verify=service.certificate)


# No way out


FOREIGN = ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "8.8.8.8"]


@pytest.fixture
def watch():
    with network.refused() as watch:
        yield watch


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("way", ["connect", "connect_ex", "sendto"])
def test_other_machines_are_refused(watch, host, way):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        arguments = (b"x", (host, 53)) if way == "sendto" else ((host, 53),)
        with pytest.raises(testing.NetworkRefusedError, match=r"this test wanted to reach .*:53, which is not on this"):
            getattr(one, way)(*arguments)
    assert watch.hosts == [f"{host}:53"]


def test_names_are_not_looked_up(watch):
    for name in ("example.org", b"example.org", "localhost.example.org"):
        with pytest.raises(testing.NetworkRefusedError, match=r"example\.org"):
            socket.getaddrinfo(name, 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nothing.invalid", 443)
    with pytest.raises(testing.NetworkRefusedError):
        requests.get("https://example.org/", timeout=60)


def test_this_machine_is_reached(watch, service, tmp_path):
    service.on("GET", "/x").reply(body=b"x")
    port = service.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        assert requests.get(f"http://{host}:{port}/x", timeout=60).content == b"x"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as asking:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        asking.connect(str(tmp_path / "s"))
    assert watch.hosts == []


def test_libcurl_is_watched_too(watch, service):
    service.on("GET", "/x").reply(body=b"x")
    taken = io.BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.WRITEDATA, taken)
    curl.setopt(pycurl.URL, service.url + "/x")
    curl.perform()
    assert taken.getvalue() == b"x"
    curl.setopt(pycurl.URL, "http://192.0.2.1/")
    with pytest.raises(pycurl.error):
        curl.perform()
    curl.close()
    assert watch.hosts == ["192.0.2.1:80"]


def test_everything_is_as_before_at_the_end(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: ["found"])
    before = socket.getaddrinfo, socket.socket.connect, pycurl.Curl
    with network.refused() as watch:
        ours = socket.getaddrinfo
        assert (ours, socket.socket.connect, pycurl.Curl) != before
        with pytest.raises(testing.NetworkRefusedError):
            ours("example.org", 80)
    assert (socket.getaddrinfo, socket.socket.connect, pycurl.Curl) == before
    assert ours("example.org", 80) == ["found"]  # a test's own patch, undone later than ours, may bring ours back
    assert watch.hosts == ["example.org:80"]


OUTSIDE = """
import socket
import pytest


def swallowed():
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    except Exception:
        pass


def test_refused(isolated_home):
    swallowed()


@pytest.mark.network
def test_allowed(isolated_home):
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)


def test_not_isolated():
    swallowed()
"""


def test_a_test_that_wanted_to_leave_fails_even_if_nobody_noticed(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["hca_core.testing"]')
    (tmp_path / "test_outside.py").write_text(OUTSIDE)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", f"--basetemp={tmp_path / 't'}"]
    command = [sys.executable, *words, "-c", os.devnull, str(tmp_path / "test_outside.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert "3 passed, 1 error" in done.stdout, done.stdout
    assert "this test wanted to reach 192.0.2.1:80" in done.stdout
    assert "test_outside.py::test_refused" in done.stdout


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("dss.localhost", True),
        (None, True),
        ("", True),
        (socket.gethostname(), True),
        ("::ffff:192.0.2.1", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("notlocalhost", False),
    ],
)
def test_what_is_on_this_machine(host, here):
    assert network.is_here(host) is here
