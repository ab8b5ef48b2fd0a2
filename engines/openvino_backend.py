"""OpenVINO: the default on a machine without an NVIDIA GPU, and the fastest on Intel and AMD CPUs."""

from __future__ import annotations

import functools
import importlib
import io
import logging
import sys
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.cache import compiled_path, read_compiled, write_compiled
from engines.contract import EngineOptions, EngineSpec, Picture, RingEngine, padded_size
from engines.errors import BackendError, MissingPackageError
from engines.int8 import CONVERTER, int8_from_net
from engines.net_file import NetFile, NetSpec
from engines.onnx_graph import makers, users
from engines.processors import processor

if TYPE_CHECKING:
    import onnx
    import openvino

__all__ = ["describe", "open_engine", "openvino_core", "openvino_module", "shuffle_late"]

_DEVICE = "CPU"
_TELEMETRY = "openvino_telemetry"
_CAPABILITY = {"f32": "FP32", "bf16": "BF16", "f16": "FP16", "int8": "INT8"}
_SUMS_8_BITS = {"AVX-VNNI", "AVX512-VNNI", "AMX-INT8"}
_ELEMENTWISE = ("Add", "Cast", "Clip", "Div", "Mul", "Round", "Sub", "Tanh")
_MOST_STREAMS = 2
_SEVERAL_UP_TO = 4_000_000
"""Pixels; each frame at work needs memory, 45 MB a megapixel for `fast` in int8."""
_GRAPH = 1
"""Raised when `_graph` makes other graphs of the same net: compiled ones are then made anew."""

_log = logging.getLogger(__name__)


def describe() -> str:
    """One line on what this backend would run on. Raises MissingPackageError or BackendError."""
    core = openvino_core()
    return (
        f"OpenVINO {metadata.version('openvino')} on {core.get_property(_DEVICE, 'FULL_DEVICE_NAME')}, "
        f"{'int8 or ' if _sums_8_bits() else ''}{_float_precision(core)}; "
        f"can do {', '.join(p for p in _CAPABILITY if _can(core, p))}"
    )


def open_engine(net: NetFile, size: tuple[int, int], options: EngineOptions) -> OpenVinoEngine:
    """Make an engine for frames of `size` (width, height). Raises BackendError."""
    return OpenVinoEngine(net, size, options)


def openvino_module() -> Any:
    """The module `openvino`, imported without its telemetry. Raises ImportError where it is not installed.

    `import openvino` reports every import to a web analytics service and counts it in the user's home, through the
    package `openvino_telemetry`; its process, forked from a thread, can also keep ours from ending. A tool for webcams
    does not call home: without that package OpenVINO uses its own stand-in, which does nothing.
    """
    if sys.modules.get("openvino") is None:
        absent: dict[str, ModuleType | None] = {_TELEMETRY: None}  # None makes its import fail
        before = sys.modules.get(_TELEMETRY)
        sys.modules.update(absent)  # type: ignore[arg-type]  # typeshed leaves out that None is allowed
        try:
            importlib.import_module("openvino")
        finally:
            del sys.modules[_TELEMETRY]
            if before is not None:
                sys.modules[_TELEMETRY] = before
    return sys.modules["openvino"]


@functools.cache
def openvino_core() -> openvino.Core:
    """The one Core of this process. Raises MissingPackageError, or BackendError where it finds no CPU."""
    try:
        openvino = openvino_module()
    except ImportError as error:
        raise MissingPackageError("the openvino backend", "openvino", extra=None) from error
    core = openvino.Core()
    if _DEVICE not in core.available_devices:
        raise BackendError("openvino finds no CPU that it can use here: try --backend onnxruntime")
    return core


def _can(core: openvino.Core, precision: str) -> bool:
    return _CAPABILITY[precision] in core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")


def _sums_8_bits() -> bool:
    return not _SUMS_8_BITS.isdisjoint(processor().features)


def _float_precision(core: openvino.Core) -> str:
    return "bf16" if _can(core, "bf16") else "f32"


def _precision(core: openvino.Core, wanted: str | None, spec: NetSpec) -> str:
    """`wanted`, or the fastest that keeps the picture.

    That is int8 where the net is made for it and the CPU sums 8-bit products in 32 bits (others clip the sums), bf16
    where the CPU has it in hardware, f32 otherwise.
    """
    if wanted is None:
        return "int8" if spec.int8_scales and _sums_8_bits() else _float_precision(core)
    if not _can(core, wanted):
        able = ", ".join(p for p in _CAPABILITY if _can(core, p))
        raise BackendError(f"openvino cannot do {wanted} on this CPU, it can do {able}")
    if wanted == "int8" and not spec.int8_scales:
        raise BackendError(f"net {spec.name} has no scales for int8: leave --precision out, or export the net anew")
    return wanted


