"""The arrows of docs/architecture.md, and the rules that keep the house small, read from the sources."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "hca_core"
PLUGINS = {
    folder.name: folder for folder in sorted((ROOT / "plugins").iterdir()) if (folder / "pyproject.toml").is_file()
}
PROJECTS = {"hca-core": ROOT, "hca": ROOT / "meta", **{f"hca-plugin-{name}": path for name, path in PLUGINS.items()}}
# Distributions whose import name is another one.
IMPORT_NAMES = {"google-crc32c": "google_crc32c", "pyyaml": "yaml", "pyjwt": "jwt", "google-auth": "google"}


def sources(folder):
    return sorted(path for path in Path(folder).rglob("*.py") if "__pycache__" not in path.parts)


def package(name):
    """Return the source folder of plugin `name`."""
    return PLUGINS[name] / f"hca_{name}"


def imports(path):
    """Yield (module, names, type checking only) of every import statement in a file, those in functions too."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, [], id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, [alias.name for alias in node.names], id(node) in typing_only


def roots(folder):
    return {module.partition(".")[0] for path in sources(folder) for module, *_ in imports(path)}


def project(path):
    return tomllib.loads((path / "pyproject.toml").read_text())


def test_these_are_all_the_plugins():
    assert {"dss", "local"} <= set(PLUGINS)


def test_the_core_imports_no_plugin():
    for path in sources(CORE):
        for module, *_ in imports(path):
            root = module.partition(".")[0]
            assert root == "hca_core" or not root.startswith(("hca_", "hca.")), f"{path} imports {module}"
            assert root != "hca", f"{path} imports the published path, which is there for others"


def test_the_published_path_re_exports_the_core_and_holds_no_logic():
    assert {root for root in roots(ROOT / "hca") if root.startswith("hca")} == {"hca_core"}
    for path in sources(ROOT / "hca"):
        defined = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
        assert defined == [], path


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_imports_the_core_and_itself_only(name):
    own = {"hca_core", f"hca_{name}"}
    assert {root for root in roots(package(name)) if root.startswith("hca")} <= own
    legacy = PLUGINS[name] / "hca"
    if legacy.is_dir():
        assert {root for root in roots(legacy) if root.startswith("hca")} <= own


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_uses_only_public_names_of_the_core(name):
    for path in sources(package(name)):
        for module, names, _ in imports(path):
            if module.startswith("hca_core"):
                private = [one for one in [*module.split("."), *names] if one.startswith("_") and one != "__version__"]
                assert private == [], f"{path}: {module} {private}"


@pytest.mark.parametrize("name", PLUGINS)
def test_inside_a_plugin_the_arrows_point_from_the_command_line_to_the_work(name):
    """cli -> client -> the work modules: only cli.py knows click, and nobody imports it."""
    for path in sources(package(name)):
        found = list(imports(path))
        modules = {module for module, *_ in found} | {f"{module}.{one}" for module, names, _ in found for one in names}
        if path.name != "cli.py":
            assert not {module for module in modules if module.partition(".")[0] == "click"}, f"{path} imports click"
            assert f"hca_{name}.cli" not in modules, f"{path} imports the command line"
            core = {"hca_core.commands", "hca_core.context", "hca_core.generate", "hca_core.main", "hca_core.lazy"}
            assert not modules & core, f"{path} imports a part of the command line"


def test_the_sdk_half_of_the_core_does_not_know_click():
    """`hca_core.service` and what it stands on serve notebooks too."""
    command_line = {"commands", "context", "generate", "lazy", "main", "testing"}
    command_line |= {"plugins"}  # in functions that only the command line calls
    command_line |= {"messages"}  # tells click's errors, too
    for path in CORE.glob("*.py"):
        if path.stem not in command_line:
            assert "click" not in {module for module, *_ in imports(path)}, path


# Who writes to stdout and stderr, and why; everybody else returns what is to be shown.
WRITERS = {
    "__main__.py": "the version, before anything is loaded",
    "main.py": "help",
    "messages.py": "the one place of error messages",
    "context.py": "what a person is told beside a result",
    "output.py": "results",
    "generate.py": "bytes of a file, as they come",
    "log.py": "the log handler",
    "progress.py": "the progress bar",
    "background.py": "a process of its own, whose stdout is a log",
    "plugins.py": "turns what plugins print at import away from stdout",
    "running.py": "the test tools, which capture both",
    "walk.py": "the test tools: a process of its own, whose stdout is its answer",
    "sources.py": "the test tools, which look for such lines",
    "verb.py": "commands",
    "completion.py": "the completion script",
    "terminal.py": "the one who logs in",
    "keyring_process.py": "a process of its own, whose stdout is its answer",
    "doctor.py": "asks whether its list may be coloured, and turns what plugins print away from stdout",
    "cli.py": "commands",
}


def test_only_the_command_line_writes_to_the_terminal():
    pattern = re.compile(r"\bprint\(|click\.s?echo|sys\.std(out|err)\b|\bsys\.__std")
    for folder in (CORE, *(package(name) for name in PLUGINS)):
        for path in sources(folder):
            writes = [line for line in path.read_text().splitlines() if pattern.search(line)]
            assert not writes or path.name in WRITERS, f"{path}: {writes}"


