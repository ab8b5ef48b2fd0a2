"""TensorRT and TensorRT for RTX: where they are, what they can do, and one way to talk to both.

TensorRT for RTX builds ahead of time without a GPU, for targets that are named. TensorRT (10 and 11) builds on the
GPU that will run the engine; it is written against the vendor's documentation and not yet run.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from engines.errors import BackendError, BadInputError, MissingPackageError
from engines.names import nearest
from engines.nvidia.driver import WAY_ON

__all__ = ["RUNTIMES", "Runtime", "RuntimeFacts", "installed_version", "load_runtime", "platform_of", "runtime_facts"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """What is known of a runtime without importing it."""

    name: str
    title: str
    module: str
    packages: tuple[str, ...]
    """Where the version stands, the first that is installed."""
    ahead_of_time: bool
    """Builds for GPUs that are not at hand."""
    targets: tuple[str, ...] | None
    """The only GPUs that it runs on; None: it decides itself."""


RUNTIMES = {
    "tensorrt": RuntimeFacts(
        name="tensorrt",
        title="TensorRT",
        module="tensorrt",
        packages=("tensorrt", "tensorrt-cu13", "tensorrt-cu12"),
        ahead_of_time=False,
        targets=None,
    ),
    "tensorrt-rtx": RuntimeFacts(
        name="tensorrt-rtx",
        title="TensorRT for RTX",
        module="tensorrt_rtx",
        packages=("tensorrt-rtx", "tensorrt-rtx-cu13", "tensorrt-rtx-cu12"),
        ahead_of_time=True,
        targets=("sm75", "sm80", "sm86", "sm89", "sm120", "sm121"),
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Runtime:
    """A runtime that was imported."""

    facts: RuntimeFacts
    version: str
    trt: Any
    """The vendor's module."""
    log: Any
    """Its logger: keeps the newest error for our own messages."""

    def reason(self) -> str:
        """The vendor's last message on why something failed, in one line."""
        text = " ".join(str(self.log.last_error).split())
        return text[:300] or "no reason was given"


def runtime_facts(name: str) -> RuntimeFacts:
    """Raises BadInputError for an unknown name."""
    if name not in RUNTIMES:
        raise BadInputError(f"no runtime is called {name!r}{nearest(name, RUNTIMES)}")
    return RUNTIMES[name]


def installed_version(name: str) -> str:
    """The version of an installed runtime. Imports nothing. Raises BadInputError or MissingPackageError."""
    facts = runtime_facts(name)
    if importlib.util.find_spec(facts.module) is not None:
        for package in facts.packages:
            try:
                return metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        return str(importlib.import_module(facts.module).__version__)
    raise MissingPackageError(f"the {name} backend", facts.packages[0], extra=name)


@functools.cache
def load_runtime(name: str) -> Runtime:
    """Import a runtime. Raises BadInputError, MissingPackageError, or BackendError where a library of it is missing."""
    facts = runtime_facts(name)
    installed_version(name)
    try:
        trt = importlib.import_module(facts.module)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BackendError(
            f"{facts.title} is installed but does not load ({reason}): install it again with "
            f'pip install --force-reinstall "rtstyle[{name}]", or {WAY_ON}'
        ) from error
    return Runtime(facts=facts, version=str(trt.__version__), trt=trt, log=_make_log(trt))


def platform_of(runtime: RuntimeFacts) -> str:
    """Where an engine may be used: plans of TensorRT for RTX serve Linux and Windows alike."""
    return "any" if runtime.ahead_of_time else sys.platform


def _make_log(trt: Any) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc]
        """The vendor's messages go to our debug log; what fails is raised by the caller with the last error."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                self.last_error = message
            _log.debug("%s", message)

    return Log()
