"""The backends by name, and the choice between them.

with open_engine(net, (640, 480), backend="auto") as engine:
    engine.submit(frame, style)
    image = engine.collect()
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from engines.contract import Engine, EngineOptions
from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.names import nearest
from engines.net_file import NetFile

__all__ = [
    "AUTO",
    "BACKENDS",
    "BUILT",
    "BackendReport",
    "Builder",
    "builder",
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
    """What the module of a backend offers."""

    def describe(self) -> str:
        """One line on what it would run on. Raises MissingPackageError or BackendError."""

    def open_engine(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> Engine:
        """Make an engine for frames of `size` (width, height). Raises MissingPackageError or BackendError."""


class Builder(_Backend, Protocol):
    """What the module of a backend in BUILT offers in addition. Both questions raise what `open_engine` raises."""

    TITLE: str
    """Its name in words."""

    def is_built(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
        """Whether `open_engine` would find an engine, even one that it still has to finish and check."""

    def is_ready(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> bool:
        """Whether `open_engine` would be quick: nothing is to be built, finished or checked."""


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
    return backend in BUILT and not builder(backend).is_built(net, size, options)


def builder(backend: str) -> Builder:
    """A backend of BUILT."""
    return cast(Builder, _load(backend))


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
        return BackendReport(name=name, usable=False, text=error.full_text)
