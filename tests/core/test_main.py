"""The one place where an error becomes a message and an exit status, and how `hca` ends when it is cut short."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

import hca_core
from hca_core import errors, paths


def start(*words, **settings):
    """Start `hca` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "hca_core", *words],
        stderr=subprocess.PIPE,
        text=True,
        **{"stdout": subprocess.PIPE, **settings},
    )


# Errors

CASES = {
    "done": (None, 0, ""),
    "error": (errors.HCAError("it broke"), 1, "hca: it broke\n"),
    "hint": (errors.HCAError("it broke", hint="mend it"), 1, "hca: it broke\nnext: mend it\n"),
    "usage": (errors.UsageError("not so", hint="so"), 2, "hca: not so\nnext: so\n"),
    "configuration": (errors.ConfigError("bad file"), 2, "hca: bad file\n"),
    "login": (errors.LoginError("log in"), 3, "hca: log in\n"),
    "not found": (errors.NotFoundError("no such thing"), 4, "hca: no such thing\n"),
    "network": (errors.NetworkError("gone"), 5, "hca: gone\n"),
    "integrity": (errors.IntegrityError("wrong sum"), 6, "hca: wrong sum\n"),
    "partly": (errors.PartialError("2 of 3 failed"), 7, "hca: 2 of 3 failed\n"),
    "plugin": (errors.PluginError("no use", hint="out with it"), 8, "hca: no use; next: out with it\n"),
    "file": (FileNotFoundError(2, "No such file or directory", "x.tsv"), 1, "hca: x.tsv: No such file or directory\n"),
    "disk": (
        OSError(28, "No space left on device"),
        1,
        "hca: No space left on device\nnext: make room, then run the same command again\n",
    ),
    "click": (click.ClickException("clicked"), 1, "hca: clicked\n"),
    "exit": (SystemExit(7), 7, ""),
    "exit without": (SystemExit(), 0, ""),
    "exit with words": (SystemExit("so long"), 1, "hca: so long\n"),
    "click exit": (click.exceptions.Exit(9), 9, ""),
    "abort": (click.Abort(), 130, "hca: interrupted\n"),
    "unexpected": (
        ZeroDivisionError("division by zero"),
        1,
        "hca: unexpected ZeroDivisionError: division by zero\n"
        "next: run it again as 'hca --debug ...' and report what that shows\n",
    ),
}


def raising(error):
    @click.command()
    def command():
        if error is not None:
            raise error

    return command


@pytest.mark.parametrize("case", CASES)
def test_every_error_has_its_status_and_its_sentence(case, plugin, hca):
    error, status, told = CASES[case]
    plugin("weather", commands={"weather": raising(error)})
    outcome = hca("weather")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (status, "", told)


def test_no_exit_status_is_forgotten():
    """Each class of errors is in the table above with the status that the README documents."""

    def below(kind):
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    tried = {type(error) for error, *_ in CASES.values()}
    ours = {one for one in below(errors.HCAError) if one.__module__ == errors.__name__}
    assert {one for one in ours if not issubclass(one, errors.ServiceError)} <= tried
    assert {status.value for status in errors.ExitStatus} - {130, 141, 143} <= {
        status for _, status, _ in CASES.values()
    }


@pytest.mark.parametrize(
    ("code", "status"), [(400, 1), (401, 3), (403, 3), (404, 4), (410, 4), (409, 1), (500, 5), (503, 5)]
)
def test_what_a_service_answers_has_its_status(code, status, dss, hca):
    problem = {"status": code, "code": "scripted", "title": "It is so."}
    dss.on("GET", "/v1/events/*").fail(code, times=9, json=problem, retry_after=0)
    outcome = hca("dss", "get-event", "--uuid=u", "--version=v", "--replica=aws")
    assert (outcome.exit_status, outcome.stdout) == (status, "")
    assert "scripted: It is so." in outcome.stderr
    assert str(code) in outcome.stderr


def test_wrong_usage_names_the_help(hca):
    outcome = hca("dss", "get-bundle")
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith("hca: Missing option '--uuid'")
    assert outcome.stderr.endswith("try 'hca dss get-bundle --help'\n")


@pytest.mark.parametrize("words", [["--debug"], []])
def test_the_traceback_is_for_those_who_ask(words, plugin, hca):
    plugin("weather", commands={"weather": raising(errors.HCAError("it broke"))})
    assert ("Traceback" in hca(*words, "weather").stderr) == bool(words)
    assert "Traceback" in hca("weather", env={"HCA_DEBUG": "1"}).stderr
    # An option of that name behind the command is the command's own affair.
    assert "Traceback" not in hca("weather", "--debug").stderr


