"""PyTorch on an NVIDIA GPU: where no TensorRT can be had, and the yardstick for its engines. Needs torch with CUDA.

The only backend that uses torch, and only where it is asked for or is the best there is: torch is imported in
`open_engine`. Not yet run on a GPU; its operators are checked on the CPU.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError, MissingPackageError
from engines.fp16 import typed_graph
from engines.net_file import NetFile
from engines.nvidia.cuda import Cuda
from engines.nvidia.cuda_torch import open_device, translated
from engines.nvidia.driver import WAY_ON, find_gpu
from engines.nvidia.gpu_engine import GpuEngine, Slot
from engines.parity import check_engine

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["GraphModule", "describe", "load_graph", "open_engine"]

_PRECISIONS = ("f16", "f32")
_READ_ON_HOST = ("Pad", "Resize")
"""Operators whose second and third input (sizes, scales, a fill value) are needed on the host: reading them back from a
GPU would stop its stream, and cannot be recorded into a CUDA graph."""
_PAD_MODES = {b"constant": "constant", b"reflect": "reflect", b"edge": "replicate"}
_NUMPY_TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_}

_Operator = Callable[..., Any]
_Values = dict[str, Any]


def describe() -> str:
    """One line on what this backend would run on, without importing torch (which takes seconds).

    Raises BackendError or MissingPackageError.
    """
    gpu = find_gpu()
    return f"PyTorch {_torch_version()} on {gpu.name} ({gpu.target}, CUDA {gpu.driver}), f16; can do f32, f16"


def open_engine(net: NetFile, size: tuple[int, int], options: EngineOptions) -> GpuEngine:
    """Make an engine for frames of `size` (width, height). Raises MissingPackageError or BackendError."""
    gpu = find_gpu()
    _torch_version()
    precision = options.precision or "f16"
    if precision not in _PRECISIONS:
        raise BackendError(f"torch runs in {' or '.join(_PRECISIONS)} here, {precision} is not possible")
    spec = EngineSpec(net=net.spec, size=size, backend="torch", device=gpu.name, precision=precision)
    engine = _make_engine(net, spec, options.depth)
    try:
        check_engine(engine, net, precision)
    except BaseException:
        engine.close()
        raise
    return engine


def _torch_version() -> str:
    if importlib.util.find_spec("torch") is None:
        raise MissingPackageError("the torch backend", "torch", extra="torch")
    version = metadata.version("torch")
    if version.endswith("+cpu"):
        raise BackendError(f"torch {version} is a build without CUDA: install one with it, or {WAY_ON}")
    return version


def _make_engine(net: NetFile, spec: EngineSpec, depth: int) -> GpuEngine:
    import torch

    class TorchEngine(GpuEngine):
        """The graph, operator by operator, recorded once into a CUDA graph for each slot. channels_last throughout."""

        def _load(self) -> None:
            with translated(torch, "the net was put on the GPU"):
                self._module: GraphModule | None = load_graph(typed_graph(net, spec.precision), "cuda")

        def _launcher(self, slot: Slot) -> Callable[[], None]:
            frame, *style = self._tensors(slot)
            module = self._module
            assert module is not None
            buffer: Any = slot.device_out
            image = buffer.tensor.view(slot.pinned_out.shape)
            stream: Any = slot.stream

            def launch() -> None:
                with translated(torch, "a frame was painted"), torch.inference_mode(), torch.cuda.stream(stream.stream):
                    image.copy_(module(frame, *style))

            return launch

        def _tensors(self, slot: Slot) -> list[torch.Tensor]:
            types = (torch.uint8, torch.float32)
            buffers: list[Any] = list(slot.device_in)
            return [
                buffer.tensor.view(kind).view(array.shape)
                for buffer, array, kind in zip(buffers, slot.pinned_in, types, strict=False)
            ]

        def _drop(self) -> None:
            self._module = None

    with _settings(torch, spec.precision):
        return TorchEngine(spec, depth, cast(Cuda, open_device()))


@contextmanager
def _settings(torch: Any, precision: str) -> Iterator[None]:
    """f32 means 24 bits of mantissa: TF32 is off while the net is warmed up and recorded."""
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.benchmark
    cudnn.allow_tf32 = precision != "f32"
    cudnn.benchmark = True  # sizes are fixed: the fastest kernel is searched for once
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.benchmark = before


class GraphModule:
    """Runs a net file's graph, node by node, on one device, by the operators that transform nets are made of alone.

    Weights are there from the start; nothing is kept between runs. On a CPU it is checked against the other backends.
    """

    def __init__(self, steps: list[tuple[Callable[..., Any], onnx.NodeProto, _Values]], weights: _Values) -> None:
        self._steps, self._weights = steps, weights

    def __call__(self, frame: torch.Tensor, style: torch.Tensor | None = None) -> torch.Tensor:
        """frame: uint8 `(1, h, w, 3)`; style: float32 `(1, d)`. Returns uint8 `(1, h * s, w * s, 3)`."""
        values: _Values = {**self._weights, "frame": frame, "style": style, "": None}
        for function, node, attributes in self._steps:
            values[node.output[0]] = function(*(values[name] for name in node.input), **attributes)
        image: torch.Tensor = values["image"]
        return image


def load_graph(net: NetFile, device: str) -> GraphModule:
    """Make a typed graph (`engines.fp16`) runnable on `device`.

    Raises BackendError for an operator that is not known here.
    """
    import onnx
    import torch

    model = onnx.load_model_from_string(net.model)
    known = _operators()
    steps = []
    for node in model.graph.node:
        if node.op_type not in known:
            raise BackendError(
                f"the torch backend does not know the operator {node.op_type} of net {net.spec.name}: "
                "go on with --backend openvino"
            )
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        steps.append((known[node.op_type], node, attributes))
    on_host = {name for node in model.graph.node for name in node.input[1:3] if node.op_type in _READ_ON_HOST}
    weights: _Values = {}
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        is_sizes = array.dtype.kind != "f" or tensor.name in on_host
        weights[tensor.name] = array if is_sizes else _weight(torch, array, device)
    return GraphModule(steps, weights)


def _weight(torch: Any, array: np.ndarray, device: str) -> Any:
    weight = torch.from_numpy(array.copy()).to(device)
    return weight.to(memory_format=torch.channels_last) if array.ndim == 4 else weight


def _operators() -> dict[str, _Operator]:
    """The function of every known ONNX operator (opset 18).

    Sizes and indices are numpy arrays on the host, pictures are tensors.
    """
    import torch
    from torch.nn import functional

    return {**_plain(torch), **_shapes(torch), **_layers(functional), "Resize": _resize(functional)}


def _plain(torch: Any) -> dict[str, _Operator]:
    types = {1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16}

    def cast(x: Any, *, to: int, saturate: int = 1) -> Any:  # noqa: ARG001 (for float8 only)
        return x.astype(_NUMPY_TYPES[to]) if isinstance(x, np.ndarray) else x.to(types[to])

    def divide(a: Any, b: Any) -> Any:
        return a // b if isinstance(a, np.ndarray) and a.dtype.kind == "i" else a / b

    def clip(x: Any, low: Any = None, high: Any = None) -> Any:
        return torch.clamp(x, low, high)

    def reduce_mean(x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        if axes is None:
            return x if noop_with_empty_axes else x.mean(keepdim=bool(keepdims))
        return x.mean(dim=[int(axis) for axis in axes], keepdim=bool(keepdims))

    return {
        "Add": lambda a, b: a + b,
        "Cast": cast,
        "Clip": clip,
        "Div": divide,
        "Identity": lambda x: x,
        "LeakyRelu": lambda x, alpha=0.01: torch.where(x < 0, x * alpha, x),
        "Mul": lambda a, b: a * b,
        "PRelu": lambda x, slope: torch.where(x < 0, x * slope, x),
        "ReduceMean": reduce_mean,
        "Relu": torch.relu,
        "Round": torch.round,
        "Sigmoid": torch.sigmoid,
        "Sqrt": torch.sqrt,
        "Sub": lambda a, b: a - b,
        "Tanh": torch.tanh,
    }


def _shapes(torch: Any) -> dict[str, _Operator]:
    def shape(x: Any, *, start: int = 0, end: int | None = None) -> Any:
        return np.array(tuple(x.shape)[start:end], np.int64)

    def concat(*parts: Any, axis: int) -> Any:
        return np.concatenate(parts, axis) if isinstance(parts[0], np.ndarray) else torch.cat(parts, axis)

    def reshape(x: Any, sizes: Any, *, allowzero: int = 0) -> Any:
        wanted = [int(n) if n or allowzero else x.shape[i] for i, n in enumerate(sizes)]
        return x.reshape(wanted)

    def unsqueeze(x: Any, axes: Any) -> Any:
        for axis in sorted(int(a) for a in axes):
            x = np.expand_dims(x, axis) if isinstance(x, np.ndarray) else x.unsqueeze(axis)
        return x

    def gather(x: Any, indices: Any, *, axis: int = 0) -> Any:
        if isinstance(x, np.ndarray):
            return np.take(x, indices, axis)
        if indices.ndim == 0:
            return x.select(axis, int(indices))
        return torch.cat([x.narrow(axis, int(i) % x.shape[axis], 1) for i in indices.reshape(-1)], axis)

    def cut(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
        axes = range(len(starts)) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        index = [slice(None)] * x.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            index[int(axis)] = slice(int(start), int(end), int(step))
        return x[tuple(index)]

    return {
        "Concat": concat,
        "Gather": gather,
        "Reshape": reshape,
        "Shape": shape,
        "Slice": cut,
        "Transpose": lambda x, *, perm: x.permute(*perm),
        "Unsqueeze": unsqueeze,
    }


def _layers(functional: Any) -> dict[str, _Operator]:
    def pad(x: Any, pads: Any, value: Any = None, *, mode: bytes = b"constant") -> Any:
        rank = len(pads) // 2
        pairs = [(int(pads[axis]), int(pads[rank + axis])) for axis in range(rank)]
        while len(pairs) > 2 and pairs[0] == (0, 0):
            pairs.pop(0)
        flat = [n for pair in reversed(pairs) for n in pair]
        if _PAD_MODES[mode] == "constant":
            return functional.pad(x, flat, value=0.0 if value is None else float(value))
        return functional.pad(x, flat, mode=_PAD_MODES[mode])

    def conv(x: Any, weight: Any, bias: Any = None, *, strides: Sequence[int] = (1, 1), **rest: Any) -> Any:
        pads = list(rest.get("pads", (0, 0, 0, 0)))
        if rest.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise BackendError("the torch backend takes convolutions with explicit padding only")
        if any(pads):
            x = functional.pad(x, (pads[1], pads[3], pads[0], pads[2]))
        return functional.conv2d(
            x, weight, bias, list(strides), 0, list(rest.get("dilations", (1, 1))), rest.get("group", 1)
        )

    def depth_to_space(x: Any, *, blocksize: int, mode: bytes = b"DCR") -> Any:
        if mode == b"CRD":
            return functional.pixel_shuffle(x, blocksize)
        n, c, h, w = x.shape
        x = x.reshape(n, blocksize, blocksize, c // blocksize**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(n, c // blocksize**2, h * blocksize, w * blocksize)

    def instance_norm(x: Any, scale: Any, shift: Any, *, epsilon: float = 1e-5) -> Any:
        return functional.instance_norm(x, weight=scale, bias=shift, eps=epsilon)

    def batch_norm(x: Any, scale: Any, shift: Any, mean: Any, variance: Any, *, epsilon: float = 1e-5, **_: Any) -> Any:
        return functional.batch_norm(x, mean, variance, scale, shift, eps=epsilon)

    return {
        "BatchNormalization": batch_norm,
        "Conv": conv,
        "DepthToSpace": depth_to_space,
        "InstanceNormalization": instance_norm,
        "Pad": pad,
    }


def _resize(functional: Any) -> _Operator:
    def resize(x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, **how: Any) -> Any:  # noqa: ARG001
        mode = how.get("mode", b"nearest")
        centre = how.get("coordinate_transformation_mode", b"half_pixel")
        if sizes is not None:
            target = [int(n) for n in sizes[-2:]]
        else:
            target = [int(x.shape[2 + i] * float(scales[2 + i])) for i in range(2)]
        if mode == b"nearest" and (centre == b"asymmetric" or _is_whole(x, target)):
            return functional.interpolate(x, size=target, mode="nearest")
        if mode == b"linear" and centre in (b"half_pixel", b"pytorch_half_pixel"):
            return functional.interpolate(x, size=target, mode="bilinear", align_corners=False)
        if mode == b"cubic" and how.get("cubic_coeff_a", -0.75) == -0.75 and centre == b"half_pixel":
            return functional.interpolate(x, size=target, mode="bicubic", align_corners=False)
        raise BackendError(f"the torch backend does not know Resize with {mode.decode()} and {centre.decode()}")

    return resize


def _is_whole(x: Any, target: list[int]) -> bool:
    return bool(target[0] % x.shape[2] == 0 and target[1] % x.shape[3] == 0)
