"""The system's keyring: real backends in real processes, good ones and such as hang, raise, lie or are locked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest
from waiting import until

from hca_core.credentials import keyring
from hca_core.credentials.keyring import KeyringError

ROOT = Path(__file__).resolve().parent.parent.parent
PLAINTEXT = "keyrings.alt.file.PlaintextKeyring"
SECRET = "a very secret text"
SECONDS = keyring.SECONDS

BACKEND = """
import atexit, os, pathlib, subprocess, sys, time
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Base(KeyringBackend):
    priority = 9
    kept = None
    def get_password(self, service, username):
        return self.kept
    def set_password(self, service, username, password):
        self.kept = password
    def delete_password(self, service, username):
        self.kept = None

class Good(Base):
    pass

class Loud(Base):
    def set_password(self, service, username, password):
        print("noise on stdout"); os.write(1, b"more noise")
        self.kept = password

class Forgetful(Base):
    def set_password(self, service, username, password):
        pass

class Mangling(Base):
    def set_password(self, service, username, password):
        self.kept = password + " "

class Locked(Base):
    def get_password(self, service, username):
        raise KeyringLocked("dismissed")

class Raising(Base):
    def set_password(self, service, username, password):
        raise RuntimeError("two\\nlines about " + password)

class Crashing(Base):
    def get_password(self, service, username):
        os.abort()

class Asking(Base):
    def get_password(self, service, username):
        import getpass
        return getpass.getpass("password of the keyring: ")

class LeavingSlowly(Base):
    def get_password(self, service, username):
        atexit.register(time.sleep, 60)
        return "x"

class Hanging(Base):
    def get_password(self, service, username):
        prompt = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {prompt.pid}")
        time.sleep(600)
"""


@pytest.fixture(autouse=True)
def backends(tmp_path, monkeypatch):
    """Put the test's backends where child processes find them; no session bus of who runs the tests."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "odd_backends.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    for name in ("PYTHON_KEYRING_BACKEND", "XDG_RUNTIME_DIR", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keyring, "SECONDS", 60.0)  # no backend but the one that hangs is meant to take too long
    return tmp_path


def use(monkeypatch, name):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name if "." in name else f"odd_backends.{name}")


def told_by(action, *arguments):
    with pytest.raises(KeyringError) as told:
        action(*arguments)
    assert "\n" not in told.value.message
    assert SECRET not in told.value.message
    assert told.value.hint
    assert told.value.exit_status == 1
    return told.value.message


def test_secrets_are_kept_and_forgotten(monkeypatch):
    use(monkeypatch, PLAINTEXT)
    assert keyring.read("one") is None
    keyring.write("one", SECRET)
    keyring.write("two", 'sm\N{SNOWMAN}rt "quoted"\n' + "x" * 200_000)
    assert keyring.read("one") == SECRET
    assert keyring.read("two") == 'sm\N{SNOWMAN}rt "quoted"\n' + "x" * 200_000
    keyring.write("one", "another")
    assert keyring.read("one") == "another"
    keyring.delete("one")
    keyring.delete("one")
    assert keyring.read("one") is None
    assert keyring.read("two").startswith("sm")


def test_entries_are_filed_under_hca(monkeypatch):
    use(monkeypatch, PLAINTEXT)
    keyring.write("one", SECRET)
    code = "import keyring; print(keyring.get_password('hca', 'one'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == SECRET


def test_nothing_safe_is_there():
    for action in (keyring.read, keyring.delete):
        assert "no keyring that keeps secrets safely (keyring offers: fail Keyring)" in told_by(action, "one")
    assert "no keyring that keeps secrets safely" in told_by(keyring.write, "one", SECRET)


@pytest.mark.parametrize("name", ["keyrings.alt.file.PlaintextKeyring", "keyring.backends.null.Keyring"])
def test_what_is_not_safe_counts_only_if_the_environment_says_so(isolated_home, monkeypatch, name):
    folder = isolated_home / ".config" / "python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring={name}\n")
    assert name.split(".")[-1] in told_by(keyring.write, "one", SECRET)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "")
    assert name.split(".")[-1] in told_by(keyring.read, "one")
    use(monkeypatch, name)
    assert keyring.read("one") is None
    assert not [path for path in isolated_home.rglob("*") if path.is_file() and SECRET in path.read_text()]


def test_the_fail_backend_is_none(monkeypatch):
    use(monkeypatch, "keyring.backends.fail.Keyring")
    assert told_by(keyring.read, "one") == "this machine has no keyring that keeps secrets safely"


