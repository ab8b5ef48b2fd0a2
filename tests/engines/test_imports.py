"""How the modules of `engines` lean on each other: in one direction, late imports inside functions included."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import engines

_FOLDER = Path(engines.__file__).parent


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_no_module_imports_its_way_back_to_itself() -> None:
    paths = {
        ".".join(path.relative_to(_FOLDER.parent).with_suffix("").parts): path
        for path in _FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = {name: _imports(path) & paths.keys() for name, path in paths.items()}
    assert "engines.errors" in graph["engines.parity"]
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, with the circle
