"""No word of any command is completed with the help of the network, and nothing is said into the line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Completes behind every command: words, options, and the value of each option. Tells what was asked of the network.
WALK = """
import contextlib, io, json, os, sys

asked = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind", "subprocess.Popen"):
        asked.append([event, str(arguments), line])

line = ""
sys.addaudithook(watch)
import click
from hca_core.lazy import LazyCommand
from hca_core.main import hca, run

def walk(command, ctx, words):
    yield words, command
    for name in command.list_commands(ctx) if isinstance(command, click.Group) else ():
        found = command.get_command(ctx, name)
        try:
            inner = found.loaded() if isinstance(found, LazyCommand) else found
        except Exception:
            yield [*words, name], None
            continue
        yield from walk(inner, click.Context(inner, ctx, name), [*words, name])

def complete(*words):
    global line
    line = " ".join(["hca", *words])
    os.environ.update(_HCA_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words)))
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out):
        run([])
    out.flush()
    found[line] = out.buffer.getvalue().decode().splitlines()

found = {}
for words, command in list(walk(hca, click.Context(hca, info_name="hca"), [])):
    complete(*words, "")
    complete(*words, "--")
    for parameter in command.params if command else ():
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            complete(*words, parameter.opts[0], "")
json.dump({"asked": asked, "found": found}, sys.stdout)
"""
BROKEN = "raise RuntimeError('storm')"
LOUD = """
import sys
print("hello"); print("hello", file=sys.stderr)
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"loud": __name__ + ":loud"}

@hookimpl
def hca_config_defaults():
    raise RuntimeError("storm")

loud = click.Group("loud", commands={"today": click.Command("today")})
"""


@pytest.mark.parametrize("cached", [False, True])
def test_nothing_is_asked_and_nothing_said(cached, dss, hca, plugin):
    if cached:
        assert hca("dss", "refresh-swagger").exit_status == 0
    before = len(dss.requests)
    folders = [str(plugin("loud", LOUD)), str(plugin("weather", BROKEN))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(folders))}
    done = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert told["asked"] == []
    assert len(dss.requests) == before
    assert done.stderr.replace("hello\n", "") == ""  # said while the test itself looked for commands
    found = told["found"]
    assert len(found) > 500
    assert found["hca dss get-bundle --replica "] == ["plain,aws", "plain,gcp"]
    assert found["hca loud "] == ["plain,today"]
    assert found["hca weather "] == []


def complete(*words):
    env = {**os.environ, "_HCA_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words)}
    env["COMP_CWORD"] = str(len(words) - 1)
    done = subprocess.run([sys.executable, "-m", "hca_core"], env=env, capture_output=True, text=True)
    assert done.stderr == ""
    return [answer.partition(",")[2] for answer in done.stdout.splitlines() if answer]


def test_values_that_hca_knows(hca, plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin("loud", LOUD)))
    hca("--profile", "work", "config", "set", "x.y", "1")
    assert complete("hca", "--profile", "") == ["default", "work"]
    assert complete("hca", "--profile", "w") == ["work"]
    assert complete("hca", "config", "get", "http.t") == ["http.tries"]
    assert complete("hca", "config", "get", "DSSClient.s") == [
        "DSSClient.service_account.audience",
        "DSSClient.service_account.claims.https://auth.data.humancellatlas.org/email",
        "DSSClient.service_account.claims.https://auth.data.humancellatlas.org/group",
        "DSSClient.service_account.scope",
        "DSSClient.swagger_url",
    ]
    assert complete("hca", "config", "set", "log") == ["log_level"]
    assert complete("hca", "config", "unset", "profiles.w") == ["profiles.work.x.y"]
    assert complete("hca", "help", "dss", "get-bundle") == ["get-bundle", "get-bundles-all", "get-bundles-checkout"]
    assert complete("hca", "help", "co") == ["completion", "config"]
    assert complete("hca", "dss", "help", "downl") == ["download", "download-collection", "download-manifest"]
    assert complete("hca", "help", "loud", "") == ["today"]
    assert complete("hca", "help", "no-such", "") == []
    assert complete("hca", "config", "list", "--output", "js") == ["json", "jsonl"]


def test_a_broken_configuration_completes_nothing_and_says_nothing(isolated_home):
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    assert complete("hca", "--profile", "") == []
    assert complete("hca", "config", "get", "") == []
    (folder / "config.json").write_text("{}")
    (folder / "credentials.json").write_text("{")
    assert complete("hca", "--profile", "") == []
    assert "http.tries" in complete("hca", "config", "get", "")
