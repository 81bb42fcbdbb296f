"""`hca man`: a manual page for every command, that man shows as it was written, whatever is in the help texts."""

from __future__ import annotations

import re
import shutil
import subprocess

import click
import pytest

from hca_core.verbs.man_pages import escaped

DATED = {"SOURCE_DATE_EPOCH": "1795305600"}  # 2026-11-22
# A help text with everything that troff would take for its own: requests, escapes, quotes.
NASTY = r""".so /etc/passwd

'tis \fBbold\fR \n(yr and -- "quoted"; ~/x ^y `z` a\\b

.TH X
"""


@pytest.fixture(scope="module")
def mandoc():
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not there")


def shown(file):
    """Return what somebody reads who asks for the page, without bold and italics."""
    command = ["mandoc", "-T", "utf8", "-O", "width=100", file]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return re.sub(r".\x08", "", done.stdout)


def pages_of(hca, folder, **env):
    assert hca("man", str(folder), env={**DATED, **env}).exit_status == 0
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_page_for_every_command(hca, tmp_path):
    outcome = hca("man", str(tmp_path / "share" / "man1"), env=DATED)
    pages = {path.name: path.read_text() for path in (tmp_path / "share" / "man1").iterdir()}
    assert outcome.json() == {"directory": str(tmp_path / "share" / "man1"), "pages": len(pages)}
    assert {"hca.1", "hca-man.1", "hca-config.1", "hca-config-get.1", "hca-dss-get-bundle.1"} <= pages.keys()
    assert '" 1 "2026-11-22" "hca ' in pages["hca.1"].splitlines()[0]
    for name, text in pages.items():
        assert text.startswith(f'.TH "{escaped(name[:-2].upper())}" 1 '), name
        assert f"\n.SH NAME\n{escaped(name[:-2])} \\- " in text, name


def test_the_same_pages_another_day_and_in_another_window(hca, tmp_path):
    first = pages_of(hca, tmp_path / "one", COLUMNS="60")
    assert first == pages_of(hca, tmp_path / "other", COLUMNS="150", TZ="Pacific/Kiritimati")
    assert ' 1 "" "hca ' in pages_of(hca, tmp_path / "undated", SOURCE_DATE_EPOCH="")["hca.1"]


def test_mandoc_has_nothing_to_say(hca, tmp_path, mandoc):
    pages_of(hca, tmp_path / "pages")
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *(tmp_path / "pages").iterdir()], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_a_reader_sees(hca, tmp_path, mandoc):
    pages_of(hca, tmp_path)
    page = shown(tmp_path / "hca-dss-download.1")
    assert re.search(r"NAME\n +hca-dss-download - Download a bundle as a directory\n", page)
    assert re.search(r"SYNOPSIS\n +hca dss download \[OPTIONS\]\n", page)
    assert re.search(r"\n +--replica \[aws\|gcp\]\n +Replica to download from.  \[required\]\n", page)
    assert "\nMORE THAN ONE MACHINE\n" in page
    assert re.search(r"SEE ALSO\n +hca-dss\(1\)\n", page)
    above = shown(tmp_path / "hca-dss.1")
    assert re.search(r"COMMANDS\n(.*\n)* +download\n? +Download a bundle as a directory\.\n", above)
    example = shown(tmp_path / "hca-cache.1")  # lines that click keeps as they are
    assert re.search(r"\n +hca cache info data\n +hca cache verify data\n", example)


def test_a_plugin_of_somebody_else_with_a_nasty_help_text(hca, tmp_path, plugin, mandoc):
    @click.group(help=NASTY, short_help=NASTY.splitlines()[2])
    def weather():
        pass

    @weather.command(short_help=".so x")
    @click.option("--city", metavar="'x' .y \\z", help=NASTY)
    def today(city):
        """.br"""

    @weather.command(hidden=True)
    def secret():
        pass

    plugin("weather", commands={"weather": weather})
    pages = pages_of(hca, tmp_path)
    assert "hca-weather-today.1" in pages
    assert "hca-weather-secret.1" not in pages
    for name in ("hca-weather.1", "hca-weather-today.1"):
        requests = {line.split()[0] for line in pages[name].splitlines() if line.startswith((".", "'"))}
        assert requests <= {".TH", ".SH", ".B", ".BR", ".PP", ".TP", ".nf", ".fi"}
        page = " ".join(shown(tmp_path / name).split())
        assert r"""'tis \fBbold\fR \n(yr and -- "quoted"; ~/x ^y `z` a\\b""" in page
        assert ".so /etc/passwd" in page
    assert r"--city 'x' .y \z" in " ".join(shown(tmp_path / "hca-weather-today.1").split())


def test_a_broken_plugin_costs_its_own_pages_only(hca, tmp_path, plugin):
    plugin("weather", "raise RuntimeError('no')")
    outcome = hca("man", str(tmp_path), env=DATED)
    assert outcome.exit_status == 7
    assert "there is no page of hca weather" in outcome.stderr
    assert "hca plugins --check" in outcome.stderr
    assert (tmp_path / "hca-plugins.1").is_file()


def test_a_name_never_leads_out_of_the_directory(hca, tmp_path, plugin):
    @click.group()
    def weather():
        """Look at the sky."""

    weather.add_command(click.Command("x/../../../escaped", callback=lambda: None))
    plugin("weather", commands={"weather": weather})
    outcome = hca("man", str(tmp_path / "a" / "b"), env=DATED)
    assert outcome.exit_status == 7
    assert "there is no page of hca weather x/../../../escaped" in outcome.stderr
    assert [path.name for path in tmp_path.rglob("*escaped*")] == []


def test_names_of_commands_do_not_move_the_terminal(hca, tmp_path, plugin):
    plugin("weather", commands={"weather": click.Group("weather", {"x\x1b[2J\ny": click.Command("y")})})
    outcome = hca("man", str(tmp_path), env=DATED)
    assert outcome.stderr.startswith("hca: there is no page of hca weather x\N{REPLACEMENT CHARACTER}[2J y\nnext:")


def test_others_pages_stay_and_every_user_may_read_ours(hca, tmp_path):
    (tmp_path / "ls.1").write_text("mine")
    (tmp_path / "hca.1").write_text("an older one")
    pages = pages_of(hca, tmp_path)
    assert pages["ls.1"] == "mine"
    assert pages["hca.1"].startswith(".TH")
    assert (tmp_path / "hca.1").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("seconds", ["yesterday", "9" * 30])
def test_a_date_that_is_none(hca, tmp_path, seconds):
    outcome = hca("man", str(tmp_path / "pages"), env={"SOURCE_DATE_EPOCH": seconds})
    assert outcome.exit_status == 2
    assert f"SOURCE_DATE_EPOCH is '{seconds}'" in outcome.stderr
    assert not (tmp_path / "pages").exists()
