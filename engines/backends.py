"""The backends by name, and the choice between them."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import platformdirs

from engines.contract import Engine, EngineOptions
from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.names import nearest
from engines.net_file import NetFile

__all__ = [
    "AUTO",
    "BACKENDS",
    "BUILT",
    "BackendReport",
    "cache_folder",
    "must_build",
    "open_engine",
    "reports",
    "usable_backend",
]

AUTO = "auto"

BACKENDS = {
    "tensorrt": "engines.tensorrt_backend",
    "tensorrt-rtx": "engines.tensorrt_rtx_backend",
    "torch": "engines.torch_backend",
    "openvino": "engines.openvino_backend",
    "onnxruntime": "engines.onnxruntime_backend",
}
"""Module by name, in the order in which `auto` tries them."""
BUILT = ("tensorrt", "tensorrt-rtx")
"""Those that may have to build for a minute."""


class _Backend(Protocol):
    def describe(self) -> str: ...

    def open_engine(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> Engine: ...


@dataclass(frozen=True, kw_only=True)
class BackendReport:
    """Whether a backend can be used here, and why."""

    name: str
    usable: bool
    text: str
    """What it would run on, or why it cannot and what to do."""


def reports() -> list[BackendReport]:
    """One report for each backend, in the order in which `auto` tries them."""
    return [_report(name) for name in BACKENDS]


def open_engine(
    net: NetFile, size: tuple[int, int], *, backend: str = AUTO, options: EngineOptions | None = None
) -> Engine:
    """Make an engine for frames of `size` (width, height).

    A backend that is asked for by name is used or is an error; `auto` takes the first that is usable.
    Raises BadInputError for an unknown name, MissingPackageError, BackendError.
    """
    options = options or EngineOptions()
    name = _first_usable().name if backend == AUTO else _known(backend)
    return _load(name).open_engine(net, size, options)


def usable_backend(backend: str = AUTO) -> BackendReport:
    """The backend that `open_engine` would take, and what it would run on.

    Raises BadInputError for an unknown name, MissingPackageError or BackendError where it cannot run here.
    """
    if backend == AUTO:
        return _first_usable()
    return BackendReport(name=backend, usable=True, text=_load(_known(backend)).describe())


def must_build(backend: str, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
    """Whether `open_engine` would build for a minute first, as TensorRT does where it has no engine for this yet.

    Raises BackendError or MissingPackageError where the backend cannot run here.
    """
    if backend not in BUILT:
        return False
    from engines.nvidia.tensorrt_engine import is_built

    return not is_built(backend, net, size, options)


def cache_folder() -> Path:
    """Where compiled nets are kept: RTSTYLE_CACHE, or the user's cache folder."""
    named = os.environ.get("RTSTYLE_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("rtstyle", appauthor=False)


def _first_usable() -> BackendReport:
    found = reports()
    usable = next((report for report in found if report.usable), None)
    if usable is None:
        raise BackendError("no backend can run here: " + "; ".join(f"{r.name}: {r.text}" for r in found))
    return usable


def _known(backend: str) -> str:
    if backend not in BACKENDS:
        raise BadInputError(f"no backend is called {backend!r}{nearest(backend, [AUTO, *BACKENDS])}")
    return backend


def _load(name: str) -> _Backend:
    return cast(_Backend, importlib.import_module(BACKENDS[name]))


def _report(name: str) -> BackendReport:
    try:
        return BackendReport(name=name, usable=True, text=_load(name).describe())
    except (BackendError, MissingPackageError) as error:
        return BackendReport(name=name, usable=False, text=str(error))