def test_secrets_are_taken_out_of_messages(plugin, hca):
    error = errors.NetworkError("https://me:s3cr3t@x.example.org/?X-Amz-Signature=s3cr3t broke, Bearer s3cr3t")
    plugin("weather", commands={"weather": raising(error)})
    plugin("climate", commands={"climate": raising(RuntimeError("Authorization: Bearer s3cr3t"))})
    assert "s3cr3t" not in hca("weather").stderr
    assert "s3cr3t" not in hca("climate").stderr


@pytest.mark.parametrize(
    ("result", "status"), [(None, 0), (5, 5), (True, 0), (False, 0), ("text", 0), (errors.ExitStatus.PARTLY, 7)]
)
def test_a_command_may_return_its_exit_status(result, status, plugin, hca):
    @click.command()
    def command():
        return result

    plugin("weather", commands={"weather": command})
    assert hca("weather").exit_status == status


def test_the_prefix_is_red_on_a_terminal_only(plugin, hca):
    plugin("weather", commands={"weather": raising(errors.HCAError("it broke"))})
    assert hca("weather", terminal=True).stderr == "\x1b[31mhca: \x1b[0mit broke\n"
    assert hca("weather", terminal=True, env={"NO_COLOR": "1"}).stderr == "hca: it broke\n"


# The root command


def test_version(hca):
    """CORE-008, CORE-030: the console script, the module, and the slow way through click say the same."""
    told = f"hca {hca_core.__version__}\n"
    script = os.path.join(os.path.dirname(sys.executable), "hca")
    for command in ([script, "--version"], [sys.executable, "-m", "hca_core", "--version"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    assert hca("--version").stdout == told
    assert hca("--debug", "--version").stdout == told


def test_bare_hca_makes_the_users_folder_once(hca):
    outcome = hca()
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    file = Path(paths.config_file())
    assert file.read_text() == "{}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_text('{"x": 1}')
    hca()
    assert file.read_text() == '{"x": 1}'


@pytest.mark.parametrize(
    "words", [["--help"], ["help"], ["--version"], ["config", "path"], ["plugins"], ["nothing"], ["dss"]]
)
def test_nothing_else_makes_it(words, hca):
    hca(*words)
    assert not os.path.exists(paths.config_dir())


def test_the_levels_are_named_when_one_is_wrong(hca):
    outcome = hca("--log-level", "LOUD", "config", "path")
    assert outcome.exit_status == 2
    assert all(f"'{level}'" in outcome.stderr for level in ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"))


# Cut short

FLOOD = """
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"flood": __name__ + ":flood"}

@click.command()
def flood():
    for _ in range(100_000):
        print("x" * 100)
"""


@pytest.mark.parametrize(
    "words", ["--help", "", "dss --help", "dss", "config list", "--version", "flood", "completion bash"]
)
def test_a_closed_pipe_is_quiet(words, plugin, monkeypatch):
    """As in `hca ... | head -0`: nobody reads, so nothing is told; 141 is what a shell shows for SIGPIPE."""
    monkeypatch.setenv("PYTHONPATH", str(plugin("flood", FLOOD)))
    reader, writer = os.pipe()
    os.close(reader)
    process = start(*words.split(), stdout=writer)
    os.close(writer)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (141, "")


def test_a_reader_that_leaves_early(plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin("flood", FLOOD)))
    process = start("flood")
    assert process.stdout.read(10) == "x" * 10
    process.stdout.close()
    assert process.wait(60) == 141
    with process.stderr as stderr:
        assert stderr.read() == ""


SLEEPER = """
import time
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"sleeper": __name__ + ":sleeper"}

@click.command()
def sleeper():
    click.echo("ready")
    for _ in range(600):  # a signal on the very way into one sleep is heard at its end
        time.sleep(0.1)
"""


def test_ctrl_c(plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin("sleeper", SLEEPER)))
    process = start("sleeper")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (130, "hca: interrupted")


def test_ctrl_c_while_a_service_is_slow(dss):
    # 80 s in all; a signal on the very way into the wait for a piece is heard when that comes.
    dss.on("GET", "/v1/events/*").slow(10, json={"a": 1})
    process = start("dss", "get-event", "--uuid=u", "--version=v", "--replica=aws")
    dss.wait_for(2)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told.strip()) == (130, "", "hca: interrupted")


def test_a_closed_stderr_changes_no_status():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "hca_core", "nothing"], stderr=writer, stdout=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stdout) == (2, b"")
