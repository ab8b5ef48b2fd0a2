"""PyTorch on an NVIDIA GPU: where no TensorRT can be had, and the yardstick for its engines. Needs torch with CUDA.

The one backend that uses torch, and only when it is asked for or is the best there is: torch is imported in
`open_engine`. Not yet run on a GPU; its operators are checked on the CPU.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from engines.contract import EngineOptions, EngineSpec
from engines.errors import BackendError, MissingPackageError
from engines.net_file import NetFile
from engines.nvidia.faults import WAY_ON

if TYPE_CHECKING:
    from engines.nvidia.gpu_engine import GpuEngine

__all__ = ["describe", "open_engine"]

_PRECISIONS = ("f16", "f32")


def describe() -> str:
    """One line on what this backend would run on, without importing torch (which takes seconds).

    Raises BackendError or MissingPackageError.
    """
    from engines.nvidia.driver import find_gpu

    gpu = find_gpu()
    return f"PyTorch {_torch_version()} on {gpu.name} ({gpu.target}, CUDA {gpu.driver}), f16; can do f32, f16"


def open_engine(net: NetFile, size: tuple[int, int], options: EngineOptions) -> GpuEngine:
    """Make an engine for frames of `size` (width, height). Raises MissingPackageError or BackendError."""
    from engines.nvidia.driver import find_gpu
    from engines.parity import check_engine

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

    from engines.nvidia.build import graph_for
    from engines.nvidia.cuda import Cuda
    from engines.nvidia.cuda_torch import open_device, translated
    from engines.nvidia.gpu_engine import GpuEngine
    from engines.nvidia.slots import Slot
    from engines.torch_graph import GraphModule, load_graph

    class TorchEngine(GpuEngine):
        """The graph, operator by operator, recorded once into a CUDA graph for each slot. channels_last throughout."""

        def _load(self) -> None:
            with translated(torch, "the net was put on the GPU"):
                self._module: GraphModule | None = load_graph(graph_for(net, spec.precision), "cuda")

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