# Words that would make the core know a service. Each exception is a line of it, with its reason.
SERVICES = re.compile(r"dss|fusillade|upload.?area|shock|azul|blue.?box|data.?storage.?system", re.IGNORECASE)
ALLOWED = {"exceptions.UnauthorizedSSOTokenError,": "a name of botocore's: UnauthorizeD SSO"}
# Services whose API nobody has described: their requests are written by hand.
NOT_DESCRIBED = {"azul", "shock", "upload"}


def test_the_core_knows_no_service_by_name():
    found = {}
    for folder in (CORE, ROOT / "hca"):
        for path in sources(folder):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if SERVICES.search(line) and line.strip() not in ALLOWED:
                    found[f"{path.relative_to(ROOT)}:{number}"] = line.strip()
    assert found == {}


def test_only_the_core_owns_the_published_package():
    """A second `hca/__init__.py` in any distribution would hide or remove the core's (models.md §3.6).

    The distribution `hca` gets copies when it is built (meta/hatch_build.py), and has none of its own.
    """
    assert not (ROOT / "meta" / "hca").exists()
    assert (ROOT / "hca" / "__init__.py").is_file()
    assert "extend_path" in (ROOT / "hca" / "__init__.py").read_text()
    for folder in PLUGINS.values():
        assert not (folder / "hca" / "__init__.py").exists(), folder


def test_every_package_tells_type_checkers_that_it_is_typed():
    packages = [CORE, ROOT / "hca", *(package(name) for name in PLUGINS)]
    packages += [path.parent for folder in PLUGINS.values() for path in folder.glob("hca/*/__init__.py")]
    assert [path for path in packages if not (path / "py.typed").is_file()] == []


def test_heavy_libraries_are_banned_at_module_level():
    """The rule of ruff that keeps start-up short; the modules that own a library say so where they import it."""
    rules = project(ROOT)["tool"]["ruff"]["lint"]
    assert "TID" in rules["select"]
    banned = set(rules["flake8-tidy-imports"]["banned-module-level-imports"])
    assert {
        *("boto3", "botocore", "google.auth", "google_crc32c", "importlib.metadata", "jmespath", "platformdirs"),
        *("requests", "stevedore", "tabulate", "tqdm", "urllib3", "yaml"),
    } <= banned
    excused = {path.name for path in sources(CORE) if "noqa: TID253" in path.read_text()}
    # The others are loaded with the first only, with the engine of transfers, or with fsspec.
    files = {"opened.py", "read_only.py", "system.py"}
    assert excused <= {"http.py", "answers.py", "curls.py", "lanes.py", "replies.py"} | files


@pytest.mark.parametrize(("name", "served"), [("auth", "fusillade"), ("dss", "dss")])
def test_the_packaged_description_is_the_one_the_embedded_deployment_serves(name, served):
    ours = (package(name) / "api.json").read_bytes()
    assert ours == (package("local") / served / "api.json").read_bytes()


def test_all_distributions_have_one_version():
    version = re.search(r'^__version__ = "([^"]+)"$', (CORE / "__init__.py").read_text(), re.MULTILINE)[1]
    for name, path in PROJECTS.items():
        metadata = project(path)["project"]
        assert metadata["name"] == name
        assert metadata.get("version", version) == version, name
        assert metadata["license"] == "MIT", name
        assert metadata["requires-python"] == ">=3.11", name
        assert (path / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes(), name
        assert project(path)["build-system"]["build-backend"] == "hatchling.build", name


def test_dependencies_have_lower_bounds_and_no_upper_ones():
    for name, path in PROJECTS.items():
        for requirement in project(path)["project"]["dependencies"]:
            assert not re.search(r"<|==|~=", requirement.partition(";")[0]), f"{name}: {requirement}"


@pytest.mark.parametrize("name", ["hca-core", *(f"hca-plugin-{one}" for one in PLUGINS)])
def test_what_is_imported_is_declared(name):
    """No package lives on the dependencies of another one."""
    path = PROJECTS[name]
    metadata = project(path)["project"]
    optional = metadata.get("optional-dependencies", {}).values()
    requirements = [*metadata["dependencies"], *(one for extra in optional for one in extra)]
    names = {re.match(r"[A-Za-z0-9._-]+", one)[0].lower() for one in requirements}
    declared = {IMPORT_NAMES.get(one, one.replace("-", "_")) for one in names}
    folders = [CORE, ROOT / "hca"] if name == "hca-core" else [path / name.replace("hca-plugin-", "hca_")]
    own = {"hca", "hca_core"} | {folder.name for folder in folders} | {"pytest"}  # pytest: hca_core.testing says so
    used = {
        module.partition(".")[0]
        for folder in folders
        for source in sources(folder)
        for module, _, typing_only in imports(source)
        if not typing_only
    }
    assert used - set(sys.stdlib_module_names) - own <= declared


def test_a_service_plugin_is_laid_out_like_the_others():
    for name in set(PLUGINS) - {"local"}:
        files = {path.name for path in package(name).iterdir()}
        assert {"plugin.py", "cli.py", "client.py", "py.typed", "__init__.py"} <= files, name
        assert ("api.json" in files) == (name not in NOT_DESCRIBED), name
        assert (PLUGINS[name] / "hca" / name / "__init__.py").is_file(), name
        entry_points = project(PLUGINS[name])["project"]["entry-points"]["hca.plugins"]
        assert entry_points == {name: f"hca_{name}.plugin"}
    for name in PLUGINS:
        tree = ast.parse((package(name) / "plugin.py").read_text())
        loaded = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        loaded |= {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
        assert loaded - {"__future__", "typing"} == {"hca_core"}, f"{name}: loading plugin.py must cost nothing"
