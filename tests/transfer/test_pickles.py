"""What goes to other machines and comes back: everything that is needed there, and nothing that lets anybody in."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import http
from hca_core.errors import ExitStatus, HCAError, NetworkError, PartialError, ServiceError, service_error
from hca_core.transfer import Address, Result, Service, Settings, Transfer, spread
from hca_core.transfer.spread import fetch_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from hca_core.testing import LoopbackService, Plugins

TOKEN = "ya29.a-token-that-nobody-else-may-see"
SIGNATURE = "5f3759df5f3759df"

PLUGIN = """
from hca_core import hookimpl

@hookimpl
def hca_clients():
    return {"weather": "hca_weather_client:Client"}
"""

CLIENT = """
from pathlib import Path

from hca_core import http

class Client:
    def __init__(self, swagger_url=None):
        self.swagger_url = swagger_url
        self.token = Path("own-token").read_text()
        self.session = http.Session(token=lambda: self.token, token_origin=swagger_url)
"""


def refusal(**document: Any) -> ServiceError:
    """Return the error for an answer to a request with a token, from a presigned address."""
    import requests

    request = requests.Request("GET", f"https://dss.example.org/v1/files?X-Amz-Signature={SIGNATURE}").prepare()
    request.headers["Authorization"] = f"Bearer {TOKEN}"
    response = requests.Response()
    response.status_code, response.url, response.request = document.pop("status", 403), request.url or "", request
    response.headers["X-AWS-REQUEST-ID"] = "req-7"
    response.headers["Set-Cookie"] = f"session={TOKEN}"
    return service_error(response, document)


def same(error: HCAError) -> Any:
    """Return an error that went to another process and back."""
    data = pickle.dumps(error)
    for secret in (TOKEN, SIGNATURE):
        assert secret.encode() not in data
    return pickle.loads(data)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 501, 503])
def test_what_a_service_answered_is_told_elsewhere_without_its_response(status: int) -> None:
    error = refusal(status=status, code="not_now", title="Not now", detail="try tomorrow", stacktrace="at line 1")
    error.hint = "wait"
    got = same(error)
    assert type(got) is type(error)
    assert (str(got), got.message, got.hint) == (str(error), error.message, "wait")
    assert (got.exit_status, got.code, got.reason) == (error.exit_status, status, "not_now")
    assert (got.title, got.stacktrace, got.request_id) == ("Not now", "at line 1", "req-7")
    assert got.response is None
    assert got.details is None
    assert error.response is not None  # the one here keeps it


def kinds() -> Iterator[type[HCAError]]:
    """Yield all kinds of errors of the core and of the plugins."""
    for name in ("hca_core", "hca_auth", "hca_dss", "hca_shock", "hca_upload"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith(("__main__", "testing")):
                importlib.import_module(module.name)
    found = [HCAError]
    while found:
        kind = found.pop()
        if kind.__module__.startswith("hca_"):
            yield kind
        found += kind.__subclasses__()


def test_every_kind_of_error_comes_back_as_it_went() -> None:
    listed = set(kinds())
    assert len(listed) > 20
    for kind in listed:
        error: Any = kind.__new__(kind, "what is wrong")
        vars(error).update(message="what is wrong", exit_status=ExitStatus.NETWORK, report=object())
        error.hint = "do this"
        got = same(error)
        assert type(got) is kind
        assert (str(got), got.args, got.hint) == ("what is wrong", ("what is wrong",), "do this")
        assert got.exit_status is ExitStatus.NETWORK
        assert got.report is None


def test_errors_that_are_raised_again_are_whole() -> None:
    got = same(PartialError("two failed", hint="again"))
    assert isinstance(got, PartialError)
    assert got.exit_status is ExitStatus.PARTLY
    assert copy.copy(got).hint == "again"
    with pytest.raises(NetworkError, match="away") as raised:
        raise same(NetworkError("away"))
    assert raised.value.hint is None


def test_results_come_back() -> None:
    result = Result(Transfer("a", "b", Address("http://localhost/a")), "failed", 7, "", refusal(status=404))
    got = pickle.loads(pickle.dumps(result))
    assert got.transfer == result.transfer
    assert str(got.error) == str(result.error)


class Seen:
    """An executor that keeps the bytes that would go to another machine."""

    def __init__(self) -> None:
        self.sent = b""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        self.sent += pickle.dumps((function, *arguments))
        raise RuntimeError("seen")


def everything_sent(transfers: list[Transfer], settings: Settings = Settings()) -> bytes:  # noqa: B008
    executor: Any = Seen()
    with pytest.raises(HCAError, match="seen"):
        list(fetch_with(executor, transfers, settings))
    assert executor.sent
    sent: bytes = executor.sent
    return sent


def test_no_credential_and_no_configuration_goes_to_another_machine(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hca_core.config import get_config

    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    secrets = [TOKEN, "hunter2-in-config", "hunter3-in-environment", "hunter4-in-proxy", SIGNATURE]
    (folder / "config.json").write_text('{"WeatherClient": {"password": "hunter2-in-config"}}')
    monkeypatch.setenv("HCA_WEATHER_TOKEN", "hunter3-in-environment")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter4-in-proxy@proxy.example.org")
    with closing(http.Session(token=lambda: TOKEN, token_origin="https://weather.example.org")) as session:
        session.request_headers = {"Authorization": f"Bearer {TOKEN}"}  # type: ignore[attr-defined]
        client = SimpleNamespace(
            session=session, token=TOKEN, config=get_config(), presigned=f"https://s3/x?X-Amz-Signature={SIGNATURE}"
        )
        service = Service("weather", {"swagger_url": "https://weather.example.org/v1/swagger.json"}, client)
        assert service.client is client
        wanted = [
            Transfer(f"{n}", f"/data/{n}", Address(f"https://weather.example.org/{n}", service), 1, "ab" * 32)
            for n in range(3)
        ]
        sent = everything_sent(wanted, Settings(jobs=3))
    assert b"https://weather.example.org/v1/swagger.json" in sent
    assert [secret for secret in secrets if secret.encode() in sent] == []


def test_the_source_of_a_plugin_leaves_its_signed_address_here() -> None:
    from hca_dss.source import FileSource

    service = Service("dss", {"swagger_url": "https://dss.example.org/v1/swagger.json"}, SimpleNamespace(token=TOKEN))
    signed = f"https://s3.example.org/blobs/x?X-Amz-Signature={SIGNATURE}&x-amz-security-token={TOKEN}"
    source = FileSource(service, "uuid-1", "version-1", "aws", signed)
    sent = everything_sent([Transfer("a", "/data/a", source, 1, "ab" * 32)])
    assert b"uuid-1" in sent
    assert b"https://dss.example.org/v1/swagger.json" in sent
    assert [secret for secret in (TOKEN, SIGNATURE) if secret.encode() in sent] == []


def test_a_worker_makes_its_own_client_from_what_it_has_itself(
    service: LoopbackService, plugin: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token that a request is sent with is the worker's own, and all files of a batch share one client."""
    plugin("weather", PLUGIN, modules={"hca_weather_client": CLIENT})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own-token").write_text("the-worker-s-own")
    for n in range(3):
        service.on("GET", f"/{n}").reply(body=b"rain")
    here = SimpleNamespace(session=None, token=TOKEN)
    source = Service("weather", {"swagger_url": service.url}, here)
    wanted = [
        Transfer(f"{n}", str(tmp_path / f"got-{n}"), Address(f"{service.url}/{n}", source), 4, None) for n in range(3)
    ]
    payload = spread._payload(wanted, Settings(jobs=1), 0.0)
    transfers, *_ = pickle.loads(payload)
    clients = {id(transfer.source.service.client) for transfer in transfers}
    assert len(clients) == 1
    assert transfers[0].source.service.client.token == "the-worker-s-own"
    outcome = spread.work(payload, "once")
    assert outcome.failure is None
    assert [told.status for told in outcome.told] == ["fetched"] * 3, outcome.told
    assert {path.read_bytes() for path in tmp_path.glob("got-*")} == {b"rain"}


def test_errors_that_come_back_have_no_request_in_them() -> None:
    """`requests` has errors that are OSErrors and hold the request with its token."""
    import requests

    request = requests.Request("GET", f"https://dss.example.org/?X-Amz-Signature={SIGNATURE}").prepare()
    request.headers["Authorization"] = f"Bearer {TOKEN}"
    got = spread._sent_back(requests.ConnectionError("it broke", request=request))
    assert isinstance(got, HCAError)
    assert str(got) == "a worker failed: ConnectionError: it broke"
    assert TOKEN.encode() not in pickle.dumps(got)
    full = spread._sent_back(OSError(28, "No space left on device", "/data/x"))
    assert str(pickle.loads(pickle.dumps(full))) == "[Errno 28] No space left on device: '/data/x'"
