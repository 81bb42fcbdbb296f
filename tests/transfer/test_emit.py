"""What other tools are told, and that the real ones fetch the right bytes to the right places with it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace

import pytest

from hca_core.errors import LoginError, NotFoundError, UsageError
from hca_core.transfer import Address, Transfer
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, run

DIGEST = "ab" * 32
HOSTILE = ["/a b", "/#1", "/quo\"te's", "/{1,2}[3-4]", "/-o", "/%41", "/ä€😀", "/$(x)`y`;&|", "/d e/f\\g", "/~"]
BREAKING = ["/new\nline", "/tab\there", "/return\rhere"]


@dataclass(frozen=True)
class Direct(Address):
    place: str = "s3://bucket/a key*'s"

    def direct(self) -> str:
        return self.place


@dataclass(frozen=True)
class Locked(Address):
    def request(self, offset, *, anew=False):
        return replace(super().request(offset), authenticated=True)


@dataclass(frozen=True)
class Broken(Address):
    def request(self, offset, *, anew=False):
        raise LoginError("log in first")


def emitted(wanted, kind: str) -> tuple[str, Report]:
    told: list[str] = []
    report = run(wanted, Order(emit=kind, write=told.append), Report(""), directory="")
    return "".join(told), report


def one(target: str, source=None, **more) -> Transfer:
    return Transfer("name", target, source or Address("https://h/f?a=1&b=%2F"), **{"size": 3, "digest": DIGEST, **more})


def test_urls():
    assert emitted([one("/s/1"), one("/s/2")], "urls")[0] == "https://h/f?a=1&b=%2F\n" * 2


def test_a_url_can_not_break_out_of_its_line():
    source = Address('https://h/a b\n  out=x"\\<ä>')
    assert emitted([one("/s/1", source)], "urls")[0] == "https://h/a%20b%0A%20%20out=x%22%5C%3C%C3%A4%3E\n"


def test_what_is_there_and_what_comes_twice_is_left_out(remote, tmp_path):
    there, wrong = remote.file("/there", b"abc"), remote.file("/wrong", b"abc")
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / "there").write_bytes(b"abc")
    (tmp_path / "got" / "wrong").write_bytes(b"abd")
    text, report = emitted([there, wrong, wrong, Missing("m", NotFoundError("no m"))], "urls")
    assert text == f"{remote.url}/wrong\n"
    assert report.document() == {
        "directory": ".",
        "emit": "urls",
        "files": 2,
        "present": 1,
        "emitted": 1,
        "failed": [{"name": "m", "error": "no m"}],
    }
    assert report.in_words(1) == "2 files, 1 are there, 1 for urls"


def test_a_file_that_can_not_be_told_is_a_failure_and_others_are_told():
    text, report = emitted([one("/s/1", Broken("http://h/")), one("/s/2")], "urls")
    assert text.count("\n") == 1
    assert [str(failure.error) for failure in report.failures] == ["log in first"]


def test_nobody_gets_a_login():
    with pytest.raises(UsageError, match="name needs your login, which is not given to other tools"):
        emitted([one("/s/1", Locked("http://h/"))], "aria2")


def test_aria2_gets_place_and_digest():
    text = emitted([one("/store/a/b", algorithm="sha1"), one("/store/c", digest=None)], "aria2")[0]
    assert text == (
        "https://h/f?a=1&b=%2F\n  dir=/store/a\n  out=b\n  allow-overwrite=true\n"
        f"  checksum=sha-1={DIGEST}\nhttps://h/f?a=1&b=%2F\n  dir=/store\n  out=c\n  allow-overwrite=true\n"
    )


@pytest.mark.parametrize("target", [*BREAKING, "/blank ", "/blank /x", "/half\udc80"])
def test_what_aria2_can_not_be_told_is_refused(target):
    with pytest.raises(UsageError, match=r"aria2|curl|UTF-8") as raised:
        emitted([one(target)], "aria2")
    assert raised.value.message.isprintable()


def test_s5cmd_gets_commands():
    text = emitted([one("/s/it's", Direct("http://h/"))], "s5cmd")[0]
    assert text.startswith("cp --raw ")
    assert shlex.split(text) == ["cp", "--raw", "s3://bucket/a key*'s", "/s/it's"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Address("http://h/"), "this service tells none"),
        (Direct("http://h/", None, "gs://b/k"), "name lies at gs://"),
        (Direct("http://h/", None, "s3://b/k\nrm s3://b/*"), "control character"),
    ],
)
def test_what_s5cmd_can_not_be_told_is_refused(source, why):
    with pytest.raises(UsageError, match=why):
        emitted([one("/s/1", source)], "s5cmd")


@pytest.mark.parametrize("order", [Order(emit="ftp", write=print), Order(emit="urls")])
def test_an_unknown_tool_or_nowhere_to_write(order):
    with pytest.raises(UsageError, match="must be one of urls, aria2, curl, s5cmd"):
        run([], order, Report(""), directory="")


def fetched_by(command: list[str], kind: str, remote, server, names: list[str], tmp_path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    contents = {name: f"content of {name!r}".encode() for name in names}
    wanted = []
    for number, (name, data) in enumerate(contents.items()):
        server.put(f"/{number}", data)
        wanted.append(remote.file(name, data, url=f"{remote.url}/{number}"))
    path = tmp_path / "input"
    path.write_bytes(emitted(wanted, kind)[0].encode())
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {str(path.relative_to(tmp_path / "got")) for path in (tmp_path / "got").rglob("*") if path.is_file()}
    assert found == {name.removeprefix("/") for name in names}
    for name, data in contents.items():
        assert (tmp_path / "got" / name.removeprefix("/")).read_bytes() == data
    assert emitted(wanted, kind)[1].planned["emitted"] == 0  # all of it is right


def test_the_real_aria2_fetches_it(remote, server, tmp_path):
    fetched_by(["aria2c", "--no-conf", "-j4", "-i"], "aria2", remote, server, HOSTILE, tmp_path)


def test_the_real_aria2_checks_the_digest_and_mends_what_is_wrong(remote, server, tmp_path):
    server.put("/a", b"abc")
    wanted = remote.file("/a", b"abc")
    (tmp_path / "got").mkdir()
    (tmp_path / "got" / "a").write_bytes(b"wrong and longer")
    if shutil.which("aria2c") is None:
        pytest.skip("aria2c is not installed")
    path = tmp_path / "input"
    path.write_text(emitted([wanted], "aria2")[0])
    subprocess.run(["aria2c", "--no-conf", "-i", str(path)], capture_output=True, timeout=60, check=True)
    assert (tmp_path / "got" / "a").read_bytes() == b"abc"
    server.put("/a", b"abd")
    (tmp_path / "got" / "a").unlink()
    done = subprocess.run(["aria2c", "--no-conf", "-i", str(path)], capture_output=True, timeout=60)
    assert done.returncode != 0


def test_the_real_curl_fetches_it(remote, server, tmp_path):
    fetched_by(["curl", "-q", "-s", "-S", "--config"], "curl", remote, server, [*HOSTILE, *BREAKING], tmp_path)


def test_the_real_curl_follows_to_where_a_file_lies(remote, server, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    async def elsewhere(exchange):
        await exchange.answer(302, {"Location": "/there[1-2]"})

    server.put("/there[1-2]", b"abc")  # no pattern
    server.put("/a", b"", elsewhere)
    path = tmp_path / "input"
    direct = remote.file("/b", b"abc", url=f"{remote.url}/there[1-2]")
    path.write_text(emitted([remote.file("/a", b"abc"), direct], "curl")[0])
    subprocess.run(["curl", "-q", "-s", "--config", str(path)], timeout=60, check=True)
    assert (tmp_path / "got" / "a").read_bytes() == b"abc"
    assert sorted(os.listdir(tmp_path / "got")) == ["a", "b"]
