"""Names of plugins from metadata: the same ones that importlib.metadata finds, and no plugin's code."""

from __future__ import annotations

import importlib.metadata  # noqa: TID253 - what to compare with
import shutil
import sys
import zipfile

import pytest

from hca_core import discover


def dist(folder, name, entry_points="", *, version="1.0", summary="A summary.", kind="dist-info", metadata=None):
    """Make a distribution's metadata folder; return it."""
    made = folder / f"{name}-{version}.{kind}"
    made.mkdir(parents=True)
    header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n\nSummary: not this\n"
    (made / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_text(header if metadata is None else metadata)
    if entry_points:
        (made / "entry_points.txt").write_text(entry_points)
    return made


def seen():
    """Return what `discover` finds: group, name and target of each entry point in force."""
    groups = {group for group in discover._scan(tuple(sys.path)) if group}
    return {(group, name, entry.target) for group in groups for name, entry in discover.installed(group).items()}


def official():
    """Return what importlib.metadata finds, the first of each name (its order is that of the path)."""
    found = {}
    known = importlib.metadata.entry_points()
    for group in (name for name in known.groups if name.startswith("hca.")):
        for entry in known.select(group=group):
            target = entry.module + (f":{entry.attr}" if entry.attr else "")
            found.setdefault((group, entry.name), target)
    return {(*key, target) for key, target in found.items()}


def test_it_agrees_with_importlib_metadata_here():
    assert seen() == official()
    assert ("hca.plugins", "dss", "hca_dss.plugin") in seen()
    for entry in discover.installed(discover.PLUGINS).values():
        known = importlib.metadata.distribution(entry.distribution)
        assert entry.version == known.version
        assert entry.summary == known.metadata["Summary"]


TEXTS = {
    "plain": "[hca.plugins]\nweather = hca_weather.plugin\n",
    "object": "[hca.plugins]\nweather = hca_weather.plugin:Plugin.inner\n",
    "blanks": "\n[hca.plugins]\n\n  weather=hca_weather : plugin  \n\n",
    "extras": "[hca.plugins]\nweather = hca_weather.plugin [fast,more]\n",
    "comment": "# weather\n[hca.plugins]\n# weather = no\nweather = hca_weather\n",
    "several": "[console_scripts]\nx = y:z\n[hca.plugins]\na = m_a\nb = m_b\n[hca.commands.dss]\nv = m:v\n[o]\nq = r\n",
    "crlf": "[hca.plugins]\r\nweather = hca_weather\r\n",
    "others only": "[console_scripts]\nx = hca.y:z\n",
    "empty": "",
}


@pytest.mark.parametrize("text", TEXTS)
def test_it_reads_what_importlib_metadata_reads(text, tmp_path, monkeypatch):
    dist(tmp_path, "hca_plugin_weather", TEXTS[text])
    monkeypatch.syspath_prepend(tmp_path)
    assert seen() == official()


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_header_of_both_kinds_of_metadata(kind, tmp_path, monkeypatch):
    dist(tmp_path, "Acme.Weather", TEXTS["plain"], kind=kind, version="2.1", summary="Weather: now.")
    monkeypatch.syspath_prepend(tmp_path)
    entry = discover.installed(discover.PLUGINS)["weather"]
    assert (entry.distribution, entry.version, entry.summary) == ("Acme.Weather", "2.1", "Weather: now.")
    assert seen() == official()


def test_metadata_that_is_missing_or_garbage(tmp_path, monkeypatch):
    dist(tmp_path, "acme", TEXTS["plain"], metadata="")
    (tmp_path / "garbage-1.0.dist-info").mkdir()
    (tmp_path / "garbage-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[hca.plugins]\n\x00 = \n=\n[[")
    (tmp_path / "file-1.0.dist-info").write_text("not a folder")
    (tmp_path / "old.egg-info").write_text("Name: old\nVersion: 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry = discover.installed(discover.PLUGINS)["weather"]
    assert (entry.distribution, entry.version, entry.summary) == ("acme", "unknown", "")


def test_nothing_of_a_distribution_moves_a_terminal(tmp_path, monkeypatch):
    dist(tmp_path, "acme", "[hca.plugins]\nwea\x1b[31mther = a:b\n", summary="red\x1b]0;mine\x07")
    monkeypatch.syspath_prepend(tmp_path)
    entry = discover.installed(discover.PLUGINS)["wea\N{REPLACEMENT CHARACTER}[31mther"]
    assert entry.summary == "red\N{REPLACEMENT CHARACTER}]0;mine\N{REPLACEMENT CHARACTER}"


def test_the_first_distribution_of_a_name_hides_the_others(tmp_path, monkeypatch):
    """As Python itself imports the first: an old copy further down the path counts for nothing."""
    dist(tmp_path / "late", "hca_plugin_weather", "[hca.plugins]\nweather = old\nonly_old = old\n", version="1.0")
    dist(tmp_path / "early", "hca_plugin_weather", "[hca.plugins]\nweather = new\n", version="2.0")
    monkeypatch.syspath_prepend(tmp_path / "late")
    monkeypatch.syspath_prepend(tmp_path / "early")
    assert discover.installed(discover.PLUGINS)["weather"].version == "2.0"
    assert "only_old" not in discover.installed(discover.PLUGINS)
    assert seen() == official()


def test_of_two_distributions_with_one_name_the_first_on_the_path_wins(tmp_path, monkeypatch):
    dist(tmp_path / "late", "acme_one", "[hca.plugins]\nweather = one\n")
    dist(tmp_path / "early", "acme_two", "[hca.plugins]\nweather = two\n")
    monkeypatch.syspath_prepend(tmp_path / "late")
    monkeypatch.syspath_prepend(tmp_path / "early")
    assert discover.installed(discover.PLUGINS)["weather"].target == "two"
    declared = [entry.target for entry in discover.declared(discover.PLUGINS) if entry.name == "weather"]
    assert declared == ["two", "one"]
    assert seen() == official()


def test_a_folder_that_is_on_the_path_twice_counts_once(tmp_path, monkeypatch):
    dist(tmp_path, "acme", TEXTS["plain"])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path, str(tmp_path)])
    assert [entry.name for entry in discover.declared(discover.PLUGINS)].count("weather") == 1