def _compiled(
    core: openvino.Core, net: NetFile, size: tuple[int, int], precision: str, options: EngineOptions
) -> openvino.CompiledModel:
    """The net made ready for padded (width, height), from the cache where it is there."""
    config: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": _streams(size, options),
        "INFERENCE_PRECISION_HINT": _float_precision(core) if precision == "int8" else precision,
    }
    if options.threads is not None:
        config["INFERENCE_NUM_THREADS"] = options.threads
    if options.cache is None:
        return _compile(core, net, _graph(net, precision), size, config)
    facts = {
        "net": net.digest,
        "graph": [_GRAPH, CONVERTER, precision],
        "size": size,
        "config": config,
        "version": metadata.version("openvino"),
        "device": core.get_property(_DEVICE, "FULL_DEVICE_NAME"),
        "capabilities": sorted(core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")),
    }
    path = compiled_path(options.cache, f"{net.spec.name}-{size[0]}x{size[1]}-openvino-{precision}", facts)
    kept = read_compiled(path)
    if kept is not None:
        try:
            return core.import_model(kept, _DEVICE, config)
        except RuntimeError as error:
            _log.warning("%s: not taken by openvino, the net is compiled anew: %s", path, _short(error))
    compiled = _compile(core, net, _graph(net, precision), size, config)
    body = io.BytesIO()
    compiled.export_model(body)
    write_compiled(path, body.getvalue())
    return compiled


def _streams(size: tuple[int, int], options: EngineOptions) -> int:
    """Frames of (width, height) that are worked on at the same time, each by its share of the cores.

    With one, all cores wait for the slowest after every layer, which is the one that also reads or writes the video.
    """
    cores = options.threads or processor().cores
    several = options.throughput and size[0] * size[1] <= _SEVERAL_UP_TO
    return min(_MOST_STREAMS, cores) if several else 1


def _graph(net: NetFile, precision: str) -> bytes:
    """The net as OpenVINO runs it fastest: an ONNX file's content."""
    import onnx

    model = onnx.load_model_from_string((int8_from_net(net) if precision == "int8" else net).model)
    shuffle_late(model)
    content: bytes = model.SerializeToString()
    return content


def _compile(
    core: openvino.Core, net: NetFile, graph: bytes, size: tuple[int, int], config: dict[str, Any]
) -> openvino.CompiledModel:
    width, height = size
    try:
        model = core.read_model(graph)
        shapes = {"frame": [1, height, width, 3]}
        if net.spec.style_length:
            shapes["style"] = [1, net.spec.style_length]
        model.reshape(shapes)
        return core.compile_model(model, _DEVICE, config)
    except RuntimeError as error:
        raise BackendError(f"openvino cannot compile net {net.spec.name}: {_short(error)}") from error


class OpenVinoEngine(RingEngine):
    """One asynchronous infer request for each frame in flight.

    All cores work on one frame, which gives the lowest latency, and the next request starts the moment the first is
    done; copies and the caller's own work are hidden behind it. Where only throughput counts, two frames at a time.
    """

    def __init__(self, net: NetFile, size: tuple[int, int], options: EngineOptions) -> None:
        core = openvino_core()  # first: it says what to install where the import fails
        openvino = openvino_module()

        precision = _precision(core, options.precision, net.spec)
        compiled = _compiled(core, net, padded_size(size, net.spec.size_multiple), precision, options)
        super().__init__(
            EngineSpec(
                net=net.spec,
                size=size,
                backend="openvino",
                device=str(core.get_property(_DEVICE, "FULL_DEVICE_NAME")),
                precision=precision,
            ),
            max(options.depth, _streams(size, options) + 1) if options.throughput else options.depth,
        )
        self._requests = []
        for frame, style in zip(self._frames, self._styles, strict=True):
            request = compiled.create_infer_request()
            request.set_tensor("frame", openvino.Tensor(frame, shared_memory=True))
            if net.spec.style_length:
                request.set_tensor("style", openvino.Tensor(style, shared_memory=True))
            self._requests.append(request)

    def _start(self, slot: int) -> None:
        self._requests[slot].start_async()

    def _finish(self, slot: int) -> Picture:
        request = self._requests[slot]
        try:
            request.wait()
        except RuntimeError as error:
            raise BackendError(f"openvino failed on a frame: {_short(error)}") from error
        image: Picture = np.asarray(request.get_output_tensor(0).data)[0]
        return image

    def _release(self) -> None:
        self._requests.clear()


def _short(error: BaseException) -> str:
    """The last line of OpenVINO's long explanations is the one that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def shuffle_late(model: onnx.ModelProto) -> None:
    """Move a pixel shuffle behind the conversion to uint8, where it carries a quarter of the bytes; changes `model`.

    A graph pass for runtimes that take graphs as they stand. Nothing is changed where the picture does not come from a
    pixel shuffle through elementwise operators alone; these work on each number alone, so the picture is the same.
    """
    import onnx

    maker, readers = makers(model), users(model)
    numbers = {tensor.name for tensor in model.graph.initializer if len(onnx.numpy_helper.to_array(tensor).shape) == 0}
    numbers |= {node.output[0] for node in model.graph.node if node.op_type == "Constant" and _is_number(node)}
    last = maker.get(model.graph.output[0].name)
    if last is None or last.op_type != "Transpose":
        return
    path = [last]
    while True:
        inputs = [name for name in path[0].input if name and name not in numbers]
        before = maker.get(inputs[0]) if len(inputs) == 1 else None
        if before is None or len(readers[inputs[0]]) != 1:
            return
        if before.op_type == "DepthToSpace":
            break
        if before.op_type not in _ELEMENTWISE:
            return
        path.insert(0, before)
    if len(path) < 2 or path[-2].op_type != "Cast":
        return
    _replace_input(path[0], before.output[0], before.input[0])
    before.input[0] = path[-2].output[0]
    last.input[0] = before.output[0]
    model.graph.node.remove(before)
    model.graph.node.insert(list(model.graph.node).index(last), before)


def _replace_input(node: onnx.NodeProto, old: str, new: str) -> None:
    for position, name in enumerate(node.input):
        if name == old:
            node.input[position] = new


def _is_number(node: onnx.NodeProto) -> bool:
    attribute = node.attribute[0]
    return attribute.name == "value_float" or (attribute.name == "value" and not attribute.t.dims)