def test_a_backend_of_ones_own_is_found_without_being_named(isolated_home):
    folder = isolated_home / ".config" / "python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=odd_backends.Good\n")
    assert keyring.read("one") is None


@pytest.mark.parametrize("name", ["keyring.backends.null.Keyring", "Forgetful", "Mangling"])
def test_what_is_written_is_read_back(monkeypatch, name):
    use(monkeypatch, name)
    assert "does not give back what it was given" in told_by(keyring.write, "one", SECRET)


def test_a_locked_one(monkeypatch):
    use(monkeypatch, "Locked")
    assert told_by(keyring.read, "one") == "the system's keyring is locked"
    assert told_by(keyring.read, "one") == "the system's keyring is locked"
    assert "locked" in told_by(keyring.write, "one", SECRET)


def test_one_that_raises_does_not_tell_the_secret(monkeypatch):
    use(monkeypatch, "Raising")
    assert told_by(keyring.write, "one", SECRET).endswith("RuntimeError: two lines about ***")


@pytest.mark.parametrize("name", ["odd_backends.Missing", "no_such_module.Keyring", "nonsense."])
def test_one_that_is_not_there(monkeypatch, name):
    use(monkeypatch, name)
    assert "the system's keyring failed" in told_by(keyring.read, "one")


def test_one_that_crashes(monkeypatch):
    use(monkeypatch, "Crashing")
    assert "ended its process (status -6)" in told_by(keyring.read, "one")


def test_noise_is_no_answer(monkeypatch, capfd):
    use(monkeypatch, "Loud")
    keyring.write("one", SECRET)
    assert capfd.readouterr() == ("", "")


def test_nobody_is_asked_at_the_terminal(monkeypatch):
    use(monkeypatch, "Asking")
    assert "the system's keyring failed" in told_by(keyring.read, "one")  # not: it did not answer


def test_exit_handlers_of_a_backend_delay_nobody(monkeypatch):
    use(monkeypatch, "LeavingSlowly")
    assert keyring.read("one") == "x"


def is_alive(pid):
    """A killed process whose parent has not asked for it is a zombie: dead all the same."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return False


def gone(pids):
    return until(lambda: not any(map(is_alive, pids)))


def pids_in(folder):
    path = folder / "pids"
    until(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(pid) for pid in path.read_text().split()]


def test_one_that_hangs_is_ended_with_what_it_started(backends, monkeypatch):
    use(monkeypatch, "Hanging")
    monkeypatch.setattr(keyring, "SECONDS", SECONDS)
    communicate = subprocess.Popen.communicate

    def later(child, request, seconds):
        """Let it come to hang before its time begins to run."""
        with child.stdin:
            child.stdin.write(request)
        child.stdin = None
        pids_in(backends)
        return communicate(child, timeout=seconds)

    monkeypatch.setattr(subprocess.Popen, "communicate", later)
    started = time.monotonic()
    assert "did not answer in 5 seconds" in told_by(keyring.read, "one")
    assert SECONDS <= time.monotonic() - started < 60
    assert gone(pids_in(backends))


def test_an_interrupt_ends_it_too(backends, monkeypatch):
    use(monkeypatch, "Hanging")
    caller = subprocess.Popen(
        [sys.executable, "-c", "from hca_core.credentials import keyring as k; k.SECONDS = 600; k.read('one')"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{backends / 'lib'}{os.pathsep}{ROOT}"},
    )
    pids = pids_in(backends)
    caller.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in caller.communicate(timeout=60)[1].decode()
    assert gone(pids)


def test_without_the_package(tmp_path, monkeypatch):
    venv.EnvBuilder(with_pip=False, symlinks=True).create(tmp_path / "bare")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(KeyringError, match="not installed") as told:
        keyring.read("one")
    assert told.value.hint == "pip install 'hca-core[keyring]'"


@pytest.mark.parametrize("program", ["", "/nonexistent/python"])
def test_without_a_python_to_run(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    assert "can't be asked" in told_by(keyring.read, "one")


def test_what_lies_in_the_current_directory_is_not_loaded(tmp_path, monkeypatch):
    use(monkeypatch, PLAINTEXT)
    monkeypatch.chdir(tmp_path)
    for name in ("keyring.py", "json.py"):
        (tmp_path / name).write_text("open('was-here', 'w').close()")
    keyring.write("one", SECRET)
    assert not (tmp_path / "was-here").exists()


def test_the_library_is_not_loaded_by_the_caller(monkeypatch):
    use(monkeypatch, PLAINTEXT)
    code = (
        "import sys; from hca_core.credentials import keyring as ours; ours.read('one');"
        "print([one for one in ('keyring', 'secretstorage', 'jeepney') if one in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
