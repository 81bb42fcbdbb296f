"""Shell completion: the scripts that `hca completion` prints, and what they are answered."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys

import pytest
from waiting import until

BIN = os.path.dirname(sys.executable)


@pytest.fixture(autouse=True)
def installed_command(monkeypatch):
    """The scripts call `hca` by name."""
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")


def complete(*words, shell="bash", **env):
    """Ask as the script of `shell` does what may stand at the last of `words`; return the answers."""
    asked = {
        "bash": {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)},
        "fish": {"COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1]},
    }[shell]
    settings = {**os.environ, "_HCA_COMPLETE": f"{shell}_complete", **asked, **env}
    done = subprocess.run(["hca"], env=settings, capture_output=True, text=True)
    assert done.stderr == ""
    return list(filter(None, done.stdout.splitlines()))


def words_of(answers):
    return [answer.partition(",")[2] for answer in answers]


def test_the_first_word():
    names = words_of(complete("hca", ""))
    assert {"clear-hca-cache", "completion", "config", "dss", "help", "plugins"} <= set(names)
    assert words_of(complete("hca", "ds")) == ["dss"]
    assert words_of(complete("hca", "c")) == ["cache", "clear-hca-cache", "completion", "config"]
    assert complete("hca", "zzz") == []


def test_options_of_the_root():
    options = {
        "--version",
        "--log-level",
        "--debug",
        "--quiet",
        "--verbose",
        "--profile",
        "--map-http-status",
        "--help",
    }
    assert set(words_of(complete("hca", "--"))) == options
    assert words_of(complete("hca", "--log-level", "")) == ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]


def test_below_a_plugins_group():
    names = words_of(complete("hca", "dss", "get-"))
    assert {"get-bundle", "get-bundles-all", "get-file"} <= set(names)
    assert all(name.startswith("get-") for name in names)
    assert words_of(complete("hca", "dss", "create-")) == ["create-version"]
    assert words_of(complete("hca", "--log-level", "INFO", "dss", "create-")) == ["create-version"]


def test_options_and_choices_of_generated_and_written_verbs():
    assert {"--uuid", "--replica", "--version", "--no-paginate"} <= set(
        words_of(complete("hca", "dss", "get-bundle", "--"))
    )
    assert words_of(complete("hca", "dss", "get-bundle", "--replica", "")) == ["aws", "gcp"]
    assert words_of(complete("hca", "dss", "download", "--replica", "g")) == ["gcp"]
    assert words_of(complete("hca", "dss", "get-bundle", "--output", "js")) == ["json", "jsonl"]
    assert words_of(complete("hca", "config", "")) == ["get", "list", "path", "profiles", "set", "unset"]
    assert words_of(complete("hca", "completion", "")) == ["bash", "zsh", "fish"]


def test_a_third_partys_commands(plugin, monkeypatch):
    source = """
import click
from hca_core import hookimpl

@hookimpl
def hca_commands():
    return {"weather": __name__ + ":weather"}

