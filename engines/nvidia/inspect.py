"""What can be said of a stored engine."""

from __future__ import annotations

import json

from engines.errors import BackendError, MissingPackageError
from engines.nvidia.driver import find_gpu
from engines.nvidia.faults import WAY_ON
from engines.nvidia.runtimes import installed_version, load_runtime, platform_of, runtime_facts
from engines.nvidia.store import Stored

__all__ = ["layer_lines", "problem_of"]


def problem_of(stored: Stored) -> str | None:
    """Why nothing on this machine can use an engine; None where it can, or where only the GPU is missing."""
    from engines.fp16 import CONVERTER
    from engines.library import Library

    recipe = stored.recipe
    try:
        version = installed_version(recipe.runtime)
    except MissingPackageError:
        version = None  # it may come back: not for `clean` to judge
    if version is not None and version != recipe.version:
        return f"built by {recipe.runtime} {recipe.version}, this is {version}"
    if recipe.converter != CONVERTER:
        return "made by another version of rtstyle"
    if recipe.platform != platform_of(runtime_facts(recipe.runtime)):
        return f"built on {recipe.platform}"
    library = Library()
    if recipe.net in library.nets() and library.net(recipe.net).digest != recipe.net_digest:
        return "made from another file of that net"
    try:
        stored.read()
    except BackendError:
        return "damaged"
    return None


def layer_lines(stored: Stored) -> list[str]:
    """One line for each layer, in the vendor's words. Raises BackendError without a GPU. Not yet run on a GPU."""
    find_gpu()
    runtime = load_runtime(stored.recipe.runtime)
    trt = runtime.trt
    engine = trt.Runtime(runtime.log).deserialize_cuda_engine(stored.read())
    if engine is None:
        raise BackendError(f"{runtime.facts.title} cannot load the engine here ({runtime.reason()}), or {WAY_ON}")
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    layers = json.loads(text).get("Layers", [])
    return [layer if isinstance(layer, str) else json.dumps(layer) for layer in layers]
