"""Bytes of files: ranges, look-ups that are kept, checks, faults of services on the way."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import fsspec
import pytest

from hca_core.errors import HCAError, IntegrityError, NetworkError
from hca_core.testing import reply

DATA = bytes(range(256)) * 4096  # 1 MiB
BLOB = "/blobs/1-0"


@pytest.fixture
def path(scripted):
    return f"{scripted.serves({'x.bin': DATA})}/x.bin"


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 10), (5, 9), (-7, None), (-9, -2), (1000, None), (None, 77), (1, 10**9), (9, 9), (10**9, None)],
)
def test_ranges_are_asked_for_as_ranges(scripted, path, system, start, end):
    assert system().cat_file(path, start, end) == DATA[start:end]
    assert all("Range" in one.headers for one in scripted.blobs())
    assert scripted.sent() == len(DATA[start:end])


def test_a_file_is_looked_up_once(scripted, path, system):
    fs = system()
    with fs.open(path, block_size=1000, cache_type="none") as stream:
        for place in (0, 500_000, 3, 900_000):
            stream.seek(place)
            assert stream.read(10) == DATA[place : place + 10]
    assert fs.cat_file(path) == DATA
    assert (len(scripted.look_ups()), len(scripted.blobs())) == (1, 5)


def test_many_threads_share_one_look_up(scripted, path, system):
    fs = system()
    together = threading.Barrier(16)

    def read(number):
        together.wait()
        return all(fs.cat_file(path, at, at + 100) == DATA[at : at + 100] for at in range(number, 5000, 500))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read, range(16)))
    assert len(scripted.look_ups()) == 1
    assert len(scripted.service.asked("GET", f"/v1/bundles/{path[4:40]}")) == 1


@pytest.mark.parametrize("code", [403, 400, 404])
def test_a_signed_address_is_renewed_when_its_time_is_over(scripted, path, system, code):
    fs = system()
    assert fs.cat_file(path, 0, 4) == DATA[:4]
    scripted.anew(scripted.entry("x.bin")).redirect(f"{scripted.service.url}/blobs/new?signed=2")
    scripted.service.on("GET", "/blobs/new").reply(body=DATA, ranges=True)
    scripted.anew(BLOB).fail(code, times=99)
    assert fs.cat_file(path, 4, 8) == DATA[4:8]
    assert fs.cat_file(path, 8, 12) == DATA[8:12]
    assert len(scripted.look_ups()) == 2
    assert len(scripted.service.asked("GET", BLOB)) == 2, "the old address is not asked again"


def test_a_file_that_nobody_may_read_is_refused(scripted, system):
    path = scripted.holds({"x.bin": DATA})
    scripted.anew(scripted.entry("x.bin")).fail(403, times=99)
    with pytest.raises(PermissionError, match=r"x\.bin"):
        system().cat_file(f"{path}/x.bin", 0, 9)


def test_a_content_that_is_gone_is_missing(scripted, system):
    path = scripted.holds({"x.bin": DATA})
    scripted.anew(scripted.entry("x.bin")).fail(404, times=99)
    for look in (lambda: system().cat_file(f"{path}/x.bin", 0, 9), lambda: system().cat_file(f"{path}/x.bin")):
        with pytest.raises(FileNotFoundError):
            look()


def test_waits_and_retries_are_those_of_the_service(scripted, system):
    path = scripted.holds({"x.bin": DATA})
    look_up = scripted.anew(scripted.entry("x.bin"))
    look_up.fail(503, times=2, retry_after=0).redirect(f"{scripted.service.url}{BLOB}")
    blob = scripted.anew(BLOB)
    blob.fail(500).drop().truncate(3, body=DATA, ranges=True).reply(body=DATA, ranges=True)
    assert system(tries=9).cat_file(f"{path}/x.bin", 100, 200) == DATA[100:200]
    assert scripted.blobs()[-1].headers["Range"] == "bytes=103-199"
    assert len(scripted.blobs()) == 4


def test_patience_ends(scripted, system):
    path = scripted.holds({"x.bin": DATA})
    scripted.anew(scripted.entry("x.bin")).fail(503, times=99)
    with pytest.raises(HCAError, match="503"):
        system(tries=3).cat_file(f"{path}/x.bin", 0, 9)
    assert len(scripted.look_ups()) == 3


def test_a_cut_stream_goes_on_where_it_was(scripted, system):
    path = scripted.holds({"x.bin": DATA})
    scripted.anew(scripted.entry("x.bin")).redirect(f"{scripted.service.url}{BLOB}")
    scripted.anew(BLOB).truncate(300_000, body=DATA).reply(body=DATA, ranges=True)
    assert system().cat_file(f"{path}/x.bin") == DATA
    assert scripted.blobs()[-1].headers["Range"] == f"bytes=300000-{len(DATA) - 1}"


WRONG = DATA[:-1] + b"!"


def test_wrong_bytes_are_found_whoever_reads_all(scripted, path, system, tmp_path):
    scripted.anew(BLOB).reply(body=WRONG, ranges=True)
    fs = system()
    with pytest.raises(IntegrityError, match=r"x\.bin: expected sha256"):
        fs.cat_file(path)
    for settings in ({}, {"cache_type": "none"}, {"block_size": 1000}, {"cache_type": "all"}, {"cache_type": "bytes"}):
        with fs.open(path, **settings) as stream, pytest.raises(IntegrityError, match=r"x\.bin: expected sha256"):
            list(iter(partial(stream.read, 100_000), b""))
    with fsspec.open(f"dss://{path}", "rt", encoding="latin-1", tries=2) as text, pytest.raises(IntegrityError):
        text.read()
    with pytest.raises(IntegrityError):
        fs.get_file(path, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    with open(tmp_path / "y", "wb") as target, pytest.raises(IntegrityError):
        fs.get_file(path, target)


def test_who_looks_at_the_beginning_first_is_checked_too(scripted, path, system):
    scripted.anew(BLOB).reply(body=WRONG, ranges=True)
    with system().open(path) as stream:
        stream.read(5000)
        stream.seek(100)
        stream.read(3)
        stream.seek(0)
        with pytest.raises(IntegrityError):
            stream.read()


def test_who_leaves_something_out_can_not_be_checked(scripted, path, system):
    scripted.anew(BLOB).reply(body=WRONG, ranges=True)
    with system().open(path) as stream:
        stream.seek(10)
        assert stream.read() == WRONG[10:]
        stream.seek(0)
        stream.read(9)
        stream.seek(10)
        assert stream.read() == WRONG[10:]


@pytest.mark.parametrize("wrong", [DATA + b"more", DATA[:-1], b""])
def test_another_length_is_an_error_at_once(scripted, path, system, wrong):
    scripted.anew(BLOB).reply(body=wrong, ranges=True)
    for ends in ((None, None), (5, 9)):
        with pytest.raises(HCAError) as caught:
            system(tries=2).cat_file(path, *ends)
        assert isinstance(caught.value, IntegrityError), caught.value


def test_a_server_without_ranges_is_read_from_its_beginning(scripted, path, system):
    scripted.anew(BLOB).reply(body=DATA)
    assert system().cat_file(path, 70_000, 70_010) == DATA[70_000:70_010]
    assert system().cat_file(path, 0, 10) == DATA[:10]


def test_a_range_from_another_place_is_not_taken(scripted, path, system):
    told = {"Content-Range": f"bytes 7-16/{len(DATA)}"}
    scripted.anew(BLOB).reply(body=DATA[7:17], status=206, headers=told)
    with pytest.raises(NetworkError, match="asked for content from byte 5"):
        system(tries=2).cat_file(path, 5, 15)


def test_more_than_was_asked_for_is_left_alone(scripted, path, system):
    told = {"Content-Range": f"bytes 3-99/{len(DATA)}"}
    scripted.anew(BLOB).reply(body=DATA[3:100], status=206, headers=told)
    assert system().cat_file(path, 5, 15) == DATA[5:15]


def test_a_wrong_promise_is_found(scripted, system):
    path = scripted.holds({"x.bin": DATA}, sha256="0" * 64)
    scripted.leads("x.bin")
    with pytest.raises(IntegrityError, match=hashlib.sha256(DATA).hexdigest()):
        system().cat_file(f"{path}/x.bin")


def test_empty_files_ask_for_nothing(scripted, system):
    path = scripted.serves({"empty": b""})
    with system().open(f"{path}/empty") as stream:
        assert stream.read() == b""
    assert system().cat_file(f"{path}/empty", 0, 5) == b""
    assert scripted.blobs() == []


def test_many_ranges_come_side_by_side(scripted, path, system):
    meeting = threading.Barrier(8, timeout=30)

    def answer(request):
        meeting.wait()  # breaks if they do not come together
        first, last = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
        told = {"Content-Range": f"bytes {first}-{last}/{len(DATA)}"}
        return reply(body=DATA[first : last + 1], status=206, headers=told)

    fs = system()
    fs.cat_file(path, 0, 1)
    scripted.anew(BLOB).reply(answer)
    starts = list(range(0, 800, 100))
    assert fs.cat_ranges([path] * 8, starts, [one + 50 for one in starts]) == [DATA[one : one + 50] for one in starts]


def test_errors_stand_among_many_ranges_or_end_them(scripted, path, system):
    paths = [path, f"{path}.missing", path]
    found = system().cat_ranges(paths, 0, [3, 3, None])
    assert (found[0], found[2]) == (DATA[:3], DATA)
    assert isinstance(found[1], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        system().cat_ranges(paths, 0, 3, on_error="raise")
    assert system().cat_ranges([], [], []) == []
    with pytest.raises(ValueError, match="do not belong together"):
        system().cat_ranges(paths, [0], [1])


def test_a_file_is_fetched_and_told_of(scripted, path, system, tmp_path):
    fs = system()
    told = fsspec.callbacks.Callback()
    fs.get_file(path, tmp_path / "new" / "x", callback=told)
    assert (tmp_path / "new" / "x").read_bytes() == DATA
    assert (told.size, told.value) == (len(DATA), len(DATA))
    (tmp_path / "x").write_bytes(b"old")
    fs.get(path, str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == DATA
    with open(tmp_path / "z", "wb") as target:
        fs.get_file(path, target)
    assert (tmp_path / "z").read_bytes() == DATA
    assert sorted(one.name for one in tmp_path.iterdir()) == ["new", "x", "z"]


def test_all_of_a_bundle_is_fetched(scripted, system, tmp_path):
    contents = {"a": b"1", "d/b": b"2", "d/e/c": b""}
    path = scripted.serves(contents)
    system().get(path, str(tmp_path / "out"), recursive=True)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "c\x00d"])
def test_names_that_lead_elsewhere_are_refused(scripted, system, tmp_path, name):
    path = scripted.holds({"x": b"", name: b"evil"})
    with pytest.raises(HCAError, match="file name"):
        system().get(path, str(tmp_path / "out"), recursive=True)
    assert list(tmp_path.iterdir()) == []


def test_the_signed_address_is_told(scripted, path, system):
    assert system().sign(path) == f"{scripted.service.url}{BLOB}?signed=1"
    plain = f"{scripted.holds({'y': b'y'})}/y"
    scripted.anew(scripted.entry("y")).reply(body=b"y")
    system().invalidate_cache()
    with pytest.raises(NotImplementedError, match="no signed URL"):
        system().sign(plain)
    assert system().cat_file(plain) == b"y"


def test_text_and_compression(scripted, system):
    import gzip

    path = scripted.serves({"t.csv.gz": gzip.compress("größe\n1\n".encode())})
    with fsspec.open(f"dss://{path}/t.csv.gz", "rt", compression="infer", encoding="utf-8") as stream:
        assert stream.read().splitlines() == ["größe", "1"]
    with fsspec.open(f"simplecache::dss://{path}/t.csv.gz", compression="infer") as stream:
        assert stream.read() == "größe\n1\n".encode()