weather = click.Group("weather", commands={"today": click.Command("today")})
"""
    folder = plugin("weather", source)
    assert words_of(complete("hca", "w", PYTHONPATH=str(folder))) == ["weather"]
    assert words_of(complete("hca", "weather", "t", PYTHONPATH=str(folder))) == ["today"]


@pytest.mark.parametrize("source", ["raise RuntimeError('storm')", "raise SystemExit(3)", ""])
def test_a_broken_plugin_is_silent_while_a_line_is_typed(source, plugin):
    folder = plugin("weather", source)
    assert words_of(complete("hca", "w", PYTHONPATH=str(folder))) == ["weather"]
    assert complete("hca", "weather", "", PYTHONPATH=str(folder)) == []


def test_a_broken_configuration_is_silent_too(isolated_home):
    (isolated_home / ".config" / "hca").mkdir(parents=True)
    (isolated_home / ".config" / "hca" / "config.json").write_text("{")
    (isolated_home / ".cache" / "hca" / "api").mkdir(parents=True)
    assert words_of(complete("hca", "dss", "create-")) == ["create-version"]


def test_other_shells_get_the_helps_too():
    zsh = complete("hca", "ds", shell="zsh")
    assert zsh == ["plain", "dss", "Find, download and upload data of the Data Storage System."]
    fish = complete("hca", "ds", shell="fish")
    assert "dss" in "".join(fish)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_printed_and_name_the_protocol(shell, hca):
    outcome = hca("completion", shell)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert f"_HCA_COMPLETE={shell}_complete" in outcome.stdout
    assert "%(" not in outcome.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=outcome.stdout, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (["get-files", "-f", "assa"], []),
        (["get-files", "-f", "organP"], ["organPart="]),
        (["get-facets", "--type", "p"], ["projects"]),
        (["get-entities", "b"], ["bundles"]),
        (["get-entity", "s"], ["samples"]),
        (["create-manifest", "--format", "c"], ["compact", "curl"]),
        (["download", "--source", "m"], ["mirror"]),
        (["download-matrices", "--source", "mirror,"], ["mirror,azul", "mirror,drs"]),
        (["download", "--layout", "b"], ["bundle"]),
        (["lock", "--layout", "f"], ["flat"]),
        (["verify", "--layout", "n"], ["none"]),
        (["samplesheet", "--layout", "p"], ["project"]),
    ],
)
def test_values_of_which_there_are_few(words, candidates):
    assert words_of(complete("hca", "azul", *words)) == candidates


def test_no_blank_stands_between_a_field_and_its_value_in_zsh(hca):
    assert "-S '' -- ${(M)completions:#*=}" in hca("completion", "zsh").stdout


def test_another_shell_is_refused(hca):
    outcome = hca("completion", "tcsh")
    assert outcome.exit_status == 2
    assert "'bash', 'zsh', 'fish'" in outcome.stderr


def _bash_version():
    bash = shutil.which("bash")
    told = subprocess.run([bash, "-c", "echo $BASH_VERSION"], capture_output=True, text=True).stdout if bash else "0.0"
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", told).groups()))


@pytest.mark.skipif(_bash_version() < (4, 4), reason="click's script needs bash 4.4")
def test_a_real_bash_completes():
    script = """
source <(hca completion bash)
complete -p hca
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _hca_completion hca; echo "${COMPREPLY[*]}"; }
ask hca ds
ask hca dss get-bundles
ask hca dss get-bundle --replica ''
compopt() { echo "$@"; }
ask hca azul get-files -f fileFor
"""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    registered, *answers = done.stdout.splitlines()
    assert "-F _hca_completion hca" in registered
    no_blank = ["-o nospace", "fileFormat="]
    assert answers == ["dss", "get-bundles-all get-bundles-checkout", "aws gcp", *no_blank]


def test_a_real_fish_completes():
    if shutil.which("fish") is None:
        pytest.skip("there is no fish here")
    lines = ["hca ds", "hca dss get-bundle --replica ", "hca azul get-files -f organP",
             "hca azul download-matrices --source mirror,"]  # fmt: skip
    script = "hca completion fish | source;" + "".join(f"complete -C '{line}'; echo;" for line in lines)
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    assert [[one.partition("\t") for one in block.splitlines()] for block in done.stdout.split("\n\n")[:4]] == [
        [("dss", "\t", "Find, download and upload data of the Data Storage System.")],
        [("aws", "", ""), ("gcp", "", "")],
        [("organPart=", "", "")],
        [("mirror,azul", "", ""), ("mirror,drs", "", "")],
    ]


@pytest.fixture
def zsh(monkeypatch):
    """A function that types into a zsh with our script, and waits until it shows what is expected."""
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh here")
    for name, value in {"TERM": "dumb", "PS1": "> ", "ZDOTDIR": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    ours, its = pty.openpty()
    with subprocess.Popen(["zsh", "-f", "-i"], stdin=its, stdout=its, stderr=its, start_new_session=True) as shell:
        os.close(its)
        screen = b""

        def shows(expected):
            nonlocal screen
            if select.select([ours], [], [], 0.05)[0]:
                screen += os.read(ours, 4096)
            return expected in screen

        def type_in(*keys_and_screens):
            nonlocal screen
            screen = b""
            for keys, expected in keys_and_screens:
                os.write(ours, keys)
                until(lambda expected=expected: shows(expected))
            os.write(ours, b"\x15")  # forget the line

        try:
            type_in((b"autoload -U compinit; compinit -u -D; source <(hca completion zsh); echo rea''dy\n", b"ready"))
            yield type_in
        finally:
            shell.kill()
    os.close(ours)


def test_a_real_zsh_completes(zsh):
    zsh((b"hca ds\t", b"hca dss "))
    zsh((b"hca dss get-bundle --rep\t", b"lica "))
    zsh((b"hca azul download --source mi\t", b"rror "))
    zsh((b"hca azul get-files -f organP\t", b"art="), (b"kidney", b"art=kidney"))  # no blank: a value follows