def test_what_is_uninstalled_is_gone(tmp_path, monkeypatch):
    made = dist(tmp_path, "acme", TEXTS["plain"])
    monkeypatch.syspath_prepend(tmp_path)
    assert "weather" in discover.installed(discover.PLUGINS)
    shutil.rmtree(made)
    discover._scan.cache_clear()  # one process scans once; the next one starts anew
    assert "weather" not in discover.installed(discover.PLUGINS)
    assert seen() == official()


def test_an_archive_on_the_path(tmp_path, monkeypatch):
    """A wheel or zipapp: Python imports from it, so its plugins count."""
    with zipfile.ZipFile(tmp_path / "acme.whl", "w") as archive:
        archive.writestr("acme-3.0.dist-info/entry_points.txt", TEXTS["several"])
        archive.writestr("acme-3.0.dist-info/METADATA", "Name: acme\nVersion: 3.0\nSummary: Zipped.\n")
    monkeypatch.syspath_prepend(tmp_path / "acme.whl")
    entry = discover.installed(discover.PLUGINS)["a"]
    assert (entry.distribution, entry.version, entry.summary) == ("acme", "3.0", "Zipped.")
    assert seen() == official()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04broken"])
def test_odd_things_on_the_path(content, tmp_path, monkeypatch):
    (tmp_path / "thing.zip").write_bytes(content)
    monkeypatch.setattr(
        sys, "path", ["", str(tmp_path / "thing.zip"), str(tmp_path / "nothing"), "/proc/1/cwd", *sys.path]
    )
    assert "dss" in discover.installed(discover.PLUGINS)


def test_the_current_directory_counts_where_it_is_on_the_path(tmp_path, monkeypatch):
    dist(tmp_path, "acme", TEXTS["plain"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert "weather" in discover.installed(discover.PLUGINS)


@pytest.mark.parametrize("value", ["weather", " weather ,dss", "dss,,weather,", "weather,nothing"])
def test_disabled_plugins_are_hidden(value, tmp_path, monkeypatch):
    dist(tmp_path, "acme", TEXTS["plain"])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HCA_PLUGINS_DISABLED", value)
    assert "weather" not in discover.installed(discover.PLUGINS)
    assert "weather" in [entry.name for entry in discover.declared(discover.PLUGINS)]
    assert ("dss" in discover.installed(discover.PLUGINS)) == ("dss" not in value)


def test_disabling_the_winner_brings_nobody_else_forward(tmp_path, monkeypatch):
    """The name is what is disabled: HCA_PLUGINS_DISABLED must not start a shadowed plugin of that name."""
    dist(tmp_path / "a", "acme_one", "[hca.plugins]\nweather = one\n")
    dist(tmp_path / "b", "acme_two", "[hca.plugins]\nweather = two\n")
    monkeypatch.syspath_prepend(tmp_path / "a")
    monkeypatch.syspath_prepend(tmp_path / "b")
    monkeypatch.setenv("HCA_PLUGINS_DISABLED", "weather")
    assert "weather" not in discover.installed(discover.PLUGINS)


def test_nothing_of_a_plugin_is_imported(plugin):
    plugin("weather", "raise SystemExit('imported')", summary="Tells the weather.")
    entry = discover.installed(discover.PLUGINS)["weather"]
    assert (entry.summary, entry.version) == ("Tells the weather.", "1.0")
    assert entry.target not in sys.modules
