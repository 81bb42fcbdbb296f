"""What the sources of a plugin tell without running them: what they import of the core, and where they print."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.public import is_public

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITES = {f"sys.stdout.{name}" for name in ("write", "writelines", "buffer.write")}


def files_of(package: str) -> list[Path]:
    """Return the source files of a top-level package or module, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)]
    return sorted(path for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py"))


def private_imports(path: Path) -> Iterator[str]:
    """Yield what a source file imports of the core that is not public, each with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module, name in _imported(node):
            if module.partition(".")[0] == "hca_core" and not _may_use(module, name):
                yield f"{path.name}:{getattr(node, 'lineno', 0)}: {f'{module}.{name}' if name else module}"


def prints(path: Path) -> Iterator[str]:
    """Yield the lines of a source file that write to stdout past `show`, unless it is a part of the command line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if any(module.partition(".")[0] == "click" for node in ast.walk(tree) for module, _ in _imported(node)):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            if not any(keyword.arg == "file" for keyword in node.keywords):
                yield f"{path.name}:{node.lineno}: print"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in _WRITES:
            yield f"{path.name}:{node.lineno}: {ast.unparse(node.func)}"


def _imported(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(alias.name, "") for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(str(node.module), alias.name) for alias in node.names]
    return []


def _may_use(module: str, name: str) -> bool:
    """Tell whether `from module import name` (or, without a name, `import module`) is of what is public."""
    import hca_core

    if any(part.startswith("_") for part in [*module.split("."), name]) and name != "__version__":
        return False
    if module == "hca_core" and name:
        return name in hca_core.__all__ or is_public(f"hca_core.{name}")
    return is_public(f"{module}.{name}" if _is_module(f"{module}.{name}") else module)


def _is_module(name: str) -> bool:
    """Tell whether a dotted name is a module, and not something that is defined in one."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what is before the last dot is no package
        return False
